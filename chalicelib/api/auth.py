"""The routes under ``/auth``: register, log in, refresh, log out."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from chalicelib.api.refresh_cookie import RefreshCookie, TokenDelivery
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
    """The body of a registration or a log-in."""

    username: Annotated[str, Keywords(examples=["alice"])]
    password: Annotated[str, Keywords(format="password", examples=["correct horse battery staple"])]
    token_delivery: TokenDelivery = "body"


@dataclass(frozen=True)
class RefreshTokenBody:
    """The body of a refresh or a log-out: the refresh token, or nothing if the cookie carries it."""

    refresh_token: str | None = None


@routes.operation(
    "POST",
    "/auth/register",
    status=HTTPStatus.CREATED,
    headers=("Set-Cookie",),
    raises=(RegistrationClosed, UsernameTaken),
)
def register(call: Call, body: CredentialsBody) -> Answer[TokenBody]:
    """Create an account and log in.

    A username has 3 to 254 characters: letters, digits and `. _ @ + -`. Usernames are compared after NFKC and case
    folding. A new one has at most 512 bytes in UTF-8, no invisible characters, and letters and digits of one script
    (UTS 39, Highly Restrictive). A password has at least 15 characters, or the minimum that this site sets, and at most
    256, counted after NFC. It must not contain the username, be a common password or the name of the site, or an
    obvious extension of one. `errors` names every field that is wrong.
    """
    cookie = RefreshCookie.asked_for(body.token_delivery, call.request, call.lychgate.http)
    logged_in = call.use_cases.registration.register(body.username, body.password, call.caller)
    return token_answer(logged_in, cookie=cookie)


@routes.operation("POST", "/auth/login", headers=("Set-Cookie",), raises=(InvalidCredentials, TooManyAttempts))
def log_in(call: Call, body: CredentialsBody) -> Answer[TokenBody]:
    """Log in with username and password."""
    cookie = RefreshCookie.asked_for(body.token_delivery, call.request, call.lychgate.http)
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

    A refresh token can be used once. If the last used one is sent again within 20 seconds, it gets the same successor,
    but not for three refreshes in a row. Any other reuse ends the session.
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
    """End the session of a refresh token. Succeeds also if there is no such session."""
    refresh_token, cookie = _presented_refresh_token(call, body)
    if refresh_token is not None:
        call.use_cases.refresh_tokens.revoke(refresh_token, call.caller)
    return no_content(taking_away=cookie)


def _presented_refresh_token(call: Call, body: RefreshTokenBody) -> tuple[str | None, RefreshCookie | None]:
    """Return the request's refresh token, and the cookie if the token came in it. A token in the body takes precedence.

    Raises OriginRejected if a page of another origin sent the cookie.
    """
    if body.refresh_token is not None:
        return body.refresh_token, None
    cookie = RefreshCookie(call.lychgate.http)
    from_cookie = cookie.read_from_allowed_origin(call.request)
    return from_cookie, cookie if from_cookie is not None else None
