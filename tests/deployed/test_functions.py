"""Each function of the package, cold and warm, under AWS's runtime client."""

import json
import os
import re
import signal
import socket
from pathlib import Path

import pytest

from tests.support import places

HEALTH = {
    "requestContext": {
        "resourcePath": "/health",
        "httpMethod": "GET",
        "path": "/api/health",
        "requestId": "the-request",
    },
    "headers": {"x-lychgate-distribution": places.DISTRIBUTION_SECRET},
    "multiValueQueryStringParameters": None,
    "pathParameters": None,
    "stageVariables": None,
    "body": None,
    "isBase64Encoded": False,
}
REFUSED = {
    "type": "TOKEN",
    "authorizationToken": "Bearer a.b.c",
    "methodArn": "arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/api/GET/me",
}
GONE = {
    "Records": [
        {
            "eventName": "INSERT",
            "dynamodb": {
                "Keys": {"mail_id": {"S": "gone"}},
                "NewImage": {"mail_id": {"S": "gone"}, "kind": {"S": "reset"}},
                "SequenceNumber": "1",
            },
        }
    ]
}
"""A mail that is in the outbox no longer."""
PUT_BACK = {
    "Records": [
        {
            "eventName": "INSERT",
            "dynamodb": {
                "ApproximateCreationDateTime": 1_800_000_000,
                "NewImage": {
                    "user_id": {"S": "u1"},
                    "event_id": {"S": "001700000000-01700000000000000000-abcdefgh"},
                    "type": {"S": "registered"},
                    "at": {"N": "1700000000"},
                },
                "SequenceNumber": "1",
            },
        }
    ]
}
"""An event that the endpoint has heard of long ago."""
EVENTS = {"api_handler": HEALTH, "authorizer": REFUSED, "mailer": GONE, "admin": HEALTH, "webhooks": PUT_BACK}
USERS = {
    **HEALTH,
    "requestContext": {**HEALTH["requestContext"], "resourcePath": "/admin/users", "path": "/api/admin/users"},
}


def test_the_api_starts_cold_from_the_zip_and_is_warm_afterwards(start):
    function = start("api_handler", under_clock=False)
    cold, warm = function.invoke(HEALTH), function.invoke(HEALTH)
    assert [result.answer["statusCode"] for result in (cold, warm)] == [200, 200]
    assert [result.cold for result in (cold, warm)] == [True, False]
    assert cold.init_seconds > 0
    assert function.cold_starts == 1


@pytest.mark.parametrize(("name", "own", "other"), [("api_handler", HEALTH, USERS), ("admin", USERS, HEALTH)])
def test_a_function_answers_its_own_routes_only_whatever_it_is_asked(start, name, own, other):
    function = start(name, under_clock=False)
    assert function.invoke(other).answer["statusCode"] == 404
    assert json.loads(function.invoke(other).answer["body"])["error"] == "not_found"
    assert function.invoke(own).answer["statusCode"] in {200, 401}
    line = json.loads(function.recent_log[-1])
    # The metrics of the API are those of both.
    assert (line["function"], line["route"]) == ("lychgate-test", f"GET {own['requestContext']['resourcePath']}")


def test_the_authorizer_starts_cold_from_the_zip_and_answers(start, deployment):
    function = start("authorizer")
    refused = function.invoke(REFUSED)
    assert (refused.cold, refused.answer["policyDocument"]["Statement"][0]["Effect"]) == (True, "Deny")
    assert [line for line in refused.log if "Traceback" in line or '"level": "ERROR"' in line] == []
    token = deployment.api.register().json["access_token"]
    allowed = function.invoke(REFUSED | {"authorizationToken": f"Bearer {token}"})
    assert (allowed.cold, allowed.answer["policyDocument"]["Statement"][0]["Effect"]) == (False, "Allow")


def test_every_cold_start_is_a_process_of_its_own(start):
    function = start("authorizer", under_clock=False)
    processes = []
    for _ in range(2):
        assert function.invoke(REFUSED).cold
        processes += function.process_ids()
        function.end()
    assert len(set(processes)) == 2
    assert function.process_ids() == []


