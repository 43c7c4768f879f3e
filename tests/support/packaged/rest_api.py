"""A REST API as its Swagger defines it, for the emulation of API Gateway.

Owns which constructs are known. An unknown one raises an error, so that changes of other Chalice versions are noticed.
The extensions are described in the API Gateway Developer Guide, "OpenAPI extensions for API Gateway".

What an import refuses is an error too: two variables beside each other, and a header that a method response does not
declare.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from tests.support.packaged.errors import UnsupportedTemplateError
from tests.support.packaged.template import function_in_uri

ANY_METHOD = "x-amazon-apigateway-any-method"
API_KEY = "api_key"
INTEGRATION = "x-amazon-apigateway-integration"

_KNOWN_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch"})
"""The methods that ANY stands for ("Set up a method using the API Gateway console")."""
_METHODS = _KNOWN_METHODS | {ANY_METHOD}
_SWAGGER = frozenset(
    {
        "swagger",
        "info",
        "schemes",
        "paths",
        "definitions",
        "securityDefinitions",
        "x-amazon-apigateway-binary-media-types",
        "x-amazon-apigateway-gateway-responses",
    }
)
_OPERATION = frozenset(
    {
        "consumes",
        "description",
        "parameters",
        "produces",
        "responses",
        "security",
        "summary",
        INTEGRATION,
    }
)
_PROXY_INTEGRATION = {
    "contentHandling": "CONVERT_TO_TEXT",
    "httpMethod": "POST",
    "passthroughBehavior": "when_no_match",
    "responses": {"default": {"statusCode": "200"}},
    "type": "aws_proxy",
}
_MOCK_INTEGRATION = frozenset({"type", "passthroughBehavior", "requestTemplates", "responses"})
_INTEGRATION_RESPONSE = frozenset({"statusCode", "responseParameters", "responseTemplates"})
_STATIC = re.compile(r"'(.*)'", re.DOTALL)
"""A static value of a header: the outer quotes are not part of it."""
_AUTHORIZER = frozenset({"type", "authorizerUri", "authorizerResultTtlInSeconds", "identityValidationExpression"})
_GATEWAY_RESPONSE = frozenset({"statusCode", "responseParameters", "responseTemplates"})

DEFAULT_TTL = 300
"""Seconds for which an authorizer's answer is kept where the Swagger does not say (`authorizerResultTtlInSeconds`)."""


@dataclass(frozen=True)
class TokenAuthorizer:
    """A TOKEN authorizer: its function, its input, and how long its answer is cached."""

    name: str
    function: str
    header: str
    """The identity source."""
    pattern: str | None
    """The pattern that the header's value has to match before the function is called."""
    ttl: int
    """Seconds."""


@dataclass(frozen=True)
class GatewayResponse:
    """One type of gateway response."""

    status: int | None
    headers: Mapping[str, str]
    """Mapping expressions by header name: a quoted string, or `method.request.header.NAME`."""
    templates: Mapping[str, str]
    """By media type."""


@dataclass(frozen=True)
class Mock:
    """A MOCK integration: one answer, which reaches no function ("Mock integrations for REST APIs in API Gateway")."""

    request_types: frozenset[str]
    """The media types of requests that have a template. Every other one is unsupported, as `never` says."""
    status: int
    headers: Mapping[str, str]
    body: str


@dataclass(frozen=True)
class Method:
    """A method of a resource: what answers it, its authorizer, and whether it asks for an API key."""

    integration: str | Mock
    """The function's name, or the answer."""
    authorizer: TokenAuthorizer | None
    needs_key: bool


@dataclass(frozen=True)
class Resource:
    """A path of the API."""

    path: str
    """With its variables in braces."""
    methods: Mapping[str, Method]
    """By name in upper case; `ANY` is for those that have none of their own."""

    def method(self, name: str) -> Method | None:
        """Return what answers a method."""
        any_other = self.methods.get("ANY") if name.lower() in _KNOWN_METHODS else None
        return self.methods.get(name) or any_other


