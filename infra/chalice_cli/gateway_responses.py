"""The gateway responses: what API Gateway answers by itself.

Owns the gateway responses in the API's Swagger, and that methods ask for the distribution's key. Chalice has none, and
it replaces the whole API at each deployment, so they cannot be set separately. They match the API's own responses
(``chalicelib.api``) as far as possible: the headers of a gateway response are fixed or copied from the request, and its
body is a template.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.api.application import Application
from chalicelib.api.middleware import finish_headers
from chalicelib.api.responses import problem
from chalicelib.config.http import HttpSettings
from chalicelib.errors import (
    ConfigurationError,
    Forbidden,
    InvalidRequest,
    InvalidToken,
    LychgateError,
    NotFound,
    NotThroughDistribution,
    PayloadTooLarge,
    ServiceUnavailable,
    TooManyAttempts,
    UnsupportedMediaType,
)

Swagger = dict[str, Any]
GenerateSwagger = Callable[..., Swagger]

GATEWAY_RESPONSES = "x-amazon-apigateway-gateway-responses"
ANY_METHOD = "x-amazon-apigateway-any-method"
API_KEY = "api_key"
"""The name by which API Gateway's import knows the requirement of an API key."""

_RETRY_SECONDS = 1
"""Seconds after which a throttled client may retry. The gateway's token bucket refills every second."""

_ERRORS: Mapping[str, LychgateError] = {
    "UNAUTHORIZED": InvalidToken("refused by the authorizer"),
    "ACCESS_DENIED": Forbidden(),
    "AUTHORIZER_CONFIGURATION_ERROR": LychgateError(),
    "AUTHORIZER_FAILURE": LychgateError(),
    "API_CONFIGURATION_ERROR": LychgateError(),
    "BAD_REQUEST_BODY": InvalidRequest(),
    "BAD_REQUEST_PARAMETERS": InvalidRequest(),
    # A request for an unknown route gets one of these three, because the gateway then expects an AWS signature in its
    # Authorization header. No route of ours uses such signatures.
    "MISSING_AUTHENTICATION_TOKEN": NotFound(),
    "INVALID_SIGNATURE": NotFound(),
    "EXPIRED_TOKEN": NotFound(),
    "RESOURCE_NOT_FOUND": NotFound(),
    "INTEGRATION_FAILURE": ServiceUnavailable("the function could not be run"),
    "INTEGRATION_TIMEOUT": ServiceUnavailable("the function gave no answer in time"),
    "REQUEST_TOO_LARGE": PayloadTooLarge(),
    "THROTTLED": TooManyAttempts(_RETRY_SECONDS, limit="gateway"),
    "QUOTA_EXCEEDED": TooManyAttempts(_RETRY_SECONDS, limit="gateway"),
    "UNSUPPORTED_MEDIA_TYPE": UnsupportedMediaType(),
    "INVALID_API_KEY": NotThroughDistribution(),
    "WAF_FILTERED": NotThroughDistribution(),
    "DEFAULT_4XX": NotFound(),
    "DEFAULT_5XX": LychgateError(),
}
"""The error for every type of gateway response (API Gateway Developer Guide, "Gateway response types")."""


def declaring_gateway_responses(generate_swagger: GenerateSwagger) -> GenerateSwagger:
    """Return Chalice's ``generate_swagger``, wrapped to add what Chalice lacks.

    These are gateway responses, 405 for unknown methods, the distribution's key where the stage has one, and the stage
    in the API's name: the metrics of a REST API have no other dimension that tells two stages apart.
    """

    @functools.wraps(generate_swagger)
    def generate(generator: object, app: Application, *arguments: Any, **options: Any) -> Swagger:  # noqa: ANN401
        swagger = generate_swagger(generator, app, *arguments, **options)
        try:
            swagger[GATEWAY_RESPONSES] = gateway_responses(app.lychgate.http)
        except ConfigurationError as unusable:
            sys.exit(f"chalice: {unusable} in this stage of .chalice/config.json; `make deploy` writes it")
        for methods in swagger["paths"].values():
            methods[ANY_METHOD] = _any_method(methods)
        if app.lychgate.http.distribution_secrets_sha256:
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
    response = problem(error)
    headers: dict[str, Any] = response.headers
    foreign = [origin for origin in settings.allowed_origins if origin != settings.own_origin]
    finish_headers(headers, foreign[0] if foreign else None, settings)
    if len(foreign) > 1:
        # A gateway response cannot choose between origins. It holds nothing that only some origins may read.
        headers["Access-Control-Allow-Origin"] = "*"
    return {
        "statusCode": str(response.status_code),
        # Outer quotes make a value static. Inner quotes are part of it.
        "responseParameters": {f"gatewayresponse.header.{name}": f"'{value}'" for name, value in headers.items()},
        # The gateway chooses a template by the Accept header and falls back to this one. The Content-Type header above
        # says what the body really is.
        "responseTemplates": {"application/json": json.dumps(response.body)},
    }


def _any_method(methods: Mapping[str, Any]) -> dict[str, Any]:
    """Return the Swagger that sends all other methods of a path to the application, which answers them with 405."""
    preflight = methods["options"]
    parameters = {"parameters": preflight["parameters"]} if "parameters" in preflight else {}
    return {
        **parameters,
        "responses": preflight["responses"],
        "x-amazon-apigateway-integration": preflight["x-amazon-apigateway-integration"],
    }
