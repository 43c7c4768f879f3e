"""Security events of accounts: one vocabulary for the history, the log, the metrics and the page."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chalicelib.accounts.caller import Caller


class EventType(StrEnum):
    """The type of an event. Its value is the name in storage, in the log and on the wire."""

    REGISTERED = "registered"
    LOGIN_SUCCEEDED = "login_succeeded"
    LOGIN_FAILED = "login_failed"
    """A wrong password, at log-in or inside a session. The history has one entry a day."""
    LOGGED_OUT = "logged_out"
    REFRESH_TOKEN_REUSED = "refresh_token_reused"
    SESSION_REVOKED = "session_revoked"
    PASSWORD_CHANGED = "password_changed"
    REFRESH_RETRIED_ELSEWHERE = "refresh_retried_elsewhere"
    """A refresh token was used from two networks or by two User-Agents within seconds."""
    REFRESH_WITHOUT_KEY = "refresh_without_key"
    """A refresh token of a bound session was used without the session's key. The history has one entry a day."""
    REAUTHENTICATED = "reauthenticated"
    """The password was given again inside a session, which is fresh from then on."""
    ROLES_CHANGED = "roles_changed"
    PASSWORD_RESET = "password_reset"
    """A new password was chosen by a mailed link."""
    EMAIL_VERIFIED = "email_verified"
    """The account's first address was confirmed."""
    EMAIL_CHANGED = "email_changed"
    """A verified address was replaced or removed."""
    SECOND_FACTOR_ADDED = "second_factor_added"
    """A TOTP app was added, or new recovery codes were made."""
    SECOND_FACTOR_REMOVED = "second_factor_removed"
    SECOND_FACTOR_FAILED = "second_factor_failed"
    """A second factor was wrong. Whoever tried it had the first one."""
    RECOVERY_CODE_USED = "recovery_code_used"
    PASSKEY_ADDED = "passkey_added"
    PASSKEY_REMOVED = "passkey_removed"
    ACCOUNT_DISABLED = "account_disabled"
    ACCOUNT_ENABLED = "account_enabled"
    PASSWORD_LINK_MADE = "password_link_made"
    """An administrator was given a link that sets a password."""
    ACCOUNT_DELETED = "account_deleted"
    """In no history of the account, which goes with it: in that of an administrator who did it, and in nobody's."""

    REFRESHED = "refreshed"
    REFRESH_RETRIED = "refresh_retried"
    ATTEMPT_DELAYED = "attempt_delayed"
    """A password was not checked, because of too many failures before it."""
    ATTEMPT_NOT_COUNTED = "attempt_not_counted"
    """A password was not checked, because the counters could not be reached."""
    MAIL_NOT_SENT = "mail_not_sent"
    """A mail was asked for, and strangers have asked for too many that day."""


HISTORY = (
    EventType.REGISTERED,
    EventType.LOGIN_SUCCEEDED,
    EventType.LOGIN_FAILED,
    EventType.LOGGED_OUT,
    EventType.REFRESH_TOKEN_REUSED,
    EventType.SESSION_REVOKED,
    EventType.PASSWORD_CHANGED,
    EventType.REFRESH_RETRIED_ELSEWHERE,
    EventType.REFRESH_WITHOUT_KEY,
    EventType.REAUTHENTICATED,
    EventType.ROLES_CHANGED,
    EventType.PASSWORD_RESET,
    EventType.EMAIL_VERIFIED,
    EventType.EMAIL_CHANGED,
    EventType.SECOND_FACTOR_ADDED,
    EventType.SECOND_FACTOR_REMOVED,
    EventType.SECOND_FACTOR_FAILED,
    EventType.RECOVERY_CODE_USED,
    EventType.PASSKEY_ADDED,
    EventType.PASSKEY_REMOVED,
    EventType.ACCOUNT_DISABLED,
    EventType.ACCOUNT_ENABLED,
    EventType.PASSWORD_LINK_MADE,
    EventType.ACCOUNT_DELETED,
)
"""The events that an account's history keeps. The others are for the operator only: they are too many, or belong to
no account."""


ADMIN = "admin"
"""The ``actor`` of what an administrator or an operator has done to an account."""


@dataclass(frozen=True, slots=True)
class SecurityEvent:
    """Something that happened to an account."""

    type: EventType
    user_id: str | None
    """None if no account has the username."""
    at: int
    """NumericDate."""
    caller: Caller
    session_id: str | None = None
    """For the log only. The history does not store it."""
    count: int = 1
    """How often it happened. More than once only for the failures of one day: ``at`` and ``caller`` are the last's."""
    actor: str | None = None
    """Who caused it, if not somebody in the name of the user: ``ADMIN``."""
    actor_id: str | None = None
    """The administrator's user id, None if an operator did it with AWS credentials. No user is shown it."""
    subject: str | None = None
    """The id of the user whom it was done to, if this is the entry in the history of the administrator who did it."""
