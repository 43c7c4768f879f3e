"""The keys that sign and verify tokens, as JSON Web Keys (RFC 7517).

Owns which keys are good enough to be used, what a public key set may hold, and which key signs. Knows nothing of
tokens, and nothing of where the sets are kept.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.jose import Algorithm, ECAlgorithm, PyJWK, PyJWTError

MIN_RSA_BITS = 2048
"""RFC 7518 section 3.3."""

KEY_TYPES = {"ES256": ("EC", "P-256"), "RS256": ("RSA", None), "EdDSA": ("OKP", "Ed25519")}
"""For each algorithm that Lychgate signs with, the ``kty`` and ``crv`` of its keys. An algorithm belongs to a key,
never to a token: RFC 8725 section 3.1."""

# The members of a public key that its thumbprint covers: RFC 7638 section 3.2, RFC 8037 section 2.
_THUMBPRINT_MEMBERS = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n"), "OKP": ("crv", "kty", "x")}
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+\Z")


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key, with the one algorithm that it verifies."""

    kid: str
    alg: str
    algorithm: Algorithm
    public_key: Any

    def verify(self, signing_input: bytes, signature: bytes) -> bool:
        """Whether ``signature`` is this key's over ``signing_input`` (RFC 7515 section 5.2)."""
        return bool(self.algorithm.verify(signing_input, self.public_key, signature))


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key, with the one algorithm that it signs by."""

    kid: str
    alg: str
    private_key: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class VerificationKeys:
    """The public keys whose tokens are accepted."""

    keys: tuple[VerificationKey, ...]
    jwks: Mapping[str, Any]
    """The same keys as a JWK Set for others to read (RFC 7517 section 5)."""

    def __contains__(self, kid: str) -> bool:
        return any(key.kid == kid for key in self.keys)


def parse_verification_keys(jwks: object) -> VerificationKeys:
    """Return the keys of a public JWK Set.

    Raises:
        ValueError: the set is empty or malformed, or holds a private, symmetric, weak, unknown or doubled key.

    """
    keys = []
    for jwk in _members_of(jwks):
        if _PRIVATE_MEMBERS & jwk.keys():
            raise ValueError("must hold public keys only, but one has a private member")
        parsed = _parse(jwk)
        keys.append(VerificationKey(jwk["kid"], jwk["alg"], parsed.Algorithm, parsed.key))
    kids = [key.kid for key in keys]
    if len(set(kids)) != len(kids):
        raise ValueError("holds two keys with one kid")
    return VerificationKeys(tuple(keys), {"keys": [dict(jwk) for jwk in _members_of(jwks)]})


def parse_signing_key(jwks: object) -> SigningKey:
    """Return the key of a private JWK Set that signs now, the last one: a new key is appended when its time comes.

    Raises:
        ValueError: as ``parse_verification_keys``, or a key is not private.

    """
    for jwk in _members_of(jwks):
        if "d" not in jwk:
            raise ValueError("must hold private keys, but one has no member d")
        parsed = _parse(jwk)
    return SigningKey(jwk["kid"], jwk["alg"], parsed.key)


def public_jwks(private_jwks: Mapping[str, Any]) -> dict[str, Any]:
    """Return the public JWK Set that belongs to a private one."""
    return {
        "keys": [
            {name: value for name, value in jwk.items() if name not in _PRIVATE_MEMBERS}
            for jwk in _members_of(private_jwks)
        ]
    }


def generate_signing_jwk() -> dict[str, str]:
    """Return a new private key for ES256 as a JWK."""
    # Only an operator and the first start of a laptop make keys: no Lambda needs this import.
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    jwk: dict[str, str] = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()), as_dict=True)
    return {**jwk, "alg": "ES256", "use": "sig", "kid": thumbprint(jwk)}


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """Return the SHA-256 thumbprint of a key, base64url without padding (RFC 7638 section 3)."""
    covered = {name: jwk[name] for name in _THUMBPRINT_MEMBERS[jwk["kty"]]}
    digest = hashlib.sha256(json.dumps(covered, separators=(",", ":"), sort_keys=True).encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _members_of(jwks: object) -> list[Mapping[str, Any]]:
    keys = jwks.get("keys") if isinstance(jwks, Mapping) else None
    if not isinstance(keys, list) or not all(isinstance(jwk, Mapping) for jwk in keys):
        raise ValueError('must be a JWK Set: {"keys": [...]}')
    if not keys:
        raise ValueError("holds no key")
    return keys


def _parse(jwk: Mapping[str, Any]) -> PyJWK:
    kty_and_crv = KEY_TYPES.get(jwk.get("alg", ""))
    if kty_and_crv is None:
        raise ValueError(f"holds a key whose alg is not one of {', '.join(KEY_TYPES)}")
    if (jwk.get("kty"), jwk.get("crv")) != kty_and_crv:
        raise ValueError(f"holds a key whose kty and crv do not fit its alg {jwk['alg']}")
    if jwk.get("use") != "sig":
        raise ValueError('holds a key whose use is not "sig"')
    for name in {*_THUMBPRINT_MEMBERS[jwk["kty"]], *_PRIVATE_MEMBERS} & jwk.keys() - {"kty", "crv"}:
        if not isinstance(jwk[name], str) or not _BASE64URL.match(jwk[name]):
            raise ValueError(f"holds a key whose member {name} is not base64url")
    try:
        parsed = PyJWK(dict(jwk), algorithm=jwk["alg"])
        if jwk.get("kid") != thumbprint(jwk):
            raise ValueError("holds a key whose kid is not its RFC 7638 thumbprint")
    except (PyJWTError, KeyError, TypeError) as malformed:
        raise ValueError("holds a malformed key") from malformed
    if jwk["kty"] == "RSA" and parsed.key.key_size < MIN_RSA_BITS:
        raise ValueError(f"holds an RSA key of less than {MIN_RSA_BITS} bits")
    return parsed
