"""Whom a verified token speaks for.

A module of its own because the authorizer needs nothing else of the accounts: each class that is made at a cold start
is waited for.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a request, as a verified access token says."""

    user_id: str
    username: str
    session_id: str
    token_id: str
    """The token's ``jti``."""
    roles: tuple[str, ...]
    expires_at: int


@dataclass(frozen=True, slots=True)
class RefreshGrant:
    """What a verified refresh token says: which session, and which of its tokens this is."""

    user_id: str
    session_id: str
    counter: int
    expires_at: int