def imported(start, name, environment=()):
    """What a process of a function imports until its first answer."""
    result = start(name, {"PYTHONVERBOSE": "1", **dict(environment)}, under_clock=False).invoke(EVENTS[name])
    return {module for line in result.log for module in re.findall(r"^import '([\w.]+)'", line)}, "\n".join(result.log)


def test_the_authorizer_loads_neither_the_application_nor_aws_nor_bcrypt(start):
    modules, _ = imported(start, "authorizer")
    assert {"chalicelib.authorizer", "jwt"} <= modules
    assert {"app", "boto3", "botocore", "bcrypt", "chalicelib.api", "chalicelib.wiring"} & modules == set()


def test_the_mailer_loads_neither_the_application_nor_what_knows_passwords_and_tokens(start, tables):
    modules, log = imported(start, "mailer")
    assert {"chalicelib.mailer", "chalicelib.mails.rendering", "chalicelib.adapters.ses"} <= modules, log
    unwanted = {"app", "boto3", "bcrypt", "cryptography", "jwt"}
    assert (unwanted | {f"chalicelib.{room}" for room in ("api", "tokens", "wiring")}) & modules == set()


def test_the_function_of_webhooks_loads_neither_the_application_nor_what_knows_passwords_and_tokens(start):
    endpoint = {"LYCHGATE_WEBHOOK_URL": "https://receiver.example/hooks"}
    modules, log = imported(start, "webhooks", endpoint)
    assert {"chalicelib.webhooks", "chalicelib.adapters.webhook_endpoint"} <= modules, log
    assert '"outcome": "put_back"' in log
    unwanted = {"app", "boto3", "bcrypt", "cryptography", "jwt"}
    unwanted |= {
        f"chalicelib.{name}" for name in ("api", "tokens", "wiring", "adapters.dynamodb.items", "mails.rendering")
    }
    assert unwanted & modules == set()


@pytest.mark.parametrize(
    "path",
    [
        "adapters/ses",
        "adapters/webhook_endpoint",
        "mailer_wiring",
        "mails/rendering",
        "use_cases/deliver",
        "use_cases/send_webhooks",
        "webhooks_wiring",
    ],
)
def test_the_api_loads_nothing_that_only_the_functions_of_streams_need(start, path):
    modules, _ = imported(start, "api_handler")
    assert f"chalicelib.{path.replace('/', '.')}" not in modules


@pytest.mark.parametrize("name", EVENTS)
def test_a_process_loads_nothing_of_this_machine_but_python(start, name, package):
    _, log = imported(start, name)
    loaded = {Path(path) for path in re.findall(r"code object from '?([^'\n]+)", log)}
    assert any(path.is_relative_to(package.code.resolve()) for path in loaded)
    of_the_project = [path for path in loaded if path.is_relative_to(places.ROOT)]
    assert [path for path in of_the_project if not path.is_relative_to(places.ROOT / ".tools" / "packages")] == []
    assert "site-packages" not in log.replace(str(package.code.resolve()), "").replace(str(package.code), "")


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="there is no /proc")
@pytest.mark.parametrize("name", EVENTS)
def test_a_process_has_lambdas_environment_and_nothing_of_this_processs(start, name, package, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "https://leaked.example")
    monkeypatch.setenv("LYCHGATE_BCRYPT_COST", "16")
    function = start(name, under_clock=False)
    function.invoke(EVENTS[name])
    (process,) = function.process_ids()
    pairs = Path(f"/proc/{process}/environ").read_bytes().decode().strip("\0").split("\0")
    environment = dict(pair.split("=", 1) for pair in pairs)
    own = {variable for variable in environment if variable.startswith("LYCHGATE_")} - {"LYCHGATE_TEST_CLOCK"}
    assert own == set(package.functions[name].environment)
    assert environment["_HANDLER"] == package.functions[name].handler
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == package.functions[name].name
    assert environment["LAMBDA_TASK_ROOT"] == str(package.code)
    assert "PYTHONDONTWRITEBYTECODE" not in environment
    # "Lambda runtime environment variables" in the AWS Lambda Developer Guide; the endpoint is this test's.
    known = r"_HANDLER|AWS_\w+|LAMBDA_(TASK_ROOT|RUNTIME_DIR)|LANG|LYCHGATE_\w+|PATH|PYTHONPATH|TZ"
    assert [variable for variable in environment if not re.fullmatch(known, variable)] == []


