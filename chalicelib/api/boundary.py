"""What every request and every response passes, whichever route it is for.

Owns the translation of exceptions, the headers that all responses carry, CORS for the allowed origins, and how a view
gets the principal. A view decides nothing about these.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from chalice import Chalice, Response
from chalice.app import Request

from chalicelib import wiring
from chalicelib.api.parsing import read_client
from chalicelib.api.responses import problem
from chalicelib.authorizer import principal_from_context
from chalicelib.errors import InvalidToken, LychgateError, MethodNotAllowed
from chalicelib.models import Client, Principal

PREFLIGHT_SECONDS = 600
"""How long a browser may remember what a page on another origin is allowed."""

_log = logging.getLogger("lychgate")

View = Callable[..., Response]


def answering(view: View) -> View:
    """Make a view answer every exception with a problem document.

    Chalice would turn exceptions into bodies of its own before any middleware sees them.
    """

    @functools.wraps(view)
    def answer(**path_parameters: str) -> Response:
        try:
            return view(**path_parameters)
        except LychgateError as error:
            response = problem(error)
            if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
                _log.error("%s: %s", type(error).__name__, getattr(error, "reason", error.message))
            return response
        except Exception:  # noqa: BLE001 - the last resort: logged whole, answered with nothing of it
            _log.exception("unexpected error")
            return problem(LychgateError())

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


def client_of(request: Request) -> Client:
    """Return where the request came from, by this process's settings."""
    return read_client(request, wiring.http_settings())


def install(app: Chalice) -> None:
    """Put the boundary around an app whose routes are all registered."""
    app.register_middleware(_finish, "http")
    for path in list(app.routes):
        # API Gateway's own preflight can name one origin only; this one answers each allowed origin.
        app.route(path, methods=["OPTIONS"], content_types=[], cors=False)(_preflight)


def finish_headers(headers: dict[str, Any], origin: str | None) -> None:
    """Add what every response of the API carries."""
    headers.setdefault("Cache-Control", "no-store")
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Vary"] = "Origin"
    if origin in wiring.http_settings().allowed_origins:
        headers["Access-Control-Allow-Origin"] = origin
        headers["Access-Control-Expose-Headers"] = "Retry-After, WWW-Authenticate"


def _finish(request: Request, get_response: Callable[[Request], Response]) -> Response:
    response = get_response(request)
    if isinstance(response.body, dict) and "Code" in response.body:
        response = _in_our_words(response)
    finish_headers(response.headers, request.headers.get("origin"))
    return response


def _in_our_words(chalice_error: Response) -> Response:
    """Return our problem document for an error that Chalice made itself."""
    if chalice_error.status_code != HTTPStatus.METHOD_NOT_ALLOWED:
        _log.error("Chalice answered %s: %s", chalice_error.status_code, chalice_error.body["Code"])
        return problem(LychgateError())
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
