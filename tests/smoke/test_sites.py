"""Good sites pass; connections that are not good are named; and whatever happens the account goes."""

import json
import re
import signal
import socket
import ssl
import subprocess
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from chalicelib.config.api import REGISTRATIONS_PER_HOUR
from tests.smoke.conftest import PATIENCE_SECONDS, ROOT, RUN_SECONDS, Server, start_deployed
from tests.support.api_client import HARDENING, Http
from tests.support.live.client import USUAL_LIMITS, LiveSite
from tests.support.live.site import Site
from tests.support.marks import each_third

CERTIFICATE = "test_the_certificate_is_valid_and_stays_so_for_a_while"
CONNECTION = "live/test_connection.py"
LOGGED_OUT = "api/test_routes.py::test_logout_ends_the_session"
BEYOND_ASCII = "api/test_routes.py::test_a_username_beyond_ascii_arrives_whole_through_the_authorizer"
NO_MORE_ACCOUNTS = "this address may register no more accounts now"


@pytest.fixture(scope="module")
def development_server(tmp_path_factory):
    """`make dev` as it is, but nobody waits for hashes."""
    settings = {"LYCHGATE_DATA_DIR": str(tmp_path_factory.mktemp("dev")), "LYCHGATE_BCRYPT_COST": "10"}
    server = Server(["-m", "infra.local"], settings)
    yield server
    server.stop()


