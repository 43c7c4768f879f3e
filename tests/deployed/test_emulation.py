"""The emulation of API Gateway itself: each rule that it keeps, with functions that answer what they are told."""

import base64
import copy
import json
from types import MappingProxyType, SimpleNamespace

import pytest

from tests.support.packaged.api_gateway import ApiGateway
from tests.support.packaged.errors import UnsupportedTemplateError
from tests.support.packaged.function import Result
from tests.support.packaged.messages import Request
from tests.support.packaged.rest_api import RestApi

URI = {"Fn::Sub": "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${APIHandler.Arn}/invocations"}
AUTHORIZER_URI = {"Fn::Sub": URI["Fn::Sub"].replace("APIHandler", "Authorizer")}
GUARDED = {"security": [{"guard": []}]}
ALLOW = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": ["arn:aws:execute-api:*:*:*/api/*/*"]}


def operation(**members):
    return {
        "responses": {},
        "x-amazon-apigateway-integration": {
            "uri": URI,
            "type": "aws_proxy",
            "httpMethod": "POST",
            "contentHandling": "CONVERT_TO_TEXT",
            "passthroughBehavior": "when_no_match",
            "responses": {"default": {"statusCode": "200"}},
        },
        **members,
    }


def mock(**members):
    return {
        "responses": {"404": {"description": "", "headers": {"X-Fixed": {"type": "string"}}}},
        "x-amazon-apigateway-integration": {
            "type": "mock",
            "passthroughBehavior": "never",
            "requestTemplates": {"application/json": '{"statusCode": 404}'},
            "responses": {
                "default": {
                    "statusCode": "404",
                    "responseParameters": {"method.response.header.X-Fixed": "'it's'"},
                    "responseTemplates": {"application/json": '{"error": "not_found"}'},
                }
            },
            **members,
        },
    }


PATHS = {
    "/a/{id}": {"get": operation()},
    "/a/b": {"get": operation(), "x-amazon-apigateway-any-method": operation()},
    "/{x}/c": {"get": operation()},
}
WITH_ALL_ELSE = {
    "/": {"x-amazon-apigateway-any-method": mock()},
    "/a": {"get": operation()},
    "/a/b": {"get": operation(), "x-amazon-apigateway-any-method": operation()},
    "/a/b/{id}": {"get": operation()},
    "/{proxy+}": {"x-amazon-apigateway-any-method": mock()},
}

RESPONSE = {
    "statusCode": "404",
    "responseParameters": {
        "gatewayresponse.header.X-Fixed": "'it's'",
        "gatewayresponse.header.X-Origin": "method.request.header.origin",
    },
    "responseTemplates": {"application/json": '{"id": "$context.requestId", "type": "$context.error.responseType"}'},
}


def swagger(paths=None, responses=None, **authorizer):
    document = {
        "swagger": "2.0",
        "info": {"title": "any", "version": "1.0"},
        "paths": paths or {"/open": {"get": operation()}, "/guarded": {"get": operation(**GUARDED)}},
        "x-amazon-apigateway-binary-media-types": ["image/png"],
        "securityDefinitions": {
            "guard": {
                "type": "apiKey",
                "in": "header",
                "name": "Authorization",
                "x-amazon-apigateway-authtype": "custom",
                "x-amazon-apigateway-authorizer": {"type": "token", "authorizerUri": AUTHORIZER_URI, **authorizer},
            }
        },
    }
    if responses:
        document["x-amazon-apigateway-gateway-responses"] = responses
    return document


class Function:
    """Answers what it is told, and remembers what it was asked."""

    def __init__(self, answer):
        self.answer = answer
        self.definition = SimpleNamespace(timeout=29)
        self.events = []

    def invoke(self, event, timeout=None):
        self.events.append(event)
        answer = self.answer(event) if callable(self.answer) else self.answer
        error = answer.pop("error", None)
        return Result(None if error else answer, error, "id", False, 0.0, None, ())


class Gateway:
    def __init__(self, document, answer=None, policy=None, api_keys=()):
        self.api = Function(answer or (lambda _: {"statusCode": 200, "body": "{}"}))
        self.authorizer = Function(policy or (lambda _: allowed()))
        self.now = 0.0
        self._gateway = ApiGateway(
            SimpleNamespace(swagger=document, stage_name="api"),
            {"api_handler": self.api, "authorizer": self.authorizer},
            clock=lambda: self.now,
            api_keys=api_keys,
        )

    def ask(self, method, target, body=b"", **headers):
        pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        return self._gateway(Request(method, f"/api{target}", pairs, body))

    def guarded(self, token="Bearer a"):
        return self.ask("GET", "/guarded", Authorization=token)


def allowed(**members):
    return {"principalId": "u1", "policyDocument": {"Version": "2012-10-17", "Statement": [dict(ALLOW)]}, **members}


def with_statements(*statements):
    return lambda _: allowed() | {"policyDocument": {"Version": "2012-10-17", "Statement": list(statements)}}


class TestSwagger:
    @pytest.mark.parametrize(
        "change",
        [
            {"host": "x"},
            {"x-amazon-apigateway-policy": {}},
            {"x-amazon-apigateway-request-validators": {}},
            {"x-amazon-apigateway-minimum-compression-size": 1},
            {"paths": {"/a": {"get": operation(**{"x-amazon-apigateway-request-validator": "all"})}}},
            {"paths": {"/a": {"trace": operation()}}},
            {"paths": {"/a/{proxy+}/b": {"get": operation()}}},
            {"paths": {"/a": {"get": mock(passthroughBehavior="when_no_match")}}},
            {"paths": {"/a": {"get": mock(cacheKeyParameters=[])}}},
            {"paths": {"/a": {"get": mock(requestTemplates={"application/json": '{"statusCode": $stage}'})}}},
            {"paths": {"/a": {"get": operation(security=[{"guard": []}, {"other": []}])}}},
            {"securityDefinitions": {"api_key": {"type": "apiKey", "name": "x-other", "in": "header"}}},
            {"paths": {"/a": {"get": operation(parameters=[{"name": "q", "in": "query"}])}}},
        ],
        ids=lambda change: json.dumps(change)[:60],
    )
    def test_what_is_not_understood_is_an_error_and_not_ignored(self, change):
        with pytest.raises(UnsupportedTemplateError, match="is not understood"):
            RestApi(swagger() | change)

    def test_what_an_import_refuses_is_an_error(self):
        for paths, words in (
            ({"/{a}": {"get": operation()}, "/{proxy+}": {"get": operation()}}, "a sibling of"),
            ({"/a/{b}": {"get": operation()}, "/a/{c}/d": {"get": operation()}}, "a sibling of"),
            ({"/a": {"get": mock() | {"responses": {"404": {}}}}}, "X-Fixed is not declared"),
            ({"/a": {"get": mock() | {"responses": {"200": {}}}}}, "404 is not declared"),
            ({"/a": {"get": mock(requestTemplates={"application/json": "{}"})}}, "has no status"),
        ):
            with pytest.raises(UnsupportedTemplateError, match=words):
                RestApi(swagger(paths))

    @pytest.mark.parametrize("member", ["type", "contentHandling", "passthroughBehavior", "responses"])
    def test_another_kind_of_integration_is_an_error(self, member):
        document = copy.deepcopy(swagger())
        document["paths"]["/open"]["get"]["x-amazon-apigateway-integration"][member] = "mock"
        with pytest.raises(UnsupportedTemplateError, match="is not understood"):
            RestApi(document)

    def test_another_kind_of_authorizer_is_an_error(self):
        with pytest.raises(UnsupportedTemplateError, match="TOKEN"):
            RestApi(swagger(type="request"))
        with pytest.raises(UnsupportedTemplateError, match="identitySource"):
            RestApi(swagger(identitySource="method.request.header.X"))


class TestRouting:
    @pytest.mark.parametrize(
        ("path", "resource", "variables"),
        [
            ("/a/b", "/a/b", None),
            ("/a/b/", "/a/b", None),
            ("/a/c", "/a/{id}", {"id": "c"}),
            ("/z/c", "/{x}/c", {"x": "z"}),
            ("/a/b%2Fc", "/a/{id}", {"id": "b/c"}),
            ("/a/%C3%A9", "/a/{id}", {"id": "é"}),
            ("/a/100%25", "/a/{id}", {"id": "100%25"}),
        ],
    )
    def test_the_static_part_wins_and_variables_arrive_decoded(self, path, resource, variables):
        gateway = Gateway(swagger(PATHS))
        assert gateway.ask("GET", path).status == 200
        (event,) = gateway.api.events
        assert (event["resource"], event["pathParameters"]) == (resource, variables)
        assert event["requestContext"]["resourcePath"] == resource

    def test_a_method_without_an_operation_is_for_any_method_or_for_nobody(self):
        gateway = Gateway(swagger(PATHS))
        assert gateway.ask("PUT", "/a/b").status == 200
        assert gateway.ask("PUT", "/a/c").status == 403
        assert gateway.ask("PROPFIND", "/a/b").status == 403
        assert len(gateway.api.events) == 1

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", "/", 404),
            ("GET", "", 404),
            ("GET", "/a", 200),
            ("PUT", "/a", 404),
            ("GET", "/a/", 200),
            ("GET", "/a/x", 404),
            ("PUT", "/a/b", 200),
            ("GET", "/a/b/c", 200),
            ("PUT", "/a/b/c", 404),
            ("GET", "/a/b/c/d", 404),
            ("GET", "//a", 404),
            ("GET", "/a%2Fb", 404),
            ("PROPFIND", "/x", 403),
        ],
    )
    def test_a_greedy_variable_takes_what_nothing_else_answers(self, method, path, status):
        gateway = Gateway(swagger(WITH_ALL_ELSE))
        assert gateway.ask(method, path).status == status
        assert len(gateway.api.events) == (status == 200)

    def test_a_signature_that_is_none_is_quoted_where_nothing_answers(self):
        answer = Gateway(swagger()).ask("GET", "/nowhere", Authorization="Bearer secret")
        assert (answer.status, dict(answer.headers)["x-amzn-ErrorType"]) == (403, "IncompleteSignatureException")
        assert "Bearer secret" in json.loads(answer.body)["message"]


class TestMock:
    def test_it_answers_with_what_is_fixed_and_reaches_no_function(self):
        gateway = Gateway(swagger(WITH_ALL_ELSE))
        answer = gateway.ask("POST", "/x", b'{"statusCode": 200}', Authorization="Bearer secret")
        assert (answer.status, answer.body) == (404, b'{"error": "not_found"}')
        assert answer.headers[:2] == (("Content-Type", "application/json"), ("X-Fixed", "it's"))
        assert gateway.api.events == gateway.authorizer.events == []

    @pytest.mark.parametrize(
        ("media_type", "status"),
        [("application/json", 404), ("application/json; charset=utf-8", 404), ("text/plain", 415)],
    )
    def test_a_media_type_without_a_template_is_unsupported(self, media_type, status):
        assert Gateway(swagger(WITH_ALL_ELSE)).ask("POST", "/x", b"a", Content_Type=media_type).status == status

    def test_it_may_ask_for_a_key(self):
        document = swagger({"/{proxy+}": {"get": mock() | {"security": [{"api_key": []}]}}})
        gateway = Gateway(document, api_keys=["k"])
        assert [gateway.ask("GET", "/x").status, gateway.ask("GET", "/x", X_API_Key="k").status] == [403, 404]


class TestAuthorizer:
    def test_its_context_arrives_as_texts(self):
        gateway = Gateway(swagger(), policy=lambda _: allowed(context={"text": "a", "number": 7, "boolean": True}))
        assert gateway.guarded().status == 200
        context = gateway.api.events[0]["requestContext"]["authorizer"]
        assert {name: context[name] for name in ("principalId", "text", "number", "boolean")} == {
            "principalId": "u1",
            "text": "a",
            "number": "7",
            "boolean": "true",
        }

    @pytest.mark.parametrize("token", [None, ""])
    def test_without_its_header_it_is_not_asked(self, token):
        gateway = Gateway(swagger())
        assert gateway.ask("GET", "/guarded", **({} if token is None else {"Authorization": token})).status == 401
        assert gateway.authorizer.events == []

    def test_what_does_not_look_like_a_token_is_refused_without_a_call(self):
        gateway = Gateway(swagger(identityValidationExpression="Bearer .+"))
        assert [gateway.guarded(token).status for token in ("Basic a", "Bearer a")] == [401, 200]
        assert len(gateway.authorizer.events) == 1

    @pytest.mark.parametrize(
        ("message", "status"), [("Unauthorized", 401), ("unauthorized", 500), ("Unauthorized.", 500), ("any", 500)]
    )
    def test_it_is_a_401_for_one_message_and_a_500_for_every_other(self, message, status):
        gateway = Gateway(swagger(), policy=lambda _: {"error": {"errorMessage": message}})
        assert gateway.guarded().status == status
        assert gateway.api.events == []

    @pytest.mark.parametrize("context", [{"a": []}, {"a": {}}, {"a": None}, "text"])
    def test_a_context_that_is_not_flat_is_a_500(self, context):
        assert Gateway(swagger(), policy=lambda _: allowed(context=context)).guarded().status == 500

    @pytest.mark.parametrize("answer", [{}, {"principalId": "u1"}, {"policyDocument": {"Statement": []}}])
    def test_an_answer_that_is_no_policy_is_a_500(self, answer):
        assert Gateway(swagger(), policy=lambda _: dict(answer)).guarded().status == 500

    @pytest.mark.parametrize(
        ("statements", "status"),
        [
            ([ALLOW], 200),
            ([], 403),
            ([ALLOW | {"Effect": "Deny"}], 403),
            ([ALLOW, ALLOW | {"Effect": "Deny"}], 403),
            ([ALLOW, ALLOW | {"Effect": "Deny", "Resource": "arn:aws:execute-api:*:*:*/api/DELETE/*"}], 200),
            ([ALLOW | {"Resource": "arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/api/GET/guarde?"}], 200),
            ([ALLOW | {"Resource": "arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/api/GET/other"}], 403),
            ([ALLOW | {"Resource": "arn:aws:execute-api:*:*:*/prod/*/*"}], 403),
            ([ALLOW | {"Action": "execute-api:*"}], 200),
            ([ALLOW | {"Action": "lambda:*"}], 403),
        ],
    )
    def test_its_policy_decides_and_a_denial_beats_a_permission(self, statements, status):
        assert Gateway(swagger(), policy=with_statements(*statements)).guarded().status == status

    def test_its_answer_is_kept_by_token_for_its_time_also_a_denial(self):
        gateway = Gateway(swagger(authorizerResultTtlInSeconds=60), policy=with_statements())
        for now, token, asked in ((0, "a", 1), (59, "a", 1), (59, "b", 2), (60, "a", 3)):
            gateway.now = now
            assert gateway.guarded(token).status == 403
            assert len(gateway.authorizer.events) == asked

    def test_a_time_of_none_keeps_nothing(self):
        gateway = Gateway(swagger(authorizerResultTtlInSeconds=0))
        assert [gateway.guarded().status for _ in range(2)] == [200, 200]
        assert len(gateway.authorizer.events) == 2


class TestApiKeys:
    PATHS = MappingProxyType(
        {
            "/open": {"get": operation(security=[{"api_key": []}])},
            "/guarded": {"get": operation(security=[{"api_key": []}, {"guard": []}])},
            "/keyless": {"get": operation()},
        }
    )

    @pytest.mark.parametrize(
        ("headers", "status"),
        [({}, 403), ({"X_API_Key": "a"}, 403), ({"X_API_Key": "k1"}, 200), ({"x_api_key": "k2"}, 200)],
    )
    def test_a_method_that_wants_one_takes_those_of_its_plan(self, headers, status):
        gateway = Gateway(swagger(self.PATHS), api_keys=["k1", "k2"])
        answer = gateway.ask("GET", "/open", **headers)
        assert answer.status == status
        assert len(gateway.api.events) == (status == 200)
        if status == 403:
            assert json.loads(answer.body) == {"message": "Forbidden"}

    def test_a_method_that_wants_none_looks_at_none(self):
        assert Gateway(swagger(self.PATHS)).ask("GET", "/keyless").status == 200

    def test_without_a_plan_no_key_is_good(self):
        assert Gateway(swagger(self.PATHS)).ask("GET", "/open", X_API_Key="").status == 403

    @pytest.mark.parametrize(
        ("headers", "status", "asked"),
        [({}, 401, 0), ({"Authorization": "a"}, 403, 1), ({"X_API_Key": "k1"}, 401, 0)],
    )
    def test_the_authorizer_comes_first(self, headers, status, asked):
        gateway = Gateway(swagger(self.PATHS), api_keys=["k1"])
        assert gateway.ask("GET", "/guarded", **headers).status == status
        assert len(gateway.authorizer.events) == asked
        assert gateway.api.events == []


class TestGatewayResponses:
    def test_without_one_the_gateway_has_its_own_words(self):
        answer = Gateway(swagger()).ask("GET", "/nowhere")
        assert (answer.status, json.loads(answer.body)) == (403, {"message": "Missing Authentication Token"})

    def test_it_replaces_status_headers_and_body(self):
        gateway = Gateway(swagger(responses={"MISSING_AUTHENTICATION_TOKEN": RESPONSE}))
        answer = gateway.ask("GET", "/nowhere", Origin="https://a.example")
        headers = dict(answer.headers)
        assert (answer.status, headers["X-Fixed"], headers["X-Origin"]) == (404, "it's", "https://a.example")
        assert json.loads(answer.body) == {"id": headers["x-amzn-RequestId"], "type": "MISSING_AUTHENTICATION_TOKEN"}
        assert "X-Origin" not in dict(gateway.ask("GET", "/nowhere").headers)

    def test_types_without_one_take_the_default_of_their_class(self):
        gateway = Gateway(swagger(responses={"DEFAULT_4XX": RESPONSE | {"statusCode": "418"}}))
        assert gateway.ask("GET", "/nowhere").status == 418
        assert gateway.guarded("").status == 418

    def test_a_variable_that_is_not_known_is_an_error(self):
        response = RESPONSE | {"responseTemplates": {"application/json": "$context.unheard.of"}}
        gateway = Gateway(swagger(responses={"MISSING_AUTHENTICATION_TOKEN": response}))
        with pytest.raises(UnsupportedTemplateError, match=r"context\.unheard\.of"):
            gateway.ask("GET", "/nowhere")


class TestProxyIntegration:
    def test_headers_and_queries_arrive_whole(self):
        gateway = Gateway(swagger())
        pairs = (("X-A", "1"), ("X-A", "2"), ("X-B", "3"))
        gateway._gateway(Request("GET", "/api/open?q=1&q=%C3%A9&e=", pairs))
        (event,) = gateway.api.events
        assert event["headers"]["X-A"] == "2"
        assert event["multiValueHeaders"]["X-A"] == ["1", "2"]
        assert event["queryStringParameters"] == {"q": "é", "e": ""}
        assert event["multiValueQueryStringParameters"] == {"q": ["1", "é"], "e": [""]}
        assert (event["path"], event["requestContext"]["path"]) == ("/open", "/api/open")
        assert (event["body"], event["isBase64Encoded"]) == (None, False)

    def test_the_peers_address_is_the_last_of_x_forwarded_for(self):
        gateway = Gateway(swagger())
        gateway.ask("GET", "/open", X_Forwarded_For="6.6.6.6")
        assert gateway.api.events[0]["headers"]["X-Forwarded-For"] == "6.6.6.6, 127.0.0.1"

    def test_a_body_is_a_text_unless_its_type_is_binary(self):
        gateway = Gateway(swagger())
        gateway.ask("GET", "/open", b"\xff{}", Content_Type="application/json")
        gateway.ask("GET", "/open", b"\xff", Content_Type="image/png")
        text, binary = gateway.api.events
        assert (text["body"], text["isBase64Encoded"]) == ("\ufffd{}", False)
        assert (binary["body"], binary["isBase64Encoded"]) == (base64.b64encode(b"\xff").decode(), True)

    def test_headers_of_an_answer_are_merged_and_some_renamed(self):
        answer = {
            "statusCode": "201",
            "headers": {"X-A": "single", "X-B": 7, "WWW-Authenticate": "Bearer", "Date": "never"},
            "multiValueHeaders": {"X-A": ["1", "2"], "Set-Cookie": ["a", "b"]},
            "body": "é",
        }
        response = Gateway(swagger(), answer=lambda _: dict(answer)).ask("GET", "/open")
        assert (response.status, response.body) == (201, "é".encode())
        pairs = [pair for pair in response.headers if not pair[0].startswith(("x-amzn-Req", "x-amz-apigw"))]
        assert pairs == [
            ("X-B", "7"),
            ("x-amzn-Remapped-WWW-Authenticate", "Bearer"),
            ("x-amzn-Remapped-Date", "never"),
            ("X-A", "1"),
            ("X-A", "2"),
            ("Set-Cookie", "a"),
            ("Set-Cookie", "b"),
            ("Content-Type", "application/json"),
        ]

    @pytest.mark.parametrize(("accept", "body"), [("image/png", b"\x00"), ("*/*", b"AA==")])
    def test_bytes_are_for_those_who_accept_them_first(self, accept, body):
        answer = {"statusCode": 200, "body": "AA==", "isBase64Encoded": True}
        response = Gateway(swagger(), answer=lambda _: dict(answer)).ask("GET", "/open", Accept=accept)
        assert response.body == body

    @pytest.mark.parametrize(
        "answer",
        [
            {},
            {"statusCode": "many"},
            {"statusCode": 200, "body": {}},
            {"statusCode": 200, "unknown": 1},
            {"statusCode": 200, "headers": {"X": ["a"]}},
            {"statusCode": 200, "headers": ["a"]},
        ],
    )
    def test_a_malformed_answer_is_a_502(self, answer):
        response = Gateway(swagger(), answer=lambda _: dict(answer)).ask("GET", "/open")
        assert (response.status, json.loads(response.body)) == (502, {"message": "Internal server error"})

    @pytest.mark.parametrize(("error_type", "seconds"), [("KeyError", 29), ("Sandbox.Timedout", 10)])
    def test_an_error_of_the_function_is_a_failure_of_the_integration(self, error_type, seconds):
        responses = {"INTEGRATION_FAILURE": RESPONSE | {"statusCode": "503"}}
        for declared, status in (({}, 502), (responses, 503)):
            gateway = Gateway(swagger(responses=declared))
            gateway.api.answer = {"error": {"errorType": error_type, "errorMessage": "x"}}
            gateway.api.definition = SimpleNamespace(timeout=seconds)
            assert gateway.ask("GET", "/open").status == status

    def test_an_answer_that_comes_too_late_is_a_504(self):
        late = {"error": {"errorType": "Sandbox.Timedout", "errorMessage": "x"}}
        response = Gateway(swagger(), answer=lambda _: dict(late)).ask("GET", "/open")
        assert (response.status, json.loads(response.body)) == (504, {"message": "Endpoint request timed out"})


