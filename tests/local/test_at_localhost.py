"""The local servers at `http://localhost`, where browsers make passkeys: the issuer stays what it was."""

import pytest

from tests.local.conftest import OTHER_ORIGIN
from tests.local.localhost import Browser, claims, log_in, with_a_passkey
from tests.local.test_own_address import Api, api, make_dev
from tests.support.authenticator import Authenticator

__all__ = ["api", "make_dev"]


def test_a_page_at_localhost_has_sessions_and_passkeys_of_the_same_issuer(api, ask):
    browser, authenticator = Browser(ask, api.root), Authenticator()
    assert browser.preflight("/auth/login").headers["Access-Control-Allow-Origin"] == browser.origin
    assert with_a_passkey(browser, authenticator) == 201
    status, refreshed = browser.post("/auth/refresh", {})
    assert (status, claims(refreshed["access_token"])["iss"]) == (200, api.root)

    status, logged_in = log_in(browser, authenticator)
    assert (status, claims(logged_in["access_token"])["iss"]) == (200, api.root)
    assert claims(logged_in["access_token"])["acr"] == "aal2"
    assert browser.post("/auth/refresh", {})[0] == 200


def test_a_passkey_of_a_page_at_the_address_is_none(api, ask):
    # Browsers make none. Whatever says to be one has another origin.
    browser = Browser(ask, api.root)
    assert with_a_passkey(browser, Authenticator(), origin=api.root.removesuffix("/api")) == 401


def test_make_dev_serves_the_page_at_localhost_and_says_that_passkeys_work_there(development_server, ask):
    browser = Browser(ask, f"http://127.0.0.1:{development_server.port_of('Page')}/api")
    assert browser.page().status == 200
    assert f"Passkeys  {browser.origin}/" in development_server.output


@pytest.mark.parametrize(
    "settings", [{"LYCHGATE_ISSUER": "https://login.example.org/api"}, {"LYCHGATE_ISSUER": "http://localhost:9/api"}]
)
def test_make_dev_names_localhost_only_where_passkeys_are_made_for_it(make_dev, settings):
    running, _ = make_dev(**settings)
    assert ("Passkeys  http://localhost:" in running.output) is ("localhost" in settings["LYCHGATE_ISSUER"])


def test_a_page_of_a_development_server_at_localhost_may_use_them_too(server_for_another_origin, ask):
    api = Api(ask, server_for_another_origin.port_of("Page"), "/api")
    assert with_a_passkey(Browser(ask, api.root), Authenticator(), origin=OTHER_ORIGIN) == 201
