"""Gateway responses in Chalice's local emulation of API Gateway.

Owns how ``chalice local``, ``chalice.test.Client`` and the development server answer in place of the gateway: for a
request that did not come through the stage's distribution, for an unknown route, for a token that the authorizer
refuses, and for an authorizer that fails. Chalice's own emulation drops the connection when an authorizer raises,
echoes the Authorization header, and sends no CORS headers.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from chalice.local import (
    ChaliceRequestHandler,
    ForbiddenError,
    LocalGateway,
    LocalGatewayException,
    RouteMatcher,
)

from chalicelib.api.headers import may_come_in
from chalicelib.api.middleware import finish_headers
from chalicelib.api.problems import problem
from chalicelib.errors import (
    ConfigurationError,
    InvalidToken,
    LychgateError,
    NotFound,
    NotThroughDistribution,
)
from infra.chalice_cli.advice import advise

if TYPE_CHECKING:
    from chalicelib.api.application import Application
    from chalicelib.config.http import HttpSettings

_log = logging.getLogger("lychgate.gateway")

HandleRequest = Callable[..., dict[str, Any]]
ParsePayload = Callable[[ChaliceRequestHandler], tuple[dict[str, Any], bytes | None]]


def with_gateway_responses(handle_request: HandleRequest) -> HandleRequest:
    """Return Chalice's ``handle_request``, wrapped to answer with gateway responses, and to advise the developer."""

    @functools.wraps(handle_request)
    def handle(
        gateway: LocalGateway, method: str, path: str, headers: dict[str, str], body: bytes | None
    ) -> dict[str, Any]:
        app = cast("Application", gateway._app_object)  # noqa: SLF001 - there is no public name
        lowercase = {name.lower(): value for name, value in headers.items()}
        answer = answered(gateway, app, method, path, lowercase, body)
        settings = _settings_of(app)
        if settings is not None:
            advise(method, lowercase, answer, settings)
        return answer

    def answered(
        gateway: LocalGateway, app: Application, method: str, path: str, lowercase: dict[str, str], body: bytes | None
    ) -> dict[str, Any]:
        error: LychgateError
        if _goes_around_the_distribution(lowercase, app):
            return _gateway_response(NotThroughDistribution(), lowercase, app)
        try:
            RouteMatcher(list(app.routes)).match_route(path)
        except ValueError:
            return _gateway_response(NotFound(), lowercase, app)
        try:
            return handle_request(gateway, method=method, path=path, headers=lowercase, body=body)
        except ForbiddenError:
            # The authorizer denied access. The gateway response of this is a 401 too.
            error = InvalidToken("refused by the authorizer")
        except LocalGatewayException:
            error = InvalidToken("no Authorization header", missing=True)
        except Exception as raised:  # noqa: BLE001 - as API Gateway does
            # An authorizer raised this. API Gateway answers 401 to this one message and 500 to all others.
            if str(raised) == "Unauthorized":
                error = InvalidToken("refused by the authorizer")
            else:
                _log.exception("the authorizer failed")
                error = LychgateError()
        return _gateway_response(error, lowercase, app)

    return handle


def _goes_around_the_distribution(request_headers: dict[str, str], app: Application) -> bool:
    """Return whether the stage has a distribution, and the request is not from it."""
    settings = _settings_of(app)
    return settings is not None and not may_come_in(request_headers, settings)


def _settings_of(app: Application) -> HttpSettings | None:
    """Return the settings of the HTTP layer, None of another application, in a process that serves several."""
    lychgate = getattr(app, "lychgate", None)
    try:
        return lychgate.http if lychgate is not None else None
    except ConfigurationError:
        return None  # the application answers this itself


def _gateway_response(error: LychgateError, request_headers: dict[str, str], app: Application) -> dict[str, Any]:
    settings: HttpSettings | None = None
    try:
        settings = app.lychgate.http
    except ConfigurationError as unusable:
        _log.error("%s", unusable)
        error = unusable
    response = problem(error)
    finish_headers(response.headers, request_headers.get("origin"), settings)
    answer: dict[str, Any] = response.to_dict()
    return answer


_JOINED_BY = {"cookie": "; ", "dpop": ", "}
"""What joins several headers of one name: RFC 9113 section 8.2.3 and RFC 9110 section 5.3."""


def with_each_of_several(parse_payload: ParsePayload) -> ParsePayload:
    """Return ``_parse_payload`` of Chalice's server, wrapped to join several headers of a name, where it keeps one.

    Only of those whose number says something: two refresh cookies and two proofs are refused.
    """

    @functools.wraps(parse_payload)
    def parse(handler: ChaliceRequestHandler) -> tuple[dict[str, Any], bytes | None]:
        headers, body = parse_payload(handler)
        for name in headers:
            if (joined_by := _JOINED_BY.get(name.lower())) is not None:
                headers[name] = joined_by.join(handler.headers.get_all(name, []))
        return headers, body

    return parse
