"""The responses that API Gateway makes itself: its own defaults, or the API's gateway responses.

The types, their statuses and which of them fall back to which are from "Gateway response types" in the API Gateway
Developer Guide, what a template may say from "Gateway responses in API Gateway": simple substitution, no VTL.
"""

import json
import re
from collections.abc import Mapping
from typing import NamedTuple

from tests.support.packaged.errors import UnsupportedTemplateError
from tests.support.packaged.messages import Request, Response
from tests.support.packaged.rest_api import GatewayResponse


class Refusal(Exception):
    """Raised if the gateway answers itself, with the type of its response and its default message."""

    def __init__(
        self, kind: str, message: str | None = None, status: int | None = None, error: str | None = None
    ) -> None:
        super().__init__(kind)
        self.kind = kind
        default = _DEFAULTS[kind]
        self.status = status or default.status
        self.message = message or default.message
        self.error = error or default.error


class _Default(NamedTuple):
    status: int
    message: str | None
    error: str
    """The value of `x-amzn-ErrorType`."""


_INTERNAL = "Internal server error"
_DEFAULTS = {
    "ACCESS_DENIED": _Default(403, "User is not authorized to access this resource", "AccessDeniedException"),
    "AUTHORIZER_CONFIGURATION_ERROR": _Default(500, None, "AuthorizerConfigurationException"),
    "AUTHORIZER_FAILURE": _Default(500, None, "AuthorizerFailureException"),
    "DEFAULT_4XX": _Default(400, "Bad Request", "BadRequestException"),
    "DEFAULT_5XX": _Default(502, _INTERNAL, "InternalServerErrorException"),
    # The guide has 504. Access logs of real APIs have this type with 502 for every error of a Lambda function.
    "INTEGRATION_FAILURE": _Default(502, _INTERNAL, "InternalServerErrorException"),
    "INTEGRATION_TIMEOUT": _Default(504, "Endpoint request timed out", "InternalServerErrorException"),
    "INVALID_API_KEY": _Default(403, "Forbidden", "ForbiddenException"),
    "MISSING_AUTHENTICATION_TOKEN": _Default(
        403, "Missing Authentication Token", "MissingAuthenticationTokenException"
    ),
    "REQUEST_TOO_LARGE": _Default(413, "Request Too Long", "RequestTooLargeException"),
    "UNAUTHORIZED": _Default(401, "Unauthorized", "UnauthorizedException"),
    "UNSUPPORTED_MEDIA_TYPE": _Default(415, "Unsupported Media Type", "BadRequestException"),
}
_SUBSTITUTION = re.compile(r"\$(context\.[\w.]+|stageVariables\.\w+|method\.request\.[\w.-]+)")
_REQUEST_HEADER = "method.request.header."


def gateway_response(
    refusal: Refusal, responses: Mapping[str, GatewayResponse], request: Request, context: Mapping[str, str]
) -> Response:
    """Return the answer. ``context`` has the values of `$context` by their dotted names."""
    defined = responses.get(refusal.kind)
    fallback = responses.get("DEFAULT_5XX" if refusal.status >= 500 else "DEFAULT_4XX")
    # The fallback's status changes that of all types that have none of their own.
    status = next((found.status for found in (defined, fallback) if found and found.status), refusal.status)
    using = defined or fallback
    values = {
        **context,
        "context.error.message": refusal.message or "null",
        "context.error.messageString": json.dumps(refusal.message),
        "context.error.responseType": refusal.kind,
    }
    headers = {"x-amzn-ErrorType": refusal.error, "Content-Type": "application/json"}
    if using is None:
        return Response(status, tuple(headers.items()), json.dumps({"message": refusal.message}).encode())
    media_type, template = _template(using, request)
    headers["Content-Type"] = media_type
    for name, expression in using.headers.items():
        value = _mapped(expression, request)
        if value is not None:
            _replace(headers, name, value)
    return Response(status, tuple(headers.items()), _substituted(template, values, request).encode())


def _template(response: GatewayResponse, request: Request) -> tuple[str, str]:
    # By the Accept header, else application/json, which is what the default template is.
    accepted = (request.header("Accept") or "").partition(",")[0].partition(";")[0].strip()
    for media_type in (accepted, "application/json"):
        if media_type in response.templates:
            return media_type, response.templates[media_type]
    return "application/json", '{"message":$context.error.messageString}'


def _mapped(expression: str, request: Request) -> str | None:
    if len(expression) > 1 and expression[0] == expression[-1] == "'":
        return expression[1:-1]
    if expression.startswith(_REQUEST_HEADER):
        return request.header(expression.removeprefix(_REQUEST_HEADER))
    raise UnsupportedTemplateError(f"the mapping {expression} is not understood")


def _substituted(template: str, values: Mapping[str, str], request: Request) -> str:
    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name.startswith(_REQUEST_HEADER):
            return request.header(name.removeprefix(_REQUEST_HEADER)) or ""
        if name not in values:
            raise UnsupportedTemplateError(f"the variable ${name} is not understood")
        return values[name]

    return _SUBSTITUTION.sub(value, template)


def _replace(headers: dict[str, str], name: str, value: str) -> None:
    for other in [other for other in headers if other.lower() == name.lower()]:
        del headers[other]
    headers[name] = value
