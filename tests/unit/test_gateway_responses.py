"""What Chalice's Swagger says of the answers that API Gateway gives by itself."""

import json

import pytest
from chalice.deploy.swagger import CFNSwaggerGenerator, SwaggerGenerator, TemplatedSwaggerGenerator

from chalicelib.api.middleware import finish_headers
from infra import chalice_cli
from tests.support.application import application

HEADER = "gatewayresponse.header."
RESPONSES = "x-amazon-apigateway-gateway-responses"


@pytest.fixture
def stage(environment):
    """The settings of a stage, which Chalice sets before it loads the application."""
    chalice_cli.install()
    return dict(environment)


@pytest.fixture
def app(stage):
    return application(stage)


@pytest.fixture
def swagger(app):
    return lambda: CFNSwaggerGenerator().generate_swagger(app)


def header(response, name):
    return response["responseParameters"].get(HEADER + name)


def body(response):
    (template,) = response["responseTemplates"].values()
    return json.loads(template)


@pytest.mark.parametrize(
    "make",
    [
        CFNSwaggerGenerator,
        TemplatedSwaggerGenerator,
        lambda: SwaggerGenerator(
            "eu-central-1",
            {
                "api_handler_arn": "arn:aws:lambda:eu-central-1:123456789012:function:lychgate-test",
                "api_handler_name": "lychgate-test",
                "lambda_functions": {"lychgate-test-authorizer": {"arn": "arn:aws:lambda:::function:x"}},
            },
        ),
    ],
    ids=["package", "deploy", "deploy by arn"],
)
def test_every_way_of_making_the_api_declares_them(app, make):
    document = make().generate_swagger(app)
    assert document[RESPONSES]["UNAUTHORIZED"]["statusCode"] == "401"


def test_every_method_wants_the_key_of_a_distribution_where_there_is_one(stage):
    stage["LYCHGATE_DISTRIBUTION_SECRET_SHA256"] = "ab" * 32
    document = CFNSwaggerGenerator().generate_swagger(application(stage))
    assert document["securityDefinitions"]["api_key"] == {"type": "apiKey", "name": "x-api-key", "in": "header"}
    for path, methods in document["paths"].items():
        assert {"options", "x-amazon-apigateway-any-method"} <= set(methods)
        for method, operation in methods.items():
            assert {"api_key": []} in operation["security"], (method, path)
    assert document["paths"]["/me"]["get"]["security"] == [{"api_key": []}, {"authorizer": []}]


def test_without_a_distribution_no_method_wants_a_key(swagger):
    assert "api_key" not in json.dumps(swagger())


def test_each_is_a_problem_document_with_its_own_status(swagger):
    for kind, response in swagger()[RESPONSES].items():
        document = body(response)
        assert document["status"] == int(response["statusCode"]), kind
        assert document["error"]
        assert document["detail"]
        assert header(response, "Content-Type") == "'application/problem+json'"


@pytest.mark.parametrize(
    ("kind", "status", "error"),
    [
        ("UNAUTHORIZED", 401, "invalid_token"),
        ("ACCESS_DENIED", 403, "insufficient_scope"),
        ("INVALID_API_KEY", 403, "forbidden"),
        ("WAF_FILTERED", 403, "forbidden"),
        ("MISSING_AUTHENTICATION_TOKEN", 404, "not_found"),
        ("INVALID_SIGNATURE", 404, "not_found"),
        ("REQUEST_TOO_LARGE", 413, "payload_too_large"),
        ("THROTTLED", 429, "too_many_attempts"),
        ("AUTHORIZER_FAILURE", 500, "internal_error"),
        ("INTEGRATION_TIMEOUT", 503, "service_unavailable"),
        ("DEFAULT_5XX", 500, "internal_error"),
    ],
)
def test_what_the_gateway_refuses_has_the_status_and_code_of_the_contract(swagger, kind, status, error):
    response = swagger()[RESPONSES][kind]
    assert (body(response)["status"], body(response)["error"]) == (status, error)


def test_each_has_the_headers_that_the_api_sends(app, swagger):
    expected = {}
    finish_headers(expected, None, app.lychgate.http)
    for response in swagger()[RESPONSES].values():
        for name, value in expected.items():
            assert header(response, name) == f"'{value}'"


def test_the_challenge_comes_with_the_401_and_with_the_403_of_whoever_may_not(swagger):
    for kind, response in swagger()[RESPONSES].items():
        challenge = header(response, "WWW-Authenticate")
        assert (challenge is not None) is (kind in {"UNAUTHORIZED", "ACCESS_DENIED"})
    assert header(swagger()[RESPONSES]["UNAUTHORIZED"], "WWW-Authenticate").startswith("'Bearer realm=")


def test_who_was_throttled_is_told_when_to_come_back(swagger):
    assert header(swagger()[RESPONSES]["THROTTLED"], "Retry-After") == "'1'"
    assert header(swagger()[RESPONSES]["INTEGRATION_FAILURE"], "Retry-After") == "'1'"


@pytest.mark.parametrize(
    ("origins", "allowed"),
    [
        ("https://site.example", None),
        ("https://site.example,https://other.example", "'https://other.example'"),
        ("https://other.example,https://third.example", "'*'"),
    ],
)
def test_pages_on_other_origins_can_read_them_where_there_are_such_pages(stage, swagger, origins, allowed):
    stage["LYCHGATE_ALLOWED_ORIGINS"] = origins
    for response in swagger()[RESPONSES].values():
        assert header(response, "Access-Control-Allow-Origin") == allowed
        exposed = header(response, "Access-Control-Expose-Headers")
        assert exposed == ("'Retry-After, WWW-Authenticate'" if allowed else None)


def test_every_path_hands_unknown_methods_to_the_application_which_answers_405(swagger):
    for path, methods in swagger()["paths"].items():
        any_method = methods["x-amazon-apigateway-any-method"]
        assert any_method["x-amazon-apigateway-integration"]["type"] == "aws_proxy"
        assert "security" not in any_method
        named = {parameter["name"] for parameter in any_method.get("parameters", [])}
        assert named == {part[1:-1] for part in path.split("/") if part.startswith("{")}


def test_a_stage_without_settings_is_told_which_one_is_missing(stage, swagger):
    stage["LYCHGATE_ISSUER"] = ""
    with pytest.raises(SystemExit, match=r"LYCHGATE_ISSUER .*make deploy"):
        swagger()
