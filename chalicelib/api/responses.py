"""HTTP out: how results look on the wire.

Owns the JSON form of users, sessions, events and tokens. Answers are built from the types here, and ``/openapi.json``
describes the same types.
"""

from __future__ import annotations

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
from chalicelib.telemetry.requests import NOTHING, Evidence

Headers = dict[str, str | list[str]]


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
