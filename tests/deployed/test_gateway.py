"""The deployed application as a client sees it through API Gateway, where that makes a difference."""

import hashlib
import json
from contextlib import contextmanager

import pytest

from app import app
from chalicelib.tokens.keys import generate_signing_jwk, public_jwks
from tests.support import places
from tests.support.api_client import TWO_TAKEN_AWAY, log_out_with_two_cookies, over_http
from tests.support.packaged.api_gateway import ApiGateway
from tests.support.packaged.distribution import Distribution
from tests.support.packaged.rest_api import RestApi


def test_the_gateway_has_the_routes_of_the_application(package):
    """Nothing of the application is out of reach, and nothing else is in it."""
    gateway = {
        resource.path: {
            (name, method.authorizer is not None) for name, method in resource.methods.items() if method.needs_key
        }
        for resource in RestApi(package.swagger).resources
    }
    chalice = {
        path: {(name, entry.authorizer is not None) for name, entry in methods.items()} | {("ANY", False)}
        for path, methods in app.routes.items()
    }
    assert gateway == chalice | {"/": {("ANY", False)}, "/{proxy+}": {("ANY", False)}}


def test_what_is_asked_of_administrators_reaches_their_function_and_nothing_else_does(deployment):
    token = deployment.api.register().json["access_token"]
    api, admin = (deployment.functions[name] for name in ("api_handler", "admin"))
    before = api.invocations
    deployment.api.bearer("GET", "/admin/users", token).assert_problem(403, "insufficient_scope")
    assert deployment.api.request("OPTIONS", "/admin/users").status == 204
    deployment.api.bearer("PUT", "/admin/users", token, {}).assert_problem(405, "method_not_allowed")
    assert (admin.invocations, api.invocations) == (3, before)
    assert deployment.api.me(token).status == 200
    assert (admin.invocations, api.invocations) == (3, before + 1)


def test_an_answer_of_the_authorizer_is_asked_for_once_in_five_minutes(deployment, clock):
    authorizer = deployment.functions["authorizer"]
    token = deployment.api.register().json["access_token"]
    for seconds, asked in ((0, 1), (299, 1), (1, 2), (200, 2)):
        clock.advance(seconds)
        assert deployment.api.me(token).status == 200
        assert deployment.api.bearer("GET", "/dashboard", token).status == 200
        assert authorizer.invocations == asked


def test_a_cached_answer_of_the_authorizer_never_outlives_the_token(deployment, clock):
    authorizer = deployment.functions["authorizer"]
    token = deployment.api.register().json["access_token"]
    clock.advance(599)
    assert deployment.api.me(token).status == 200
    clock.advance(1)
    answer = deployment.api.me(token)
    assert authorizer.invocations == 1
    answer.assert_problem(401, "invalid_token")
    assert answer.json["detail"] == "The access token has expired."


def test_a_final_refusal_is_asked_for_once_in_five_minutes_and_a_missing_token_is_not_even_asked_about(
    deployment, clock
):
    bad = {"Authorization": "Bearer a.b.c"}
    for headers, seconds, asked in (({}, 0, 0), (bad, 0, 1), (bad, 299, 1), (bad, 1, 2)):
        clock.advance(seconds)
        for path in ("/me", "/dashboard"):
            answer = deployment.api.request("GET", path, headers=headers)
            answer.assert_problem(401, "invalid_token")
            assert answer.challenge.startswith('Bearer realm="lychgate", error="invalid_token"')
        assert deployment.functions["authorizer"].invocations == asked
    assert deployment.functions["api_handler"].invocations == 0


def test_an_expired_token_is_refused_once_for_all_and_its_successor_is_not(deployment, clock):
    tokens = deployment.api.register().json
    clock.advance(600)
    for _ in range(2):
        deployment.api.me(tokens["access_token"]).assert_problem(401, "invalid_token")
    assert deployment.functions["authorizer"].invocations == 1
    assert deployment.api.me(deployment.api.refresh(tokens["refresh_token"]).json["access_token"]).status == 200


def test_a_token_is_good_at_once_when_its_time_has_come_though_it_was_refused_before(deployment, clock):
    clock.advance(11)
    token = deployment.api.register().json["access_token"]
    clock.advance(-11)
    deployment.api.me(token).assert_problem(401, "invalid_token")
    clock.advance(1)
    assert deployment.api.me(token).status == 200


def test_a_token_of_a_key_that_the_authorizer_does_not_know_yet_is_asked_about_each_time(deploy):
    """A new key that signs before this function was deployed with it."""
    others = json.dumps(public_jwks({"keys": [generate_signing_jwk()]}))
    deployment = deploy(authorizer={"LYCHGATE_PUBLIC_KEYS": others})
    token = deployment.api.register().json["access_token"]
    for asked in (1, 2):
        answer = deployment.api.me(token)
        answer.assert_problem(401, "invalid_token")
        assert answer.challenge.startswith('Bearer realm="lychgate", error="invalid_token"')
        assert deployment.functions["authorizer"].invocations == asked


