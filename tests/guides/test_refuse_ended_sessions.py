"""The verifiers of docs/protect-elsewhere.md refuse ended sessions, and believe no feed but a good one.

Each looks at a server whose feeds are those of this project, or spoilt ones, and is asked about tokens at times of the
test's own choosing: all begins at one time, that of the test, and goes on when the test says so.
"""

import base64
import contextlib
import http.server
import importlib
import itertools
import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from types import SimpleNamespace

import jwt
import pytest

from chalicelib.accounts.ended import digest_of
from chalicelib.tokens.issuer import TokenIssuer
from chalicelib.tokens.keys import generate_signing_jwk, parse_signing_keys, public_jwks
from chalicelib.use_cases.published_ends import SIGNED_PATH, SIGNED_TYP
from tests.client.find_node import node_folder
from tests.guides.markdown import Page
from tests.guides.newcomer import write
from tests.support.http_servers import serving
from tests.support.node_projects import TOOLS

PAGE = Page("docs/protect-elsewhere.md")
MODULES = ("access_tokens.py", "ended_sessions.py")
KEY, OTHER = generate_signing_jwk(), generate_signing_jwk()
KEYS = "/api/.well-known/jwks.json"
LARGEST = 2_000_000
PATIENCE = 60
DRIPS = 150
"""Half a minute, one each fifth of a second."""
DRIPPING = {
    "head": (b"HTTP/1.0 200 OK\r\nX-Drips:", b"\r\n\r\n"),
    "body": (b"HTTP/1.0 200 OK\r\n\r\n", b""),
}
"""What comes before the drips and after them. A feed may have spaces before it."""


class Site:
    """An API that publishes one key, and whatever feed it is told to."""

    def __init__(self):
        self.feed, self.status, self.looks = b"", HTTPStatus.OK, 0
        self.drips, self.released, self.waited_for, self.left = None, threading.Event(), 0, threading.Semaphore(0)
        self.issuer, self.began_at = "", int(time.time())
        self.meanwhile = lambda: None

    def claims(self, *, sessions=(), users=(), ago=0):
        issued_at = self.began_at - ago
        return {
            "iat": issued_at,
            "exp": issued_at + 60,
            "ttl": 10,
            "sessions": [digest_of(session) for session in sessions],
            "users": [[digest_of(user), not_before] for user, not_before in users],
        }

    def signed(self, claims, *, typ=SIGNED_TYP, path=SIGNED_PATH, issuer=None, key=KEY):
        keys = parse_signing_keys({"keys": [key]})
        issuer = TokenIssuer(issuer=issuer or self.issuer, audience="none", signing_keys=keys, access_lifetime=600)
        return issuer.statement(typ, path, claims, self.began_at).encode()

    def publishes(self, feed, status=HTTPStatus.OK):
        """Answer with a feed. Without a status it is all that is sent, before the connection ends."""
        self.feed, self.status = feed, status

    def drip(self, write):
        """Write an octet now and then, until the test has seen enough or the service has gone away.

        The end is for a service that waits as long as something comes: so it goes on, and the test fails.
        """
        for _ in range(DRIPS):
            if self.released.wait(0.2):
                return
            write(b" ")
        self.waited_for += 1


@pytest.fixture
def site():
    site = Site()

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == KEYS:
                return self.answer(HTTPStatus.OK, json.dumps(public_jwks({"keys": [KEY]})).encode())
            site.meanwhile()
            assert self.path == f"/api{SIGNED_PATH}"
            site.looks += 1
            if site.drips is None:
                return self.answer(site.status, site.feed)
            before, after = DRIPPING[site.drips]
            try:
                self.wfile.write(before)
                site.drip(self.wfile.write)
                self.wfile.write(after + site.feed)
            except OSError:
                site.left.release()
            self.close_connection = True
            return None

        def answer(self, status, body):
            if status is not None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
            # Who has read enough of it goes away.
            try:
                self.wfile.write(body)
            except OSError:
                self.close_connection = True

        def log_message(self, *_):
            pass

    with serving(Answers) as server:
        site.issuer = f"http://127.0.0.1:{server.server_port}/api"
        yield site
        site.released.set()


