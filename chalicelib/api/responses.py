"""HTTP out: how results and errors look on the wire.

Owns the one table from errors to statuses, the problem documents (RFC 9457), and the JSON form of users and tokens.
Answers are built from the types here, and ``/openapi.json`` describes the same types.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, ClassVar, Generic, Literal, NotRequired, TypedDict, TypeVar

from chalice import Response

from chalicelib.accounts.events import HISTORY, EventType, SecurityEvent
from chalicelib.accounts.results import LoggedIn, Reauthenticated
from chalicelib.accounts.session import Session
from chalicelib.accounts.user import User
from chalicelib.api.refresh_cookie import RefreshCookie
from chalicelib.api.schemas import Keywords
from chalicelib.errors import (
    Conflict,
    DeviceProofRequired,
    EmailTaken,
    FieldCode,
    FieldError,
    Forbidden,
    InsufficientAuthentication,
    InvalidChallenge,
    InvalidCode,
    InvalidCredentials,
    InvalidDeviceProof,
    InvalidDPoPProof,
    InvalidGrant,
    InvalidRequest,
    InvalidToken,
    LinkExpired,
    LychgateError,
    MethodNotAllowed,
    NotFound,
    NotThroughDistribution,
    OriginRejected,
    PayloadTooLarge,
    RegistrationClosed,
    SecondFactorRequired,
    ServiceUnavailable,
    TooManyAttempts,
    UnknownPasskey,
    UnsupportedMediaType,
    UsernameTaken,
    ValidationFailed,
)
from chalicelib.telemetry.requests import NOTHING, Evidence

STATUSES: dict[type[LychgateError], HTTPStatus] = {
    InvalidRequest: HTTPStatus.BAD_REQUEST,
    InvalidDPoPProof: HTTPStatus.BAD_REQUEST,
    InvalidDeviceProof: HTTPStatus.BAD_REQUEST,
    InvalidCredentials: HTTPStatus.UNAUTHORIZED,
    InvalidToken: HTTPStatus.UNAUTHORIZED,
    InsufficientAuthentication: HTTPStatus.UNAUTHORIZED,
    InvalidGrant: HTTPStatus.UNAUTHORIZED,
    InvalidCode: HTTPStatus.UNAUTHORIZED,
    InvalidChallenge: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    NotThroughDistribution: HTTPStatus.FORBIDDEN,
    OriginRejected: HTTPStatus.FORBIDDEN,
    RegistrationClosed: HTTPStatus.FORBIDDEN,
    SecondFactorRequired: HTTPStatus.FORBIDDEN,
    DeviceProofRequired: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    MethodNotAllowed: HTTPStatus.METHOD_NOT_ALLOWED,
    UsernameTaken: HTTPStatus.CONFLICT,
    EmailTaken: HTTPStatus.CONFLICT,
    Conflict: HTTPStatus.CONFLICT,
    LinkExpired: HTTPStatus.GONE,
    PayloadTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    UnsupportedMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    ValidationFailed: HTTPStatus(422),
    TooManyAttempts: HTTPStatus.TOO_MANY_REQUESTS,
    ServiceUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    LychgateError: HTTPStatus.INTERNAL_SERVER_ERROR,
}

RETRIED = (ServiceUnavailable, TooManyAttempts)
"""The errors that have a ``Retry-After`` header. Their attribute ``retry_after`` holds the seconds."""

# Python 3.13 renamed 413 and 422. A title must not depend on the Python version.
_TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}

Headers = dict[str, str | list[str]]

_REALM = 'Bearer realm="lychgate"'


Timestamp = Annotated[
    str, Keywords(format="date-time", description="RFC 3339, in UTC.", examples=["2027-01-15T08:00:00Z"])
]
Seconds = Annotated[int, Keywords(minimum=0, description="Seconds from now.", examples=[600])]
Jwt = Annotated[str, Keywords(examples=["eyJ…"])]


_OrNull = Keywords(type=["string", "null"], examples=["alice@example.org"])

SecondFactor = Annotated[str, Keywords(enum=["totp", "recovery_code", "passkey"])]
RequestOptions = Annotated[
    dict[str, Any],
    Keywords(
        component="PublicKeyCredentialRequestOptionsJSON",
        description="For `navigator.credentials.get` (WebAuthn Level 3, section 5.1.10).",
    ),
]


class UserBody(TypedDict):
    """An account."""

    id: str
    username: Annotated[str, Keywords(examples=["Alice"])]
    roles: Annotated[list[str], Keywords(examples=[["user"]])]
    created_at: Timestamp
    disabled: bool
    email: Annotated[str | None, _OrNull]
    email_verified: Annotated[bool, Keywords(description="Whether somebody has shown to read the mail to `email`.")]
    second_factor: Annotated[bool, Keywords(description="Whether every log-in asks for a second factor.")]
    new_email: NotRequired[Annotated[str, Keywords(description="Takes the place of `email` once it is confirmed.")]]


class SessionBody(TypedDict):
    """A session. Each log-in begins one."""

    id: str
    created_at: Timestamp
    last_used_at: Timestamp
    expires_at: Timestamp
    ip: str
    user_agent: str
    current: bool
    bound: Annotated[bool, Keywords(description="Whether nobody can continue it without a key of its client.")]


class EventBody(TypedDict):
    """One entry of an account's history."""

    type: Annotated[EventType, Keywords(enum=[str(event) for event in HISTORY])]
    at: Timestamp
    ip: str
    user_agent: str
    count: NotRequired[Annotated[int, Keywords(minimum=1, description="How many failed log-ins that day.")]]
    actor: NotRequired[Annotated[Literal["admin"], Keywords(description="An administrator did this.")]]
    subject: NotRequired[
        Annotated[str, Keywords(description="The `id` of the user whom this administrator did it to.")]
    ]


