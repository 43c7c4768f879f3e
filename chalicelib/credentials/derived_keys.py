"""Keys for one purpose each, derived from the secrets that are not in the database."""

from __future__ import annotations

import functools

from chalicelib.credentials.peppers import Pepper

_KEY_BYTES = 32


@functools.lru_cache(maxsize=32)
def derived_key(pepper: Pepper, purpose: str) -> bytes:
    """Return a key of 256 bits that nothing but ``purpose`` uses (HKDF with SHA-256, RFC 5869).

    A pepper is random and has 256 bits, so no salt is needed (section 3.1). Whoever learns the key learns neither the
    pepper nor another key.
    """
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415 - most processes never need it
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415

    return HKDF(SHA256(), _KEY_BYTES, None, f"lychgate {purpose} v1".encode()).derive(pepper.secret)