class InPython:
    """The module of the page, with a clock of the test's."""

    def __init__(self, module, site, patch):
        self.module, self.ahead = module, 0
        patch.setattr(module, "time", SimpleNamespace(time=lambda: site.began_at + self.ahead))
        self.timeout = module.TIMEOUT
        patch.setattr(module, "TIMEOUT", PATIENCE)

    @contextlib.contextmanager
    def as_the_page_says(self):
        """Wait for a look no longer than the page says. What comes in time does so on a busy machine too."""
        self.module.TIMEOUT = self.timeout
        yield
        self.module.TIMEOUT = PATIENCE

    def begin(self):
        self.module.FEED = self.module.Feed()
        self.ahead = 0

    def ask(self, claims):
        token = jwt.encode(claims, jwt.PyJWK(KEY).key, KEY["alg"], {"typ": "at+jwt", "kid": KEY["kid"]})
        try:
            return self.module.claims_of(f"Bearer {token}") and HTTPStatus.OK
        except self.module.Refused as refused:
            return refused.status

    def ask_at_once(self, all_claims, when_one_knows):
        with ThreadPoolExecutor(len(all_claims)) as pool:
            asked = [pool.submit(self.ask, claims) for claims in all_claims]
            for each in asked:
                each.add_done_callback(lambda _: when_one_knows())
            return [each.result() for each in asked]


