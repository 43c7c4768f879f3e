"""Sessions that a real browser binds to its device by itself: over HTTPS, before the real server and the real page.

The key is one of the browser's own, since no machine that runs tests has to have a TPM. All else is what Chrome does on
Windows. A browser that cannot do this fails the tests.
"""

import http.client
import json
from contextlib import closing
from http.cookies import SimpleCookie

import pytest

from tests.browser.development_server import PATIENCE_SECONDS, DevelopmentServer
from tests.browser.https_front import Certificate, pass_on, serving_https
from tests.support.places import checkout

HOST = "app.lychgate.test"
REFRESH_COOKIE, SHORT_COOKIE = "__Host-refresh_token", "__Host-bound"
START, RENEW, REFRESH = (f"/api/auth/{name}" for name in ("device-bound/start", "device-bound/refresh", "refresh"))
FEATURES = "DeviceBoundSessions,EnableBoundSessionCredentialsSoftwareKeysForManualTesting"


class Front:
    """The site over HTTPS, and what the browser has asked it for. It can be out of order."""

    def __init__(self, port):
        self.url = f"https://{HOST}:{port}"
        self.server = None
        """The port of the real server."""
        self.seen = []
        """Path and status of each request that was answered, those of the browser's own included."""
        self.out_of_order = {}
        """The statuses of paths that are answered without the real server."""
        self.skipped = None
        """Why the browser has not renewed the short cookie, as it said last."""
        self.proof = None
        """The last proof that the browser sent."""
        self.sends_proofs_twice = False
        """Whether the next proof is used before the browser's request arrives."""

    def answer(self, request):
        def note(status):
            # Before the answer is sent, which the browser's next request may overtake here.
            self.seen.append((request.path, int(status)))

        self.skipped = request.headers.get("Secure-Session-Skipped", self.skipped)
        proof = request.headers.get("Secure-Session-Response")
        self.proof = proof or self.proof
        if proof and self.sends_proofs_twice:
            self.sends_proofs_twice = False
            cookies = SimpleCookie(request.headers["Cookie"])
            asked_elsewhere(self, request.path, {REFRESH_COOKIE: cookies[REFRESH_COOKIE].value}, proof)
        if request.path in self.out_of_order:
            request.rfile.read(int(request.headers.get("Content-Length", 0)))
            status = self.out_of_order[request.path]
            note(status)
            request.send_response(status)
            request.send_header("Content-Length", "0")
            request.end_headers()
        else:
            pass_on(request, self.server, note)

    def asked_for(self, *paths):
        return [(path, status) for path, status in self.seen if path in paths]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return Certificate(tmp_path_factory.mktemp("certificate"), HOST)