class TokenBody(TypedDict):
    """A token response (RFC 6749 section 5.1). If it has no ``refresh_token``, that is in the cookie."""

    access_token: Jwt
    token_type: Literal["Bearer"]
    expires_in: Seconds
    refresh_token: NotRequired[Jwt]
    refresh_expires_in: Seconds
    user: UserBody


class AccessTokenBody(TypedDict):
    """A new access token of a session that goes on with the refresh token that it has."""

    access_token: Jwt
    token_type: Literal["Bearer"]
    expires_in: Seconds
    user: UserBody


class RegistrationPending(TypedDict):
    """A registration that is kept until its address is confirmed."""

    expires_in: Seconds


class NothingYet(TypedDict):
    """Nothing: a mail follows, if there is anybody to write to."""


class FieldProblem(TypedDict):
    """What is wrong with one field of a request."""

    field: Annotated[str, Keywords(description="Its path, such as `items[2].price`.")]
    code: Annotated[FieldCode, Keywords(description="For programs.")]
    message: Annotated[str, Keywords(description="For people.")]
    limit: NotRequired[Annotated[int, Keywords(description="The number that the value is beyond.")]]


class Problem(TypedDict):
    """Why a request was refused (RFC 9457)."""

    type: str
    title: str
    status: int
    error: Annotated[str, Keywords(description="For programs.", enum=sorted({kind.error for kind in STATUSES}))]
    detail: Annotated[str, Keywords(description="For people.")]
    errors: NotRequired[list[FieldProblem]]
    max_age: NotRequired[
        Annotated[int, Keywords(description="Seconds ago that the session may have authenticated, at most (RFC 9470).")]
    ]
    acr_values: NotRequired[
        Annotated[str, Keywords(enum=["aal2"], description="The `acr` that the session has to reach (RFC 9470).")]
    ]
    challenge: NotRequired[Annotated[str, Keywords(description="What the second factor is sent with.")]]
    methods: NotRequired[Annotated[list[SecondFactor], Keywords(description="The second factors that the user has.")]]
    expires_in: NotRequired[Annotated[int, Keywords(minimum=0, description="Seconds for which `challenge` is good.")]]
    publicKey: NotRequired[RequestOptions]
    unknown_credential: NotRequired[
        Annotated[bool, Keywords(description="No account has the passkey: the browser may forget it.")]
    ]


BodyType_co = TypeVar("BodyType_co", covariant=True)


