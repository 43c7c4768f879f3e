"""HTTP out: how results and errors look on the wire.

Owns the one table from errors to statuses, the problem documents (RFC 9457), and the JSON form of users and tokens.
"""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from chalice import Response

from chalicelib.config import HttpSettings
from chalicelib.errors import (
    Conflict,
    Forbidden,
    InvalidCredentials,
    InvalidGrant,
    InvalidRequest,
    InvalidToken,
    LychgateError,
    MethodNotAllowed,
    NotFound,
    OriginRejected,
    PayloadTooLarge,
    RegistrationClosed,
    ServiceUnavailable,
    TooManyAttempts,
    UnsupportedMediaType,
    UsernameTaken,
    ValidationFailed,
)
from chalicelib.models import LoggedIn, SecurityEvent, Session, User

STATUSES: dict[type[LychgateError], HTTPStatus] = {
    InvalidRequest: HTTPStatus.BAD_REQUEST,
    InvalidCredentials: HTTPStatus.UNAUTHORIZED,
    InvalidToken: HTTPStatus.UNAUTHORIZED,
    InvalidGrant: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    OriginRejected: HTTPStatus.FORBIDDEN,
    RegistrationClosed: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    MethodNotAllowed: HTTPStatus.METHOD_NOT_ALLOWED,
    UsernameTaken: HTTPStatus.CONFLICT,
    Conflict: HTTPStatus.CONFLICT,
    PayloadTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    UnsupportedMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    ValidationFailed: HTTPStatus(422),
    TooManyAttempts: HTTPStatus.TOO_MANY_REQUESTS,
    ServiceUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    LychgateError: HTTPStatus.INTERNAL_SERVER_ERROR,
}

# 413 and 422 were renamed between Python 3.12 and 3.13; a title should not depend on the Python that runs.
_TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}

Headers = dict[str, str | list[str]]

_REALM = 'Bearer realm="lychgate"'


def problem(error: LychgateError) -> Response:
    """Return the problem document for an error. What only an operator may know stays out of it."""
    status = next(status for kind in type(error).__mro__ if (status := STATUSES.get(kind)) is not None)
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": _TITLES.get(status, status.phrase),
        "status": int(status),
        "error": error.error,
        "detail": error.message if status < HTTPStatus.INTERNAL_SERVER_ERROR else type(error).detail,
    }
    headers: Headers = {"Content-Type": "application/problem+json"}
    if isinstance(error, ValidationFailed):
        body["errors"] = [{"field": item.field, "message": item.message} for item in error.errors]
    if isinstance(error, ServiceUnavailable | TooManyAttempts):
        headers["Retry-After"] = str(error.retry_after)
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = _challenge(error)
    return Response(body, headers, int(status))


def _challenge(error: LychgateError) -> str:
    """Return the challenge that goes with a 401.

    RFC 6750 section 3: ``error`` stands there only if the request came with a token.
    """
    if isinstance(error, InvalidToken) and not error.missing:
        return f'{_REALM}, error="{error.error}", error_description="{error.message}"'
    return _REALM


def token_response(logged_in: LoggedIn, *, settings: HttpSettings, in_cookie: bool, status: HTTPStatus) -> Response:
    """Return the token response (RFC 6749 section 5.1), the refresh token in the body or in the cookie."""
    tokens = logged_in.tokens
    body: dict[str, Any] = {
        "access_token": tokens.access_token,
        "token_type": "Bearer",
        "expires_in": tokens.expires_in,
        "refresh_token": tokens.refresh_token,
        "refresh_expires_in": tokens.refresh_expires_in,
        "user": user_body(logged_in.user),
    }
    headers: Headers = {}
    if in_cookie:
        headers["Set-Cookie"] = _cookie(body.pop("refresh_token"), tokens.refresh_expires_in, settings)
    return Response(body, headers, int(status))


def no_content(*, clear_cookie: HttpSettings | None = None) -> Response:
    """Return an empty answer, which takes the refresh cookie away if it is given the settings of it."""
    headers: Headers = {"Set-Cookie": _cookie("", 0, clear_cookie)} if clear_cookie else {}
    return Response("", headers, int(HTTPStatus.NO_CONTENT))


def user_body(user: User) -> dict[str, Any]:
    """Return what is told of a user."""
    return {
        "id": user.id,
        "username": user.username,
        "roles": list(user.roles),
        "created_at": timestamp(user.created_at),
        "disabled": user.disabled,
    }


def session_body(session: Session, *, current_session_id: str) -> dict[str, Any]:
    """Return what a user is told of one of the own sessions."""
    return {
        "id": session.id,
        "created_at": timestamp(session.created_at),
        "last_used_at": timestamp(session.last_used_at),
        "expires_at": timestamp(session.refresh_expires_at),
        "ip": session.client.ip,
        "user_agent": session.client.user_agent,
        "current": session.id == current_session_id,
    }


def event_body(event: SecurityEvent) -> dict[str, Any]:
    """Return what a user is told of an entry of the own history."""
    return {
        "type": event.type.value,
        "at": timestamp(event.at),
        "ip": event.client.ip,
        "user_agent": event.client.user_agent,
    }


def timestamp(numeric_date: int) -> str:
    """Return a NumericDate as RFC 3339 writes it, in UTC."""
    return datetime.fromtimestamp(numeric_date, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _cookie(value: str, max_age: int, settings: HttpSettings) -> str:
    secure = " Secure;" if settings.cookie_secure else ""
    return (
        f"{settings.cookie_name}={value}; Path={settings.cookie_path}; HttpOnly;{secure} SameSite=Strict;"
        f" Max-Age={max_age}"
    )