class RestApi:
    """The API's resources, gateway responses and binary media types. Raises UnsupportedTemplateError."""

    def __init__(self, swagger: Mapping[str, Any]) -> None:
        _only("the Swagger", swagger, _SWAGGER)
        self.title = str(swagger["info"]["title"])
        self.binary_media_types = frozenset(swagger.get("x-amazon-apigateway-binary-media-types", []))
        self.gateway_responses = {
            kind: _gateway_response(kind, response)
            for kind, response in swagger.get("x-amazon-apigateway-gateway-responses", {}).items()
        }
        self.authorizers = {
            name: _authorizer(name, definition)
            for name, definition in swagger.get("securityDefinitions", {}).items()
            if not _is_api_key(name, definition)
        }
        self.resources = [self._resource(path, item) for path, item in swagger["paths"].items()]
        _refuse_siblings(resource.path for resource in self.resources)

    def match(self, path: str, name: str) -> tuple[Resource, dict[str, str], Method] | None:
        """Return the resource of a path below the stage, still encoded, its decoded variables, and the named method.

        A static part goes before a variable one, and that before a greedy one, part by part from the left. A resource
        without the method is passed over. A trailing slash makes no difference, as Chalice's own local gateway has it.
        """
        parts = [unquote(part) for part in path.removesuffix("/").split("/")]
        matching = [
            (resource, variables, method)
            for resource in self.resources
            if (method := resource.method(name)) is not None
            and (variables := _variables(resource.path.removesuffix("/").split("/"), parts)) is not None
        ]
        return min(matching, key=lambda found: _rank(found[0].path)) if matching else None

    def _resource(self, path: str, item: Mapping[str, Any]) -> Resource:
        _only(path, item, _METHODS)
        if "+}" in path and not re.fullmatch(r"[^+]*/\{\w+\+\}", path):
            raise UnsupportedTemplateError(f"{path}: a greedy variable that is not the end is not understood")
        methods = {
            "ANY" if name == ANY_METHOD else name.upper(): self._method(f"{name} {path}", operation)
            for name, operation in item.items()
        }
        return Resource(path, methods)

    def _method(self, where: str, operation: Mapping[str, Any]) -> Method:
        _only(where, operation, _OPERATION)
        for parameter in operation.get("parameters", []):
            if parameter["in"] != "path":
                raise UnsupportedTemplateError(f"{where}: the parameter {parameter} is not understood")
        security = operation.get("security", [])
        # API Gateway wants all of them, and knows an API key by this name.
        names = [name for required in security for name in required]
        guards = [name for name in names if name != API_KEY]
        unknown = set(guards) - set(self.authorizers)
        if len(guards) > 1 or unknown or any(scopes for required in security for scopes in required.values()):
            raise UnsupportedTemplateError(f"{where}: the security requirement {security} is not understood")
        return Method(_integration(where, operation), self.authorizers[guards[0]] if guards else None, API_KEY in names)


def _integration(where: str, operation: Mapping[str, Any]) -> str | Mock:
    integration = dict(operation[INTEGRATION])
    if integration.get("type") == "mock":
        return _mock(where, integration, operation["responses"])
    function = function_in_uri(integration.pop("uri"))
    if integration != _PROXY_INTEGRATION:
        raise UnsupportedTemplateError(f"{where}: the integration {integration} is not understood")
    return function


def _mock(where: str, integration: Mapping[str, Any], method_responses: Mapping[str, Any]) -> Mock:
    _only(where, integration, _MOCK_INTEGRATION)
    responses = integration["responses"]
    if integration["passthroughBehavior"] != "never" or set(responses) != {"default"}:
        raise UnsupportedTemplateError(f"{where}: the integration {integration} is not understood")
    response = responses["default"]
    _only(where, response, _INTEGRATION_RESPONSE)
    # The status that a request's template has only chooses among several responses. Both templates are VTL.
    for template in (*integration["requestTemplates"].values(), *response["responseTemplates"].values()):
        if re.search(r"[#$]", template):
            raise UnsupportedTemplateError(f"{where}: the template {template} is not understood")
    for template in integration["requestTemplates"].values():
        if not isinstance(json.loads(template).get("statusCode"), int):
            raise UnsupportedTemplateError(f"{where}: the request's template {template} has no status")
    [(media_type, body)] = response["responseTemplates"].items()
    if response["statusCode"] not in method_responses:
        raise UnsupportedTemplateError(f"{where}: the status {response['statusCode']} is not declared")
    mapped = _mapped_headers(where, response["responseParameters"], method_responses[response["statusCode"]])
    return Mock(
        frozenset(integration["requestTemplates"]),
        int(response["statusCode"]),
        {"Content-Type": media_type, **mapped},
        body,
    )