@pytest.fixture
def in_python(site, tmp_path, monkeypatch):
    write({name: PAGE.file(name) for name in MODULES}, tmp_path)
    monkeypatch.setenv("LYCHGATE_ISSUER", site.issuer)
    monkeypatch.delenv("LYCHGATE_AUDIENCE", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    yield InPython(importlib.import_module("ended_sessions"), site, monkeypatch)
    for name in MODULES:
        sys.modules.pop(name.removesuffix(".py"), None)


DRIVER = """
import { createInterface } from "node:readline";
import { createRemoteJWKSet } from "jose";
import { EndedSessions, NothingKnown } from "./ended_sessions.mjs";

const [, , issuer] = process.argv;
const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`));
let now;
let ended;
Date.now = () => now;
console.warn = () => {};
for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  now = asked.now * 1000;
  if (asked.begins) ended = new EndedSessions(issuer, keys);
  const answers = asked.claims.map(async (claims) => {
    try {
      return (await ended.has(claims)) ? 401 : 200;
    } catch (error) {
      return error instanceof NothingKnown ? 503 : `${error}`;
    }
  });
  console.log(JSON.stringify(await Promise.all(answers)));
}
"""


class InJavaScript:
    """The same in a process of Node.js, for as long as it is asked."""

    def __init__(self, process, site):
        self.process, self.site, self.ahead, self.begins = process, site, 0, True
        self.as_the_page_says = contextlib.nullcontext

    def begin(self):
        self.begins, self.ahead = True, 0

    def ask(self, claims):
        [answer] = self.ask_at_once([claims])
        return answer

    def ask_at_once(self, all_claims, when_one_knows=None):
        line = {"claims": all_claims, "now": self.site.began_at + self.ahead, "begins": self.begins}
        self.begins = False
        self.process.stdin.write(f"{json.dumps(line)}\n")
        self.process.stdin.flush()
        return [HTTPStatus(answer) for answer in json.loads(self.process.stdout.readline())]


@pytest.fixture
def in_javascript(site, tmp_path):
    if not (TOOLS / "jose").exists() and not os.environ.get("CI"):
        pytest.skip("jose is installed by `make test`")
    write({"ended_sessions.mjs": PAGE.file("ended_sessions.mjs"), "driver.mjs": DRIVER}, tmp_path)
    (tmp_path / "node_modules").symlink_to(TOOLS)
    process = subprocess.Popen(
        [node_folder() / "node", "driver.mjs", site.issuer],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield InJavaScript(process, site)
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


@pytest.fixture(params=["in_python", "in_javascript"])
def service(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def token(site):
    """Make the claims of an access token that is a minute old."""

    def token(session="two", user="alice", ago=60):
        now = site.began_at
        rest = {"roles": ["user"], "preferred_username": user, "aud": site.issuer, "iss": site.issuer}
        return {"sub": user, "sid": session, "iat": now - ago, "exp": now + 600, **rest}

    return token


def test_it_refuses_what_has_ended_and_nothing_else(service, site, token):
    service.begin()
    an_hour_ago, half_a_minute_ago = site.began_at - 3600, site.began_at - 30
    users = [("bob", half_a_minute_ago), ("carol", an_hour_ago)]
    site.publishes(site.signed(site.claims(sessions=["one"], users=users)))
    assert service.ask(token()) == 200
    assert service.ask(token("one")) == 401
    assert service.ask(token(user="bob")) == 401
    # Who has logged in since.
    assert service.ask(token(user="bob", ago=10)) == 200
    assert service.ask(token(user="carol")) == 200
    # A session's digest is no user's.
    assert service.ask(token(user="one")) == 200


def test_it_looks_once_in_ten_seconds(service, site, token):
    service.begin()
    site.publishes(site.signed(site.claims()))
    for service.ahead, looks in ((0, 1), (0, 1), (9, 1), (10, 2), (12, 2), (20, 3)):
        assert service.ask(token()) == 200
        assert site.looks == looks


def let_one_end(service, site, token):
    """Let the session "one" end between two looks of a service, the second of which is due."""
    service.begin()
    site.publishes(site.signed(site.claims()))
    assert service.ask(token("one")) == 200
    site.publishes(site.signed(site.claims(sessions=["one"])))
    service.ahead = 10


def test_an_end_is_known_after_the_next_look(service, site, token):
    let_one_end(service, site, token)
    assert service.ask(token("one")) == 401


def test_a_token_of_the_very_second_before_which_none_is_good_is_good(service, site, token):
    service.begin()
    site.publishes(site.signed(site.claims(users=[("bob", site.began_at - 30)])))
    assert service.ask(token(user="bob", ago=31)) == 401
    assert service.ask(token(user="bob", ago=30)) == 200


def test_an_end_is_known_ten_seconds_after_the_clock_was_set_back_at_the_latest(service, site, token):
    service.begin()
    site.publishes(site.signed(site.claims()))
    assert service.ask(token("one")) == 200
    service.ahead = -3600
    assert service.ask(token("one")) == 200
    site.publishes(site.signed(site.claims(sessions=["one"])))
    service.ahead += 10
    assert service.ask(token("one")) == 401


def test_whoever_comes_during_the_first_look_waits_for_it(service, site, token):
    service.begin()
    assert service.ask(token()) == 503
    service.begin()
    site.publishes(site.signed(site.claims(sessions=["one"])))
    one_knows = threading.Event()
    # The feed is late, and leaves time for answers that do not wait for it.
    site.meanwhile = lambda: one_knows.wait(0.5)
    tokens = [token(), token("one")] * 4
    assert service.ask_at_once(tokens, one_knows.set) == [200, 401] * 4
    assert site.looks == 2


def test_whoever_comes_during_a_later_look_is_told_nothing_older(service, site, token):
    let_one_end(service, site, token)
    one_knows = threading.Event()
    site.meanwhile = lambda: one_knows.wait(0.5)
    assert service.ask_at_once([token("one")] * 8, one_knows.set) == [401] * 8
    assert site.looks == 2


def test_a_feed_by_a_clock_that_is_some_seconds_ahead_is_a_good_one(service, site, token):
    service.begin()
    site.publishes(site.signed(site.claims(sessions=["one"], ago=-9)))
    assert (service.ask(token("one")), service.ask(token())) == (401, 200)


def without_signature(site):
    header = {"typ": SIGNED_TYP, "kid": KEY["kid"]}
    return jwt.encode({**site.claims(), "iss": site.issuer, "sub": f"{site.issuer}{SIGNED_PATH}"}, None, "none", header)


def under_the_name_of(site):
    """A feed that another key has signed and that names the right one."""
    _, payload, _ = site.signed(site.claims(), key=OTHER).decode().split(".")
    header = {"alg": KEY["alg"], "kid": KEY["kid"], "typ": SIGNED_TYP}
    first = base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
    signature = jwt.PyJWK(OTHER).Algorithm.sign(f"{first}.{payload}".encode(), jwt.PyJWK(OTHER).key)
    return f"{first}.{payload}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def lacking(site, name):
    return {member: value for member, value in site.claims().items() if member != name}


SPOILT = {
    "cut off": lambda site: site.signed(site.claims())[:-20],
    "changed": lambda site: site.signed(site.claims()).replace(b".", b".e30", 1),
    "by a key that is not published": lambda site: site.signed(site.claims(), key=OTHER),
    "by another key under the name of the published one": lambda site: under_the_name_of(site).encode(),
    "without a signature": lambda site: without_signature(site).encode(),
    "an access token": lambda site: site.signed(site.claims(), typ="at+jwt"),
    "of another issuer": lambda site: site.signed(site.claims(), issuer="https://other.example/api"),
    "of another address": lambda site: site.signed(site.claims(), path="/.well-known/other.jwt"),
    "expired": lambda site: site.signed(site.claims(ago=90)),
    "older than what one has": lambda site: site.signed(site.claims(ago=8)),
    "of the future": lambda site: site.signed(site.claims(ago=-60)),
    "without a time": lambda site: site.signed(lacking(site, "iat")),
    "without an end": lambda site: site.signed(lacking(site, "exp")),
    "without sessions": lambda site: site.signed(lacking(site, "sessions")),
    "without users": lambda site: site.signed(lacking(site, "users")),
    "with a number for sessions": lambda site: site.signed({**site.claims(), "sessions": 0}),
    "with a number for users": lambda site: site.signed({**site.claims(), "users": 0}),
    "too large": lambda site: site.signed({**site.claims(), "users": [["A" * LARGEST, 0]]}),
    "no JWT": lambda site: b"<html>",
    "not ASCII": lambda site: "…".encode(),
    "empty": lambda site: b"",
}
"""Feeds in which no session has ended, of which none may count."""


@pytest.mark.parametrize("what", SPOILT)
def test_a_spoilt_feed_changes_nothing_until_the_last_good_one_has_expired(service, site, token, what):
    service.begin()
    site.publishes(site.signed(site.claims(sessions=["one"])))
    assert (service.ask(token("one")), service.ask(token())) == (401, 200)
    site.publishes(SPOILT[what](site))
    service.ahead = 10
    assert (service.ask(token("one")), service.ask(token())) == (401, 200)
    assert site.looks == 2
    service.ahead = 60
    assert service.ask(token("one")) == service.ask(token()) == 503
    assert site.looks == 3


@pytest.mark.parametrize("what", [what for what in SPOILT if what != "older than what one has"])
def test_a_service_that_begins_with_a_spoilt_feed_refuses_all_and_takes_the_next_good_one(service, site, token, what):
    service.begin()
    site.publishes(SPOILT[what](site))
    assert service.ask(token()) == 503
    site.publishes(site.signed(site.claims(sessions=["one"])))
    # Not at each request.
    assert (service.ask(token()), site.looks) == (503, 1)
    service.ahead = 10
    assert (service.ask(token("one")), service.ask(token())) == (401, 200)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"feed\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\neyJ",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\neyJ",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfeed\r\n",
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 100_000,
    ],
    ids=["nothing", "no HTTP", "a part", "a part of a chunk", "no chunk", "no end of a header"],
)
def test_an_answer_that_is_no_http_or_ends_early_changes_nothing(service, site, token, sent):
    service.begin()
    site.publishes(site.signed(site.claims(sessions=["one"])))
    assert service.ask(token("one")) == 401
    site.publishes(sent, status=None)
    for service.ahead, answer in ((10, 401), (59, 401), (60, 503)):
        assert service.ask(token("one")) == answer


@pytest.mark.parametrize("status", [500, 503, 404])
def test_an_api_that_cannot_tell_is_believed_for_what_it_last_told(service, site, token, status):
    service.begin()
    site.publishes(site.signed(site.claims(sessions=["one"])))
    assert service.ask(token("one")) == 401
    # Whatever the body is.
    site.publishes(site.signed(site.claims()), status)
    for service.ahead, answer in ((10, 401), (59, 401), (60, 503)):
        assert service.ask(token("one")) == answer


@pytest.mark.parametrize("where", DRIPPING)
def test_a_feed_that_drips_is_waited_for_no_longer_than_one_that_does_not_come(service, site, token, where):
    service.begin()
    site.publishes(site.signed(site.claims(sessions=["one"])))
    assert service.ask(token("one")) == 401
    for ahead, answers, looks in ((10, (401, 200), 2), (65, (503, 503), 4)):
        service.ahead, site.drips = ahead, where
        with service.as_the_page_says():
            assert (service.ask(token("one")), service.ask(token())) == answers
        assert (site.looks, site.waited_for) == (looks, 0)
        # Whoever looked has gone away, and keeps nobody from the next look.
        assert site.left.acquire(timeout=60)
        site.drips = None
        site.publishes(site.signed(site.claims(sessions=["one"], ago=-5)))
        service.ahead = 20
        assert (service.ask(token("one")), service.ask(token())) == (401, 200)


def test_the_limit_leaves_room_for_a_hundred_thousand_ends(service, site, token):
    service.begin()
    claims = site.claims(sessions=["one"])
    claims["sessions"] += [f"{number:011}" for number in itertools.islice(itertools.count(), 100_000)]
    feed = site.signed(claims)
    assert len(feed) < LARGEST
    site.publishes(feed)
    assert (service.ask(token("one")), service.ask(token())) == (401, 200)


@pytest.mark.parametrize("where", DRIPPING)
def test_of_many_who_ask_while_a_feed_drips_one_looks_and_each_is_answered(in_python, site, token, where):
    in_python.begin()
    site.drips = where
    with in_python.as_the_page_says(), ThreadPoolExecutor(8) as threads:
        answers = [*threads.map(in_python.ask, [token()] * 8)]
    assert answers == [HTTPStatus.SERVICE_UNAVAILABLE] * 8
    assert (site.looks, site.waited_for) == (1, 0)
