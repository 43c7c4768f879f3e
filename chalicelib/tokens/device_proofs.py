"""The proofs of a device's key that browsers make by themselves (W3C, Device Bound Session Credentials).

Owns their checks, over those that all proofs share. What Chromium sends has a challenge in it and nothing else, so a
proof is as new as its challenge. Knows no HTTP and no session.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from chalicelib.errors import InvalidDeviceProof
from chalicelib.tokens.compact import Members, Refused, string
from chalicelib.tokens.proofs import signed_by, signed_by_own_key, unverified_claims

PROOF_TYPE = "dbsc+jwt"
MAX_PROOF_LENGTH = 2048
"""Characters. One with a challenge of ours has under 800."""

_COORDINATES = ("x", "y")


def first_proof(proof: str, *, url: str) -> tuple[str, str]:
    """Return the public key of a device, and the challenge that it has signed. ``url`` is where the proof was sent.

    The text of the key is for ``later_proof`` only. Raises InvalidDeviceProof.
    """
    with _refusing():
        jwk, claims = signed_by_own_key(proof, PROOF_TYPE, longest=MAX_PROOF_LENGTH)
        return ".".join(jwk[name] for name in _COORDINATES), _challenge(claims, url)


def unverified_challenge(proof: str) -> str:
    """Return the challenge that a later proof says to have signed. Raises InvalidDeviceProof.

    The challenge tells the key, for which ``later_proof`` then verifies the proof.
    """
    with _refusing():
        return string(unverified_claims(proof, longest=MAX_PROOF_LENGTH), "jti")


def later_proof(proof: str, key: str, *, url: str) -> str:
    """Return the challenge that a device has signed whose key is known. Raises InvalidDeviceProof."""
    jwk = {"kty": "EC", "crv": "P-256", **dict(zip(_COORDINATES, key.split("."), strict=True))}
    with _refusing():
        return _challenge(signed_by(jwk, proof, PROOF_TYPE, longest=MAX_PROOF_LENGTH), url)


@contextmanager
def _refusing() -> Iterator[None]:
    """Raise InvalidDeviceProof for whatever a proof causes."""
    try:
        yield
    except Refused as refused:
        raise InvalidDeviceProof(str(refused)) from None
    except Exception as unexpected:  # any error that a proof causes is a reason to refuse it
        raise InvalidDeviceProof(f"unexpected {type(unexpected).__name__}") from unexpected


def _challenge(claims: Members, url: str) -> str:
    """Return the challenge in a proof's claims. Drafts have the URL in ``aud``, Chromium has not."""
    if claims.get("aud", url) != url:
        raise Refused("aud is not the request's URL")
    return string(claims, "jti")
