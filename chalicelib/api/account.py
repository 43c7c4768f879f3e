"""The routes of a user who is logged in: profile, dashboard, sessions, password, deletion."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, TypedDict

from chalicelib.api.bodies import request_body
from chalicelib.api.device_bound import invite, short_cookie_taken_away
from chalicelib.api.refresh_cookie import RefreshCookie, TokenDelivery
from chalicelib.api.responses import (
    AccessTokenBody,
    Answer,
    EventBody,
    SessionBody,
    TokenBody,
    UserBody,
    access_token_answer,
    event_body,
    no_content,
    session_body,
    token_answer,
    user_body,
)
from chalicelib.api.routing import Call, Credential, Routes, Tag
from chalicelib.api.schemas import Keywords, NewPassword, PasskeyAnswer, Password, TotpCode
from chalicelib.errors import (
    REQUIRED,
    Conflict,
    FieldError,
    Flaw,
    InsufficientAuthentication,
    InvalidChallenge,
    InvalidCode,
    InvalidCredentials,
    NotFound,
    OriginRejected,
    SecondFactorRequired,
    ServiceUnavailable,
    TooManyAttempts,
    ValidationFailed,
)
from chalicelib.use_cases.account import SESSION_ID

routes = Routes(Tag.ACCOUNT, raises=(ServiceUnavailable,), checked_by_use_cases=True)

SessionId = Annotated[str, Keywords(pattern=f"^{SESSION_ID.pattern}$", description="The `id` of a session.")]


@request_body
class NewPasswordBody:
    """The body of a password change."""

    current_password: Password
    new_password: NewPassword
    token_delivery: TokenDelivery = "body"


@request_body
class ReauthenticationBody:
    """The body of a reauthentication: the password, with a code where that is asked for, or a passkey's answer."""

    password: Password | None = None
    code: TotpCode | None = None
    challenge: Annotated[str, Keywords(description="From the options that the passkey answers.")] | None = None
    credential: PasskeyAnswer | None = None


@request_body
class PasswordBody:
    """The body of an account deletion: the password again, or nothing if the account has none."""

    password: Password | None = None


class ProfileBody(TypedDict):
    """The user who is logged in."""

    user: UserBody


class DashboardBody(TypedDict):
    """The account, with the 20 newest entries of its history, newest first."""

    user: UserBody
    active_sessions: int
    recent_events: list[EventBody]


class SessionsBody(TypedDict):
    """The user's sessions, newest first."""

    sessions: list[SessionBody]


@routes.operation("GET", "/me", credential=Credential.LIVE)
def get_me(call: Call) -> Answer[ProfileBody]:
    """Return the user who is logged in."""
    return Answer({"user": user_body(call.use_cases.account.profile(call.principal))})


@routes.operation("GET", "/dashboard", credential=Credential.LIVE)
def get_dashboard(call: Call) -> Answer[DashboardBody]:
    """Return the account's number of active sessions and its recent events."""
    shown = call.use_cases.account.dashboard(call.principal)
    return Answer(
        {
            "user": user_body(shown.user),
            "active_sessions": shown.active_sessions,
            "recent_events": [event_body(event) for event in shown.recent_events],
        }
    )


@routes.operation("GET", "/auth/sessions", credential=Credential.LIVE, tag=Tag.SESSIONS)
def list_sessions(call: Call) -> Answer[SessionsBody]:
    """List the user's sessions."""
    current = call.principal.session_id
    listed = call.use_cases.account.sessions(call.principal)
    return Answer({"sessions": [session_body(session, current_session_id=current) for session in listed]})


@routes.operation(
    "DELETE",
    "/auth/sessions/{session_id}",
    credential=Credential.FRESH,
    status=HTTPStatus.NO_CONTENT,
    raises=(NotFound,),
    tag=Tag.SESSIONS,
)
def end_session(call: Call, session_id: SessionId) -> Answer[None]:
    """End one of the user's sessions.

    The session that asks can end itself at any time: that is a log-out. With another one goes the address that it has
    given, if that waits to be confirmed.
    """
    call.use_cases.account.end_session(call.principal, session_id, call.caller)
    return no_content()


