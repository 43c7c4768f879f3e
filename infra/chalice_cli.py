"""What Chalice's command line lacks: gateway responses.

Owns how ``chalice local``, ``chalice.test.Client`` and the development server answer where the gateway answers by
itself: an unknown route, the authorizer's 401 and 403, an authorizer that fails. Chalice's own emulation drops the
connection when an authorizer raises, echoes the Authorization header, and sends no CORS headers. Loaded by ``app.py``
under the command line only; nothing of this ships.
"""

from __future__ import annotations

import functools
import logging
import sys
from collections.abc import Callable
from typing import Any

from chalice.local import ForbiddenError, LocalDevServer, LocalGateway, LocalGatewayException, RouteMatcher

from chalicelib import wiring
from chalicelib.api.boundary import finish_headers
from chalicelib.api.responses import problem
from chalicelib.errors import (
    ConfigurationError,
    Forbidden,
    InvalidToken,
    LychgateError,
    NotFound,
    ServiceUnavailable,
)

_log = logging.getLogger("lychgate.gateway")

HandleRequest = Callable[..., dict[str, Any]]


def install() -> None:
    """Teach Chalice's local gateway our gateway responses, once."""
    if not hasattr(LocalGateway.handle_request, "__wrapped__"):
        setattr(LocalGateway, "handle_request", _with_gateway_responses(LocalGateway.handle_request))  # noqa: B010 - mypy
        setattr(LocalDevServer, "serve_forever", _after_check(LocalDevServer.serve_forever))  # noqa: B010 - mypy


def _with_gateway_responses(handle_request: HandleRequest) -> HandleRequest:
    @functools.wraps(handle_request)
    def handle(
        gateway: LocalGateway, method: str, path: str, headers: dict[str, str], body: bytes | None
    ) -> dict[str, Any]:
        lowercase = {name.lower(): value for name, value in headers.items()}
        error: LychgateError
        try:
            RouteMatcher(list(gateway._app_object.routes)).match_route(path)  # noqa: SLF001 - it has no other name
        except ValueError:
            return _gateway_response(NotFound(), lowercase)
        try:
            return handle_request(gateway, method=method, path=path, headers=lowercase, body=body)
        except ForbiddenError:
            error = Forbidden()
        except LocalGatewayException:
            error = InvalidToken("no Authorization header", missing=True)
        except Exception as raised:  # noqa: BLE001 - as API Gateway does
            # What an authorizer raises: API Gateway knows this one message and answers 500 to all others.
            if str(raised) == "Unauthorized":
                error = InvalidToken("refused by the authorizer")
            else:
                _log.exception("the authorizer failed")
                error = LychgateError()
        return _gateway_response(error, lowercase)

    return handle


def _gateway_response(error: LychgateError, request_headers: dict[str, str]) -> dict[str, Any]:
    try:
        wiring.http_settings()
    except ConfigurationError as unusable:
        _log.error("%s", unusable)
        error = unusable
    response = problem(error)
    finish_headers(response.headers, request_headers.get("origin"))
    answer: dict[str, Any] = response.to_dict()
    return answer


def _after_check(serve_forever: Callable[[LocalDevServer], None]) -> Callable[[LocalDevServer], None]:
    """Make ``chalice local`` say at its start what it lacks, and not at the first log-in."""

    @functools.wraps(serve_forever)
    def serve(server: LocalDevServer) -> None:
        try:
            wiring.auth_service()
        except ConfigurationError as unusable:
            sys.exit(f"chalice local: {unusable}")
        except ServiceUnavailable:
            sys.exit(
                "chalice local: the embedded database does not answer. Start it in another terminal: make dynamodb"
            )
        serve_forever(server)

    return serve
