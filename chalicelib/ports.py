"""What the use cases need from a store, in the domain's words.

Owns the contracts; tests hold every implementation to them. Knows no database. Whatever an implementation cannot reach
it reports as ServiceUnavailable.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from chalicelib.models import Session, User


class UserStore(Protocol):
    """Keeps users under their canonical usernames."""

    def add(self, user: User) -> None:
        """Keep a new user. Raises UsernameTaken if the canonical username is in use, decided in the same step."""

    def find(self, username: str) -> User | None:
        """Return the user whose canonical username is that of ``username``, as last written, or None."""

    def replace_password_hash(self, user: User, password_hash: str) -> None:
        """Replace the hash of the user, unless it is no longer the one that ``user`` holds."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """What came of an attempt to raise a session's refresh counter."""

    applied: bool
    session: Session | None
    """The session after the write if it was applied; otherwise as the refused write found it, None if not there."""


class SessionStore(Protocol):
    """Keeps sessions, each found by its user's id and its own."""

    def add(self, session: Session) -> None:
        """Keep a new session."""

    def rotate(self, user_id: str, session_id: str, counter: int, *, now: int, idle_expires_at: int) -> Rotation:
        """Raise the refresh counter by one and note the use, if ``Session.accepts(counter, now)``.

        Condition and write are one step: of any number of concurrent calls with one counter, one is applied.
        """

    def end(self, user_id: str, session_id: str, *, now: int, reason: str) -> bool:
        """End the session, if it is there and has not ended. Returns whether this call ended it."""
