"""Recovery codes: what gets somebody in who has lost the second factor, each of them once.

A code has 128 random bits, so its digest may be quick (ASVS 5.0, 6.5.2 asks for 112 bits). The digest is keyed all the
same: a copy of the table alone does not tell whether a code is good.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from typing import TYPE_CHECKING

from chalicelib.credentials import base64url
from chalicelib.credentials.derived_keys import derived_key

if TYPE_CHECKING:
    from chalicelib.clock import Clock
    from chalicelib.credentials.peppers import Pepper, Peppers

CODES = 10

_CODE_BYTES = 16
_GROUP = 4
_CODE = re.compile(r"[A-Z2-7]{26}")
_PURPOSE = "recovery codes"


class RecoveryCodes:
    """Makes recovery codes and finds them again."""

    def __init__(self, peppers: Peppers, clock: Clock) -> None:
        self._peppers = peppers
        self._clock = clock

    def new(self, user_id: str) -> tuple[list[str], tuple[str, ...]]:
        """Return new codes for a user, to be shown once, and what is stored of them."""
        codes = [_new_code() for _ in range(CODES)]
        pepper = self._peppers.current(self._clock())
        return codes, tuple(sorted(_digest(pepper, user_id, _plain(code)) for code in codes))

    def find(self, user_id: str, code: str, stored: tuple[str, ...]) -> str | None:
        """Return which of a user's digests a code has, None if none. Case, spaces and hyphens do not count."""
        plain = _plain(code)
        if not _CODE.fullmatch(plain):
            return None
        wanted = {_digest(pepper, user_id, plain) for pepper in self._peppers.peppers}
        # The digests are keyed, so the time of a comparison tells nobody how to come closer.
        return next((digest for digest in stored if digest in wanted), None)


def _new_code() -> str:
    plain = base64.b32encode(secrets.token_bytes(_CODE_BYTES)).rstrip(b"=").decode("ascii").lower()
    return "-".join(plain[start : start + _GROUP] for start in range(0, len(plain), _GROUP))


def _plain(code: str) -> str:
    plain = "".join(code.split()).replace("-", "")
    # Letters of other alphabets have capitals that are ours.
    return plain.upper() if plain.isascii() else ""


def _digest(pepper: Pepper, user_id: str, plain: str) -> str:
    """Return what is stored of a code: the id of the pepper, and a keyed digest of 128 bits."""
    digest = hmac.digest(
        derived_key(pepper, _PURPOSE), f"{user_id}\n{plain}".encode("utf-8", "replace"), hashlib.sha256
    )
    return f"{pepper.id}.{base64url.encode(digest[:16])}"
