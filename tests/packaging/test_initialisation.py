"""What the API Lambda does before its first request, and what becomes of a failure there."""

import json
import subprocess

import pytest

from chalicelib.tokens.keys import public_jwks
from infra.keys.ring import new_ring
from tests.support.packaging_project import PYTHON

SETTINGS = {
    "LYCHGATE_ISSUER": "https://site.test/api",
    "LYCHGATE_PUBLIC_KEYS": json.dumps(public_jwks(new_ring())),
    "LYCHGATE_SIGNING_KEYS_PARAMETER": "/p",
    **{f"LYCHGATE_{kind}_TABLE": kind for kind in ("USERS", "SESSIONS", "EVENTS", "THROTTLE", "MAIL")},
}
ANSWER_TWICE = """
import json
import app
from chalicelib import wiring
event = {
    "resource": "/auth/login", "path": "/auth/login", "httpMethod": "POST", "pathParameters": None,
    "queryStringParameters": None, "multiValueQueryStringParameters": None, "stageVariables": None,
    "headers": {"Content-Type": "application/json"}, "multiValueHeaders": {"Content-Type": ["application/json"]},
    "body": json.dumps({"username": "alice", "password": "correct horse battery staple"}), "isBase64Encoded": False,
    "requestContext": {
        "resourcePath": "/auth/login", "httpMethod": "POST", "requestId": "1", "identity": {"sourceIp": "192.0.2.1"}
    },
}
for _ in range(2):
    answer = app.app(event, None)
    print("ANSWER", json.dumps([answer["statusCode"], json.loads(answer["body"])["error"]]))
"""


def start(code, statement, **environment):
    """Run a statement in a fresh process with the package alone. Returns the lines that it printed."""
    done = subprocess.run(
        [PYTHON, "-S", "-s", "-c", statement],
        cwd=code,
        env={"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1", "AWS_LAMBDA_FUNCTION_NAME": "f", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()


def answers(lines):
    """Return each answer with the reason that the log gives for it."""
    told = [json.loads(line.removeprefix("ANSWER ")) for line in lines if line.startswith("ANSWER ")]
    logged = [json.loads(line) for line in lines if line.startswith("{")]
    return [(*answer, line["reason"]) for answer, line in zip(told, logged, strict=True)]


@pytest.mark.parametrize("handler", [None, "chalicelib.authorizer.authorizer", "app.other"])
def test_nothing_is_built_before_it_is_asked_for_anywhere_but_in_the_api_lambda(code, handler):
    environment = {} if handler is None else {"_HANDLER": handler}
    statement = """
from chalicelib import wiring
wiring.Lychgate._build = lambda lychgate: print("built")
import app
"""
    assert start(code, statement, **environment) == []
    assert start(code, statement + "app.app.lychgate.use_cases", **environment) == ["built"]


def test_the_api_lambda_builds_its_use_cases_as_it_starts(code):
    statement = """
from chalicelib import wiring
wiring.Lychgate._build = lambda lychgate: print("built") or "use cases"
import app
print("started", app.app.lychgate.use_cases)
"""
    for handler in ("app.app", "app.admin"):
        assert start(code, statement, _HANDLER=handler) == ["built", "started use cases"]


@pytest.mark.parametrize("handler", [{}, {"_HANDLER": "app.app"}], ids=["on demand", "as it starts"])
def test_a_setting_that_is_missing_gets_the_same_answer_whenever_it_is_noticed(code, handler):
    lines = start(code, ANSWER_TWICE, **handler)
    assert answers(lines) == [(500, "internal_error", "LYCHGATE_ISSUER is not set")] * 2


def test_a_parameter_store_that_does_not_answer_gets_the_same_answer(code):
    aws = {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    nobody = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}
    lines = start(code, ANSWER_TWICE, _HANDLER="app.app", **SETTINGS, **aws, **nobody)
    assert answers(lines) == [(503, "service_unavailable", "EndpointConnectionError")] * 2


def test_a_failure_is_told_once_and_then_tried_again(code):
    statement = """
from chalicelib import wiring
built = []
def build(lychgate):
    built.append(1)
    if len(built) == 1:
        raise LookupError("for now")
    return "use cases"
wiring.Lychgate._build = build
import app
assert built == [1]
try:
    app.app.lychgate.use_cases
except LookupError as told:
    print(told)
print(app.app.lychgate.use_cases, len(built))
"""
    assert start(code, statement, _HANDLER="app.app") == ["for now", "use cases 2"]
