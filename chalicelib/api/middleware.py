"""The steps that every request and every response goes through, whatever the route.

Owns the refusal of requests that did not come through the distribution, the translation of exceptions, the headers of
all responses, CORS for the allowed origins, how a view gets the principal, and each request's log line. A view decides
nothing about these.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from chalice import Chalice, ChaliceViewError, Response
from chalice.app import Request

from chalicelib.api.headers import may_come_in
from chalicelib.api.problems import problem, problem_of_status
from chalicelib.api.responses import Answer
from chalicelib.config.http import HttpSettings
from chalicelib.errors import ConfigurationError, InvalidToken, LychgateError, MethodNotAllowed, NotThroughDistribution
from chalicelib.telemetry import requests
from chalicelib.tokens.gateway_context import principal_from_context
from chalicelib.tokens.principals import Principal
from chalicelib.wiring import Lychgate

PREFLIGHT_SECONDS = 600
"""Seconds for which a browser may cache the answer to a CORS preflight."""

_HARDENING = {
    # Responses are data. Opened as a page, one must load nothing and be in no frame.
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""OWASP REST Security Cheat Sheet, section Security Headers."""

_STRICT_TRANSPORT_SECURITY = "max-age=31536000; includeSubDomains"
"""RFC 6797 section 6.1, as on the page."""

View = Callable[..., Answer[Any]]


def install(app: Chalice, lychgate: Lychgate) -> None:
    """Wrap the views of an app in the middleware. All its routes must be registered already."""
    app.register_middleware(_finishing(lychgate), "http")
    for path, methods in list(app.routes.items()):
        for entry in methods.values():
            entry.view_function = _answering(entry.view_function)
        # API Gateway's own preflight can name one origin only. This one answers every allowed origin.
        app.route(path, methods=["OPTIONS"], content_types=[], cors=False)(_preflight)


def current_principal(request: Request, now: int) -> Principal:
    """Return the principal that the authorizer put into the request's context.

    Raises:
        InvalidToken: the authorizer did not run, or the token has expired since. API Gateway caches the authorizer's
            answers, and the cache must not lengthen a token's life.

    """
    try:
        principal = principal_from_context(request.context["authorizer"])
    except (KeyError, ValueError, TypeError):
        raise InvalidToken("the authorizer did not run", missing=True) from None
    if now >= principal.expires_at:
        raise InvalidToken("expired while cached", detail="The access token has expired.")
    return principal


def _answering(view: Callable[..., Any]) -> View:
    """Return the view wrapped so that it returns an ``Answer`` in every case: a problem document for an exception.

    Chalice turns exceptions into bodies of its own before any middleware sees them.
    """

    @functools.wraps(view)
    def answer(**path_parameters: str) -> Answer[Any]:
        try:
            response = view(**path_parameters)
        except LychgateError as error:
            return problem(error)
        except ChaliceViewError as refusal:
            return problem_of_status(HTTPStatus(refusal.STATUS_CODE), detail=str(refusal))
        except Exception as bug:  # noqa: BLE001 - the last resort: logged, answered with nothing of it
            return problem(LychgateError(), unexpected=bug)
        if isinstance(response, Answer):
            return response
        if isinstance(response, Response):
            return Answer(response.body, response.headers, response.status_code)
        return Answer(response)

    return answer


def finish_headers(headers: dict[str, Any], origin: str | None, settings: HttpSettings | None) -> None:
    """Add the headers of every response to ``headers``. Without settings there are no CORS and no HSTS headers."""
    headers.setdefault("Cache-Control", "no-store")
    headers.update(_HARDENING)
    headers["Vary"] = "Origin"
    if settings is None:
        return
    if settings.over_https:
        headers["Strict-Transport-Security"] = _STRICT_TRANSPORT_SECURITY
    if origin in settings.allowed_origins:
        headers["Access-Control-Allow-Origin"] = origin
        headers["Access-Control-Expose-Headers"] = "Date, Retry-After, WWW-Authenticate"


def _finishing(lychgate: Lychgate) -> Callable[[Request, Callable[[Request], Response]], Response]:
    def finish(request: Request, get_response: Callable[[Request], Response]) -> Response:
        started = time.monotonic()
        requests.begin_request()
        try:
            known = lychgate.http
            settings: HttpSettings | None = known
            if may_come_in(request.headers, known):
                response = get_response(request)
            else:
                response = problem(NotThroughDistribution())
        except ConfigurationError as unusable:
            settings, response = None, problem(unusable)
        # Every view returns an Answer, so any other response is Chalice's own.
        answer = response if isinstance(response, Answer) else _in_our_words(response)
        finish_headers(answer.headers, request.headers.get("origin"), settings)
        authorized = request.context.get("authorizer") or {}
        requests.log_request(
            request_id=request.context.get("requestId"),
            method=request.method,
            route=request.context["resourcePath"],
            status=answer.status_code,
            milliseconds=(time.monotonic() - started) * 1000,
            evidence=answer.evidence,
            user_id=authorized.get("sub"),
            session_id=authorized.get("sid"),
        )
        return answer

    return finish


def _in_our_words(chalice_error: Response) -> Answer[Any]:
    """Return a problem document for an error response that Chalice made itself."""
    if chalice_error.status_code != HTTPStatus.METHOD_NOT_ALLOWED:
        error = LychgateError()
        error.reason = f"Chalice answered {chalice_error.status_code}"
        return problem(error)
    answer = problem(MethodNotAllowed())
    answer.headers["Allow"] = chalice_error.headers["Allow"]
    return answer


def _preflight(**_path_parameters: str) -> Answer[None]:
    """Answer a CORS preflight (Fetch standard, section 3.2). Credentials are not allowed across origins."""
    return Answer(
        None,
        {
            "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE",
            "Access-Control-Allow-Headers": "Authorization, Content-Type, DPoP",
            "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
        },
        int(HTTPStatus.NO_CONTENT),
    )
