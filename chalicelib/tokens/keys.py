"""JSON Web Keys (RFC 7517): their generation, parsing and validation.

Owns which keys are acceptable and what a public key set may contain. Knows no token, and not where the sets are stored.

Keys may have three members beside those of RFC 7518, with the names and meanings of OpenID Federation 1.0:

- ``nbf``, a NumericDate: a private key signs from this time on.
- ``exp``, a NumericDate: from this time on a key neither signs nor verifies.
- ``revoked``, an object: the public half of this private key is no longer published.

RFC 7517 section 4 allows others to ignore them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from chalicelib.tokens.keyring import SigningKey, SigningKeys, VerificationKey, VerificationKeys
from chalicelib.tokens.pyjwt import ECAlgorithm, OKPAlgorithm, PyJWK, PyJWTError, RSAAlgorithm, signing_algorithm
from chalicelib.weak_keys import MIN_RSA_BITS, ed25519_weakness, rsa_weakness

JWKS_SECONDS = 300
"""Seconds for which others may cache the public keys. A new key is published for longer than this before it signs."""

KEY_TYPES = {"ES256": ("EC", "P-256"), "RS256": ("RSA", None), "EdDSA": ("OKP", "Ed25519")}
"""The ``kty`` and ``crv`` of the keys of each algorithm that Lychgate signs with. The key determines the algorithm, not
the token (RFC 8725 section 3.1)."""

# The members of a public key that its thumbprint covers: RFC 7638 section 3.2, RFC 8037 section 2.
_THUMBPRINT_MEMBERS = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n"), "OKP": ("crv", "kty", "x")}
_CANONICAL = json.JSONEncoder(separators=(",", ":"), sort_keys=True)
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})

_OCTETS = 32
"""Length of a coordinate (RFC 7518 section 6.2.1.2) and a private key (6.2.2.1) of P-256, and of the keys of Ed25519
(RFC 8037 section 2)."""


def parse_verification_keys(jwks: object) -> VerificationKeys:
    """Return the keys of a public JWK Set.

    Raises:
        ValueError: the set is empty or malformed, or holds a private, symmetric, weak, unknown or duplicate key.

    """
    keys = []
    published = []
    for jwk in _members_of(jwks):
        if _PRIVATE_MEMBERS & jwk.keys():
            raise ValueError("must hold public keys only, but one has a private member")
        public = _checked_public(jwk, operation="verify")
        parsed = _parse(public)
        keys.append(VerificationKey(jwk["kid"], jwk["alg"], parsed.Algorithm, parsed.key, _numeric_date(jwk, "exp")))
        published.append(public)
    _refuse_doubles(key.kid for key in keys)
    return VerificationKeys(tuple(keys), tuple(published))


def parse_signing_keys(jwks: object) -> SigningKeys:
    """Return the keys of a private JWK Set.

    Raises:
        ValueError: as ``parse_verification_keys``, or a key is not private or does not match its public half.

    """
    keys = []
    for jwk in _members_of(jwks):
        if "d" not in jwk:
            raise ValueError("must hold private keys, but one has no member d")
        public = _checked_public(jwk, operation="sign")
        private = {name: jwk[name] for name in _PRIVATE_MEMBERS & jwk.keys()}
        for name in private:
            _octets(jwk, name)
        parsed = _parse({**public, **private})
        _refuse_foreign_half(parsed, _parse(public))
        starts_at, expires_at = _numeric_date(jwk, "nbf") or 0, _numeric_date(jwk, "exp")
        keys.append(
            SigningKey(
                jwk["kid"], jwk["alg"], signing_algorithm(parsed), parsed.key, starts_at, expires_at, "revoked" in jwk
            )
        )
    _refuse_doubles(key.kid for key in keys)
    return SigningKeys(tuple(keys))


def public_jwks(private_jwks: Mapping[str, Any]) -> dict[str, Any]:
    """Return the public JWK Set that belongs to a private one, for the configuration of verifiers.

    Only members that are known to be public are copied. Revoked keys are left out.
    """
    return {
        "keys": [
            {name: jwk[name] for name in (*_public_members(jwk), "exp") if name in jwk}
            for jwk in _members_of(private_jwks)
            if "revoked" not in jwk
        ]
    }


def generate_signing_jwk(alg: str = "ES256") -> dict[str, str]:
    """Return a new private key for an algorithm of ``KEY_TYPES`` as a JWK."""
    # Only operators and development servers generate keys: no Lambda needs these imports.
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa  # noqa: PLC0415

    make: dict[str, Callable[[], dict[str, Any]]] = {
        "ES256": lambda: ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()), as_dict=True),
        "RS256": lambda: RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, MIN_RSA_BITS), as_dict=True),
        "EdDSA": lambda: OKPAlgorithm.to_jwk(ed25519.Ed25519PrivateKey.generate(), as_dict=True),
    }
    while True:
        jwk: dict[str, str] = {name: value for name, value in make[alg]().items() if name != "key_ops"}
        kid = thumbprint(jwk)
        if not kid.startswith("-"):  # it would look like an option on a command line
            return {**jwk, "alg": alg, "use": "sig", "kid": kid}


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """Return the SHA-256 thumbprint of a key, base64url without padding (RFC 7638 section 3)."""
    covered = {name: jwk[name] for name in _THUMBPRINT_MEMBERS[jwk["kty"]]}
    digest = hashlib.sha256(_CANONICAL.encode(covered).encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _members_of(jwks: object) -> list[Mapping[str, Any]]:
    keys = jwks.get("keys") if isinstance(jwks, Mapping) else None
    if not isinstance(keys, list) or not all(isinstance(jwk, Mapping) for jwk in keys):
        raise ValueError('must be a JWK Set: {"keys": [...]}')
    if not keys:
        raise ValueError("holds no key")
    return keys


def _public_members(jwk: Mapping[str, Any]) -> tuple[str, ...]:
    return (*_THUMBPRINT_MEMBERS[jwk["kty"]], "alg", "use", "kid")


def _checked_public(jwk: Mapping[str, Any], *, operation: str) -> dict[str, Any]:
    """Return the public members of a key that is valid for ``operation``, "sign" or "verify". Raises ValueError."""
    alg = jwk.get("alg")
    if not isinstance(alg, str) or alg not in KEY_TYPES:
        raise ValueError(f"holds a key whose alg is not one of {', '.join(KEY_TYPES)}")
    if (jwk.get("kty"), jwk.get("crv")) != KEY_TYPES[alg]:
        raise ValueError(f"holds a key whose kty and crv do not fit its alg {alg}")
    if jwk.get("use") != "sig":
        raise ValueError('holds a key whose use is not "sig"')
    # RFC 7517 section 4.3: a key should not serve unrelated operations. "sign" and "verify" are related.
    key_ops = jwk.get("key_ops", [operation])
    if not isinstance(key_ops, list) or operation not in key_ops or any(op not in ("sign", "verify") for op in key_ops):
        raise ValueError(f"holds a key whose key_ops are not for {operation}")
    if (weakness := _weakness(jwk)) is not None:
        raise ValueError(f"holds {weakness}")
    if jwk.get("kid") != thumbprint(jwk):
        raise ValueError("holds a key whose kid is not its RFC 7638 thumbprint")
    return {name: jwk[name] for name in _public_members(jwk) if name in jwk}


def _weakness(jwk: Mapping[str, Any]) -> str | None:
    if jwk["kty"] == "RSA":
        return rsa_weakness(int.from_bytes(_octets(jwk, "n"), "big"), int.from_bytes(_octets(jwk, "e"), "big"))
    if jwk["kty"] == "OKP":
        return ed25519_weakness(_octets(jwk, "x"))
    # `_parse` checks that the point is on the curve.
    return None if _octets(jwk, "x") + _octets(jwk, "y") else "an empty key"


def _octets(jwk: Mapping[str, Any], name: str) -> bytes:
    """Return the octets in a member. Raises ValueError unless it is canonical base64url of the right length.

    Two encodings of one key would have two thumbprints.
    """
    text = jwk.get(name)
    try:
        octets = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) if isinstance(text, str) else b""
    except (binascii.Error, ValueError):
        octets = b""
    if not octets or base64.urlsafe_b64encode(octets).rstrip(b"=").decode() != text:
        raise ValueError(f"holds a key whose member {name} is missing or not base64url")
    if jwk["kty"] != "RSA" and len(octets) != _OCTETS:
        raise ValueError(f"holds a key whose member {name} is not {_OCTETS} octets long")
    if jwk["kty"] == "RSA" and octets[0] == 0:  # RFC 7518 section 2: Base64urlUInt is the shortest form
        raise ValueError(f"holds a key whose member {name} begins with a zero octet")
    return octets


def _numeric_date(jwk: Mapping[str, Any], name: str) -> int | None:
    value = jwk.get(name)
    if name in jwk and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
        raise ValueError(f"holds a key whose member {name} is not a NumericDate in whole seconds")
    return value


def _parse(jwk: Mapping[str, Any]) -> PyJWK:
    try:
        return PyJWK(dict(jwk), algorithm=jwk["alg"])
    except (PyJWTError, KeyError, TypeError, ValueError, ArithmeticError):
        # The exception's message may quote the key.
        raise ValueError("holds a malformed key") from None


def _refuse_foreign_half(private: PyJWK, public: PyJWK) -> None:
    """Raise ValueError unless the public key verifies a signature of the private one.

    This is the pairwise consistency test of FIPS 140-3.
    """
    if not public.Algorithm.verify(b"", public.key, private.Algorithm.sign(b"", private.key)):
        raise ValueError("holds a private key that does not belong to its public half")


def _refuse_doubles(kids: Iterable[str]) -> None:
    listed = list(kids)
    if len(set(listed)) != len(listed):
        raise ValueError("holds two keys with one kid")
