"""The results of use cases."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chalicelib.accounts.events import SecurityEvent
    from chalicelib.accounts.factors import Passkey
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


@dataclass(frozen=True, slots=True, eq=False)
class FactorOverview:
    """What a user can log in with, for the user."""

    password: bool
    totp_added_at: int | None
    """NumericDate. None: there is no TOTP app."""
    recovery_codes_left: int
    passkeys: tuple[Passkey, ...]


@dataclass(frozen=True, slots=True, eq=False)
class NewTotp:
    """A TOTP app that is to be added. Nothing of it is stored before a first code confirms it."""

    secret: str = field(repr=False)
    """Base32."""
    uri: str = field(repr=False)
    """What the app reads from a QR code."""
    pending: str = field(repr=False)
    """What the first code is sent with."""
    expires_in: int


@dataclass(frozen=True, slots=True, eq=False)
class PasskeyOptions:
    """The options of a passkey's ceremony, for the browser."""

    challenge: str
    """What the answer is sent with."""
    public_key: dict[str, Any]
    """PublicKeyCredentialCreationOptionsJSON or PublicKeyCredentialRequestOptionsJSON (WebAuthn Level 3, 5.1)."""