@routes.operation(
    "POST",
    "/auth/logout-all",
    credential=Credential.FRESH,
    status=HTTPStatus.NO_CONTENT,
    headers=("Set-Cookie",),
    raises=(Conflict,),
    tag=Tag.SESSIONS,
)
def log_out_everywhere(call: Call) -> Answer[None]:
    """End every session of the user.

    An address that one of them has given, and that waits to be confirmed, is withdrawn.
    """
    call.use_cases.account.log_out_everywhere(call.principal, call.caller)
    return _no_content_without_cookie(call)


@routes.operation(
    "POST",
    "/auth/reauthenticate",
    credential=Credential.LIVE,
    raises=(InvalidCredentials, InvalidChallenge, InvalidCode, SecondFactorRequired, TooManyAttempts),
)
def reauthenticate(call: Call, body: ReauthenticationBody) -> Answer[AccessTokenBody]:
    """Prove again that the user is there: with the password, or with a passkey.

    The body has `password`, or `password` and `code`, or `challenge` and `credential`. A user with an authenticator app
    sends its code with the password; a password alone is then answered `second_factor_required`. A passkey answers the
    options of `POST /auth/login/passkey/options`, or those of that answer. The session is fresh from then on, and the
    new access token has a new `auth_time`, `amr` and `acr`. The refresh token stays as it is.
    """
    reauthentication = call.use_cases.reauthentication
    if body.challenge is None and body.credential is None:
        if body.password is None:
            needed = Flaw("Send this, or challenge and credential.", "required")
            raise ValidationFailed(FieldError("password", needed))
        reauthenticated = reauthentication.with_password(call.principal, body.password, call.caller, code=body.code)
        return access_token_answer(reauthenticated)
    challenge, credential = _answer_of_passkey(body)
    return access_token_answer(reauthentication.with_passkey(call.principal, challenge, credential, call.caller))


def _answer_of_passkey(body: ReauthenticationBody) -> tuple[str, dict[str, Any]]:
    """Return the challenge and the credential of a body. Raises ValidationFailed unless it has these two only."""
    needed = [name for name in ("challenge", "credential") if getattr(body, name) is None]
    too_much = [name for name in ("password", "code") if getattr(body, name) is not None]
    if body.challenge is None or body.credential is None or too_much:
        raise ValidationFailed(
            *(FieldError(name, REQUIRED) for name in needed),
            *(FieldError(name, Flaw("Leave this out where a passkey answers.", "unexpected")) for name in too_much),
        )
    return body.challenge, body.credential


@routes.operation(
    "PUT",
    "/auth/password",
    credential=Credential.LIVE,
    headers=("Set-Cookie",),
    raises=(InvalidCredentials, InsufficientAuthentication, TooManyAttempts, Conflict, OriginRejected),
    takes_key_proof=True,
)
def change_password(call: Call, body: NewPasswordBody) -> Answer[TokenBody]:
    """Change the user's password, end all sessions and begin a new one.

    All tokens that were issued before are refused at once, those of the session that asks included. If the new password
    is the current one, the answer is `validation_failed` and nothing changes. If the user has a second factor, the
    session has to be fresh, or the answer is `insufficient_user_authentication`.
    """
    cookie = RefreshCookie.asked_for(body.token_delivery, call.request, call.lychgate.http)
    logged_in = call.use_cases.account.change_password(
        call.principal, body.current_password, body.new_password, call.caller
    )
    answer = token_answer(logged_in, cookie=cookie)
    if cookie is not None:
        invite(call, answer, logged_in.session_id)
    return answer


@routes.operation(
    "POST",
    "/auth/delete-account",
    credential=Credential.LIVE,
    status=HTTPStatus.NO_CONTENT,
    headers=("Set-Cookie",),
    raises=(InvalidCredentials, InsufficientAuthentication, TooManyAttempts, Conflict),
)
def delete_account(call: Call, body: PasswordBody) -> Answer[None]:
    """Delete the account.

    The password is needed if the account has one. If it has none, or the user has a second factor, the session has to
    be fresh, or the answer is `insufficient_user_authentication`.
    """
    call.use_cases.account.delete_account(call.principal, body.password, call.caller)
    return _no_content_without_cookie(call)


def _no_content_without_cookie(call: Call) -> Answer[None]:
    """Return an empty answer. It deletes the refresh cookie if the request had one, since its session has ended."""
    answer = no_content()
    cookie = RefreshCookie(call.lychgate.http)
    if cookie.values(call.request):
        answer.set_cookies(*cookie.taken_away(call.request), *short_cookie_taken_away(call))
    return answer
