"""What a sibling subdomain can do with cookies: over HTTPS, with a certificate of the test's own, in a real browser.

Both hosts are this machine. A front with the certificate passes the one on to the real server, which believes that it
is reached over HTTPS, and answers for the other one by itself.
"""

import http.client
import json
from contextlib import closing

import pytest

from tests.browser.development_server import PATIENCE_SECONDS, DevelopmentServer
from tests.browser.https_front import Certificate, pass_on, serving_https
from tests.browser.visitor import PASSWORD
from tests.support.places import checkout

APP, SIBLING, BOTH = "app.lychgate.test", "evil.lychgate.test", "lychgate.test"
JSON = {"Content-Type": "application/json"}
COOKIE = "__Host-refresh_token"
TEN_MINUTES = 600_000

NAMES = [
    COOKIE,
    "refresh_token",
    "__Secure-refresh_token",
    "__host-refresh_token",
    f"\u00a0{COOKIE}",
    f"\u2003{COOKIE}",
    # Without a name: the browser sends what stands in the value.
    f"={COOKIE}",
]
PATHS = ["/", "/api", "/api/auth", "/api/auth/refresh", "/api/auth/logout"]
SCOPES = [f"Domain={BOTH}", f"Domain=.{BOTH}", f"Domain={APP}", ""]


def planted_cookies(value):
    """Every cookie that a sibling may hope to plant, as `Set-Cookie` and as `document.cookie` take them."""
    return [
        f"{name}={value}; Path={path}; {scope}; {secure}".encode()
        for name in NAMES
        for path in PATHS
        for scope in SCOPES
        for secure in ("Secure", "Secure; SameSite=None", "")
    ]


class Front:
    """Both hosts on one port."""

    def __init__(self, port):
        self.port = port
        self.server = None
        """The address of the real server."""
        self.planted = []

    @property
    def url(self):
        return f"https://{APP}:{self.port}"

    @property
    def sibling(self):
        return f"https://{SIBLING}:{self.port}"

    def answer(self, request):
        if request.headers["Host"].startswith(SIBLING):
            self._plant(request)
        else:
            pass_on(request, self.server)

    def _plant(self, request):
        script = json.dumps([cookie.decode() for cookie in self.planted])
        page = f"<!doctype html><title>evil</title><script>{script}.forEach((c) => (document.cookie = c))</script>"
        page = page.encode()
        request.send_response(200)
        request.send_header("Content-Type", "text/html; charset=utf-8")
        request.send_header("Content-Length", str(len(page)))
        for cookie in self.planted:
            # Headers are bytes, which browsers read as UTF-8.
            request.send_header("Set-Cookie", cookie.decode("latin-1"))
        request.end_headers()
        request.wfile.write(page)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return Certificate(tmp_path_factory.mktemp("certificate"), APP, SIBLING)


