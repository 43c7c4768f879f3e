"""Passkeys: the ceremonies of WebAuthn Level 3, as a Relying Party checks them.

Discoverable credentials with user verification, no attestation. Knows no storage, no HTTP and no time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.errors import LychgateError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.accounts.factors import Passkey

ES256, EDDSA, RS256 = -7, -8, -257
OFFERED = (ES256, EDDSA, RS256)
"""The COSE algorithms (RFC 9053, RFC 8812) of passkeys that are made here, the preferred one first."""

TIMEOUT = 300_000
"""Milliseconds (5 minutes) for which a browser waits for its user: as long as a challenge is good."""


class Malformed(LychgateError):
    """Raised if a credential has not the form of one. ``field`` is the path of the member that is wrong."""

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(message)


class CeremonyRefused(LychgateError):
    """Raised if a well-formed credential does not prove what it should. ``reason`` is for the operator."""

    def __init__(self, reason: str, *, of_challenge: bool = False) -> None:
        self.reason = reason
        self.of_challenge = of_challenge
        """Whether it answers another challenge."""
        super().__init__()


@dataclass(frozen=True, slots=True, eq=False)
class RelyingParty:
    """For whom passkeys are made."""

    id: str
    """A domain (section 4, RP ID)."""
    name: str
    """What authenticators show."""
    origins: tuple[str, ...]
    """The origins whose pages may ask for passkeys."""


@dataclass(frozen=True, slots=True, eq=False)
class NewCredential:
    """A credential that an authenticator has just made. The fields are those of ``Passkey``."""

    id: str
    public_key: str
    algorithm: int
    sign_count: int
    backup_eligible: bool
    backed_up: bool
    transports: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Assertion:
    """What an authenticator says of a credential with which it has answered a challenge."""

    sign_count: int
    backed_up: bool


def creation_options(
    relying_party: RelyingParty, *, challenge: bytes, user_id: str, username: str, exclude: tuple[str, ...]
) -> dict[str, Any]:
    """Return the options for a new passkey, a PublicKeyCredentialCreationOptionsJSON (section 5.1.3).

    ``exclude`` are the ids of the passkeys that the user has: their authenticators make no second one.
    """
    raise NotImplementedError


def request_options(relying_party: RelyingParty, *, challenge: bytes, allow: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the options for the use of a passkey, a PublicKeyCredentialRequestOptionsJSON (section 5.1.4).

    ``allow`` are the ids of the passkeys that will do. Empty: any that the authenticator knows.
    """
    raise NotImplementedError


def verify_registration(
    credential: Mapping[str, Any],
    relying_party: RelyingParty,
    *,
    challenge: bytes,
    algorithms: tuple[int, ...] = OFFERED,
) -> NewCredential:
    """Return the credential in a RegistrationResponseJSON, after the checks of section 7.1.

    Raises:
        Malformed: it has not the form of one, or its ``publicKey`` is not the one that the authenticator has signed for.
        CeremonyRefused: a check has failed.

    """
    raise NotImplementedError


def credential_id(credential: Mapping[str, Any]) -> str:
    """Return which credential an AuthenticationResponseJSON says to be of. Raises Malformed."""
    raise NotImplementedError


def verify_assertion(
    credential: Mapping[str, Any],
    relying_party: RelyingParty,
    passkey: Passkey,
    *,
    challenge: bytes,
    user_is_known: bool = False,
) -> Assertion:
    """Return what an AuthenticationResponseJSON says of a passkey, after the checks of section 7.2.

    A user handle must be the user's; unless ``user_is_known`` by other means, it must be there. The signature counter
    must have risen, or be 0 as ever.

    Raises:
        Malformed: it has not the form of one.
        CeremonyRefused: a check has failed.

    """
    raise NotImplementedError