@pytest.fixture(scope="module")
def front(certificate, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    with serving_https(certificate, lambda request: front.answer(request)) as port:  # noqa: PLW0108 - made below
        front = Front(port)
        settings = {
            "LYCHGATE_ISSUER": f"{front.url}/api",
            "LYCHGATE_ALLOWED_ORIGINS": front.url,
            "LYCHGATE_DBSC": "on",
        }
        server = DevelopmentServer(folder / "accounts", checkout=checkout(folder, settings))
        front.server = int(server.url.rpartition(":")[2])
        try:
            yield front
        finally:
            server.stop()


@pytest.fixture(scope="module")
def browser(launch, certificate):
    return launch(*certificate.flags, f"--enable-features={FEATURES}")


@pytest.fixture
def owner(new_visitor, front):
    """Somebody who has signed up, and whose session needs its browser, which has bound it.

    The page has a key of its own. So the session needs the short cookie from the first refresh on that has both.
    """
    front.seen.clear()
    visitor = new_visitor(front).open()
    visitor.sign_up()
    visitor.is_signed_in()
    visitor.wait_for(lambda: (START, 200) in front.seen)
    visitor.wait_for(lambda: SHORT_COOKIE in cookies_of(visitor))
    visitor.page.reload()
    visitor.is_signed_in()
    visitor.has_loaded(visitor.page)
    front.seen.clear()
    return visitor


def cookies_of(visitor):
    return {cookie["name"]: cookie["value"] for cookie in visitor.context.cookies(visitor.url)}


def lose_short_cookie(visitor):
    """Let the short cookie be gone, as after ten minutes."""
    devtools = visitor.context.new_cdp_session(visitor.page)
    devtools.send("Network.deleteCookies", {"name": SHORT_COOKIE, "url": visitor.url})
    devtools.detach()
    assert SHORT_COOKIE not in cookies_of(visitor)


def asked_elsewhere(front, path, cookies, proof=None):
    """Make a request with cookies that were copied from the browser's jar, and a proof. Return status and body."""
    with closing(http.client.HTTPConnection("127.0.0.1", front.server, timeout=PATIENCE_SECONDS)) as connection:
        headers = {
            "Content-Type": "application/json",
            "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
            **({"Secure-Session-Response": proof} if proof else {}),
        }
        connection.request("POST", path, b"{}", headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())


def test_a_browser_binds_the_session_and_renews_the_short_cookie_by_itself(owner, front):
    before = cookies_of(owner)
    lose_short_cookie(owner)
    owner.page.reload()
    owner.is_signed_in()
    # The page's refresh was held back until the browser had the cookie, and nothing else was.
    assert front.asked_for(RENEW, REFRESH) == [(RENEW, 403), (RENEW, 200), (REFRESH, 200)]
    paths = [path for path, _ in front.seen]
    assert paths.index("/") < paths.index(RENEW)
    after = cookies_of(owner)
    assert SHORT_COOKIE in after
    assert after[REFRESH_COOKIE] != before[REFRESH_COOKIE]


def test_a_copied_jar_is_refused_elsewhere(owner, front):
    jar = cookies_of(owner)
    stolen = {name: value for name, value in jar.items() if name != SHORT_COOKIE}
    status, problem = asked_elsewhere(front, REFRESH, stolen)
    assert (status, problem["error"]) == (400, "not_on_device")
    status, problem = asked_elsewhere(front, RENEW, jar)
    assert (status, problem["error"]) == (403, "device_proof_required")
    owner.page.reload()
    owner.is_signed_in()
    assert front.asked_for(REFRESH)[-1:] == [(REFRESH, 200)]


def test_a_recorded_proof_renews_nothing_elsewhere(owner, front):
    lose_short_cookie(owner)
    owner.page.reload()
    owner.is_signed_in()
    stolen = {name: value for name, value in cookies_of(owner).items() if name != SHORT_COOKIE}
    status, problem = asked_elsewhere(front, RENEW, stolen, front.proof)
    assert (status, problem["error"]) == (403, "device_proof_required")


def test_a_browser_whose_proof_was_used_before_signs_another_challenge(owner, front):
    lose_short_cookie(owner)
    front.sends_proofs_twice = True
    owner.page.reload()
    owner.is_signed_in()
    assert front.asked_for(RENEW, REFRESH) == [(RENEW, 403), (RENEW, 403), (RENEW, 200), (REFRESH, 200)]


def test_a_log_out_waits_for_the_short_cookie_and_ends_the_session(owner, front):
    jar = cookies_of(owner)
    lose_short_cookie(owner)
    owner.sign_out()
    owner.is_signed_out()
    owner.wait_for(lambda: ("POST", "auth/logout", 204) in owner.made())
    assert front.asked_for(RENEW) == [(RENEW, 403), (RENEW, 200)]
    assert not {REFRESH_COOKIE, SHORT_COOKIE} & cookies_of(owner).keys()
    assert asked_elsewhere(front, RENEW, jar) == (200, {"continue": False})


def test_who_logs_in_again_is_bound_again(owner, front):
    owner.sign_out()
    owner.is_signed_out()
    owner.wait_for(lambda: ("POST", "auth/logout", 204) in owner.made())
    front.seen.clear()
    owner.log_in()
    owner.is_signed_in()
    owner.wait_for(lambda: (START, 200) in front.seen)
    owner.wait_for(lambda: SHORT_COOKIE in cookies_of(owner))
    lose_short_cookie(owner)
    owner.page.reload()
    owner.is_signed_in()
    # The browser may still know the session from before: it is told to forget it.
    assert front.asked_for(RENEW, REFRESH)[-3:] == [(RENEW, 403), (RENEW, 200), (REFRESH, 200)]


@pytest.mark.parametrize("status", [500, 503])
def test_while_the_cookie_cannot_be_renewed_nobody_is_logged_out(owner, front, status):
    lose_short_cookie(owner)
    front.out_of_order = {RENEW: status}
    owner.page.reload()
    owner.wait_for(lambda: (REFRESH, 503) in front.seen)
    front.out_of_order = {}
    # A second later the page tries again.
    assert front.asked_for(RENEW, REFRESH)[:2] == [(RENEW, status), (REFRESH, 503)]
    assert front.skipped.startswith("server_error;")
    owner.page.reload()
    owner.is_signed_in()
    assert (REFRESH, 200) in front.seen
    owner.forgive(503)


@pytest.mark.parametrize("status", [403, 404, 429])
def test_a_refusal_of_the_renewal_without_a_challenge_unbinds_this_browser_for_good(owner, front, status):
    """The specification keeps the session after a 429. So nothing on the way may answer the renewal with a bare 4xx."""
    lose_short_cookie(owner)
    front.out_of_order = {RENEW: status}
    owner.page.reload()
    owner.wait_for(lambda: (REFRESH, 400) in front.seen)
    front.out_of_order = {}
    assert front.asked_for(RENEW) == [(RENEW, status)]
    front.seen.clear()
    front.skipped = None
    owner.page.reload()
    owner.wait_for(lambda: (REFRESH, 400) in front.seen)
    assert front.asked_for(RENEW) == []
    assert front.skipped is None
    owner.forgive(400)