class TestQuotas:
    def test_a_body_may_have_10_mib(self):
        gateway = Gateway(swagger())
        limit = 10 * 1024 * 1024
        assert [gateway.ask("GET", "/open", b"a" * size).status for size in (limit, limit + 1)] == [200, 413]

    def test_request_line_and_header_values_together_may_have_10240_bytes_and_no_response_is_of_the_api(self):
        gateway = Gateway(swagger(responses={"DEFAULT_4XX": RESPONSE}))
        rest = 10_240 - 5120 - len("GET /api/open HTTP/1.1")
        halves = {"X_A": "a" * 5120, "X_B": "b" * rest}
        assert gateway.ask("GET", "/open", **halves).status == 200
        answer = gateway.ask("GET", "/open", **halves, X_C="c")
        assert (answer.status, json.loads(answer.body)) == (431, {"message": "HTTP header is larger than 10240 bytes."})

    def test_the_arn_of_a_guarded_method_may_have_1600_bytes(self):
        gateway = Gateway(swagger({"/g/{id}": {"get": operation(**GUARDED)}}))
        prefix = len("arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/api/GET/g/")
        for length, status in ((1600, 200), (1601, 414)):
            assert gateway.ask("GET", f"/g/{'x' * (length - prefix)}", Authorization="Bearer a").status == status
