"""A front end on a development server of its own, whose proxy passes /api on, as docs/browser-client.md says."""

import json
import re
import signal
import subprocess
from contextlib import contextmanager

import pytest

from tests.client.find_node import node_folder
from tests.local.conftest import OTHER_ORIGIN, ROOT, Shared
from tests.local.test_own_address import Api

RECIPE = re.search(
    r"^## A development server of your own\n(.*?)(?=^## )",
    (ROOT / "docs" / "browser-client.md").read_text("utf-8"),
    re.DOTALL | re.MULTILINE,
)[1]
ALICE = {"username": "alice", "password": "correct horse battery staple", "token_delivery": "cookie"}
JSON = {"Content-Type": "application/json"}
BODY = json.dumps(ALICE).encode()


class Proxy:
    """A proxy that has a port and no target yet."""

    def __init__(self, *options):
        command = [node_folder() / "node", ROOT / "tests" / "local" / "development_proxy.mjs", *options]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self._process.stdout.readline())

    def lead_to(self, running):
        self._process.stdin.write(f"http://127.0.0.1:{running.port_of('Page')}\n")
        self._process.stdin.flush()

    def end(self):
        self._process.kill()
        self._process.communicate()


KINDS = ("changeOrigin", "as it is")


@contextmanager
def proxies():
    started = {}
    try:
        for kind in KINDS:
            started[kind] = Proxy(kind)
        yield started
    finally:
        for proxy in started.values():
            proxy.end()


@pytest.fixture(scope="module")
def allowed_proxies(tmp_path_factory):
    """Proxies of each kind before a `make dev` that allows their origins."""
    with proxies() as started:
        origins = ",".join(f"http://localhost:{proxy.port}" for proxy in started.values())
        data = tmp_path_factory.mktemp("proxied") / "data"
        server = Shared("--data-dir", data, LYCHGATE_ALLOWED_ORIGINS=origins)
        try:
            for proxy in started.values():
                proxy.lead_to(server.running)
            yield server, started
        finally:
            server.end()


@pytest.fixture(scope="module")
def unknown_proxies(shared_development_server):
    """Proxies of each kind before a `make dev` that knows nothing of them."""
    with proxies() as started:
        for proxy in started.values():
            proxy.lead_to(shared_development_server.running)
        yield started


def as_a_browser(port):
    """What a browser adds to a POST of a page that it opened at `http://localhost:<port>`."""
    return {"Host": f"localhost:{port}", "Origin": f"http://localhost:{port}", "Sec-Fetch-Site": "same-origin"}


def cookie_in(answer):
    """Return the refresh cookie of an answer, as a browser without HTTPS keeps it and sends it back."""
    (cookie,) = [value for value in answer.headers.get_all("Set-Cookie") if value.startswith("refresh_token=")]
    assert "Secure" not in cookie
    assert "Domain" not in cookie
    return cookie.partition(";")[0]


@pytest.mark.parametrize("kind", KINDS)
def test_with_the_proxys_origin_allowed_a_session_begins_goes_on_and_ends(allowed_proxies, ask, kind):
    server, started = allowed_proxies
    server.emptied()
    api = Api(ask, started[kind].port, "/api")
    browser = as_a_browser(started[kind].port)

    registered = api.post("/auth/register", ALICE, **browser)
    assert registered.status == 201
    refreshed = api.post("/auth/refresh", {}, **browser, Cookie=cookie_in(registered))
    assert refreshed.status == 200
    access_token = json.loads(refreshed.body)["access_token"]
    assert api.get("/me", Authorization=f"Bearer {access_token}").status == 200
    assert api.post("/auth/logout", {}, **browser, Cookie=cookie_in(refreshed)).status == 204


@pytest.mark.parametrize("kind", KINDS)
def test_without_it_the_cookie_is_refused_and_the_terminal_says_what_to_type(
    unknown_proxies, development_server, ask, eventually, kind
):
    api = Api(ask, unknown_proxies[kind].port, "/api")
    browser = as_a_browser(unknown_proxies[kind].port)

    refused = api.post("/auth/register", ALICE, **browser)

    assert (refused.status, json.loads(refused.body)["error"]) == (403, "origin_rejected")
    origin = browser["Origin"]
    said = (
        f"lychgate: a page of {origin} may not use the session cookie, because its origin is not allowed. "
        f"To allow it: LYCHGATE_ALLOWED_ORIGINS={origin} make dev\n"
    )
    eventually(lambda: said in development_server.said)
    in_the_body = {name: value for name, value in ALICE.items() if name != "token_delivery"}
    assert api.post("/auth/register", in_the_body, **browser).status == 201, "without the cookie no origin matters"


