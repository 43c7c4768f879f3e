"""The routes under ``/auth``: register, log in, refresh, log out."""

from __future__ import annotations

import contextlib
from http import HTTPStatus
from typing import TYPE_CHECKING

from chalicelib.accounts.results import LoggedIn
from chalicelib.api.bodies import request_body
from chalicelib.api.cookies import SiteCookie
from chalicelib.api.device_bound import caller_on_device, invite, short_cookie_taken_away, why_skipped
from chalicelib.api.refresh_cookie import RefreshCookie, TokenDelivery
from chalicelib.api.responses import (
    Accepted,
    Answer,
    RegistrationPending,
    TokenBody,
    no_content,
    token_answer,
)
from chalicelib.api.routing import Call, Credential, Routes, Tag
from chalicelib.api.schemas import NewEmail, NewPassword, NewUsername, Password, Username
from chalicelib.credentials.throttling import Known
from chalicelib.errors import (
    DeviceCookieDelayed,
    InvalidCredentials,
    InvalidGrant,
    InvalidRequest,
    NotOnDevice,
    OriginRejected,
    RegistrationClosed,
    SecondFactorRequired,
    ServiceUnavailable,
    TooManyAttempts,
    TooManyMails,
    TooManyRegistrations,
    UsernameTaken,
)
from chalicelib.tokens.issuer import DEVICE_LIFETIME

if TYPE_CHECKING:
    from chalicelib.config.api import ApiSettings

routes = Routes(Tag.AUTHENTICATION, raises=(OriginRejected, ServiceUnavailable))


@request_body
class NewAccountBody:
    """The body of a registration where an account is named by its username."""

    username: NewUsername
    password: NewPassword
    email: NewEmail | None = None
    token_delivery: TokenDelivery = "body"


@request_body
class NewAddressAccountBody:
    """The body of a registration where an account is named by its address. It may have no password."""

    email: NewEmail
    password: NewPassword | None = None
    token_delivery: TokenDelivery = "body"


@request_body
class CredentialsBody:
    """The body of a log-in."""

    username: Username
    password: Password
    token_delivery: TokenDelivery = "body"


@request_body
class RefreshTokenBody:
    """The body of a refresh or a log-out: the refresh token, or nothing if the cookie carries it."""

    refresh_token: str | None = None


def _form_of_new_account(settings: ApiSettings) -> type[NewAccountBody | NewAddressAccountBody]:
    return NewAddressAccountBody if settings.identifier == "email" else NewAccountBody


@routes.operation(
    "POST",
    "/auth/register",
    status=HTTPStatus.CREATED,
    headers=("Set-Cookie",),
    raises=(RegistrationClosed, UsernameTaken, TooManyRegistrations, TooManyMails),
    form=_form_of_new_account,
    takes_key_proof=True,
)
def register(
    call: Call, body: NewAccountBody | NewAddressAccountBody
) -> Answer[TokenBody] | Accepted[RegistrationPending]:
    """Create an account and log in.

    `identifier` of `GET /auth/options` says which of the two forms the body has. With a username the account exists at
    once. If there is an `email`, a mail asks to confirm it. Where the address is the username, a mail with a link
    follows, and the account exists once that is used at `POST /auth/register/confirm`. The answer is then 202, whether
    or not there is an account under this address. Leave `password` out here, and send it there: whoever asks may not be
    who reads the mail. Such an account may do without a password: its user logs in with a passkey or a mailed code, and
    can choose one by `POST /auth/password/forgot`.

    A username has 3 to 254 characters: letters, digits and `. _ @ + -`. Usernames are compared after NFKC and case
    folding. A new one has at most 512 bytes in UTF-8, no invisible characters, and letters and digits of one script
    (UTS 39, Highly Restrictive). A password has at least 15 characters, or the minimum that this site sets, and at most
    256, counted after NFC. It must not contain the username, be a common password or the name of the site, or an
    obvious extension of one. `errors` names every field that is wrong.
    """
    cookie = RefreshCookie.asked_for(body.token_delivery, call.request, call.lychgate.http)
    if isinstance(body, NewAddressAccountBody):
        ask = call.use_cases.address_registration.ask
        kept: RegistrationPending = {"expires_in": ask(body.email, body.password, call.caller, language=call.language)}
        return Accepted(kept)
    language = "" if body.email is None else call.language
    logged_in = call.use_cases.registration.register(
        body.username, body.password, call.caller, email=body.email, language=language
    )
    return begun(call, logged_in, cookie, None)


@routes.operation(
    "POST",
    "/auth/login",
    headers=("Set-Cookie",),
    raises=(InvalidCredentials, SecondFactorRequired, TooManyAttempts),
    takes_key_proof=True,
)
def log_in(call: Call, body: CredentialsBody) -> Answer[TokenBody]:
    """Log in with username and password.

    If the refresh token goes into the cookie, the session of a cookie that the request had ends, and a second cookie
    remembers the device: failures elsewhere do not delay its next log-in. If the user has a second factor, the answer
    is `second_factor_required`, and `POST /auth/login/second-factor` is next.
    """
    cookie = RefreshCookie.asked_for(body.token_delivery, call.request, call.lychgate.http)
    device = known_device(call) if cookie is not None else None
    logged_in = call.use_cases.log_in.with_password(body.username, body.password, call.caller, device=device)
    return begun(call, logged_in, cookie, device)


