"""The routes under ``/auth``: register, log in, refresh, log out."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Literal

from chalicelib.api.parsing import check_origin
from chalicelib.api.refresh_cookie import RefreshCookie
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

routes = Routes(raises=(OriginRejected, ServiceUnavailable))


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
    cookie = _cookie_asked_for(call, body)
    logged_in = call.use_cases.registration.register(body.username, body.password, call.caller)
    return token_answer(logged_in, cookie=cookie)


@routes.operation("POST", "/auth/login", headers=("Set-Cookie",), raises=(InvalidCredentials, TooManyAttempts))
def log_in(call: Call, body: CredentialsBody) -> Answer[TokenBody]:
    """Log in with username and password."""
    cookie = _cookie_asked_for(call, body)
    logged_in = call.use_cases.log_in.with_password(body.username, body.password, call.caller)
    return token_answer(logged_in, cookie=cookie)


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
    refresh_token, cookie = _presented_refresh_token(call, body)
    if refresh_token is None:
        raise InvalidGrant("no refresh token")
    return token_answer(call.use_cases.refresh_tokens.exchange(refresh_token, call.caller), cookie=cookie)


@routes.operation(
    "POST",
    "/auth/logout",
    credential=Credential.REFRESH_TOKEN,
    status=HTTPStatus.NO_CONTENT,
    headers=("Set-Cookie",),
)
def log_out(call: Call, body: RefreshTokenBody) -> Answer[None]:
    """End the session of a refresh token; succeeds too if there is none to end."""
    refresh_token, cookie = _presented_refresh_token(call, body)
    if refresh_token is not None:
        call.use_cases.refresh_tokens.revoke(refresh_token, call.caller)
    return no_content(taking_away=cookie)


def _cookie_asked_for(call: Call, body: CredentialsBody) -> RefreshCookie | None:
    """Return the cookie if the refresh token is to go there.

    Raises OriginRejected if a foreign page asks for it: it would log its visitor in as somebody else.
    """
    if body.token_delivery != "cookie":
        return None
    check_origin(call.request, call.lychgate.http)
    return RefreshCookie(call.lychgate.http)


def _presented_refresh_token(call: Call, body: RefreshTokenBody) -> tuple[str | None, RefreshCookie | None]:
    """Return the refresh token of this request, and the cookie if that brought it: a body's goes first."""
    if body.refresh_token is not None:
        return body.refresh_token, None
    cookie = RefreshCookie(call.lychgate.http)
    from_cookie = cookie.read_from_allowed_origin(call.request)
    return from_cookie, cookie if from_cookie is not None else None