@pytest.fixture
def redirecting():
    """Start a server that answers every request with a status and a location."""
    servers = []

    def redirecting(status, location):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status)
                self.send_header("Location", location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return server.server_port

    yield redirecting
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("run", ["first", pytest.param("second", marks=pytest.mark.exhaustive)])
def test_the_development_server_passes_twice_an_hour_and_says_what_a_laptop_cannot_show(
    development_server, run_command, run
):
    """Its limit on registrations is the usual one."""
    process = run_command(f"http://127.0.0.1:{development_server.port}")
    output, _ = process.communicate(timeout=RUN_SECONDS)

    assert process.returncode == 0, output
    assert "FAIL" not in output
    assert NO_MORE_ACCOUNTS not in output
    assert 2 * int(re.search(r"accounts registered: (\d+)\)", output)[1]) <= REGISTRATIONS_PER_HOUR
    assert "what TLS and a distribution do is left out" in output
    assert "Left out: this machine is asked by http://, without TLS" in output
    assert " 0 failed" in output.splitlines()[-1]
    assert development_server.usernames() == []


def test_a_deployed_site_passes_every_check_with_as_many_accounts_as_the_guide_says_and_no_other_is_touched(
    smoke, server, redirecting, distribution, authority, monkeypatch
):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    api = Http(Site(distribution.url).connect, "/api")
    body = json.dumps({"username": "alice", "password": "a password of many characters"}).encode()

    def ask(path):
        return api.request("POST", path, {"Content-Type": "application/json"}, body).status_code

    assert ask("/auth/register") == 201
    registered = []

    def counting(request, forward):
        answer = forward(request)
        if request.path == "/api/auth/register" and answer.first == 201:
            registered.append(answer.json()["user"]["username"])
        return answer

    distribution.fault = counting
    outcome = smoke(["live", "api"], http_port=redirecting(301, f"{distribution.url}/"))

    assert outcome.code == 0, outcome.text
    assert outcome.left_out == []
    assert server.usernames() == ["alice"]
    assert ask("/auth/login") == 200
    server.remove("alice")
    assert len(registered) <= USUAL_LIMITS.registrations
    assert f"accounts registered: {len(registered)})" in outcome.text
    assert f"It registers {len(registered)} accounts" in (ROOT / "docs" / "operations" / "smoke-test.md").read_text()


def test_a_site_that_takes_no_more_registrations_is_checked_with_the_account_that_was_to_be_had(
    distribution, smoke, tmp_path
):
    strict = start_deployed(distribution.url, tmp_path, LYCHGATE_REGISTRATIONS_PER_HOUR="1")
    try:
        distribution.upstream = strict.port
        outcome = smoke(["live/test_documents.py", LOGGED_OUT, BEYOND_ASCII])
        assert strict.usernames() == []
    finally:
        strict.stop()

    assert outcome.code == 0, outcome.text
    what_to_do = r"Wait \d+ min, or ask from another address$"
    assert re.search(rf"Left out: {NO_MORE_ACCOUNTS}.* {what_to_do}", outcome.text, re.MULTILINE)
    assert "Not one account was to be had" not in outcome.text
    assert "test_logout_ends_the_session" in outcome.passed
    assert "test_a_username_beyond_ascii_arrives_whole_through_the_authorizer" in outcome.left_out


@pytest.mark.parametrize(
    "only",
    [
        pytest.param(["live/test_documents.py", "api/test_routes.py"], id="some"),
        pytest.param(["live", "api"], id="all", marks=pytest.mark.exhaustive),
    ],
)
def test_no_password_and_no_token_is_said(smoke, distribution, only):
    """Also not by tests that fail."""
    secrets = set()

    def listening(request, forward):
        answer = forward(request)
        for message in (request, answer):
            with suppress(ValueError):
                secrets.update(message.json().get(name) for name in ("password", "refresh_token", "access_token"))
        return answer.with_json(lambda body: body.pop("user")) if b"access_token" in answer.body else answer

    distribution.fault = listening
    outcome = smoke(only)

    secrets = {secret for secret in secrets if isinstance(secret, str) and len(secret) > 10}
    assert len(secrets) > 10
    assert len(outcome.failed) > 3
    assert [secret for secret in secrets if secret in outcome.text] == []
    assert "eyJ" not in outcome.text


@pytest.mark.parametrize(
    ("certificate", "words"),
    each_third(
        [
            ({"days": (-50, -1)}, "certificate has expired"),
            ({"days": (1, 50)}, "certificate is not yet valid"),
            ({"self_signed": True}, "self-signed certificate"),
            ({"names": ("127.0.0.2",)}, "IP address mismatch"),
        ]
    ),
)
def test_a_certificate_that_browsers_refuse_is_named_and_nothing_is_sent(
    smoke, distribution, authority, certificate, words
):
    requests = []
    distribution.fault = lambda request, forward: requests.append(request) or forward(request)
    distribution.context = authority.context(**certificate)

    outcome = smoke(["live", "api/test_routes.py"])

    assert outcome.failed == [CERTIFICATE]
    assert words in outcome.text
    assert "Left out: nothing is sent over such a connection" in outcome.text
    assert outcome.code == 1
    assert requests == []


def test_the_certificate_of_an_unknown_authority_is_named(smoke, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")

    outcome = smoke([CONNECTION])

    assert outcome.failed == [CERTIFICATE]
    assert "unable to get local issuer certificate" in outcome.text


def test_a_certificate_that_ends_soon_is_named(smoke, distribution, authority):
    distribution.context = authority.context(days=(-50, 5))

    outcome = smoke([CONNECTION])

    assert outcome.failed == [CERTIFICATE]
    assert re.search(r"The certificate ends on .* GMT, in 5 days", outcome.text)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # that the versions are old is what it is about
def test_a_site_that_speaks_old_tls_too_is_named(smoke, distribution, authority):
    context = authority.context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    distribution.context = context

    outcome = smoke([CONNECTION])

    assert outcome.failed == ["test_tls_of_the_past_is_refused"]
    assert "The site speaks TLSv1.1, which RFC 8996 forbids." in outcome.text


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_site_that_speaks_old_tls_alone_is_named(smoke, distribution, authority):
    context = authority.context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    distribution.context = context

    assert smoke([CONNECTION]).failed == ["test_tls_of_today_is_spoken"]


@pytest.mark.parametrize(
    ("status", "location"),
    each_third([(200, ""), (302, "https://127.0.0.1/"), (301, "http://127.0.0.1/x"), (301, "https://a.example/")]),
)
def test_a_site_that_does_not_lead_to_https_is_named(smoke, redirecting, status, location):
    outcome = smoke([CONNECTION], http_port=redirecting(status, location))

    assert outcome.failed == ["test_http_leads_to_https_for_good"]
    assert f"answered {status}" in outcome.text


@pytest.mark.parametrize(
    "only",
    [
        pytest.param(["live", "api/test_routes.py", "api/test_headers.py"], id="some"),
        pytest.param(["live", "api"], id="all", marks=pytest.mark.exhaustive),
    ],
)
def test_a_closed_site_is_checked_without_an_account_and_says_what_was_left_out(distribution, smoke, tmp_path, only):
    closed = start_deployed(distribution.url, tmp_path, LYCHGATE_REGISTRATION="closed")
    try:
        distribution.upstream = closed.port
        outcome = smoke(only)
    finally:
        closed.stop()

    assert outcome.code == 0, outcome.text
    assert "Left out: registration is closed here" in outcome.text
    assert "Not one account was to be had, so nothing that needs one was checked." in outcome.text
    assert "test_a_registered_user_logs_in_and_sees_the_profile" in outcome.left_out
    assert "test_every_route_hardens_its_answers" in outcome.passed


@pytest.mark.parametrize(
    ("number", "during"), [(signal.SIGINT, "/api/auth/register"), (signal.SIGTERM, "/api/auth/refresh")]
)
def test_an_interruption_deletes_the_account_and_makes_no_more_checks(
    distribution, server, run_command, number, during
):
    interrupted = threading.Event()

    def interrupting(request, forward):
        if request.path == during and request.body and not interrupted.is_set():
            interrupted.set()
            process.send_signal(number)
        return forward(request)

    distribution.fault = interrupting
    process = run_command(distribution.url)
    output, _ = process.communicate(timeout=RUN_SECONDS)

    assert interrupted.is_set(), output
    assert process.returncode == 130, output
    assert "Traceback" not in output
    assert "Ending, after the throw-away accounts are deleted" in output
    assert "Logout ends the session" not in output
    assert server.usernames() == []


def test_a_failed_check_is_exit_code_1(distribution, authority, run_command):
    distribution.context = authority.context(days=(-50, -1))

    process = run_command(distribution.url)
    output, _ = process.communicate(timeout=RUN_SECONDS)

    assert process.returncode == 1
    assert re.search(r" [1-9]\d* failed", output.splitlines()[-1])


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://lychgate.invalid", "the name lychgate.invalid does not resolve"),
        ("https://127.0.0.1:{closed}", "nothing listens at 127.0.0.1:{closed}"),
        ("http://127.0.0.1:{closed}", "`make dev` starts the development server"),
        ("http://example.org", "passwords go over HTTPS"),
        ("example.org", "is not the URL of a site"),
        ("https://example.org/api", "is not the URL of a site"),
        ("https://example.org:port", "is not the URL of a site"),
    ],
)
def test_a_site_that_cannot_be_asked_is_exit_code_2_and_one_line(run_command, closed_port, url, words):
    process = run_command(url.format(closed=closed_port))
    output, _ = process.communicate(timeout=RUN_SECONDS)

    assert process.returncode == 2
    [line] = output.splitlines()
    assert words.format(closed=closed_port) in line