@pytest.mark.parametrize("name", EVENTS)
def test_a_process_writes_nothing_beside_its_code(start, name, package):
    before = sorted(package.code.rglob("*"))
    start(name, under_clock=False).invoke(EVENTS[name])
    assert sorted(package.code.rglob("*")) == before


def json_lines(log):
    return [json.loads(line) for line in log]


def test_every_line_of_the_api_is_json_and_carries_the_gateways_request_id(deployment):
    api, gateway, log = deployment.api, deployment.gateway, deployment.functions["api_handler"].recent_log
    api.register()
    for call in (lambda: api.login(password="wrong horse battery staple"), lambda: api.request("GET", "/health")):
        log.clear()
        call()
        (line,) = json_lines(log)
        assert line["request_id"] == gateway.latest_request_id
        assert line["function"] == "lychgate-test"


def test_the_line_of_a_refused_token_is_json_and_holds_nothing_of_the_token(deployment):
    deployment.api.me("Marked.Token.31")
    # After it AWS's own runtime writes of the exception that the answer 401 takes.
    line = json.loads(deployment.functions["authorizer"].recent_log[0])
    assert (line["error"], line["function"]) == ("invalid_token", "lychgate-test-authorizer")
    assert not any("Marked" in text for text in deployment.functions["authorizer"].recent_log)


@pytest.mark.parametrize(
    "variable", ["LYCHGATE_USERS_TABLE", "LYCHGATE_SIGNING_KEYS_PARAMETER", "LYCHGATE_ISSUER", "LYCHGATE_PUBLIC_KEYS"]
)
def test_an_unusable_setting_is_a_500_without_detail_and_a_line_that_names_it(deploy, variable):
    deployment = deploy(api_handler={variable: ""})
    answer = deployment.api.login()
    answer.assert_problem(500, "internal_error")
    assert "LYCHGATE" not in answer.body.decode()
    assert variable in "\n".join(deployment.functions["api_handler"].recent_log)


def test_an_authorizer_that_cannot_start_opens_nothing(deploy):
    deployment = deploy(authorizer={"LYCHGATE_PUBLIC_KEYS": "junk"})
    token = deployment.api.register().json["access_token"]
    answer = deployment.api.me(token)
    answer.assert_problem(500, "internal_error")
    answer.assert_hardened()
    assert "LYCHGATE_PUBLIC_KEYS" in "\n".join(deployment.functions["authorizer"].recent_log)


def test_a_parameter_store_out_of_reach_is_unavailable_and_asked_again(deploy):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        deployment = deploy(api_handler={"AWS_ENDPOINT_URL_SSM": endpoint})
        deployment.api.register().assert_problem(503, "service_unavailable")


def test_what_takes_too_long_is_ended_and_the_next_call_starts_anew(start):
    function = start("authorizer", under_clock=False)
    function.invoke(REFUSED)
    (process,) = function.process_ids()
    os.kill(process, signal.SIGSTOP)
    assert function.invoke(REFUSED, timeout=0.2).error["errorType"] == "Sandbox.Timedout"
    assert function.process_ids() == []
    assert function.invoke(REFUSED).cold


def test_a_process_that_dies_is_an_error_and_is_replaced(start):
    function = start("authorizer", under_clock=False)
    function.invoke(REFUSED)
    (process,) = function.process_ids()
    os.kill(process, signal.SIGKILL)
    assert function.invoke(REFUSED).error["errorType"] == "Runtime.ExitError"
    assert function.invoke(REFUSED).error is None
