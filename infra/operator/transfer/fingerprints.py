"""The first line of an export: what made it, and by which peppers its hashes were made, without those."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any

from chalicelib.api.responses import timestamp
from chalicelib.credentials.derived_keys import derived_key
from chalicelib.version import VERSION

if TYPE_CHECKING:
    from chalicelib.credentials.peppers import Pepper, Peppers

HEADER = "lychgate_export"
"""The one member of the first line."""

_FORMAT = 1
_HASHES = (
    "After lychgate: stand the id of a pepper, and bcrypt (modular crypt format) of base64(HMAC-SHA-384(pepper,"
    " NFC(password) in UTF-8)). The peppers are secret and not in this file: `python -m infra.keys backup` has them."
    " Without its pepper such a hash fits no password. Other hashes are those of the systems that they came from."
)


class HeaderError(ValueError):
    """Raised for a first line that cannot be read."""


def fingerprint(pepper: Pepper) -> str:
    """Return what tells one pepper from another with the same id, and nothing else of it."""
    return hmac.digest(derived_key(pepper, "fingerprint"), b"", hashlib.sha256)[:8].hex()


def header(stage: str, peppers: Peppers, now: int) -> dict[str, Any]:
    """Return the first line of an export."""
    return {
        HEADER: {
            "format": _FORMAT,
            "version": VERSION,
            "stage": stage,
            "exported_at": timestamp(now),
            "password_hashes": _HASHES,
            "peppers": {pepper.id: fingerprint(pepper) for pepper in peppers.peppers},
        }
    }


def peppers_of_header(content: object) -> dict[str, str]:
    """Return the fingerprints of the peppers of an export, by their ids. Raises HeaderError."""
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise HeaderError(f"this is no export of format {_FORMAT}, which this version reads")
    peppers = content.get("peppers")
    if not isinstance(peppers, dict) or not all(isinstance(each, str) for each in peppers.values()):
        raise HeaderError("the first line of the export lacks the peppers' fingerprints")
    return peppers
