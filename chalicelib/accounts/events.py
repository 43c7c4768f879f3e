"""What can happen to an account: one vocabulary for the history, the log, the metrics and the page."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chalicelib.accounts.caller import Caller


class EventType(StrEnum):
    """The name of an event, wherever it is named."""

    REGISTERED = "registered"
    LOGIN_SUCCEEDED = "login_succeeded"
    LOGIN_FAILED = "login_failed"
    """A wrong password, at the log-in or inside a session."""
    LOGGED_OUT = "logged_out"
    REFRESH_TOKEN_REUSED = "refresh_token_reused"
    SESSION_REVOKED = "session_revoked"
    PASSWORD_CHANGED = "password_changed"

    REFRESHED = "refreshed"
    REFRESH_RETRIED = "refresh_retried"
    ATTEMPT_DELAYED = "attempt_delayed"
    """A password was not looked at, because there had been too many failures."""
    ATTEMPT_NOT_COUNTED = "attempt_not_counted"
    """A password was not looked at, because the counters could not be reached."""
    ACCOUNT_DELETED = "account_deleted"


HISTORY = (
    EventType.REGISTERED,
    EventType.LOGIN_SUCCEEDED,
    EventType.LOGIN_FAILED,
    EventType.LOGGED_OUT,
    EventType.REFRESH_TOKEN_REUSED,
    EventType.SESSION_REVOKED,
    EventType.PASSWORD_CHANGED,
)
"""The events that an account's history keeps. The others are for the operator: too many, or of nobody."""


@dataclass(frozen=True, slots=True)
class SecurityEvent:
    """Something that happened to an account."""

    type: EventType
    user_id: str | None
    """None: a name that no account has."""
    at: int
    caller: Caller
    session_id: str | None = None
    """For the log. The history does not keep it."""
