"""The keys in service: when each signs and verifies, and which one signs now.

Knows no JWK and no token. ``chalicelib.tokens.keys`` builds these from JSON Web Keys.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chalicelib.errors import ServiceUnavailable

if TYPE_CHECKING:
    from chalicelib.tokens.pyjwt import Algorithm


@dataclass(frozen=True, slots=True, eq=False)
class VerificationKey:
    """A public key and its one algorithm."""

    kid: str
    alg: str
    algorithm: Algorithm
    public_key: Any
    expires_at: int | None = None
    """NumericDate from which on all its tokens are refused. None: it never expires."""

    def is_good(self, now: int) -> bool:
        """Return whether this key may verify tokens at ``now``."""
        return self.expires_at is None or now < self.expires_at

    def verify(self, signing_input: bytes, signature: bytes) -> bool:
        """Return whether ``signature`` is this key's signature over ``signing_input`` (RFC 7515 section 5.2)."""
        return bool(self.algorithm.verify(signing_input, self.public_key, signature))


@dataclass(frozen=True, slots=True, eq=False)
class VerificationKeys:
    """The public keys whose tokens are accepted."""

    keys: tuple[VerificationKey, ...]
    _jwks: tuple[dict[str, Any], ...]

    def __contains__(self, kid: str) -> bool:
        return any(key.kid == kid for key in self.keys)

    def published(self, now: int) -> dict[str, Any]:
        """Return the JWK Set of the keys that have not expired at ``now`` (RFC 7517 section 5)."""
        good = {key.kid for key in self.keys if key.is_good(now)}
        return {"keys": [dict(jwk) for jwk in self._jwks if jwk["kid"] in good]}

    def algorithms(self, now: int) -> list[str]:
        """Return the algorithms of the keys that have not expired at ``now``, sorted, without duplicates."""
        return sorted({key.alg for key in self.keys if key.is_good(now)})


@dataclass(frozen=True, slots=True, eq=False)
class SigningKey:
    """A private key and its one algorithm."""

    kid: str
    alg: str
    algorithm: Algorithm
    private_key: Any = field(repr=False)
    starts_at: int = 0
    """NumericDate from which on the key signs."""
    expires_at: int | None = None
    """NumericDate from which on the key's tokens are refused. None: it never expires."""
    revoked: bool = False

    def is_good(self, now: int) -> bool:
        """Return whether this key may sign at ``now``."""
        return self.starts_at <= now and (self.expires_at is None or now < self.expires_at)

    def sign(self, signing_input: bytes) -> bytes:
        """Return this key's signature over ``signing_input`` (RFC 7515 section 5.1)."""
        return self.algorithm.sign(signing_input, self.private_key)


@dataclass(frozen=True, slots=True, eq=False)
class SigningKeys:
    """The private keys of one ring. The time decides which of them signs."""

    keys: tuple[SigningKey, ...]

    def current(self, now: int) -> SigningKey:
        """Return the key that signs at ``now``: of the keys that may sign, the one with the latest start.

        A revoked key signs only if there is no other. This happens in a process that starts before the configuration
        without the key is deployed.

        Raises:
            ServiceUnavailable: no key may sign at ``now``. An operator must repair the ring.

        """
        good = [key for key in self.keys if key.is_good(now)]
        if not good:
            raise ServiceUnavailable("no signing key is in force now")
        return max(reversed(good), key=lambda key: (not key.revoked, key.starts_at))

    def known_to(self, verification_keys: VerificationKeys) -> SigningKeys:
        """Return the keys whose public halves are among ``verification_keys``. An unpublished key must not sign."""
        return SigningKeys(tuple(key for key in self.keys if key.kid in verification_keys))