class Answer(Response, Generic[BodyType_co]):
    """A response with a typed body, and the evidence that its log line may show."""

    status: ClassVar[HTTPStatus | None] = None
    """Of a success that is not the operation's usual one."""

    def __init__(
        self, body: BodyType_co, headers: Headers | None = None, status: int = 200, *, evidence: Evidence = NOTHING
    ) -> None:
        super().__init__("" if body is None else body, headers, status)
        self.evidence = evidence

    def set_cookies(self, *values: str) -> None:
        """Add a ``Set-Cookie`` header for each value. RFC 6265 section 3: several cannot be joined into one."""
        held = self.headers.get("Set-Cookie", [])
        if values:
            self.headers["Set-Cookie"] = [*([held] if isinstance(held, str) else held), *values]


class Accepted(Answer[BodyType_co]):
    """The answer 202 of an operation that has another success too: something has begun that a mail continues."""

    status = HTTPStatus.ACCEPTED


def status_of(error: type[LychgateError]) -> HTTPStatus:
    """Return the HTTP status of a type of error."""
    return next(status for kind in error.__mro__ if (status := STATUSES.get(kind)) is not None)


def title_of(status: HTTPStatus) -> str:
    """Return the title of the problem documents with a status: its phrase (RFC 9457 section 4.2.1)."""
    return _TITLES.get(status, status.phrase)


def problem(error: LychgateError, *, unexpected: Exception | None = None) -> Answer[Problem]:
    """Return the problem document for an error (RFC 9457). ``error.reason`` goes into the log only.

    ``unexpected`` is the exception behind an ``internal_error``. It too goes into the log only.
    """
    status = status_of(type(error))
    body: Problem = {
        "type": "about:blank",
        "title": title_of(status),
        "status": int(status),
        "error": error.error,
        "detail": error.message if status < HTTPStatus.INTERNAL_SERVER_ERROR else type(error).detail,
    }
    headers: Headers = {"Content-Type": "application/problem+json"}
    if isinstance(error, ValidationFailed):
        body["errors"] = [_field_problem(item) for item in error.errors]
    if isinstance(error, InsufficientAuthentication):
        body["max_age"] = error.max_age
        if error.acr_values is not None:
            body["acr_values"] = error.acr_values
    if isinstance(error, SecondFactorRequired):
        _add_second_step(body, error)
    if isinstance(error, DeviceProofRequired):
        headers["Secure-Session-Challenge"] = f'"{error.challenge}";id="{error.identifier}"'
    if isinstance(error, UnknownPasskey):
        body["unknown_credential"] = True
    if isinstance(error, RETRIED):
        headers["Retry-After"] = str(error.retry_after)
    if status == HTTPStatus.UNAUTHORIZED or isinstance(error, Forbidden):
        headers["WWW-Authenticate"] = _challenge(error)
    evidence = Evidence(error.error, error.reason, error.user_id, error.session_id, unexpected)
    return Answer(body, headers, int(status), evidence=evidence)


def _field_problem(error: FieldError) -> FieldProblem:
    described: FieldProblem = {"field": error.field, "code": error.code, "message": error.message}
    if error.limit is not None:
        described["limit"] = error.limit
    return described


def _add_second_step(body: Problem, error: SecondFactorRequired) -> None:
    """Say what the second factor is sent with, and which will do."""
    body["challenge"] = error.challenge
    body["methods"] = [*error.methods]
    body["expires_in"] = error.expires_in
    if error.public_key is not None:
        body["publicKey"] = error.public_key


def _challenge(error: LychgateError) -> str:
    """Return the ``WWW-Authenticate`` header of a 401, or of the 403 of a user without the role.

    RFC 6750 section 3: it has an ``error`` only if the request had a token. Section 3.1: a 403 has one too; roles are
    no scopes, so it names no ``scope``. RFC 9470 section 3: ``max_age`` and ``acr_values`` say what authentication is
    asked for. A second factor that is due has no challenge: the first one was no token.
    """
    if isinstance(error, InsufficientAuthentication):
        asked_for = f'error="{error.error}", error_description="{error.message}", max_age="{error.max_age}"'
        if error.acr_values is not None:
            asked_for += f', acr_values="{error.acr_values}"'
        return f"{_REALM}, {asked_for}"
    if isinstance(error, Forbidden) or (isinstance(error, InvalidToken) and not error.missing):
        return f'{_REALM}, error="{error.error}", error_description="{error.message}"'
    return _REALM


