"""What API Gateway answers by itself: the gateway responses, and the 404 of every unknown route.

Owns both in the API's Swagger, and that methods ask for the distribution's key. Chalice has none, and it replaces the
whole API at each deployment, so they cannot be set separately. They match the API's own responses (``chalicelib.api``)
as far as possible: the headers of a gateway response are fixed or copied from the request, and its body is a template.
"""

from __future__ import annotations

import functools
import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from chalicelib.api.application import Application
from chalicelib.api.middleware import finish_headers
from chalicelib.api.problems import problem
from chalicelib.config.http import HttpSettings
from chalicelib.errors import (
    ConfigurationError,
    InvalidRequest,
    InvalidToken,
    LychgateError,
    NotFound,
    NotThroughDistribution,
    PayloadTooLarge,
    ServiceUnavailable,
)

Swagger = dict[str, Any]
GenerateSwagger = Callable[..., Swagger]

GATEWAY_RESPONSES = "x-amazon-apigateway-gateway-responses"
ANY_METHOD = "x-amazon-apigateway-any-method"
INTEGRATION = "x-amazon-apigateway-integration"
API_KEY = "api_key"
"""The name by which API Gateway's import knows the requirement of an API key."""

_ERRORS: Mapping[str, LychgateError] = {
    # The one refuses a request without a token, the other what the authorizer refuses. Only an authorizer denies access
    # on this API: there is no resource policy.
    "UNAUTHORIZED": InvalidToken("refused by the authorizer"),
    "ACCESS_DENIED": InvalidToken("refused by the authorizer"),
    "AUTHORIZER_CONFIGURATION_ERROR": LychgateError(),
    "AUTHORIZER_FAILURE": LychgateError(),
    "API_CONFIGURATION_ERROR": LychgateError(),
    "BAD_REQUEST_BODY": InvalidRequest(),
    "BAD_REQUEST_PARAMETERS": InvalidRequest(),
    # What no method answers gets one of these three, because the gateway then expects an AWS signature in its
    # Authorization header. No route of ours uses such signatures.
    "MISSING_AUTHENTICATION_TOKEN": NotFound(),
    "INVALID_SIGNATURE": NotFound(),
    "EXPIRED_TOKEN": NotFound(),
    "RESOURCE_NOT_FOUND": NotFound(),
    # An error of the function, its time-out, and no concurrency left: the gateway does not say which. What the request
    # asked for may have happened or not, as after a lost answer, and may be asked for again.
    "INTEGRATION_FAILURE": ServiceUnavailable("the function gave no answer"),
    "INTEGRATION_TIMEOUT": ServiceUnavailable("the function gave no answer in time"),
    "REQUEST_TOO_LARGE": PayloadTooLarge(),
    # The throttle is one for everybody together: who is refused has not done too much himself, so it is no 429. A
    # browser would also end its part of a session that is bound to a device, if the renewal were refused with a 4xx.
    "THROTTLED": ServiceUnavailable("throttled by the gateway"),
    "QUOTA_EXCEEDED": ServiceUnavailable("throttled by the gateway"),
    # Only the integration of unknown routes looks at the media type. The application answers 415 itself.
    "UNSUPPORTED_MEDIA_TYPE": NotFound(),
    "INVALID_API_KEY": NotThroughDistribution(),
    "WAF_FILTERED": NotThroughDistribution(),
    # Such as the 414 of a path with more than some 1,500 bytes, where no route of ours leads.
    "DEFAULT_4XX": NotFound(),
    "DEFAULT_5XX": LychgateError(),
}
"""The error for every type of gateway response (API Gateway Developer Guide, "Gateway response types")."""


def declaring_gateway_responses(generate_swagger: GenerateSwagger) -> GenerateSwagger:
    """Return Chalice's ``generate_swagger``, wrapped to add what Chalice lacks.

    These are gateway responses, 405 for unknown methods, 404 for unknown routes, the distribution's key where the stage
    has one, and the stage in the API's name: the metrics of a REST API have no other dimension that tells two stages
    apart.
    """

    @functools.wraps(generate_swagger)
    def generate(generator: object, app: Application, *arguments: Any, **options: Any) -> Swagger:  # noqa: ANN401 - Chalice's own
        swagger = generate_swagger(generator, app, *arguments, **options)
        try:
            settings = app.lychgate.http
        except ConfigurationError as unusable:
            sys.exit(f"chalice: {unusable} in this stage of .chalice/config.json; `make deploy` writes it")
        swagger[GATEWAY_RESPONSES] = gateway_responses(settings)
        for methods in swagger["paths"].values():
            methods[ANY_METHOD] = _any_method(methods)
        for path in _paths_of_all_else(swagger["paths"]):
            swagger["paths"][path] = {ANY_METHOD: _unknown_route(path, settings)}
        if settings.distribution_secrets_sha256:
            _require_key(swagger)
        rest_api = options.get("rest_api", next(iter(arguments), None))
        if rest_api is not None:
            swagger["info"]["title"] = rest_api.lambda_function.function_name
        return swagger

    return generate


