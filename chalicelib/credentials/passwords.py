"""Passwords: how they are hashed, and how a guess is checked.

Owns the only use of bcrypt. Knows no user store: it is told a hash and says whether a password fits.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import unicodedata

import bcrypt

# A bcrypt hash in modular crypt format is "$2b$", two digits of cost, "$", and 53 characters of salt and digest. No
# known password has this one, and checking a password against it takes exactly the work of checking a user's.
_DUMMY_SALT_AND_DIGEST = "xMVPfrmUcKcIJQNrOMYOuexpSYmPrMKGs6fBXlRfTHC2rtZ1Ksg7O"


class PasswordHasher:
    """Hashes passwords by ``bcrypt(base64(HMAC-SHA-384(pepper, NFC(password))))``.

    OWASP's formula: base64 of a SHA-384 is 64 bytes, so nothing is cut at bcrypt's 72 and no NUL byte ends a password
    early; and without the pepper, which is not in the database, a stolen table cannot be searched at all.
    """

    def __init__(self, *, pepper: bytes, cost: int) -> None:
        self._pepper = pepper
        self._cost = cost
        self._dummy_hash = f"$2b${cost:02d}${_DUMMY_SALT_AND_DIGEST}"

    def hash(self, password: str) -> str:
        """Return a new hash of the password."""
        return bcrypt.hashpw(self._prehash(password), bcrypt.gensalt(self._cost)).decode("ascii")

    def verify(self, password: str, password_hash: str | None) -> bool:
        """Whether the password has this hash.

        With no hash, because there is no such user, it does the same work and says no: how long an answer takes must
        not tell who has an account.
        """
        matches = bcrypt.checkpw(self._prehash(password), (password_hash or self._dummy_hash).encode("ascii"))
        return matches and password_hash is not None

    def needs_rehash(self, password_hash: str) -> bool:
        """Whether a hash was made at another cost than today's."""
        return not password_hash.startswith(f"$2b${self._cost:02d}$")

    def _prehash(self, password: str) -> bytes:
        normalised = unicodedata.normalize("NFC", password).encode("utf-8")
        return base64.b64encode(hmac.digest(self._pepper, normalised, hashlib.sha384))
