"""The keys in service: from when to when each signs and verifies, and which one signs now.

Knows no JWK and no token. ``chalicelib.tokens.keys`` makes these of JSON Web Keys.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chalicelib.errors import ServiceUnavailable

if TYPE_CHECKING:
    from chalicelib.tokens.pyjwt import Algorithm


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key, with the one algorithm that it verifies."""

    kid: str
    alg: str
    algorithm: Algorithm
    public_key: Any
    expires_at: int | None = None
    """From when on its tokens are refused, whatever they say."""

    def is_good(self, now: int) -> bool:
        """Whether this key verifies tokens at ``now``."""
        return self.expires_at is None or now < self.expires_at

    def verify(self, signing_input: bytes, signature: bytes) -> bool:
        """Whether ``signature`` is this key's over ``signing_input`` (RFC 7515 section 5.2)."""
        return bool(self.algorithm.verify(signing_input, self.public_key, signature))


@dataclass(frozen=True, slots=True)
class VerificationKeys:
    """The public keys whose tokens are accepted."""

    keys: tuple[VerificationKey, ...]
    _jwks: tuple[dict[str, Any], ...]

    def __contains__(self, kid: str) -> bool:
        return any(key.kid == kid for key in self.keys)

    def published(self, now: int) -> dict[str, Any]:
        """Return the keys that are good at ``now`` as a JWK Set for others to read (RFC 7517 section 5)."""
        good = {key.kid for key in self.keys if key.is_good(now)}
        return {"keys": [dict(jwk) for jwk in self._jwks if jwk["kid"] in good]}

    def algorithms(self, now: int) -> list[str]:
        """Return the algorithms of the keys that are good at ``now``, each once."""
        return sorted({key.alg for key in self.keys if key.is_good(now)})


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key, with the one algorithm that it signs by."""

    kid: str
    alg: str
    algorithm: Algorithm
    private_key: Any = field(repr=False)
    starts_at: int = 0
    """From when on it signs."""
    expires_at: int | None = None
    """From when on nobody believes it any more."""
    revoked: bool = False

    def is_good(self, now: int) -> bool:
        """Whether this key may sign at ``now``."""
        return self.starts_at <= now and (self.expires_at is None or now < self.expires_at)

    def sign(self, signing_input: bytes) -> bytes:
        """Return this key's signature over ``signing_input`` (RFC 7515 section 5.1)."""
        return self.algorithm.sign(signing_input, self.private_key)


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """The private keys of one ring. The clock says which of them signs."""

    keys: tuple[SigningKey, ...]

    def current(self, now: int) -> SigningKey:
        """Return the key that signs at ``now``: of those whose time has come, the one whose time came last.

        A revoked key signs only where no other is known: in a process that starts before the configuration without
        it has been deployed.

        Raises:
            ServiceUnavailable: there is none; the ring has to be mended.

        """
        good = [key for key in self.keys if key.is_good(now)]
        if not good:
            raise ServiceUnavailable("no signing key is in force now")
        return max(reversed(good), key=lambda key: (not key.revoked, key.starts_at))

    def known_to(self, verification_keys: VerificationKeys) -> SigningKeys:
        """Return those keys whose tokens can be verified: a key that nobody has been told of must not sign yet."""
        return SigningKeys(tuple(key for key in self.keys if key.kid in verification_keys))