def gateway_responses(settings: HttpSettings) -> dict[str, Any]:
    """Return the gateway response of each type, for an API with these settings."""
    return {kind: _gateway_response(error, settings) for kind, error in _ERRORS.items()}


def _require_key(swagger: Swagger) -> None:
    """Make every method ask for an API key of a usage plan (API Gateway Developer Guide, "Usage plans and API keys").

    Requirements stand one beside the other, as Chalice and AWS SAM write them: API Gateway wants all of them.
    """
    definitions = swagger.setdefault("securityDefinitions", {})
    definitions[API_KEY] = {"type": "apiKey", "name": "x-api-key", "in": "header"}
    for methods in swagger["paths"].values():
        for operation in methods.values():
            operation["security"] = [{API_KEY: []}, *operation.get("security", [])]


def _gateway_response(error: LychgateError, settings: HttpSettings) -> dict[str, Any]:
    status, headers, body = _written(error, settings)
    return {
        "statusCode": status,
        "responseParameters": {f"gatewayresponse.header.{name}": value for name, value in headers.items()},
        "responseTemplates": body,
    }


def _written(error: LychgateError, settings: HttpSettings) -> tuple[str, dict[str, str], dict[str, str]]:
    """Return an error's status, headers and body as API Gateway wants them: static values, and a template."""
    response = problem(error)
    headers: dict[str, Any] = response.headers
    foreign = [origin for origin in settings.allowed_origins if origin != settings.own_origin]
    finish_headers(headers, foreign[0] if foreign else None, settings)
    if len(foreign) > 1:
        # A gateway response cannot choose between origins. It holds nothing that only some origins may read.
        headers["Access-Control-Allow-Origin"] = "*"
    # Outer quotes make a value static. Inner quotes are part of it.
    static = {name: f"'{value}'" for name, value in headers.items()}
    # The gateway chooses a template by the Accept header and falls back to this one. The Content-Type header above says
    # what the body really is.
    return str(response.status_code), static, {"application/json": json.dumps(response.body)}


def _any_method(methods: Mapping[str, Any]) -> dict[str, Any]:
    """Return the Swagger that sends all other methods of a path to the application, which answers them with 405."""
    preflight = methods["options"]
    parameters = {"parameters": preflight["parameters"]} if "parameters" in preflight else {}
    return {
        **parameters,
        "responses": preflight["responses"],
        INTEGRATION: preflight[INTEGRATION],
    }


def _paths_of_all_else(paths: Iterable[str]) -> list[str]:
    """Return the paths that answer what the application's ``paths`` do not: ``/`` and ``/{proxy+}``, as a rule.

    API Gateway takes the most specific path that has the request's method. It allows one variable below each path. So
    where the application has one below ``/``, say ``/{page}``, what is left begins below that: ``/{page}/{proxy+}``.
    """
    routes = set(paths)
    found, above = ["/"], ""
    while below := [match[0] for path in routes if (match := re.match(re.escape(above) + r"/{\w+}", path))]:
        above = below[0]
        found.append(above)
    return [path for path in (*found, f"{above}/{{proxy+}}") if path not in routes]


def _unknown_route(path: str, settings: HttpSettings) -> dict[str, Any]:
    """Return the Swagger of a method that answers 404 without a function, whatever the Authorization header says.

    Without it API Gateway would take that header for an AWS signature, and answer 403 with a text that quotes it.
    """
    status, headers, body = _written(NotFound(), settings)
    return {
        "parameters": [
            {"name": name, "in": "path", "required": True, "type": "string"} for name in re.findall(r"{(\w+)\+?}", path)
        ],
        # An import refuses headers that are not declared.
        "responses": {
            status: {"description": "There is no such route", "headers": {name: {"type": "string"} for name in headers}}
        },
        INTEGRATION: {
            "type": "mock",
            # Otherwise the body of a request with another media type would be taken for the template's result, below,
            # and decide what is answered. Such a request is UNSUPPORTED_MEDIA_TYPE, which is a 404 too.
            "passthroughBehavior": "never",
            "requestTemplates": {"application/json": json.dumps({"statusCode": int(status)})},
            "responses": {
                "default": {
                    "statusCode": status,
                    "responseParameters": {f"method.response.header.{name}": value for name, value in headers.items()},
                    "responseTemplates": body,
                }
            },
        },
    }
