"""The results of use cases."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chalicelib.accounts.events import SecurityEvent
    from chalicelib.accounts.user import User


@dataclass(frozen=True, slots=True, eq=False)
class Dashboard:
    """An overview of an account, for its own user."""

    user: User
    active_sessions: int
    recent_events: tuple[SecurityEvent, ...]


@dataclass(frozen=True, slots=True, eq=False)
class TokenPair:
    """An access token and a refresh token, each with the seconds until it expires."""

    access_token: str = field(repr=False)
    expires_in: int
    refresh_token: str = field(repr=False)
    refresh_expires_in: int


@dataclass(frozen=True, slots=True, eq=False)
class Reauthenticated:
    """The result of a reauthentication: an access token that says so. The refresh token stays as it is."""

    user: User
    access_token: str = field(repr=False)
    expires_in: int


@dataclass(frozen=True, slots=True, eq=False)
class LoggedIn:
    """The result of a registration, a log-in or a refresh."""

    user: User
    tokens: TokenPair
    session_id: str
