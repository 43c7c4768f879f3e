"""What Chalice's Swagger says of the answers that API Gateway gives by itself."""

import json

import pytest
from chalice import Blueprint
from chalice.deploy.swagger import CFNSwaggerGenerator, SwaggerGenerator, TemplatedSwaggerGenerator

from chalicelib.api.middleware import finish_headers
from infra import chalice_cli
from tests.support.application import application

HEADER = "gatewayresponse.header."
RESPONSES = "x-amazon-apigateway-gateway-responses"
ANY = "x-amazon-apigateway-any-method"
INTEGRATION = "x-amazon-apigateway-integration"


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
                "lambda_functions": {
                    "lychgate-test-authorizer": {"arn": "arn:aws:lambda:::function:x"},
                    "lychgate-test-admin": {"arn": "arn:aws:lambda:::function:y"},
                },
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
        assert ANY in methods
        assert "options" in methods or path in {"/", "/{proxy+}"}
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
        ("ACCESS_DENIED", 401, "invalid_token"),
        ("INVALID_API_KEY", 403, "forbidden"),
        ("WAF_FILTERED", 403, "forbidden"),
        ("MISSING_AUTHENTICATION_TOKEN", 404, "not_found"),
        ("INVALID_SIGNATURE", 404, "not_found"),
        ("UNSUPPORTED_MEDIA_TYPE", 404, "not_found"),
        ("DEFAULT_4XX", 404, "not_found"),
        ("REQUEST_TOO_LARGE", 413, "payload_too_large"),
        ("THROTTLED", 503, "service_unavailable"),
        ("QUOTA_EXCEEDED", 503, "service_unavailable"),
        ("AUTHORIZER_FAILURE", 500, "internal_error"),
        ("INTEGRATION_FAILURE", 503, "service_unavailable"),
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


def test_every_401_has_the_same_challenge_whether_the_gateway_or_the_authorizer_refuses(swagger):
    responses = swagger()[RESPONSES]
    challenged = {kind: header(response, "WWW-Authenticate") for kind, response in responses.items()}
    assert {kind for kind, challenge in challenged.items() if challenge} == {"UNAUTHORIZED", "ACCESS_DENIED"}
    assert challenged["UNAUTHORIZED"].startswith("'Bearer realm=")
    assert responses["ACCESS_DENIED"] == responses["UNAUTHORIZED"]


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
        assert exposed == ("'Date, Retry-After, WWW-Authenticate'" if allowed else None)


def test_every_route_hands_unknown_methods_to_the_application_which_answers_405(app, swagger):
    paths = swagger()["paths"]
    for path in app.routes:
        any_method = paths[path][ANY]
        assert any_method[INTEGRATION]["type"] == "aws_proxy"
        assert "security" not in any_method
        named = {parameter["name"] for parameter in any_method.get("parameters", [])}
        assert named == {part[1:-1] for part in path.split("/") if part.startswith("{")}


class TestAllElse:
    def test_whatever_no_route_answers_is_not_found_without_a_function_or_an_authorizer(self, app, swagger):
        paths = swagger()["paths"]
        assert set(paths) - set(app.routes) == {"/", "/{proxy+}"}
        for path in ("/", "/{proxy+}"):
            assert set(paths[path]) == {ANY}
            assert "security" not in paths[path][ANY]
            assert paths[path][ANY][INTEGRATION]["type"] == "mock"

    def test_its_answer_is_that_of_the_gateway_response(self, swagger):
        document = swagger()
        method, same = document["paths"]["/{proxy+}"][ANY], document[RESPONSES]["RESOURCE_NOT_FOUND"]
        answer = method[INTEGRATION]["responses"]["default"]
        prefix = "method.response.header."
        headers = {name.removeprefix(prefix): value for name, value in answer["responseParameters"].items()}
        assert headers == {name.removeprefix(HEADER): value for name, value in same["responseParameters"].items()}
        assert (answer["statusCode"], answer["responseTemplates"]) == ("404", same["responseTemplates"])
        # An import refuses a header that the method response does not declare.
        assert set(method["responses"]["404"]["headers"]) == set(headers)

    def test_no_body_of_a_request_decides_what_is_answered(self, swagger):
        integration = swagger()["paths"]["/{proxy+}"][ANY][INTEGRATION]
        assert integration["passthroughBehavior"] == "never"
        assert integration["requestTemplates"] == {"application/json": '{"statusCode": 404}'}

    @pytest.mark.parametrize(
        ("routes", "wanted"),
        [
            (["/"], ["/{proxy+}"]),
            (["/a/{id}"], ["/", "/{proxy+}"]),
            (["/{page}"], ["/", "/{page}/{proxy+}"]),
            (["/{page}/edit"], ["/", "/{page}", "/{page}/{proxy+}"]),
            (["/{a}/{b}", "/{a}/x/{c}"], ["/", "/{a}", "/{a}/{b}/{proxy+}"]),
        ],
    )
    def test_no_path_has_two_variables_below_it_which_api_gateway_refuses(self, stage, routes, wanted):
        """A site may have a route that begins with a variable."""
        own = Blueprint("a site's own")
        for path in routes:
            own.route(path)(lambda **_: {})
        app = application(stage, blueprints=[own])
        document = CFNSwaggerGenerator().generate_swagger(app)
        assert sorted(set(document["paths"]) - set(app.routes)) == wanted
        for path in wanted:
            named = [parameter["name"] for parameter in document["paths"][path][ANY]["parameters"]]
            assert named == [part.strip("{}+") for part in path.split("/") if part.startswith("{")]


def test_a_stage_without_settings_is_told_which_one_is_missing(stage, swagger):
    stage["LYCHGATE_ISSUER"] = ""
    with pytest.raises(SystemExit, match=r"LYCHGATE_ISSUER .*make deploy"):
        swagger()
