"""A server for the examples: its time stands still, and it knows the origin of one page beside its own."""

import functools
import json
import urllib.request
import uuid
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import pytest

from tests.browser.conftest import new_visitor  # noqa: F401 - a fixture of these tests too
from tests.browser.development_server import DevelopmentServer
from tests.browser.visitor import PASSWORD
from tests.guides.newcomer import held_origin
from tests.support.factors_over_http import App
from tests.support.http_servers import serving
from tests.support.places import CLOCK_FOLDER, SharedClock


@pytest.fixture(scope="session")
def clock(tmp_path_factory):
    """The server's clock."""
    return SharedClock(tmp_path_factory.mktemp("clock") / "now")


@pytest.fixture(scope="session")
def known_origin():
    """The origin that the server knows, where nobody listens yet."""
    with held_origin() as origin:
        yield origin


@pytest.fixture(scope="session")
def server(tmp_path_factory, clock, known_origin):
    settings = {
        "LYCHGATE_TEST_CLOCK": str(clock.path),
        "PYTHONPATH": str(CLOCK_FOLDER),
        "LYCHGATE_ALLOWED_ORIGINS": known_origin,
    }
    server = DevelopmentServer(tmp_path_factory.mktemp("accounts"), **settings)
    yield server
    server.stop()


class Account:
    """Somebody with an account."""

    def __init__(self, url, clock):
        self.username = f"kim.{uuid.uuid4().hex[:12]}"
        self._url = f"{url}/api"
        self._clock = clock
        answer = self.ask("POST", "/auth/register", {"username": self.username, "password": PASSWORD})
        self._token = answer["access_token"]

    def ask(self, method, path, body=None, token=None):
        """Make a request and return the answer's JSON. Raises HTTPError."""
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, headers, method=method)
        with urllib.request.urlopen(request) as answer:
            text = answer.read()
            return json.loads(text) if text else None

    def with_totp(self):
        """Add an authenticator app, and return it with the recovery codes."""
        begun = self.ask("POST", "/auth/totp", token=self._token)
        app = App(begun["secret"], self._clock)
        body = {"pending": begun["pending"], "code": app.code()}
        return app, self.ask("POST", "/auth/totp/confirm", body, self._token)["recovery_codes"]

    def sessions(self):
        """Return the user agents of the sessions that are live, but that of the registration."""
        listed = self.ask("GET", "/auth/sessions", token=self._token)["sessions"]
        return [session["user_agent"] for session in listed if not session["current"]]

    def logs_out_everywhere(self):
        self.ask("POST", "/auth/logout-all", token=self._token)


@pytest.fixture
def account(server, clock):
    return Account(server.url, clock)


class Way:
    """A way to the server on which answers can be lost, or come from somebody else."""

    def __init__(self, target):
        self._target = target
        self._faults = []
        self.requests = []
        self.port = None

    @property
    def api(self):
        return f"http://127.0.0.1:{self.port}/api"

    def next(self, path, fault):
        """Have something happen to the next request for this path."""
        self._faults.append((path, fault))

    def count(self, path):
        return [each for each, _ in self.requests].count(path)

    def pass_on(self, handler):
        path = handler.path.removeprefix("/api")
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        self.requests.append((path, body.decode()))
        headers = {name: value for name, value in handler.headers.items() if name not in {"Connection", "Host"}}
        request = urllib.request.Request(self._target + handler.path, body or None, headers, method=handler.command)
        fault = next((each for each in self._faults if each[0] == path), None)
        if fault is not None:
            self._faults.remove(fault)
        if fault is not None and fault[1] is not lose:
            fault[1](handler)
            return
        with urllib.request.build_opener(_AsItIs).open(request) as answer:
            status, said, text = answer.status, answer.headers, answer.read()
        if fault is not None:
            lose(handler)
            return
        handler.send_response(status)
        for name, value in said.items():
            if name not in {"Connection", "Transfer-Encoding"}:
                handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(text)


class _AsItIs(urllib.request.HTTPErrorProcessor):
    def http_response(self, _request, response):
        return response


def lose(handler):
    """Hang up instead of answering, after the API has done what it was asked for."""
    handler.close_connection = True


def redirect_to(url):
    """Return a fault: the answer is a redirect."""

    def redirect(handler):
        handler.send_response(307)
        handler.send_header("Location", url)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return redirect


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, way, *arguments):
        self._way = way
        super().__init__(*arguments)

    def _pass_on(self):
        self._way.pass_on(self)

    do_GET = do_POST = do_DELETE = do_OPTIONS = _pass_on  # noqa: N815 - so http.server finds them

    def log_message(self, *_):
        pass


@contextmanager
def a_way_to(url):
    way = Way(url)
    with serving(functools.partial(_Handler, way)) as listening:
        way.port = listening.server_port
        yield way


@pytest.fixture
def way(server):
    with a_way_to(server.url) as way:
        yield way
