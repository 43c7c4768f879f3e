"""A user: the account, its credentials and its roles.

Knows no storage, no HTTP and no token format. Every time is a NumericDate: an integer of seconds since
1970-01-01T00:00:00Z (RFC 7519 section 2).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from chalicelib.accounts.usernames import canonical_username

if TYPE_CHECKING:
    from chalicelib.accounts.events import SecurityEvent
    from chalicelib.accounts.factors import Factors

NO_PASSWORD = "!"
"""What a user without a password has instead of a hash. No password fits it."""


@dataclass(frozen=True, slots=True)
class Contact:
    """Where a user gets mail."""

    email: str
    """The address as the user typed it."""
    verified: bool = False
    """Whether the user has shown that its mail arrives. Until then it proves nothing and finds nobody."""
    new_email: str | None = None
    """The address that will replace a verified one, once it is confirmed."""
    language: str = ""
    """The language that the user reads mail in. Empty: the site's."""
    asked_by: str | None = None
    """The id of the session that has given the address which waits. None if none waits, or the registration gave it."""

    @property
    def unconfirmed(self) -> str | None:
        """The address that waits to be confirmed, None if there is none."""
        return self.new_email if self.verified else self.email


@dataclass(frozen=True, slots=True)
class User:
    """An account."""

    id: str
    username: str
    """As the user typed it at registration, in NFKC."""
    password_hash: str = field(repr=False)
    """A bcrypt hash in modular crypt format. ``chalicelib.credentials.passwords`` says what is hashed."""
    roles: tuple[str, ...]
    created_at: int
    disabled: bool = False
    contact: Contact | None = None
    """None if the user has given no address."""
    factors: Factors | None = None
    """None if the user has neither a second factor nor a passkey."""
    session_epoch: int = 0
    """Raised by one to end all sessions of the user at once: sessions with an earlier epoch have ended."""
    failures: SecurityEvent | None = field(default=None, compare=False)
    """The failed log-ins of the last day that had any, as one event. Earlier days are in the history."""
    store_state: object = field(default=None, compare=False, repr=False)
    """Opaque data of the store that the user was read from. Only that store uses it."""

    @property
    def username_key(self) -> str:
        """The canonical username, which is unique."""
        return canonical_username(self.username)

    @property
    def has_password(self) -> bool:
        """Whether the user can log in with a password."""
        return self.password_hash != NO_PASSWORD

    @property
    def second_factor(self) -> bool:
        """Whether a log-in asks for more than one factor."""
        return self.factors is not None and self.factors.totp is not None

    @property
    def passkeys(self) -> tuple[str, ...]:
        """The credential ids of the user's passkeys."""
        return self.factors.passkeys if self.factors is not None else ()

    @property
    def settled_contact(self) -> Contact | None:
        """Where the user gets mail once what a session has given, and nobody has confirmed, is withdrawn."""
        if self.contact is None or self.contact.verified:
            return self.contact and replace(self.contact, new_email=None, asked_by=None)
        return self.contact if self.contact.asked_by is None else None

    @property
    def verified_email(self) -> str | None:
        """The address at which the user has shown to get mail, None if there is none."""
        return self.contact.email if self.contact is not None and self.contact.verified else None
