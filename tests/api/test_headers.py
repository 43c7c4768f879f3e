"""The headers that every answer carries, whichever layer it comes from."""

import pytest

from chalicelib.api.openapi import ALL_ROUTES

pytestmark = pytest.mark.each_server

ROUTES = [(operation.method, operation.path) for routes in ALL_ROUTES for operation in routes.operations]
PUBLIC = {
    "/.well-known/jwks.json": 300,
    "/.well-known/revoked.json": 10,
    "/.well-known/revoked.jwt": 10,
    "/.well-known/openid-configuration": 300,
    "/openapi.json": 300,
    "/auth/options": 60,
}
"""For how many seconds each may be kept."""


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.live_safe
def test_every_route_hardens_its_answers(api, method, path):
    for answer in (api.request(method, path), api.request("OPTIONS", path)):
        answer.assert_hardened()


def test_a_method_that_nobody_uses_is_answered_as_any_other(api):
    for method in ("TRACE", "PROPFIND"):
        answer = api.request(method, "/me")
        answer.assert_problem(405, "method_not_allowed")
        answer.assert_hardened()


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.live_safe(
    remedy="The behavior `/api/*` needs the managed cache policy CachingDisabled, and no header policy over it."
)
def test_only_the_public_documents_may_be_kept(api, method, path):
    answer = api.request(method, path)
    assert (answer.headers["cache-control"] == "no-store") is (path not in PUBLIC)
    if path in PUBLIC:
        said = answer.headers["cache-control"]
        # What has ended may not be kept for longer, whatever happens.
        ends = ", must-revalidate, stale-if-error=0" if "revoked" in path else ""
        assert said == f"public, max-age={PUBLIC[path]}{ends}"


@pytest.mark.live_safe
def test_the_answers_of_a_user_who_is_logged_in_are_hardened(api):
    access_token = api.signed_in().json["access_token"]
    for path in ("/me", "/dashboard", "/auth/sessions"):
        answer = api.bearer("GET", path, access_token)
        assert answer.status == 200
        answer.assert_hardened()


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nowhere", 404), ("GET", "/me", 401), ("PUT", "/health", 405)]
)
def test_what_the_gateway_answers_by_itself_is_hardened_too(api, method, path, status):
    answer = api.request(method, path, headers={"Authorization": "Bearer junk"})
    assert answer.status == status
    answer.assert_hardened()