def _mapped_headers(where: str, parameters: Mapping[str, str], method_response: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers of an integration response. Each has to be one of the method response's."""
    headers = {}
    for target, expression in parameters.items():
        name, value = target.removeprefix("method.response.header."), _STATIC.fullmatch(expression)
        if name == target or value is None:
            raise UnsupportedTemplateError(f"{where}: the mapping {target}: {expression} is not understood")
        if name not in method_response.get("headers", {}):
            raise UnsupportedTemplateError(f"{where}: the header {name} is not declared")
        headers[name] = value[1]
    return headers


def _refuse_siblings(paths: Iterable[str]) -> None:
    """Raise UnsupportedTemplateError where two variables have the same parent, as API Gateway's own error says."""
    children: dict[str, str] = {}
    for path in paths:
        parts = path.split("/")
        for depth, part in enumerate(parts):
            if part.startswith("{") and children.setdefault("/".join(parts[:depth]), part) != part:
                raise UnsupportedTemplateError(f"{path}: a sibling of {part} already has a variable path part")


def _is_api_key(name: str, definition: Mapping[str, Any]) -> bool:
    if name != API_KEY:
        return False
    if definition != {"type": "apiKey", "name": "x-api-key", "in": "header"}:
        raise UnsupportedTemplateError(f"{name}: the API key {definition} is not understood")
    return True


def _authorizer(name: str, definition: Mapping[str, Any]) -> TokenAuthorizer:
    settings = definition["x-amazon-apigateway-authorizer"]
    _only(name, settings, _AUTHORIZER)
    if (definition["type"], definition["in"], settings["type"]) != ("apiKey", "header", "token"):
        raise UnsupportedTemplateError(f"{name}: only TOKEN authorizers are understood")
    return TokenAuthorizer(
        name=name,
        function=function_in_uri(settings["authorizerUri"]),
        header=definition["name"],
        pattern=settings.get("identityValidationExpression"),
        ttl=int(settings.get("authorizerResultTtlInSeconds", DEFAULT_TTL)),
    )


def _gateway_response(kind: str, response: Mapping[str, Any]) -> GatewayResponse:
    _only(kind, response, _GATEWAY_RESPONSE)
    prefix = "gatewayresponse.header."
    parameters = response.get("responseParameters", {})
    for target in parameters:
        if not target.startswith(prefix):
            raise UnsupportedTemplateError(f"{kind}: the parameter {target} is not understood")
    return GatewayResponse(
        status=int(response["statusCode"]) if "statusCode" in response else None,
        headers={target.removeprefix(prefix): value for target, value in parameters.items()},
        templates=response.get("responseTemplates", {}),
    )


def _variables(pattern: list[str], parts: list[str]) -> dict[str, str] | None:
    if greedy := re.fullmatch(r"\{(\w+)\+\}", pattern[-1]):
        head = len(pattern) - 1
        rest, before = "/".join(parts[head:]), _variables(pattern[:head], parts[:head])
        return {**before, greedy[1]: rest} if rest and before is not None else None
    if len(pattern) != len(parts):
        return None
    variables: dict[str, str] = {}
    for expected, part in zip(pattern, parts, strict=True):
        if variable := re.fullmatch(r"\{(\w+)\}", expected):
            if not part:
                return None
            variables[variable[1]] = part
        elif expected != part:
            return None
    return variables


def _rank(path: str) -> list[int]:
    return [part.startswith("{") + part.endswith("+}") for part in path.split("/")]


def _only(where: str, given: Iterable[str], known: frozenset[str]) -> None:
    unknown = sorted(set(given) - known)
    if unknown:
        raise UnsupportedTemplateError(f"{where}: {unknown} is not understood")
