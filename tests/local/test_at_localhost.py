"""The local servers at `http://localhost`, where browsers make passkeys: the issuer stays what it was."""

import json
import signal

import pytest

from tests.local.test_own_address import JSON, claims, local, make_dev, project, start
from tests.support.authenticator import Authenticator

__all__ = ["local", "make_dev", "project", "start"]

ALICE = {"username": "alice", "password": "correct horse battery staple", "token_delivery": "cookie"}


class Browser:
    """A browser with a page that it opened under a name of this machine."""

    def __init__(self, ask, root, name="localhost"):
        self._ask = ask
        self.port, _, below = root.removeprefix("http://127.0.0.1:").partition("/")
        self._below = f"/{below}" if below else ""
        self.origin = f"http://{name}:{self.port}"
        self._headers = JSON | {"Host": f"{name}:{self.port}", "Origin": self.origin, "Sec-Fetch-Site": "same-origin"}
        self.cookie = ""

    def page(self):
        return self._ask(int(self.port), "GET", "/", {"Host": self._headers["Host"]})

    def post(self, path, members, access_token=None):
        headers = self._headers | ({"Authorization": f"Bearer {access_token}"} if access_token else {})
        headers |= {"Cookie": self.cookie} if self.cookie else {}
        answer = self._ask(int(self.port), "POST", f"{self._below}{path}", headers, json.dumps(members).encode())
        if answer.headers["Set-Cookie"]:
            self.cookie = answer.headers["Set-Cookie"].partition(";")[0]
        assert answer.headers["Access-Control-Allow-Origin"] == self.origin
        return answer.status, json.loads(answer.body)

    def preflight(self, path):
        asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
        return self._ask(int(self.port), "OPTIONS", f"{self._below}{path}", self._headers | asked)


def with_a_passkey(browser, authenticator, *, origin=None):
    """Sign up and add a passkey. Return the status of the answer to the new passkey."""
    _, tokens = browser.post("/auth/register", ALICE)
    status, options = browser.post("/auth/passkeys/options", {}, tokens["access_token"])
    assert (status, options["publicKey"]["rp"]["id"]) == (200, "localhost")
    made = authenticator.create(options["publicKey"], origin or browser.origin)
    members = {"challenge": options["challenge"], "credential": made}
    return browser.post("/auth/passkeys", members, tokens["access_token"])[0]


def log_in(browser, authenticator):
    _, options = browser.post("/auth/login/passkey/options", {})
    answer = authenticator.get(options["publicKey"], browser.origin)
    members = {"challenge": options["challenge"], "credential": answer, "token_delivery": "cookie"}
    return browser.post("/auth/login/passkey", members)


def test_a_page_at_localhost_has_sessions_and_passkeys_of_the_same_issuer(start, ask):
    _, api = start()
    browser, authenticator = Browser(ask, api.root), Authenticator()
    assert browser.preflight("/auth/login").headers["Access-Control-Allow-Origin"] == browser.origin
    assert with_a_passkey(browser, authenticator) == 201
    status, refreshed = browser.post("/auth/refresh", {})
    assert (status, claims(refreshed["access_token"])["iss"]) == (200, api.root)

    status, logged_in = log_in(browser, authenticator)
    assert (status, claims(logged_in["access_token"])["iss"]) == (200, api.root)
    assert claims(logged_in["access_token"])["acr"] == "aal2"
    assert browser.post("/auth/refresh", {})[0] == 200


def test_a_passkey_of_a_page_at_the_address_is_none(start, ask):
    # Browsers make none. Whatever says to be one has another origin.
    _, api = start()
    browser = Browser(ask, api.root)
    assert with_a_passkey(browser, Authenticator(), origin=api.root.removesuffix("/api")) == 401


def test_a_passkey_goes_on_at_another_port(make_dev, ask):
    first, api = make_dev()
    authenticator = Authenticator()
    assert with_a_passkey(Browser(ask, api.root), authenticator) == 201
    first.send(signal.SIGINT)

    _, moved = make_dev()
    assert log_in(Browser(ask, moved.root), authenticator)[0] == 200


def test_make_dev_serves_the_page_at_localhost_and_says_that_passkeys_work_there(make_dev, ask):
    running, api = make_dev()
    browser = Browser(ask, api.root)
    assert browser.page().status == 200
    assert f"Passkeys  {browser.origin}/" in running.output


@pytest.mark.parametrize(
    "settings", [{"LYCHGATE_ISSUER": "https://login.example.org/api"}, {"LYCHGATE_ISSUER": "http://localhost:9/api"}]
)
def test_make_dev_names_localhost_only_where_passkeys_are_made_for_it(make_dev, settings):
    running, _ = make_dev(**settings)
    assert ("Passkeys  http://localhost:" in running.output) is ("localhost" in settings["LYCHGATE_ISSUER"])


def test_a_page_of_a_development_server_at_localhost_may_use_them_too(make_dev, ask):
    _, api = make_dev(LYCHGATE_ALLOWED_ORIGINS="http://localhost:5173")
    browser = Browser(ask, api.root)
    assert with_a_passkey(browser, Authenticator(), origin="http://localhost:5173") == 201
