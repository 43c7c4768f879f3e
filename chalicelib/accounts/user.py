"""A user: the account, its credentials and its roles.

Knows no storage, no HTTP and no token format. Every time is a NumericDate: an integer of seconds since
1970-01-01T00:00:00Z (RFC 7519 section 2).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from chalicelib.accounts.usernames import canonical_username


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
    store_state: object = field(default=None, compare=False, repr=False)
    """What the store that this user was read from wants back with it. Nobody else looks into it."""

    @property
    def username_key(self) -> str:
        """The canonical username, unique among all users."""
        return canonical_username(self.username)