@pytest.fixture(scope="module")
def front(certificate, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    with serving_https(certificate, lambda request: front.answer(request)) as port:  # noqa: PLW0108 - made below
        front = Front(port)
        settings = {"LYCHGATE_ISSUER": f"{front.url}/api", "LYCHGATE_ALLOWED_ORIGINS": front.url}
        server = DevelopmentServer(folder / "accounts", checkout=checkout(folder, settings))
        front.server = int(server.url.rpartition(":")[2])
        try:
            yield front
        finally:
            server.stop()


@pytest.fixture(scope="module")
def browser(launch, certificate):
    """A browser to which both hosts are this machine, and which accepts this one certificate."""
    return launch(*certificate.flags)


@pytest.fixture(scope="module")
def laptop(tmp_path_factory):
    """What `make dev` runs, over plain HTTP."""
    server = DevelopmentServer(tmp_path_factory.mktemp("accounts"))
    yield server
    server.stop()


@pytest.fixture
def owner(new_visitor, front):
    """Somebody who has signed up at the application."""
    visitor = new_visitor(front).open()
    visitor.sign_up()
    visitor.is_signed_in()
    return visitor


def ask(front, path, members, **headers):
    """Call the API without a browser. Return status and body."""
    with closing(http.client.HTTPConnection("127.0.0.1", front.server, timeout=PATIENCE_SECONDS)) as connection:
        connection.request("POST", f"/api/auth/{path}", json.dumps(members), {**JSON, **headers})
        response = connection.getresponse()
        return response.status, json.loads(response.read() or b"{}")


@pytest.fixture
def attackers_token(front):
    """The refresh token of a session of the attacker's own."""
    status, tokens = ask(front, "register", {"username": "mallory", "password": PASSWORD})
    assert status in {201, 409}
    if status == 409:
        _, tokens = ask(front, "login", {"username": "mallory", "password": PASSWORD})
    return tokens["refresh_token"]


def visit_the_sibling(visitor, front, token):
    """Go where the sibling plants what it can, and return what the browser would send to the application."""
    front.planted = planted_cookies(token)
    page = visitor.context.new_page()
    page.goto(front.sibling)
    page.close()
    return visitor.context.cookies(f"{front.url}/api/auth/refresh")


def test_a_sibling_can_plant_no_session(owner, front, attackers_token):
    (ours,) = owner.refresh_cookies(f"{front.url}/api/auth/refresh")
    assert (ours["name"], ours["path"], ours["domain"]) == (COOKIE, "/", APP)
    assert (ours["secure"], ours["httpOnly"], ours["sameSite"]) == (True, True, "Strict")

    sent = visit_the_sibling(owner, front, attackers_token)
    assert {cookie["name"] for cookie in sent} >= {"refresh_token", "__Secure-refresh_token"}, "it planted nothing"
    assert [cookie["value"] for cookie in sent if cookie["name"] == COOKIE] == [ours["value"]]

    for _ in range(2):
        owner.page.reload()
        owner.is_signed_in()
    assert owner.refreshes() == [200, 200]
    owner.is_signed_in()

    sent = owner.context.cookies(f"{front.url}/api/auth/logout")
    (ours,) = [cookie["value"] for cookie in sent if cookie["name"] == COOKIE]
    owner.sign_out()
    owner.is_signed_out()
    owner.wait_for(lambda: ("POST", "auth/logout", 204) in owner.made())
    status, problem = ask(front, "refresh", {}, Cookie=f"{COOKIE}={ours}")
    assert (status, problem["error"]) == (401, "invalid_grant")
    # What was planted was not looked at.
    assert ask(front, "refresh", {"refresh_token": attackers_token})[0] == 200


def test_somebody_who_comes_from_the_sibling_is_who_logs_in(new_visitor, front, attackers_token):
    visitor = new_visitor(front)
    visit_the_sibling(visitor, front, attackers_token)
    visitor.open().sign_up()
    visitor.is_signed_in()
    visitor.page.reload()
    visitor.is_signed_in()
    assert visitor.refreshes() == [200]
    assert ask(front, "refresh", {"refresh_token": attackers_token})[0] == 200


@pytest.mark.parametrize("way_out", ["log-out", "log-in"])
def test_a_second_cookie_on_a_laptop_is_in_the_way_until_the_next_log_out_or_log_in(new_visitor, laptop, way_out):
    visitor = new_visitor(laptop)
    visitor.context.clock.install()
    visitor.open().sign_up()
    visitor.is_signed_in()
    (ours,) = visitor.refresh_cookies()
    assert (ours["name"], ours["path"]) == ("refresh_token", "/")
    visitor.context.add_cookies([{**ours, "value": "of-an-earlier-version", "path": "/api/auth"}])
    visitor.context.clock.fast_forward(TEN_MINUTES)
    visitor.wait_for(lambda: 400 in visitor.refreshes())
    if way_out == "log-out":
        visitor.sign_out()
        visitor.is_signed_out()
        visitor.wait_for(lambda: visitor.refresh_cookies() == [])
    else:
        # As if another tab had forgotten the session.
        visitor.page.evaluate("localStorage.clear()")
        visitor.page.reload()
        visitor.is_signed_out()
    visitor.log_in()
    visitor.is_signed_in()
    assert [cookie["path"] for cookie in visitor.refresh_cookies()] == ["/"]
    visitor.page.reload()
    visitor.is_signed_in()
    assert visitor.refreshes()[-1] == 200
    visitor.forgive(400)
