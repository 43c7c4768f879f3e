"""What a user can prove to be there with, beside the password: passkeys, a TOTP app, recovery codes.

Knows no storage, no HTTP and no cryptography.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chalicelib.accounts.authentication import MULTIPLE

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_PASSKEYS = 10
"""Passkeys of one user. All of them are looked at where one is added, so that no authenticator makes a second."""

MAX_LABEL_LENGTH = 64
"""Characters of what a user calls a passkey."""


@dataclass(frozen=True, slots=True)
class Factors:
    """What a user's account says of second factors and passkeys."""

    totp: str | None = field(default=None, repr=False)
    """The secret that a TOTP app shares, sealed. None: there is no such app, and no second factor is due."""
    totp_added_at: int = 0
    totp_step: int = -1
    """The time step of the last code that was accepted. No code of this step or of an earlier one is."""
    recovery_codes: tuple[str, ...] = field(default=(), repr=False)
    """Keyed digests of the recovery codes that are left."""
    passkeys: tuple[str, ...] = ()
    """The credential ids of the user's passkeys, base64url."""


@dataclass(frozen=True, slots=True)
class Passkey:
    """A credential that an authenticator has made for a user (WebAuthn Level 3, section 4)."""

    id: str
    """The credential id, base64url."""
    user_id: str
    username: str
    """The user's name. With it a log-in finds the user."""
    public_key: str
    """A SubjectPublicKeyInfo in DER (RFC 5280 section 4.1), base64url."""
    algorithm: int
    """A COSE algorithm (RFC 9053)."""
    sign_count: int
    """The authenticator's signature counter when it was last used. 0 if it has none."""
    backup_eligible: bool
    """Whether the credential may leave its authenticator. It never changes."""
    backed_up: bool
    transports: tuple[str, ...]
    """How a browser reaches the authenticator, as the browser has said."""
    rp_id: str
    """The Relying Party that it was made for. It works for no other."""
    label: str
    created_at: int
    """NumericDate."""
    last_used_at: int | None = None

    @property
    def amr(self) -> tuple[str, ...]:
        """How somebody has authenticated who used it, with user verification (RFC 8176 section 2).

        A credential that may leave its authenticator is no proof of hardware.
        """
        return ("swk" if self.backup_eligible else "hwk", MULTIPLE, "user")


@dataclass(frozen=True, slots=True, eq=False)
class FactorOverview:
    """What a user can log in with, for the user."""

    password: bool
    totp_added_at: int | None
    """NumericDate. None: there is no TOTP app."""
    recovery_codes_left: int
    passkeys: tuple[Passkey, ...]

    @staticmethod
    def of(factors: Factors | None, passkeys: Iterable[Passkey], *, password: bool) -> FactorOverview:
        """Return that of a user with these factors and passkeys, and perhaps a password."""
        factors = factors or Factors()
        return FactorOverview(
            password=password,
            totp_added_at=factors.totp_added_at if factors.totp is not None else None,
            recovery_codes_left=len(factors.recovery_codes),
            passkeys=tuple(passkeys),
        )


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
