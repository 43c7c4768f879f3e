"""base64url without padding (RFC 4648 section 5), each octets in one spelling only."""

from __future__ import annotations

import base64


def encode(octets: bytes) -> str:
    """Return octets as text."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """Return the octets that ``encode`` makes the text of. Raises ValueError if there are none."""
    octets = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    # Python ignores what is not of the alphabet, and the unused bits of the last character.
    if encode(octets) != text:
        raise ValueError("not canonical base64url")
    return octets