def test_a_function_that_crashes_is_unavailable_for_a_moment_and_says_nothing_of_it(deploy):
    """It ends without an answer: no memory, an import that fails, a time-out."""
    deployment = deploy(api_handler={"PYTHONHOME": "/nowhere"})
    answer = deployment.api.request("GET", "/health", headers={"Origin": "https://other.example"})
    answer.assert_problem(503, "service_unavailable")
    answer.assert_hardened()
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["access-control-allow-origin"] == "https://other.example"


def test_an_answer_may_set_two_cookies(deploy):
    """This needs plain HTTP, as no stage has it."""
    deployment = deploy(api_handler={"LYCHGATE_ISSUER": "http://127.0.0.1:8000/api"})
    assert log_out_with_two_cookies(deployment.api).set_cookies == TWO_TAKEN_AWAY


def test_the_gateways_own_answers_reach_no_function_and_say_what_the_api_would(deployment):
    for headers in ({}, {"Authorization": "Bearer a.b.c"}, {"Authorization": "Bearer a.b.c", "Content-Type": "a/b"}):
        answer = deployment.api.request("GET", "/nowhere", headers=headers)
        answer.assert_problem(404, "not_found")
        answer.assert_hardened()
    answer = deployment.api.request("POST", "/auth/login", body=b"a" * (10 * 1024 * 1024 + 1))
    answer.assert_problem(413, "payload_too_large")
    answer.assert_hardened()
    assert {function.invocations for function in deployment.functions.values()} == {0}


def test_there_is_nothing_beside_the_stage(deployment):
    answer = deployment.host.request("GET", "/health")
    assert (answer.status, answer.json) == (403, {"message": "Forbidden"})


def test_a_static_route_goes_before_a_variable_one_and_the_variable_arrives(deployment):
    api = deployment.api
    token = api.register().json["access_token"]
    (session,) = api.bearer("GET", "/auth/sessions", token).json["sessions"]
    assert api.bearer("DELETE", f"/auth/sessions/{session['id']}", token).status == 204


@contextmanager
def distributed(gateway, **options):
    """A client of another distribution before the same gateway."""
    server = Distribution(gateway, **options).serve()
    try:
        yield over_http(server.port, below="/api")
    finally:
        server.stop()


class TestBehindTheDistribution:
    @pytest.mark.parametrize("key", [{}, {"X-Api-Key": ""}, {"X-Api-Key": "a guess"}])
    def test_no_request_to_the_apis_own_address_reaches_the_api(self, deployment, package, key):
        """API Gateway refuses them, and only guarded routes are first refused by their authorizer."""
        token = deployment.api.register().json["access_token"]
        deployment.begin()
        for resource in RestApi(package.swagger).resources:
            for name in ["PATCH" if name == "ANY" else name for name in resource.methods]:
                headers = {"Authorization": f"Bearer {token}", "Origin": "https://other.example", **key}
                path = resource.path.replace("{session_id}", "any").replace("{proxy+}", "no/such/route")
                answer = deployment.around.request(name, path, headers=headers)
                answer.assert_problem(403, "forbidden")
                answer.assert_hardened()
                assert answer.headers["access-control-allow-origin"] == "https://other.example"
        assert deployment.functions["api_handler"].invocations == 0

    def test_without_a_good_token_a_guarded_route_is_refused_by_the_authorizer_before_the_key_is_looked_at(
        self, deployment
    ):
        for headers, asked in (({}, 0), ({"Authorization": "Bearer a.b.c"}, 1)):
            deployment.around.request("GET", "/me", headers=headers).assert_problem(401, "invalid_token")
            assert deployment.functions["authorizer"].invocations == asked
        assert deployment.functions["api_handler"].invocations == 0

    def test_the_function_refuses_what_a_usage_plan_lets_in_by_mistake(self, package, running_deployment):
        """A key of another plan of the account that somebody added the stage to."""
        gateway = ApiGateway(package, running_deployment.functions, api_keys=["the key of somebody else's plan"])
        with distributed(gateway, secret="the key of somebody else's plan", viewer="198.51.100.7") as api:
            for method, path in (("GET", "/health"), ("OPTIONS", "/me"), ("POST", "/auth/login")):
                answer = api.request(method, path)
                answer.assert_problem(403, "forbidden")
                answer.assert_hardened()

    def test_a_viewer_who_sends_the_headers_is_overruled_by_the_distribution(self, deployment):
        headers = {"X-Api-Key": "mine", "X-Lychgate-Distribution": "mine"}
        assert deployment.api.request("GET", "/health", headers=headers).status == 200

    def test_the_address_is_the_viewers_whatever_the_viewer_says(self, deployment):
        with distributed(deployment.gateway, secret=places.DISTRIBUTION_SECRET, viewer="198.51.100.7") as api:
            members = {"username": "alice", "password": "correct horse battery staple", "token_delivery": "body"}
            token = api.post("/auth/register", members, headers={"X-Forwarded-For": "6.6.6.6"}).json["access_token"]
            (session,) = api.bearer("GET", "/auth/sessions", token).json["sessions"]
        assert session["ip"] == "198.51.100.7"

    def test_the_functions_know_the_secrets_hash_only(self, package):
        environment = package.functions["api_handler"].environment
        hashed = hashlib.sha256(places.DISTRIBUTION_SECRET.encode()).hexdigest()
        assert environment["LYCHGATE_DISTRIBUTION_SECRET_SHA256"] == hashed
