"""Checks for public keys that are well-formed but weak.

Owns the arithmetic that detects weak keys which cryptographic libraries accept. Knows no JWK and no library: it takes
integers and octets. Each key is checked once: those of tokens at process start, that of a passkey when it is added.
"""

from __future__ import annotations

import math

MIN_RSA_BITS = 2048
"""RFC 7518 section 3.3."""

MIN_RSA_EXPONENT = 2**16 + 1
"""FIPS 186-5 section 5.4 (e). An exponent of 1 makes every padded digest its own signature."""

FERMAT_ROUNDS = 100
"""Rounds of Fermat's factorization, which finds primes that are close together. Those of a sound generator are not."""

# fmt: off
_SMALL_PRIMES = (
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107,
    109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
)
# fmt: on

# Curve25519 in its Edwards form: RFC 8032 section 5.1.
_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P
_SQRT_OF_MINUS_1 = pow(2, (_P - 1) // 4, _P)


def rsa_weakness(modulus: int, exponent: int) -> str | None:
    """Return a description of an RSA public key's weakness, or None if it has none of the known ones."""
    if modulus.bit_length() < MIN_RSA_BITS:
        return f"an RSA key of less than {MIN_RSA_BITS} bits"
    if exponent < MIN_RSA_EXPONENT or exponent % 2 == 0 or exponent.bit_length() > 256:  # noqa: PLR2004 - FIPS 186-5
        return "an RSA key whose public exponent is even, below 65537 or above 256 bits"
    if modulus % 2 == 0 or any(modulus % prime == 0 for prime in _SMALL_PRIMES):
        return "an RSA key whose modulus has a small factor"
    if _has_fingerprint_of_roca(modulus):
        return "an RSA key that can be factored (ROCA, CVE-2017-15361)"
    if _has_close_primes(modulus):
        return "an RSA key that can be factored (primes too close together)"
    return None


def ed25519_weakness(encoded: bytes) -> str | None:
    """Return what is wrong with an Ed25519 public key of 32 octets (RFC 8032 section 5.1.3), or None.

    With a point of small order, anyone can make a signature that is valid for many messages.
    """
    y = int.from_bytes(encoded, "little") & (2**255 - 1)
    if y >= _P:
        return "an Ed25519 key that is not in its canonical encoding"
    x = _x_of(y)
    if x is None:
        return "an Ed25519 key that is not a point of the curve"
    for _ in range(3):  # the cofactor is 8
        x, y = _doubled(x, y)
    return "an Ed25519 key that is a point of small order" if (x, y) == (0, 1) else None


def _has_fingerprint_of_roca(modulus: int) -> bool:
    """Return whether the modulus is a power of 65537 modulo every small prime.

    One modulus in 100 million is so by chance.
    """
    return all(modulus % p in {pow(65537, i, p) for i in range(p)} for p in _SMALL_PRIMES)


def _has_close_primes(modulus: int) -> bool:
    """Return whether the modulus is a difference of two squares close to its square root."""
    first = math.isqrt(modulus - 1) + 1  # the root, rounded up
    return any(math.isqrt(a * a - modulus) ** 2 == a * a - modulus for a in range(first, first + FERMAT_ROUNDS))


def _x_of(y: int) -> int | None:
    """Return an x for which (x, y) is on the curve -x² + y² = 1 + dx²y², or None."""
    x_squared = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    root = pow(x_squared, (_P + 3) // 8, _P)
    for x in (root, root * _SQRT_OF_MINUS_1 % _P):
        if x * x % _P == x_squared:
            return x
    return None


def _doubled(x: int, y: int) -> tuple[int, int]:
    product = _D * x * x * y * y % _P
    return 2 * x * y * pow(1 + product, -1, _P) % _P, (y * y + x * x) * pow(1 - product, -1, _P) % _P