def test_an_origin_more_is_added_to_those_that_are_allowed_already(server_for_another_origin, ask, eventually):
    api = Api(ask, server_for_another_origin.port_of("Page"), "/api")

    api.post("/auth/register", ALICE, Origin="http://localhost:3000")

    advice = f"LYCHGATE_ALLOWED_ORIGINS={OTHER_ORIGIN},http://localhost:3000 make dev"
    eventually(lambda: advice in server_for_another_origin.said)


def test_a_page_that_asks_across_origins_without_a_proxy_is_advised_too(development_server, ask, eventually):
    asked = {"Origin": "http://localhost:5173", "Access-Control-Request-Method": "POST"}

    preflight = ask(development_server.port_of("Page"), "OPTIONS", "/api/auth/login", asked)

    assert preflight.headers["Access-Control-Allow-Origin"] is None
    advice = "a page of http://localhost:5173 cannot call the API, because its origin is not allowed. To allow it: "
    eventually(lambda: f"{advice}LYCHGATE_ALLOWED_ORIGINS=http://localhost:5173 make dev" in development_server.said)


def test_what_is_no_origin_is_not_printed(development_server, ask, eventually):
    # The second one has the 8-bit form of an escape sequence.
    origins = ["null", "http://x.example\x9b2J", "http://x.example;reboot", "http://x.example/", "x" * 300, ""]

    for origin in origins:
        answer = ask(development_server.port_of("Page"), "POST", "/api/auth/login", {"Origin": origin, **JSON}, BODY)
        assert (answer.status, json.loads(answer.body)["error"]) == (403, "origin_rejected")

    advice = "lychgate: a page that does not say its origin may not use the session cookie. "
    eventually(lambda: development_server.said.count(advice) == len(origins))
    assert not [part for part in ("\x9b", ";", "x.example", "xxx") if part in development_server.said]


def test_a_test_suite_that_creates_many_accounts_is_told_which_setting_it_needs(
    run_until_ready, tmp_path, ask, eventually
):
    settings = {"LYCHGATE_REGISTRATIONS_PER_HOUR": "2", "LYCHGATE_BCRYPT_COST": "10"}
    running = run_until_ready("--data-dir", tmp_path, **settings)

    def register(running, number):
        body = json.dumps({"username": f"user{number}", "password": ALICE["password"]}).encode()
        return ask(running.port_of("Page"), "POST", "/api/auth/register", JSON, body).status

    assert [register(running, number) for number in range(3)] == [201, 201, 429]
    advice = "an address may create 2 accounts an hour. To allow more, for a test suite say: "
    advised = "LYCHGATE_REGISTRATIONS_PER_HOUR=1000"
    eventually(lambda: f"lychgate: {advice}{advised} make dev\n" in running.output)

    running.send(signal.SIGINT)
    name, _, value = advised.partition("=")
    raised = run_until_ready("--data-dir", tmp_path, **settings | {name: value})
    assert [register(raised, number) for number in range(3, 8)] == [201] * 5


def test_who_asks_for_too_many_mails_is_told_which_limit_that_was(run_until_ready, tmp_path, ask, eventually):
    settings = {"LYCHGATE_MAILS_PER_IP": "3", "LYCHGATE_BCRYPT_COST": "10"}
    running = run_until_ready("--data-dir", tmp_path, **settings)

    def register(name, email):
        body = json.dumps({"username": name, "password": ALICE["password"], "email": email}).encode()
        return ask(running.port_of("Page"), "POST", "/api/auth/register", JSON, body).status

    assert [register("kim", "kim@example.org"), register("lee", "kim+2@example.org")] == [201, 429]
    eventually(lambda: "lychgate: from one network, a mail address may be given 1 time a minute, " in running.output)
    assert "To allow more" not in running.output

    # What was refused was not counted.
    assert [register(name, f"{name}@example.org") for name in ("lee", "mia", "noa")] == [201, 201, 429]
    advice = "an address on the network may ask for 3 mails an hour. To allow more, for a test suite say: "
    eventually(lambda: f"lychgate: {advice}LYCHGATE_MAILS_PER_IP=1000 make dev\n" in running.output)
    assert "LYCHGATE_REGISTRATIONS_PER_HOUR" not in running.output


def test_chalice_local_advises_in_its_own_words(chalice_server, ask, eventually):
    origin = "http://localhost:5173"
    assert ask(chalice_server.port, "POST", "/auth/login", {"Origin": origin, **JSON}, BODY).status == 403
    eventually(lambda: f"To allow it: LYCHGATE_ALLOWED_ORIGINS={origin} chalice local\n" in chalice_server.said)


def test_the_recipe_names_the_setting_and_its_commands():
    assert "LYCHGATE_ALLOWED_ORIGINS=http://localhost:5173 make dev" in RECIPE
    assert '"/api": "http://127.0.0.1:8000"' in RECIPE
