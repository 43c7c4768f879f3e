"""The routes under ``/auth``: register, log in, refresh, log out."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal

from chalice import Blueprint, Response
from chalice.app import Request

from chalicelib import wiring
from chalicelib.api.boundary import answering, client_of
from chalicelib.api.parsing import check_origin, read_body, read_cookie
from chalicelib.api.responses import no_content, token_response
from chalicelib.errors import InvalidGrant
from chalicelib.models import LoggedIn

blueprint = Blueprint(__name__)


@dataclass(frozen=True)
class CredentialsBody:
    """What registration and log-in take."""

    username: str
    password: str
    token_delivery: Literal["body", "cookie"] = "body"


@dataclass(frozen=True)
class RefreshTokenBody:
    """What refresh and log-out take: the refresh token, or nothing where the cookie carries it."""

    refresh_token: str | None = None


@blueprint.route("/auth/register", methods=["POST"], content_types=[])
@answering
def register() -> Response:
    """Make an account and log it in."""
    request = blueprint.current_request
    body = _credentials(request)
    logged_in = wiring.auth_service().register(body.username, body.password, client_of(request))
    return _tokens(logged_in, in_cookie=body.token_delivery == "cookie", status=HTTPStatus.CREATED)


@blueprint.route("/auth/login", methods=["POST"], content_types=[])
@answering
def log_in() -> Response:
    """Log in with username and password."""
    request = blueprint.current_request
    body = _credentials(request)
    logged_in = wiring.auth_service().log_in(body.username, body.password, client_of(request))
    return _tokens(logged_in, in_cookie=body.token_delivery == "cookie", status=HTTPStatus.OK)


@blueprint.route("/auth/refresh", methods=["POST"], content_types=[])
@answering
def refresh() -> Response:
    """Exchange a refresh token for its successor and a new access token."""
    refresh_token, in_cookie = _presented_refresh_token()
    if refresh_token is None:
        raise InvalidGrant("no refresh token")
    logged_in = wiring.auth_service().refresh(refresh_token, client_of(blueprint.current_request))
    return _tokens(logged_in, in_cookie=in_cookie, status=HTTPStatus.OK)


@blueprint.route("/auth/logout", methods=["POST"], content_types=[])
@answering
def log_out() -> Response:
    """End the session of a refresh token; succeeds too if there is none to end."""
    refresh_token, in_cookie = _presented_refresh_token()
    if refresh_token is not None:
        wiring.auth_service().log_out(refresh_token, client_of(blueprint.current_request))
    return no_content(clear_cookie=wiring.http_settings() if in_cookie else None)


def _credentials(request: Request) -> CredentialsBody:
    body = read_body(request, CredentialsBody)
    if body.token_delivery == "cookie":
        # A page must not be able to log its visitor's browser in as somebody else.
        check_origin(request, wiring.http_settings())
    return body


def _presented_refresh_token() -> tuple[str | None, bool]:
    """Return the refresh token of this request, and whether the cookie brought it: a body's goes first."""
    request, settings = blueprint.current_request, wiring.http_settings()
    body = read_body(request, RefreshTokenBody)
    if body.refresh_token is not None:
        return body.refresh_token, False
    from_cookie = read_cookie(request, settings.cookie_name)
    if from_cookie is not None:
        check_origin(request, settings)
    return from_cookie, from_cookie is not None


def _tokens(logged_in: LoggedIn, *, in_cookie: bool, status: HTTPStatus) -> Response:
    return token_response(logged_in, settings=wiring.http_settings(), in_cookie=in_cookie, status=status)
