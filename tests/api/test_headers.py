"""The headers that every answer carries, whichever layer it comes from."""

import pytest

from chalicelib.api.openapi import ALL_ROUTES

ROUTES = [(operation.method, operation.path) for routes in ALL_ROUTES for operation in routes.operations]
PUBLIC = {"/.well-known/jwks.json", "/.well-known/openid-configuration", "/openapi.json"}
# OWASP REST Security Cheat Sheet, section Security Headers.
HARDENING = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "vary": "Origin",
}


def assert_hardened(answer):
    assert {name: answer.headers.get(name) for name in HARDENING} == HARDENING


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_route_hardens_its_answers(api, method, path):
    for answer in (api.request(method, path), api.request("OPTIONS", path), api.request("TRACE", path)):
        assert_hardened(answer)


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_only_the_public_documents_may_be_kept(api, method, path):
    answer = api.request(method, path)
    assert (answer.headers["cache-control"] == "no-store") is (path not in PUBLIC)
    if path in PUBLIC:
        assert answer.headers["cache-control"] == "public, max-age=300"


def test_the_answers_of_a_user_who_is_logged_in_are_hardened(api):
    access_token = api.register().json["access_token"]
    for path in ("/me", "/dashboard", "/auth/sessions"):
        answer = api.bearer("GET", path, access_token)
        assert answer.status == 200
        assert_hardened(answer)


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nowhere", 404), ("GET", "/me", 401), ("PUT", "/health", 405)]
)
def test_what_the_gateway_answers_by_itself_is_hardened_too(api, method, path, status):
    answer = api.request(method, path, headers={"Authorization": "Bearer junk"})
    assert answer.status == status
    assert_hardened(answer)


def test_an_authorizer_that_fails_is_answered_with_a_hardened_500(api, monkeypatch):
    monkeypatch.setattr("chalicelib.authorizer.verifier", lambda: 1 / 0)
    answer = api.me("a.b.c")
    assert answer.status == 500
    assert_hardened(answer)


def test_a_bug_is_answered_with_a_hardened_500(api, monkeypatch):
    monkeypatch.setattr("chalicelib.wiring.auth_service", lambda: 1 / 0)
    answer = api.login()
    assert answer.status == 500
    assert_hardened(answer)


def test_over_plain_http_no_browser_is_told_to_insist_on_https(api, monkeypatch):
    monkeypatch.setenv("LYCHGATE_ISSUER", "http://127.0.0.1:8000/api")
    assert "strict-transport-security" not in api.request("GET", "/health").headers
