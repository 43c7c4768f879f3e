"""Password hashing and verification.

Owns the only use of bcrypt. Knows no user store: it takes a hash and returns whether a password matches.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import unicodedata

import bcrypt

# A bcrypt hash in modular crypt format is "$2b$", two digits of cost, "$", and 53 characters of salt and digest. No
# known password has this hash. Checking a password against it takes as much work as checking a user's.
_DUMMY_SALT_AND_DIGEST = "xMVPfrmUcKcIJQNrOMYOuexpSYmPrMKGs6fBXlRfTHC2rtZ1Ksg7O"


class PasswordHasher:
    """Hashes passwords with ``bcrypt(base64(HMAC-SHA-384(pepper, NFC(password))))``, a formula of OWASP.

    Base64 of a SHA-384 is 64 bytes, so bcrypt's limit of 72 bytes cuts nothing and no NUL byte ends a password early.
    The pepper is not in the database, so a stolen table alone does not allow guessing.
    """

    def __init__(self, *, pepper: bytes, cost: int) -> None:
        self._pepper = pepper
        self._cost = cost
        self._dummy_hash = f"$2b${cost:02d}${_DUMMY_SALT_AND_DIGEST}"

    def hash(self, password: str) -> str:
        """Return a new hash of the password."""
        return bcrypt.hashpw(self._prehash(password), bcrypt.gensalt(self._cost)).decode("ascii")

    def verify(self, password: str, password_hash: str | None) -> bool:
        """Return whether the password matches the hash.

        Without a hash, for an unknown user, this does the same work and returns False: the response time must not
        reveal who has an account.
        """
        matches = bcrypt.checkpw(self._prehash(password), (password_hash or self._dummy_hash).encode("ascii"))
        return matches and password_hash is not None

    def needs_rehash(self, password_hash: str) -> bool:
        """Return whether the hash has another cost than the configured one."""
        return not password_hash.startswith(f"$2b${self._cost:02d}$")

    def _prehash(self, password: str) -> bytes:
        normalised = unicodedata.normalize("NFC", password).encode("utf-8")
        return base64.b64encode(hmac.digest(self._pepper, normalised, hashlib.sha384))
