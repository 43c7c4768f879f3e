"""Good sites pass; connections that are not good are named; and whatever happens the account goes."""

import re
import signal
import socket
import ssl
import subprocess
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

import infra.smoke
from infra.smoke import transport
from infra.smoke.public import HARDENING, STRICT_TRANSPORT_SECURITY
from infra.smoke.site import Site
from tests.smoke.conftest import PATIENCE_SECONDS, ROOT, Server, start_deployed


@pytest.fixture(scope="module")
def development_server(tmp_path_factory):
    """`make dev` as it is."""
    server = Server(["-m", "infra.local"], {"LYCHGATE_DATA_DIR": str(tmp_path_factory.mktemp("dev"))})
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


def test_the_development_server_passes_and_says_what_a_laptop_cannot_show(development_server, run_command):
    process = run_command(f"http://127.0.0.1:{development_server.port}")
    output, _ = process.communicate(timeout=PATIENCE_SECONDS)

    assert process.returncode == 0, output
    assert "FAIL" not in output
    assert "4 checks left out: this machine is asked by http://, without TLS." in output
    assert " 0 failed" in output.splitlines()[-1]
    assert development_server.usernames() == []


def test_a_deployed_site_passes_every_check(smoke, server, redirecting, distribution):
    outcome = smoke(http_port=redirecting(301, f"{distribution.url}/"))

    assert outcome.succeeded, outcome.text
    assert outcome.left_out == []
    assert len(outcome.passed) == 44
    assert server.usernames() == []


def test_no_password_and_no_token_is_said(smoke, distribution):
    bodies = []

    def listening(request, forward):
        answer = forward(request)
        bodies.append((request, answer))
        return answer

    distribution.fault = listening
    outcome = smoke()

    secrets = {
        message.json()[name]
        for exchange in bodies
        for message in exchange
        if message.body[:1] == b"{"
        and message.header("Content-Type") == "application/json"
        and len(message.body) < 9000
        for name in ("password", "refresh_token", "access_token")
        if isinstance(_members(message).get(name), str)
    }
    assert len(secrets) > 10
    assert [secret for secret in secrets if secret in outcome.text] == []


def _members(message):
    with suppress(ValueError):
        return message.json()
    return {}


def test_a_lambdas_own_401_may_have_its_challenge_renamed(smoke, distribution):
    def renaming(request, forward):
        answer = forward(request)
        challenge = answer.header("WWW-Authenticate")
        if request.path == "/api/me" or challenge is None:
            return answer
        return answer.without("WWW-Authenticate").having("x-amzn-Remapped-WWW-Authenticate", challenge)

    distribution.fault = renaming

    assert smoke().succeeded


def test_a_gateways_401_may_allow_everybody_where_several_origins_are_allowed(smoke, distribution):
    def as_a_gateway(request, forward):
        answer = forward(request)
        return answer.having("Access-Control-Allow-Origin", "*") if answer.first == 401 else answer

    distribution.fault = as_a_gateway

    assert smoke().succeeded


def test_files_whose_names_have_a_hash_may_be_kept(smoke, distribution):
    def hashed(request, forward):
        if request.path == "/styles-0123456789abcdef.css":
            answer = forward(type(request)("GET", "/styles.css", request.headers, b""))
            return answer.having("Cache-Control", "public, max-age=31536000, immutable")
        answer = forward(request)
        if request.path != "/":
            return answer
        return type(answer)(
            200, "/", answer.headers, answer.body.replace(b"/styles.css", b"/styles-0123456789abcdef.css")
        )

    distribution.fault = hashed

    assert smoke().succeeded


@pytest.mark.parametrize(
    ("certificate", "words"),
    [
        ({"days": (-50, -1)}, "it has expired"),
        ({"days": (1, 50)}, "it is not valid yet"),
        ({"self_signed": True}, "it is self-signed"),
        ({"names": ("127.0.0.2",)}, "it is for another address"),
    ],
)
def test_a_certificate_that_browsers_refuse_is_named_and_nothing_is_sent(
    smoke, distribution, authority, certificate, words
):
    requests = []
    distribution.fault = lambda request, forward: requests.append(request) or forward(request)
    distribution.context = authority.context(**certificate)

    outcome = smoke()

    assert outcome.failed == [transport.CERTIFICATE]
    assert words in outcome.text
    assert "checks left out: nothing is sent over such a connection." in outcome.text
    assert outcome.succeeded is False
    assert requests == []


def test_the_certificate_of_an_unknown_authority_is_named(smoke):
    outcome = smoke(ca_file=None)

    assert outcome.failed == [transport.CERTIFICATE]
    assert "nobody whom this machine trusts has issued it" in outcome.text


def test_a_certificate_that_ends_soon_is_named(smoke, distribution, authority):
    distribution.context = authority.context(days=(-50, 5))

    outcome = smoke()

    assert outcome.failed == [transport.CERTIFICATE]
    assert re.search(r"The certificate ends on \d{4}-\d\d-\d\d, in 4 days", outcome.text)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # that the versions are old is what it is about
