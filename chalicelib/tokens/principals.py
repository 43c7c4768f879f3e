"""The content of verified tokens.

This is a separate module because the authorizer needs nothing else about accounts, and each class that is defined at a
cold start lengthens it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a request, according to a verified access token."""

    user_id: str
    username: str
    session_id: str
    token_id: str
    """The token's ``jti``."""
    roles: tuple[str, ...]
    expires_at: int
    issued_at: int
    """0 if nobody has said it."""
    claims: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """What the site's hook has added to the token, as it was then."""


@dataclass(frozen=True, slots=True, eq=False)
class KnownDevice:
    """The content of a verified device token: a device from which a user has logged in."""

    user_id: str
    device_id: str
    """The token's ``jti``, which stays the same when the token is renewed."""


@dataclass(frozen=True, slots=True)
class RefreshGrant:
    """The content of a verified refresh token."""

    user_id: str
    session_id: str
    counter: int
    """Which of the session's refresh tokens this is. See ``Session.refresh_counter``."""
    expires_at: int


@dataclass(frozen=True, slots=True)
class BoundSession:
    """The content of a verified short cookie: the session whose device a browser has proven the key of."""

    session_id: str
