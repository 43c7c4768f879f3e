"""Where a stage has a distribution's secret, a request without it is refused, whatever it asks for."""

import hashlib
import json

import pytest

from chalicelib.telemetry import log

SECRET = "a secret that only the distribution knows"
NEXT_SECRET = "the one that it will send next"
HEADER = "X-Lychgate-Distribution"


@pytest.fixture
def behind_a_distribution(settings):
    digests = [hashlib.sha256(secret.encode()).hexdigest() for secret in (SECRET, NEXT_SECRET)]
    settings["LYCHGATE_DISTRIBUTION_SECRET_SHA256"] = ",".join(digests)


class ThroughTheDistribution:
    """A client whose every request has the secret."""

    def __init__(self, api, secret=SECRET):
        self._api = api
        self._headers = {HEADER: secret}

    def register(self):
        members = {"username": "alice", "password": "correct horse battery staple"}
        return self._api.post("/auth/register", members, headers=self._headers)

    def request(self, method, path):
        return self._api.request(method, path, headers=self._headers)


def event(method, path):
    """What API Gateway sends to the function, for a guarded route with the principal that its authorizer found."""
    return {
        "requestContext": {
            "resourcePath": path,
            "httpMethod": method,
            "path": path,
            "identity": {"sourceIp": "203.0.113.9"},
            "authorizer": {"principalId": "user", "sub": "user", "sid": "session"},
        },
        "headers": {"content-type": "application/json"},
        "multiValueQueryStringParameters": None,
        "pathParameters": {"session_id": "any"},
        "stageVariables": {},
        "body": "{}",
        "isBase64Encoded": False,
    }


def every_route(application):
    return [(method, path) for path, methods in application.routes.items() for method in methods]


@pytest.mark.usefixtures("behind_a_distribution")
class TestBehindADistribution:
    @pytest.mark.parametrize("sent", [{}, {HEADER: ""}, {HEADER: "a guess"}, {HEADER: SECRET.upper()}, {HEADER: "é"}])
    def test_every_route_is_forbidden_without_the_secret(self, api, application, sent):
        for method, path in every_route(application):
            answer = api.request(method, path.replace("{session_id}", "any"), headers=sent)
            answer.assert_problem(403, "forbidden")
            answer.assert_hardened()

    def test_a_good_token_and_an_unknown_route_or_method_change_nothing(self, api):
        token = ThroughTheDistribution(api).register().json["access_token"]
        for method, path in (("GET", "/me"), ("GET", "/nowhere"), ("DELETE", "/health"), ("OPTIONS", "/me")):
            answer = api.request(method, path, headers={"Authorization": f"Bearer {token}"})
            answer.assert_problem(403, "forbidden")

    def test_the_page_of_an_allowed_origin_may_read_the_refusal(self, api):
        answer = api.request("OPTIONS", "/auth/login", headers={"Origin": "https://other.example"})
        answer.assert_problem(403, "forbidden")
        assert answer.headers["access-control-allow-origin"] == "https://other.example"

    @pytest.mark.parametrize("secret", [SECRET, NEXT_SECRET])
    def test_either_of_the_two_secrets_of_a_change_is_let_in(self, api, secret):
        viewer = ThroughTheDistribution(api, secret)
        assert viewer.request("GET", "/health").status == 200
        assert viewer.request("OPTIONS", "/health").status == 204
        viewer.request("GET", "/me").assert_problem(401, "invalid_token")
        viewer.request("GET", "/nowhere").assert_problem(404, "not_found")

    def test_the_function_refuses_by_itself_and_says_why_in_its_line(self, application, capsys):
        log.configure({"AWS_LAMBDA_FUNCTION_NAME": "lychgate-test"})
        try:
            answers = [application(event(*route), None) for route in [*every_route(application), ("TRACE", "/health")]]
        finally:
            log.configure({})
        assert {answer["statusCode"] for answer in answers} == {403}
        assert {json.loads(answer["body"])["error"] for answer in answers} == {"forbidden"}
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert {line["reason"] for line in lines} == {"not through the distribution"}
        assert len(lines) == len(answers)


def test_a_stage_without_a_distribution_asks_for_no_secret(api):
    assert api.request("GET", "/health").status == 200
