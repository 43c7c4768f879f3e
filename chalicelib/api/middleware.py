"""What every request and every response passes, whichever route it is for.

Owns the translation of exceptions, the headers that all responses carry, CORS for the allowed origins, how a view gets
the principal, and the line that each request leaves in the log. A view decides nothing about these.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from chalice import Chalice, Response
from chalice.app import Request

from chalicelib import telemetry, wiring
from chalicelib.accounts.caller import Caller
from chalicelib.api.parsing import read_caller
from chalicelib.api.responses import Answer, problem
from chalicelib.authorizer import principal_from_context
from chalicelib.errors import ConfigurationError, InvalidToken, LychgateError, MethodNotAllowed
from chalicelib.tokens.principals import Principal

PREFLIGHT_SECONDS = 600
"""How long a browser may remember what a page on another origin is allowed."""

_HARDENING = {
    # An answer of the API is data. Opened as a page it is to load nothing, be in no frame and have no powers.
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""OWASP REST Security Cheat Sheet, section Security Headers."""

_STRICT_TRANSPORT_SECURITY = "max-age=31536000; includeSubDomains"
"""RFC 6797 section 6.1, as on the page."""

View = Callable[..., Answer[Any]]


def answering(view: View) -> View:
    """Make a view answer every exception with a problem document.

    Chalice would turn exceptions into bodies of its own before any middleware sees them.
    """

    @functools.wraps(view)
    def answer(**path_parameters: str) -> Answer[Any]:
        try:
            return view(**path_parameters)
        except LychgateError as error:
            return problem(error)
        except Exception as bug:  # noqa: BLE001 - the last resort: logged, answered with nothing of it
            return problem(LychgateError(), unexpected=bug)

    return answer


def current_principal(request: Request) -> Principal:
    """Return who makes this request, as the authorizer found.

    Raises:
        InvalidToken: the token has expired since: API Gateway may answer from its cache of the authorizer's answers,
            and that must not lengthen a token's life.

    """
    try:
        principal = principal_from_context(request.context["authorizer"])
    except (KeyError, ValueError, TypeError):
        raise InvalidToken("the authorizer did not run", missing=True) from None
    if wiring.clock() >= principal.expires_at:
        raise InvalidToken("expired while cached", detail="The access token has expired.")
    return principal


def caller_of(request: Request) -> Caller:
    """Return where the request came from, by this process's settings."""
    return read_caller(request, wiring.http_settings())


def install(app: Chalice) -> None:
    """Put the boundary around an app whose routes are all registered."""
    app.register_middleware(_finish, "http")
    for path in list(app.routes):
        # API Gateway's own preflight can name one origin only; this one answers each allowed origin.
        app.route(path, methods=["OPTIONS"], content_types=[], cors=False)(_preflight)


def finish_headers(headers: dict[str, Any], origin: str | None) -> None:
    """Add what every response of the API carries."""
    headers.setdefault("Cache-Control", "no-store")
    headers.update(_HARDENING)
    headers["Vary"] = "Origin"
    try:
        settings = wiring.http_settings()
    except ConfigurationError:
        # Then the answer is the error that says so, for no origin in particular.
        return
    if settings.over_https:
        headers["Strict-Transport-Security"] = _STRICT_TRANSPORT_SECURITY
    if origin in settings.allowed_origins:
        headers["Access-Control-Allow-Origin"] = origin
        headers["Access-Control-Expose-Headers"] = "Retry-After, WWW-Authenticate"


def _finish(request: Request, get_response: Callable[[Request], Response]) -> Response:
    started = time.monotonic()
    try:
        wiring.http_settings()
        response = get_response(request)
    except ConfigurationError as unusable:
        response = problem(unusable)
    if isinstance(response.body, dict) and "Code" in response.body:
        response = _in_our_words(response)
    finish_headers(response.headers, request.headers.get("origin"))
    telemetry.log_request(
        request_id=request.context.get("requestId"),
        method=request.method,
        route=request.context["resourcePath"],
        status=response.status_code,
        milliseconds=(time.monotonic() - started) * 1000,
        evidence=_evidence(request, response),
    )
    return response


def _evidence(request: Request, response: Response) -> telemetry.Evidence:
    """Return what is known of a request: what its answer brought along, and whose the access token was."""
    known = response.evidence if isinstance(response, Answer) else telemetry.Evidence()
    authorized = request.context.get("authorizer")
    if not authorized:
        return known
    return dataclasses.replace(
        known,
        user_id=known.user_id or authorized.get("sub"),
        session_id=known.session_id or authorized.get("sid"),
    )


def _in_our_words(chalice_error: Response) -> Answer[Any]:
    """Return our problem document for an error that Chalice made itself."""
    if chalice_error.status_code != HTTPStatus.METHOD_NOT_ALLOWED:
        error = LychgateError()
        error.reason = f"Chalice answered {chalice_error.status_code}: {chalice_error.body['Code']}"
        return problem(error)
    response = problem(MethodNotAllowed())
    response.headers["Allow"] = chalice_error.headers["Allow"]
    return response


def _preflight(**_path_parameters: str) -> Response:
    """Answer a CORS preflight (Fetch standard, section 3.2). Credentials never cross origins."""
    return Response(
        "",
        {
            "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE",
            "Access-Control-Allow-Headers": "Authorization, Content-Type",
            "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
        },
        int(HTTPStatus.NO_CONTENT),
    )