@routes.operation(
    "POST",
    "/auth/refresh",
    credential=Credential.REFRESH_TOKEN,
    headers=("Set-Cookie",),
    raises=(InvalidGrant, NotOnDevice),
    takes_key_proof=True,
)
def refresh(call: Call, body: RefreshTokenBody) -> Answer[TokenBody]:
    """Exchange a refresh token for its successor and a new access token.

    A refresh token can be used once. If the last used one is sent again within 20 seconds, it gets the same successor,
    but not for three refreshes in a row, nor twice in 24 hours from elsewhere. Any other reuse ends the session. A
    request with two refresh cookies is refused.

    If the session is bound to a key, the header `DPoP` needs a new proof by that key, and the last used token gets its
    successor within the 20 seconds however often it is sent. If it is bound to a device, the request needs the short
    cookie, which the browser renews: without it the answer is `not_on_device`, or, if the browser says that it cannot
    renew it for now, 503. Without what it needs the request changes nothing, however old the token is.
    """
    _refuse_wrong_proof(call, body)
    refresh_tokens, cookie = _presented_refresh_tokens(call, body)
    if not refresh_tokens:
        raise InvalidGrant("no refresh token")
    if len(refresh_tokens) > 1:
        raise InvalidRequest("The request has more than one refresh cookie. Log out or log in to end their sessions.")
    try:
        logged_in = call.use_cases.refresh_tokens.exchange(refresh_tokens[0], caller_on_device(call))
    except NotOnDevice as refusal:
        _raise_if_delayed(call, refusal)
        raise
    return token_answer(logged_in, cookie=cookie)


@routes.operation(
    "POST",
    "/auth/logout",
    credential=Credential.REFRESH_TOKEN,
    status=HTTPStatus.NO_CONTENT,
    headers=("Set-Cookie",),
    takes_key_proof=True,
)
def log_out(call: Call, body: RefreshTokenBody) -> Answer[None]:
    """End the session of a refresh token. Succeeds also if there is no such session.

    Of two refresh cookies both sessions end. A session that is bound to a key goes on, unless the header `DPoP` has a
    new proof by it, and one that is bound to a device, unless the short cookie comes along. A proof by the key that is
    not new is refused with `invalid_dpop_proof`: try again with another one. If the browser says that it cannot renew
    the short cookie for now, the answer is 503: try again later.
    """
    _refuse_wrong_proof(call, body)
    refresh_tokens, cookie = _presented_refresh_tokens(call, body)
    try:
        call.use_cases.refresh_tokens.revoke(refresh_tokens, caller_on_device(call))
    except NotOnDevice as refusal:
        _raise_if_delayed(call, refusal)
    answer = no_content()
    if cookie is not None:
        answer.set_cookies(*cookie.taken_away(call.request), *short_cookie_taken_away(call))
    return answer


def begun(call: Call, logged_in: LoggedIn, cookie: RefreshCookie | None, device: Known | None) -> Answer[TokenBody]:
    """Return the token response of a new session.

    If it goes into the cookie, the session that was there ends, and another cookie remembers the device.
    """
    answer = token_answer(logged_in, cookie=cookie)
    if cookie is None:
        return answer
    invite(call, answer, logged_in.session_id)
    if replaced := cookie.values(call.request):
        call.use_cases.refresh_tokens.replace(replaced, caller_on_device(call))
        answer.set_cookies(*cookie.strays_taken_away(call.request))
    device_cookie = _device_cookie(call)
    device_token = call.use_cases.devices.remember(logged_in.user, device)
    answer.set_cookies(
        device_cookie.holding(device_token, DEVICE_LIFETIME), *device_cookie.strays_taken_away(call.request)
    )
    return answer


def _device_cookie(call: Call) -> SiteCookie:
    return SiteCookie("device", call.lychgate.http)


def known_device(call: Call) -> Known | None:
    """Return the device that a request comes from, None unless a cookie proves that it has logged in before."""
    return call.use_cases.devices.recognise(_device_cookie(call).values(call.request))


def _raise_if_delayed(call: Call, refusal: NotOnDevice) -> None:
    """Raise DeviceCookieDelayed if the browser says that it cannot renew the short cookie for now."""
    if (why := why_skipped(call.request)) is not None:
        raise DeviceCookieDelayed(refusal, why) from refusal


def _refuse_wrong_proof(call: Call, body: RefreshTokenBody) -> None:
    """Return if the request has no proof that is wrong by itself.

    Raises InvalidDPoPProof, also if the refresh token is missing or may not be sent.
    """
    if call.refused_proof is None:
        return
    refresh_tokens: list[str] = []
    with contextlib.suppress(OriginRejected):
        refresh_tokens, _ = _presented_refresh_tokens(call, body)
    call.use_cases.refresh_tokens.refuse(refresh_tokens, caller_on_device(call), call.refused_proof)


def _presented_refresh_tokens(call: Call, body: RefreshTokenBody) -> tuple[list[str], RefreshCookie | None]:
    """Return the request's refresh tokens, and the cookie if they came in it. A token in the body takes precedence.

    Raises OriginRejected if a page of another origin sent the cookie.
    """
    if body.refresh_token is not None:
        return [body.refresh_token], None
    cookie = RefreshCookie(call.lychgate.http)
    from_cookie = cookie.values_from_allowed_origin(call.request)
    return from_cookie, cookie if from_cookie else None
