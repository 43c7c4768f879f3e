"""The things Lychgate speaks of, as frozen values.

Owns their fields, the units of those fields, and the questions that each can answer about itself. Knows no storage,
no HTTP and no token format. Every time is an integer of seconds since 1970-01-01T00:00:00Z, as a NumericDate is
(RFC 7519 section 2).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum


def canonical_username(username: str) -> str:
    """Return the form under which usernames are compared and stored.

    NFKC and case folding, repeated because each can undo the other's result for some characters (Unicode 16.0,
    section 3.13, definition D146).
    """
    folded = unicodedata.normalize("NFKC", username).casefold()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", folded).casefold())


@dataclass(frozen=True, slots=True)
class User:
    """An account."""

    id: str
    username: str
    """As the user wrote it at registration, in NFKC."""
    password_hash: str = field(repr=False)
    """A bcrypt hash in its modular crypt format; see ``chalicelib.credentials.passwords`` for what is hashed."""
    roles: tuple[str, ...]
    created_at: int
    disabled: bool = False
    session_epoch: int = 0
    """Raised to end all sessions of the user at once: those of an earlier epoch are over."""
    session_bound: int = 0
    """At least as many as the sessions of this epoch that are stored: raised by each log-in, counted anew when it
    reaches the limit."""
    session_counts: int = 0
    """How often the sessions were counted: the bound may be the same after a count, this never is."""

    @property
    def username_key(self) -> str:
        """The canonical username, unique among all users."""
        return canonical_username(self.username)


@dataclass(frozen=True, slots=True)
class Client:
    """Where a request came from, as far as the platform vouches for it."""

    ip: str
    """The address as API Gateway saw it; never taken from a header that a client can set."""
    user_agent: str
    """What the client says of itself, cut to a length that is fit to store."""


@dataclass(frozen=True, slots=True)
class Session:
    """What one log-in began: the token family of RFC 9700 section 4.14.2.

    The refresh tokens of a session are told apart by a counter. The token that carries ``refresh_counter`` is the
    current one; using it raises the counter by one and makes it the previous one.
    """

    id: str
    user_id: str
    username: str
    """The user's name, by which a refresh finds the user in one read."""
    created_at: int
    last_used_at: int
    """When the refresh counter was last raised, or the session began."""
    idle_expires_at: int
    """The session cannot be refreshed from this second on unless it is used before."""
    expires_at: int
    """The session ends for good at this second, however much it is used."""
    refresh_counter: int
    epoch: int
    """The user's ``session_epoch`` when the session began."""
    client: Client

    @property
    def refresh_expires_at(self) -> int:
        """From when on the current refresh token is no longer good."""
        return min(self.idle_expires_at, self.expires_at)

    def is_live(self, now: int) -> bool:
        """Whether the session can still be refreshed at ``now``: not idle too long and not too old.

        A session that was ended is not stored any more, or is of an earlier epoch than its user.
        """
        return now < self.refresh_expires_at

    def belongs_to(self, user: User) -> bool:
        """Whether the session is this user's and of the user's epoch, which it is not after all sessions were ended."""
        return self.user_id == user.id and self.epoch == user.session_epoch

    def accepts(self, counter: int, now: int) -> bool:
        """Whether a refresh token with this counter may be used at ``now`` for the first time.

        The one condition of the protocol. A store evaluates it in the same step as the write, so that of any number
        of concurrent refreshes with one token exactly one finds it true.
        """
        return self.is_live(now) and counter == self.refresh_counter

    def is_retry(self, counter: int, now: int, window: int) -> bool:
        """Whether a token with this counter is the previous one, shown again within ``window`` seconds of its use.

        So does a second tab, and a client whose first answer was lost on the way.
        """
        return self.is_live(now) and counter == self.refresh_counter - 1 and now - self.last_used_at <= window


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
    client: Client


@dataclass(frozen=True, slots=True)
class Dashboard:
    """What a user is shown of the own account."""

    user: User
    active_sessions: int
    recent_events: tuple[SecurityEvent, ...]


@dataclass(frozen=True, slots=True)
class TokenPair:
    """An access token and a refresh token, with the seconds that each will be good for."""

    access_token: str = field(repr=False)
    expires_in: int
    refresh_token: str = field(repr=False)
    refresh_expires_in: int


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """The result of a registration, a log-in or a refresh."""

    user: User
    tokens: TokenPair
    session_id: str
    retried: bool = False
    """Whether this is the answer to a refresh that had been answered before."""
