"""The verifier of DPoP proofs (RFC 9449): JWTs with which a client shows that it holds a private key.

Owns every check of section 4.3 that applies to a request without an access token. Knows no HTTP but a method and a
path, and no storage: whether a proof was used before is for whoever stores the session.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING

from chalicelib.accounts.key_proof import PROOF_ALGORITHM, KeyProof
from chalicelib.errors import InvalidDPoPProof
from chalicelib.tokens.compact import Members, Refused, decode_object, decode_octets, integer, split, string
from chalicelib.tokens.keys import thumbprint
from chalicelib.tokens.pyjwt import ECAlgorithm, PyJWTError
from chalicelib.tokens.verifier import THIS_MACHINE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.clock import Clock

PROOF_TYPE = "dpop+jwt"
MAX_PROOF_LENGTH = 2048
"""Characters. A proof by ES256 has under 500, and the limit bounds the work for a forgery."""

WINDOW = 60
"""Seconds by which a proof's ``iat`` may differ from our clock (RFC 9449 section 11.1)."""

_OCTETS = 32
"""Length of a coordinate of P-256 (RFC 7518 section 6.2.1.2)."""

_ID_OCTETS = 16
"""128 bits of a ``jti``'s digest: two of one key are not alike by chance."""

_PUBLIC_MEMBERS = frozenset({"kty", "crv", "x", "y", "alg", "use", "key_ops", "kid", "ext"})
"""What a public key may have in it: RFC 7517 sections 4.1 to 4.5 and, of WebCrypto, ``ext``. No certificates."""

_ECDSA = ECAlgorithm(ECAlgorithm.SHA256)

_LOOPBACK = re.compile(r"http://(?:127\.0\.0\.1|localhost|\[::1\])(?::[0-9]{1,5})?(?=/)")


class ProofVerifier:
    """Verifies the proofs for the requests of one API. Does no I/O."""

    def __init__(self, *, issuer: str, clock: Clock) -> None:
        """``issuer`` is the URL that clients reach the API at. No request is asked for it."""
        self._issuer = issuer
        self._clock = clock

    def verify(self, proof: str, *, method: str, path: str) -> KeyProof:
        """Return what a proof shows that was sent with a request. ``path`` is that below the issuer.

        Raises:
            InvalidDPoPProof: any check of RFC 9449 section 4.3 failed. No other error is ever raised.

        """
        try:
            return self._verify(proof, method, path)
        except Refused as refused:
            raise InvalidDPoPProof(str(refused)) from None
        except Exception as unexpected:  # any error that a proof causes is a reason to refuse it
            raise InvalidDPoPProof(f"unexpected {type(unexpected).__name__}") from unexpected

    def _verify(self, proof: str, method: str, path: str) -> KeyProof:
        if len(proof) > MAX_PROOF_LENGTH:
            raise Refused("too long")
        header, payload, signature = split(proof)
        jwk = _public_key(decode_object(header))
        if not _is_signed(f"{header}.{payload}".encode("ascii"), decode_octets(signature), jwk):
            raise Refused("bad signature")
        claims = decode_object(payload)
        if string(claims, "htm") != method:
            raise Refused("htm is not the request's method")
        if not self._is_own(string(claims, "htu"), path):
            raise Refused("htu is not the request's URL")
        made_at = integer(claims, "iat")
        if abs(made_at - self._clock()) > WINDOW:
            raise Refused("iat is too far from our clock")
        return KeyProof(thumbprint(jwk), _digest(string(claims, "jti")), made_at)

    def _is_own(self, htu: str, path: str) -> bool:
        """Return whether this is the URL of a path of ours, to the character.

        Section 4.3 allows to normalise both. Clients take it from the URL that they fetch, which their own URL parser
        has normalised. On a laptop a page may reach the API by another name or port of the same machine.
        """
        url = f"{self._issuer}{path}"
        if htu == url:
            return True
        if not self._issuer.startswith(THIS_MACHINE):
            return False
        named, meant = _LOOPBACK.match(htu), _LOOPBACK.match(url)
        return named is not None and meant is not None and htu[named.end() :] == url[meant.end() :]


def _public_key(header: Members) -> Mapping[str, str]:
    """Return the public key in a proof's header. Raises Refused unless it is one, of the algorithm, and nothing else.

    A member that we do not know may change what the header means (RFC 7515 section 4.1.11), so there must be none.
    """
    if header.keys() != {"typ", "alg", "jwk"}:
        raise Refused("header members are not typ, alg and jwk")
    if header["typ"] != PROOF_TYPE:
        raise Refused(f"typ is not {PROOF_TYPE}")
    if header["alg"] != PROOF_ALGORITHM:
        raise Refused(f"alg is not {PROOF_ALGORITHM}")
    jwk = header["jwk"]
    if not isinstance(jwk, dict) or not _PUBLIC_MEMBERS.issuperset(jwk):
        raise Refused("jwk is not a public key alone")
    if (jwk.get("kty"), jwk.get("crv")) != ("EC", "P-256") or jwk.get("alg", PROOF_ALGORITHM) != PROOF_ALGORITHM:
        raise Refused("jwk is no key of P-256")
    if jwk.get("use", "sig") != "sig" or jwk.get("key_ops", ["verify"]) != ["verify"]:
        raise Refused("jwk is not for verifying")
    for name in ("x", "y"):
        # Two encodings of one key would have two thumbprints.
        if len(decode_octets(string(jwk, name))) != _OCTETS:
            raise Refused(f"{name} of jwk is not {_OCTETS} octets long")
    return {name: jwk[name] for name in ("kty", "crv", "x", "y")}


def _is_signed(message: bytes, signature: bytes, jwk: Mapping[str, str]) -> bool:
    try:
        key = _ECDSA.from_jwk(dict(jwk))
    except (PyJWTError, ValueError):
        raise Refused("jwk is no point of P-256") from None
    return _ECDSA.verify(message, key, signature)


def _digest(text: str) -> str:
    octets = hashlib.sha256(text.encode()).digest()[:_ID_OCTETS]
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")
