"""Sealing: text that only Lychgate can read and that nobody can change, for one purpose and about one subject.

What is sealed is kept by somebody else: a secret by the database, the content of a challenge by the browser that has
to bring it back. AES-GCM with a key of 256 bits and a random nonce of 96 bits (SP 800-38D section 8.2.2) for each text.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from chalicelib.credentials import base64url
from chalicelib.credentials.derived_keys import derived_key

if TYPE_CHECKING:
    from chalicelib.clock import Clock
    from chalicelib.credentials.peppers import Peppers

_NONCE_BYTES = 12
_TAG_BYTES = 16


class Sealer:
    """Seals and opens texts, with keys derived from the peppers. A sealed text names its pepper."""

    def __init__(self, peppers: Peppers, clock: Clock) -> None:
        self._peppers = peppers
        self._clock = clock

    def seal(self, content: bytes, *, purpose: str, about: str = "") -> str:
        """Return a text from which only ``open`` gets the content again, with the same purpose and subject."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - most processes never need it

        pepper = self._peppers.current(self._clock())
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = AESGCM(derived_key(pepper, purpose)).encrypt(nonce, content, _associated(pepper.id, about))
        return f"{pepper.id}.{base64url.encode(nonce + sealed)}"

    def open(self, sealed: str, *, purpose: str, about: str = "") -> bytes | None:
        """Return the content of a sealed text. None if it is not one, or was sealed for or about something else."""
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

        pepper_id, _, encoded = sealed.partition(".")
        pepper = self._peppers.find(pepper_id)
        try:
            octets = base64url.decode(encoded)
        except ValueError:
            return None
        if pepper is None or len(octets) < _NONCE_BYTES + _TAG_BYTES:
            return None
        nonce, ciphertext = octets[:_NONCE_BYTES], octets[_NONCE_BYTES:]
        try:
            return AESGCM(derived_key(pepper, purpose)).decrypt(nonce, ciphertext, _associated(pepper.id, about))
        except InvalidTag:
            return None

    def needs_resealing(self, sealed: str) -> bool:
        """Return whether a text was sealed with an earlier pepper than the current one."""
        return sealed.partition(".")[0] != self._peppers.current(self._clock()).id


def _associated(pepper_id: str, about: str) -> bytes:
    return f"{pepper_id}\n{about}".encode("utf-8", "replace")
