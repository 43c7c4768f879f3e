"""What can happen to an account, and the entry of its history that tells of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chalicelib.accounts.caller import Caller


class EventType(StrEnum):
    """What can happen to an account that its owner should be able to look up."""

    REGISTERED = "registered"
    LOGIN_SUCCEEDED = "login_succeeded"
    LOGIN_FAILED = "login_failed"
    LOGGED_OUT = "logged_out"
    REFRESH_TOKEN_REUSED = "refresh_token_reused"
    SESSION_REVOKED = "session_revoked"
    PASSWORD_CHANGED = "password_changed"


@dataclass(frozen=True, slots=True)
class SecurityEvent:
    """One entry of an account's history."""

    type: EventType
    user_id: str
    at: int
    caller: Caller