def test_a_site_that_speaks_old_tls_too_is_named(smoke, distribution, authority):
    context = authority.context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    distribution.context = context

    outcome = smoke()

    assert outcome.failed == [transport.OLD_TLS]
    assert "The site speaks TLSv1.1, which RFC 8996 forbids." in outcome.text


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_site_that_speaks_old_tls_alone_is_named(smoke, distribution, authority):
    context = authority.context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    distribution.context = context

    assert smoke().failed == [transport.TLS_VERSION]


@pytest.mark.parametrize(
    ("status", "location"),
    [(200, ""), (302, "https://127.0.0.1/"), (301, "http://127.0.0.1/x"), (301, "https://a.example/")],
)
def test_a_site_that_does_not_lead_to_https_is_named(smoke, redirecting, status, location):
    outcome = smoke(http_port=redirecting(status, location))

    assert outcome.failed == [transport.REDIRECT]
    assert f"answered {status}" in outcome.text


def test_a_closed_site_is_checked_without_an_account_and_says_what_was_left_out(
    distribution, smoke, tmp_path, authority, run_command
):
    closed = start_deployed(distribution.url, tmp_path, LYCHGATE_REGISTRATION="closed")
    try:
        distribution.upstream = closed.port
        outcome = smoke()

        assert outcome.succeeded
        assert (
            "13 checks left out: name an account that may be used: --username NAME --password-stdin."
            in outcome.left_out
        )
    finally:
        closed.stop()


def test_an_account_that_was_there_before_is_used_and_stays(distribution, server, authority, run_command):
    password = "a password of many characters"
    site = Site(distribution.url, ca_file=str(authority.file))
    body = f'{{"username": "keeper", "password": "{password}"}}'.encode()
    registered = site.ask("POST", "/api/auth/register", {"Content-Type": "application/json"}, body)
    assert registered.status == 201
    options = ("--ca-file", str(authority.file), "--username", "keeper", "--password-stdin")

    process = run_command(distribution.url, *options, stdin=subprocess.PIPE)
    output, _ = process.communicate(f"{password}\n", timeout=PATIENCE_SECONDS)

    assert process.returncode == 0, output
    assert "The account can log in. (keeper)" in output
    assert server.usernames() == ["keeper"]
    server.remove("keeper")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("during", ["/api/auth/register", "/api/auth/refresh"])
def test_an_interruption_deletes_the_account_and_makes_no_more_checks(
    distribution, server, authority, run_command, number, during
):
    interrupted = threading.Event()

    def interrupting(request, forward):
        if request.path == during and not interrupted.is_set():
            assert during.endswith("register") or server.usernames() != []
            interrupted.set()
            process.send_signal(number)
        return forward(request)

    distribution.fault = interrupting
    process = run_command(distribution.url, "--ca-file", str(authority.file))
    output, _ = process.communicate(timeout=PATIENCE_SECONDS)

    assert interrupted.is_set(), output
    assert process.returncode == 130, output
    assert "Traceback" not in output
    assert "The throw-away account is gone." in output
    assert "deleted, and cannot log in" not in output
    assert server.usernames() == []


def test_a_failed_check_is_exit_code_1(distribution, authority, run_command):
    distribution.fault = lambda request, forward: forward(request).without("X-Frame-Options")

    process = run_command(distribution.url, "--ca-file", str(authority.file))
    output, _ = process.communicate(timeout=PATIENCE_SECONDS)

    assert process.returncode == 1
    assert "2 failed" in output


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://lychgate.invalid", "the name lychgate.invalid does not resolve"),
        ("https://127.0.0.1:{closed}", "nothing listens at 127.0.0.1:{closed}"),
        ("http://127.0.0.1:{closed}", "`make dev` starts the development server"),
        ("http://example.org", "passwords go over HTTPS"),
        ("example.org", "is not the URL of a site"),
        ("https://example.org/api", "is not the URL of a site"),
    ],
)
def test_a_site_that_cannot_be_asked_is_exit_code_2_and_one_line(run_command, closed_port, url, words):
    process = run_command(url.format(closed=closed_port))
    output, _ = process.communicate(timeout=PATIENCE_SECONDS)

    assert process.returncode == 2
    [line] = output.splitlines()
    assert words.format(closed=closed_port) in line


def test_for_a_deployment_nobody_there_is_a_failure(closed_port):
    said = []
    assert infra.smoke.run(f"http://127.0.0.1:{closed_port}", said.append) is False
    assert "nothing listens" in said[-1]


def test_for_a_deployment_a_good_site_is_a_success(development_server):
    assert infra.smoke.run(f"http://127.0.0.1:{development_server.port}", lambda _: None) is True
    assert development_server.usernames() == []


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
        site = Site("https://lychgate.example", ca_file=str(authority.file))

        assert site.shake_hands().version in {"TLSv1.2", "TLSv1.3"}
        # The development server answers to its own names only, and so it says.
        assert site.ask("GET", "/").status == 421
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

    assert made.returncode != 0
    assert "make smoke URL=https://" in made.stderr


def test_the_headers_that_are_expected_are_those_of_the_documentation():
    documented = dict(
        re.findall(r"^\| `([\w-]+)` \| `([^`]+)`", (ROOT / "docs" / "http-api.md").read_text("utf-8"), re.MULTILINE)
    )
    assert {name: documented[name] for name in HARDENING} == HARDENING
    assert {name: documented[name] for name in STRICT_TRANSPORT_SECURITY} == STRICT_TRANSPORT_SECURITY
