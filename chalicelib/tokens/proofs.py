"""What all proofs of a client's key have in common: JWTs by ES256 (RFC 7515) that name the key which signs them.

Owns the strict checks of their syntax, their header, their key and their signature. Knows no claim.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.accounts.key_proof import PROOF_ALGORITHM
from chalicelib.tokens.compact import Members, Refused, decode_object, decode_octets, split, string
from chalicelib.tokens.pyjwt import ES256, point_of_p256

if TYPE_CHECKING:
    from collections.abc import Mapping

_OCTETS = 32
"""Length of a coordinate of P-256 (RFC 7518 section 6.2.1.2)."""

_PUBLIC_MEMBERS = frozenset({"kty", "crv", "x", "y", "alg", "use", "key_ops", "kid", "ext"})
"""What a public key may have in it: RFC 7517 sections 4.1 to 4.5 and, of WebCrypto, ``ext``. No certificates."""


def signed_by_own_key(proof: str, typ: str, *, longest: int) -> tuple[Mapping[str, str], Members]:
    """Return the public key in the header of a proof of this type, and the claims that it has signed.

    The key has ``kty``, ``crv``, ``x`` and ``y`` only, in their one encoding. ``longest`` is how many characters the
    proof may have, which bounds the work for a forgery. Raises Refused.
    """
    header, payload, signature = _parts(proof, longest)
    members = _header(header, typ, ("typ", "alg", "jwk"))
    jwk = _public_key(members["jwk"])
    return jwk, _signed(header, payload, signature, jwk)


def signed_by(jwk: Mapping[str, str], proof: str, typ: str, *, longest: int) -> Members:
    """Return the claims of a proof of this type that a known key has signed, and whose header names none.

    Raises Refused.
    """
    header, payload, signature = _parts(proof, longest)
    _header(header, typ, ("typ", "alg"))
    return _signed(header, payload, signature, jwk)


def unverified_claims(proof: str, *, longest: int) -> Members:
    """Return the claims of a proof that nobody has verified yet: what says which key has to have signed it.

    Raises Refused.
    """
    _, payload, _ = _parts(proof, longest)
    return decode_object(payload)


def _parts(proof: str, longest: int) -> tuple[str, str, str]:
    if len(proof) > longest:
        raise Refused("too long")
    return split(proof)


def _header(segment: str, typ: str, names: tuple[str, ...]) -> Members:
    """Return the header of a proof. Raises Refused unless it has these members, the type and the one algorithm.

    A member that we do not know may change what the header means (RFC 7515 section 4.1.11), so there must be none.
    """
    header = decode_object(segment)
    if header.keys() != set(names):
        raise Refused(f"header members are not {', '.join(names[:-1])} and {names[-1]}")
    if header["typ"] != typ:
        raise Refused(f"typ is not {typ}")
    if header["alg"] != PROOF_ALGORITHM:
        raise Refused(f"alg is not {PROOF_ALGORITHM}")
    return header


def _public_key(jwk: object) -> Mapping[str, str]:
    """Return a public key. Raises Refused unless it is one, of the algorithm, and nothing else."""
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


def _signed(header: str, payload: str, signature: str, jwk: Mapping[str, str]) -> Members:
    """Return the claims in a payload. Raises Refused unless the key has signed it, with the header."""
    try:
        key = point_of_p256(decode_octets(jwk["x"]), decode_octets(jwk["y"]))
    except ValueError:
        raise Refused("jwk is no point of P-256") from None
    if not ES256.verify(f"{header}.{payload}".encode("ascii"), key, decode_octets(signature)):
        raise Refused("bad signature")
    return decode_object(payload)