def problem_of_status(status: HTTPStatus, *, detail: str) -> Answer[Problem]:
    """Return the problem document for a status, for a view that raised one of Chalice's errors."""
    title = title_of(status)
    body: Problem = {
        "type": "about:blank",
        "title": title,
        "status": int(status),
        "error": re.sub(r"\W+", "_", title).lower(),
        "detail": detail,
    }
    evidence = Evidence(error=body["error"])
    return Answer(body, {"Content-Type": "application/problem+json"}, int(status), evidence=evidence)


def token_answer(logged_in: LoggedIn, *, cookie: RefreshCookie | None) -> Answer[TokenBody]:
    """Return the token response (RFC 6749 section 5.1). The refresh token goes into ``cookie`` if it is given."""
    tokens = logged_in.tokens
    body: TokenBody = {
        "access_token": tokens.access_token,
        "token_type": "Bearer",
        "expires_in": tokens.expires_in,
        "refresh_token": tokens.refresh_token,
        "refresh_expires_in": tokens.refresh_expires_in,
        "user": user_body(logged_in.user),
    }
    answer = Answer(body)
    if cookie is not None:
        answer.set_cookies(cookie.holding(body.pop("refresh_token"), tokens.refresh_expires_in))
    return answer


def access_token_answer(reauthenticated: Reauthenticated) -> Answer[AccessTokenBody]:
    """Return the response to a reauthentication."""
    return Answer(
        {
            "access_token": reauthenticated.access_token,
            "token_type": "Bearer",
            "expires_in": reauthenticated.expires_in,
            "user": user_body(reauthenticated.user),
        }
    )


def no_content() -> Answer[None]:
    """Return an empty answer."""
    return Answer(None)


def user_body(user: User) -> UserBody:
    """Return a user in JSON form. An address that is not confirmed is shown too."""
    contact = user.contact
    body: UserBody = {
        "id": user.id,
        "username": user.username,
        "roles": list(user.roles),
        "created_at": timestamp(user.created_at),
        "disabled": user.disabled,
        "email": None,
        "email_verified": False,
        "second_factor": user.second_factor,
    }
    if contact is not None:
        body["email"], body["email_verified"] = contact.email, contact.verified
        if contact.new_email is not None:
            body["new_email"] = contact.new_email
    return body


def session_body(session: Session, *, current_session_id: str) -> SessionBody:
    """Return a session in JSON form, for its own user."""
    return {
        "id": session.id,
        "created_at": timestamp(session.created_at),
        "last_used_at": timestamp(_whole_hour(session.last_used_at)),
        "expires_at": timestamp(_whole_hour(session.refresh_expires_at)),
        "ip": session.caller.ip,
        "user_agent": session.caller.user_agent,
        "current": session.id == current_session_id,
        "bound": session.is_bound,
    }


def event_body(event: SecurityEvent) -> EventBody:
    """Return an event in JSON form, for the user whose history it is in."""
    body: EventBody = {
        "type": event.type,
        "at": timestamp(event.at),
        "ip": event.caller.ip,
        "user_agent": event.caller.user_agent,
    }
    if event.type is EventType.LOGIN_FAILED:
        body["count"] = event.count
    if event.actor is not None:
        body["actor"] = "admin"
    if event.subject is not None:
        body["subject"] = event.subject
    return body


def _whole_hour(numeric_date: int) -> int:
    """Round down to the hour: a thief who knows when the owner refreshes can present the token within seconds of it."""
    return numeric_date - numeric_date % 3600


def timestamp(numeric_date: int) -> str:
    """Return a NumericDate as an RFC 3339 timestamp in UTC."""
    return datetime.fromtimestamp(numeric_date, UTC).isoformat().removesuffix("+00:00") + "Z"