def test_a_site_is_asked_through_the_proxy_of_the_environment(distribution, authority, monkeypatch):
    """The name resolves nowhere but at the proxy."""
    distribution.context = authority.context(names=("lychgate.example",))
    asked = []

    def serve(listener):
        for _ in range(2):
            client, _ = listener.accept()
            with client, client.makefile("rb") as lines:
                head = list(iter(lines.readline, b"\r\n"))
                asked.append(b"".join(head).decode())
                with socket.create_connection(("127.0.0.1", distribution.port)) as upstream:
                    client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                    back = threading.Thread(target=_copy, args=(upstream, client))
                    back.start()
                    _copy(client, upstream)
                    back.join(PATIENCE_SECONDS)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = threading.Thread(target=serve, args=(listener,))
        proxy.start()
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:secret@127.0.0.1:{listener.getsockname()[1]}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        live = LiveSite(Site("https://lychgate.example"))

        assert live.why_unasked is None
        # The development server answers to its own names only, and so it says.
        assert live.ask("GET", "/").status == 421
        proxy.join(PATIENCE_SECONDS)

    assert all(request.startswith("CONNECT lychgate.example:443 HTTP/1.") for request in asked)
    assert all("Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=" in request for request in asked)


def _copy(source, target):
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def test_make_smoke_without_a_url_says_how_to_use_it():
    made = subprocess.run(["make", "-s", "smoke"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert made.returncode == 2
    assert "make smoke URL=https://" in made.stderr


def test_the_headers_that_are_expected_are_those_of_the_documentation():
    documented = dict(
        re.findall(r"^\| `([\w-]+)` \| `([^`]+)`", (ROOT / "docs" / "http-api.md").read_text("utf-8"), re.MULTILINE)
    )
    documented = {name.lower(): value for name, value in documented.items()}
    assert documented | {"vary": "Origin"} == HARDENING
