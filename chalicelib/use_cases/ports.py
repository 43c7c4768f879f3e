"""What the use cases need from a store, in the domain's words.

Owns the contracts; tests hold every implementation to them. Knows no database. Each writing method is one step: all of
it happens or none, and of concurrent calls each sees the result of those that came first. An implementation that cannot
reach its database raises ServiceUnavailable.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from chalicelib.accounts.events import SecurityEvent
from chalicelib.accounts.session import Session
from chalicelib.accounts.user import User
from chalicelib.credentials.throttling import Attempt

Announce = Callable[[SecurityEvent], None]
"""Takes each event once, when what it tells of is done; it goes from there to log and metrics."""


class UserStore(Protocol):
    """Keeps users under their canonical usernames."""

    def add(self, user: User, session: Session, event: SecurityEvent) -> None:
        """Keep a new user with a first session. Raises UsernameTaken if the canonical username is in use."""

    def find(self, username: str) -> User | None:
        """Return the user whose canonical username is that of ``username``, as last written, or None."""

    def change_password(self, user: User, session: Session, password_hash: str, event: SecurityEvent) -> None:
        """Replace the hash of the user and end all sessions but this one, by raising the epoch of user and session.

        The ended sessions are taken away afterwards, if they can be.

        Raises:
            Conflict: the user no longer has the hash and the epoch that ``user`` holds, or the session has ended.

        """

    def end_all_sessions(self, user: User, event: SecurityEvent) -> None:
        """End all sessions of the user, by raising the epoch. Raises Conflict if the user is gone.

        The ended sessions are taken away afterwards, if they can be.
        """

    def delete(self, user: User) -> None:
        """Forget the user, and all sessions and events of the user.

        Raises:
            Conflict: the user no longer has the hash that ``user`` holds, or is gone.

        """


@dataclass(frozen=True, slots=True)
class Rotation:
    """What came of an attempt to raise a session's refresh counter."""

    applied: bool
    session: Session | None
    """The session after the write if it was applied; otherwise as the refused write found it, None if not there."""


class SessionStore(Protocol):
    """Keeps sessions, each found by its user's id and its own. A session that was ended is not there any more.

    A user has at most as many sessions as the store allows. It ends the oldest ones to make room.
    """

    def begin(
        self,
        user: User,
        session: Session,
        event: SecurityEvent,
        *,
        if_ended: SecurityEvent,
        password_hash: str | None = None,
    ) -> bool:
        """Keep a new session of a user. Returns whether others had to end, which ``if_ended`` then records.

        With ``password_hash`` the user's hash is replaced in the same step.

        Raises:
            Conflict: the user is gone, disabled, or has another hash or epoch than ``user`` holds.

        """

    def rotate(self, user_id: str, session_id: str, counter: int, *, now: int, idle_expires_at: int) -> Rotation:
        """Raise the refresh counter by one and note the use, if ``Session.accepts(counter, now)``.

        Of any number of concurrent calls with one counter, one is applied.
        """

    def end(self, user_id: str, session_id: str, event: SecurityEvent) -> bool:
        """End the session, and record the event if it was there. Returns whether it was."""

    def with_user(self, username: str, user_id: str, session_id: str) -> tuple[User | None, Session | None]:
        """Return a user and a session, each as last written or None, at the cost of one request.

        The two are read apart: a change of both may come between.
        """

    def of_user(self, user_id: str) -> list[Session]:
        """Return all sessions stored for a user, in no order."""


class EventLog(Protocol):
    """Keeps what happened to accounts, for as long as an event lives."""

    def record(self, event: SecurityEvent) -> None:
        """Keep an event. One of nobody is kept where nobody reads it, at the same cost."""

    def recent(self, user_id: str, limit: int) -> list[SecurityEvent]:
        """Return a user's events, the newest first, at most ``limit``."""


class LoginThrottle(Protocol):
    """Counts failed attempts by account, by address and by both."""

    def admit(self, attempt: Attempt, now: int) -> None:
        """Count an attempt as a failure, before its password is looked at.

        Of attempts made at once no more are let through than of attempts made one after the other.

        Raises:
            TooManyAttempts: one of the limits is reached; nothing was counted.
            AttemptNotCounted: the counters cannot be reached.

        """

    def succeeded(self, attempt: Attempt) -> None:
        """Forget the failures of the account and of account and address; take the attempt back from the address."""


@dataclass(frozen=True, slots=True)
class Stores:
    """The stores, which go together."""

    users: UserStore
    sessions: SessionStore
    events: EventLog
    throttle: LoginThrottle
