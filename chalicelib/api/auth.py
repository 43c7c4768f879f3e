"""The routes under ``/auth``: register, log in, refresh, log out."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Literal

from chalicelib import wiring
from chalicelib.accounts.events import EventType
from chalicelib.api.parsing import check_origin, read_cookie
from chalicelib.api.responses import Answer, TokenBody, no_content, token_answer
from chalicelib.api.routing import Call, Credential, Routes
from chalicelib.api.schemas import Keywords
from chalicelib.errors import (
    InvalidCredentials,
    InvalidGrant,
    OriginRejected,
    RegistrationClosed,
    ServiceUnavailable,
    TooManyAttempts,
    UsernameTaken,
)
from chalicelib.telemetry import NOTHING, Evidence

routes = Routes(__name__, raises=(OriginRejected, ServiceUnavailable))


@dataclass(frozen=True)
class CredentialsBody:
    """What registration and log-in take."""

    username: Annotated[str, Keywords(examples=["alice"])]
    password: Annotated[str, Keywords(format="password", examples=["correct horse battery staple"])]
    token_delivery: Annotated[Literal["body", "cookie"], Keywords(description="Where the refresh token goes.")] = "body"


@dataclass(frozen=True)
class RefreshTokenBody:
    """What refresh and log-out take: the refresh token, or nothing where the cookie carries it."""

    refresh_token: str | None = None


@routes.operation(
    "POST",
    "/auth/register",
    status=HTTPStatus.CREATED,
    headers=("Set-Cookie",),
    raises=(RegistrationClosed, UsernameTaken),
)
def register(call: Call, body: CredentialsBody) -> Answer[TokenBody]:
    """Make an account and log it in.

    A username has 3 to 254 letters, digits and characters of `. _ @ + -`, and is compared after NFKC and case folding.
    A password has 15 characters, or as many as this site asks for, to 256 after NFC, does not contain the username and
    is not a commonly used one.
    """
    _check_origin_of_cookie(call, body)
    logged_in = wiring.auth_service().register(body.username, body.password, call.caller)
    return token_answer(
        logged_in,
        event=EventType.REGISTERED,
        settings=wiring.http_settings(),
        in_cookie=body.token_delivery == "cookie",
    )


@routes.operation("POST", "/auth/login", headers=("Set-Cookie",), raises=(InvalidCredentials, TooManyAttempts))
def log_in(call: Call, body: CredentialsBody) -> Answer[TokenBody]:
    """Log in with username and password."""
    _check_origin_of_cookie(call, body)
    logged_in = wiring.auth_service().log_in(body.username, body.password, call.caller)
    return token_answer(
        logged_in,
        event=EventType.LOGIN_SUCCEEDED,
        settings=wiring.http_settings(),
        in_cookie=body.token_delivery == "cookie",
    )


@routes.operation(
    "POST",
    "/auth/refresh",
    credential=Credential.REFRESH_TOKEN,
    headers=("Set-Cookie",),
    raises=(InvalidGrant,),
)
def refresh(call: Call, body: RefreshTokenBody) -> Answer[TokenBody]:
    """Exchange a refresh token for its successor and a new access token.

    A refresh token is good once. The one used last, shown again within 20 seconds, gets the same successor; any other
    that was used before ends its session.
    """
    refresh_token, in_cookie = _presented_refresh_token(call, body)
    if refresh_token is None:
        raise InvalidGrant("no refresh token")
    logged_in = wiring.auth_service().refresh(refresh_token, call.caller)
    event = "refresh_retried" if logged_in.retried else "refreshed"
    return token_answer(logged_in, event=event, settings=wiring.http_settings(), in_cookie=in_cookie)


@routes.operation(
    "POST",
    "/auth/logout",
    credential=Credential.REFRESH_TOKEN,
    status=HTTPStatus.NO_CONTENT,
    headers=("Set-Cookie",),
)
def log_out(call: Call, body: RefreshTokenBody) -> Answer[None]:
    """End the session of a refresh token; succeeds too if there is none to end."""
    refresh_token, in_cookie = _presented_refresh_token(call, body)
    ended = wiring.auth_service().log_out(refresh_token, call.caller) if refresh_token is not None else None
    evidence = NOTHING
    if ended is not None:
        evidence = Evidence(event=EventType.LOGGED_OUT, user_id=ended.user_id, session_id=ended.session_id)
    return no_content(clear_cookie=wiring.http_settings() if in_cookie else None, evidence=evidence)


def _check_origin_of_cookie(call: Call, body: CredentialsBody) -> None:
    """Raise OriginRejected if a foreign page asks for a cookie: it would log its visitor in as somebody else."""
    if body.token_delivery == "cookie":
        check_origin(call.request, wiring.http_settings())


def _presented_refresh_token(call: Call, body: RefreshTokenBody) -> tuple[str | None, bool]:
    """Return the refresh token of this request, and whether the cookie brought it: a body's goes first."""
    if body.refresh_token is not None:
        return body.refresh_token, False
    settings = wiring.http_settings()
    from_cookie = read_cookie(call.request, settings.cookie_name)
    if from_cookie is not None:
        check_origin(call.request, settings)
    return from_cookie, from_cookie is not None
