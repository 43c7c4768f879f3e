"""The interface of the store that only administrators and operators need.

Owns the contract, like ``ports``, with the same rules. An *active administrator* is a user who has the role ``admin``
and is not disabled. A store counts them, so that the last one cannot go: not by two requests at once either. A method
that ends sessions takes one event at least.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from chalicelib.accounts.user import User

if TYPE_CHECKING:
    from chalicelib.accounts.events import SecurityEvent
    from chalicelib.accounts.mail import Mail


@dataclass(frozen=True, slots=True, eq=False)
class UserPage:
    """Some users, in the order of their canonical usernames."""

    users: list[User]
    next: str | None
    """The canonical username after which the next page begins, None if this is the last one."""


class AdministrationStore(Protocol):
    """Users as an administrator sees and changes them."""

    def page(self, prefix: str, after: str | None, limit: int) -> UserPage:
        """Return at most ``limit`` users whose canonical username begins with that of ``prefix``.

        It begins after the canonical username ``after``, if there is one. Each user is as last written. A user who came
        or went a moment ago may be missing, or be there still. What it costs depends on ``limit``, not on the number of
        users.
        """

    def with_id(self, user_id: str) -> User | None:
        """Return the user with this id, as last written, or None. One who came a moment ago may be missing."""

    def suppressed(self, address: str) -> tuple[str, int] | None:
        """Return why mails to an address are not sent, and since when, or None if they are.

        The reason is ``bounce`` or ``complaint``, the time a NumericDate.
        """

    def create(self, user: User, events: Sequence[SecurityEvent], mail: Mail | None) -> None:
        """Store a new user without a session. Record the events, and put ``mail`` into the outbox.

        Raises:
            UsernameTaken: the canonical username or the verified address is in use.

        """

    def change(self, user: User, *, roles: tuple[str, ...], disabled: bool, events: Sequence[SecurityEvent]) -> None:
        """Give the user exactly these roles and this state, and record the events.

        Whoever is disabled by this has no session any more: the user's epoch rises. Links from before are void, as
        after a change of the password, and an address that waits is withdrawn, see ``end_sessions``. Otherwise sessions
        go on.

        Raises:
            LastAdministrator: no active administrator would be left.
            Conflict: the user no longer exists, or no longer has the roles and the state of ``user``.

        """

    def delete(self, user: User, events: Sequence[SecurityEvent]) -> None:
        """Delete the user as ``UserStore.delete`` does, whatever the password is by now, and record the events.

        Raises:
            LastAdministrator: no active administrator would be left.
            Conflict: the user no longer exists, or no longer has the roles, the state or the address of ``user``.

        """

    def end_sessions(self, user: User, events: Sequence[SecurityEvent]) -> None:
        """End all sessions of the user, and record the events. Raises Conflict if the user no longer exists.

        An address that a session has given is withdrawn, if it waits.
        """

    def password_version(self, user: User) -> int:
        """Return how often the user's password has changed. Raises Conflict if the user no longer exists."""

    def hand_over(self, user: User, mail: Mail, events: Sequence[SecurityEvent]) -> None:
        """Put a mail with a link that an administrator is shown into the outbox, and record the events.

        Raises:
            Conflict: the user no longer exists, is disabled, or the password has changed meanwhile.

        """

    def remove_second_factor(self, user: User, events: Sequence[SecurityEvent], mail: Mail | None) -> None:
        """Remove the user's TOTP app and recovery codes. Record the events, and put ``mail`` into the outbox.

        Raises:
            Conflict: the user no longer exists, or has other factors than ``user``.

        """
