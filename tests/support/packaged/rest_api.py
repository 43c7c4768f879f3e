"""A REST API as its Swagger defines it, for the emulation of API Gateway.

Owns which constructs are known. An unknown one raises an error, so that changes of other Chalice versions are noticed.
The extensions are described in the API Gateway Developer Guide, "OpenAPI extensions for API Gateway".
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from tests.support.packaged.errors import UnsupportedTemplateError
from tests.support.packaged.template import function_in_uri

ANY_METHOD = "x-amazon-apigateway-any-method"
API_KEY = "api_key"

_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", ANY_METHOD})
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
        "x-amazon-apigateway-integration",
    }
)
_PROXY_INTEGRATION = {
    "contentHandling": "CONVERT_TO_TEXT",
    "httpMethod": "POST",
    "passthroughBehavior": "when_no_match",
    "responses": {"default": {"statusCode": "200"}},
    "type": "aws_proxy",
}
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
class Method:
    """A method of a resource: its function, its authorizer, and whether it asks for an API key."""

    function: str
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
        return self.methods.get(name) or self.methods.get("ANY")


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

    def match(self, path: str) -> tuple[Resource, dict[str, str]] | None:
        """Return the resource of a path below the stage, still encoded, with the values of its variables, decoded.

        A static part goes before a variable one, part by part from the left; a trailing slash makes no difference, as
        Chalice's own local gateway has it.
        """
        parts = [unquote(part) for part in path.removesuffix("/").split("/")]
        matching = [
            (resource, variables)
            for resource in self.resources
            if (variables := _variables(resource.path.split("/"), parts)) is not None
        ]
        return min(matching, key=lambda found: _rank(found[0].path)) if matching else None

    def _resource(self, path: str, item: Mapping[str, Any]) -> Resource:
        _only(path, item, _METHODS)
        if "+}" in path:
            raise UnsupportedTemplateError(f"{path}: a greedy variable is not understood")
        methods = {
            "ANY" if name == ANY_METHOD else name.upper(): self._method(f"{name} {path}", operation)
            for name, operation in item.items()
        }
        return Resource(path, methods)

    def _method(self, where: str, operation: Mapping[str, Any]) -> Method:
        _only(where, operation, _OPERATION)
        integration = dict(operation["x-amazon-apigateway-integration"])
        function = function_in_uri(integration.pop("uri"))
        if integration != _PROXY_INTEGRATION:
            raise UnsupportedTemplateError(f"{where}: the integration {integration} is not understood")
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
        return Method(function, self.authorizers[guards[0]] if guards else None, API_KEY in names)


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


def _rank(path: str) -> list[bool]:
    return [part.startswith("{") for part in path.split("/")]


def _only(where: str, given: Iterable[str], known: frozenset[str]) -> None:
    unknown = sorted(set(given) - known)
    if unknown:
        raise UnsupportedTemplateError(f"{where}: {unknown} is not understood")
