"""Passwords: which are allowed, how they are hashed, and how a guess is checked.

Owns the policy and the only use of bcrypt. Knows no user store: it is told a hash and says whether a password fits.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import unicodedata
from typing import Protocol

import bcrypt

from chalicelib.accounts.usernames import canonical_username
from chalicelib.credentials.common_passwords import is_common
from chalicelib.errors import FieldError, ValidationFailed

MAX_LENGTH = 256
"""Characters. NIST asks to allow at least 64; the cap bounds the work of normalising."""

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


class LeakedPasswords(Protocol):
    """Knows which passwords have been seen in leaks."""

    def contains(self, password: str) -> bool:
        """Whether the password is known to have leaked; no also for want of an answer."""


class PasswordPolicy:
    """Which new passwords are allowed: length and guessability, no rules of composition (NIST SP 800-63B-4)."""

    def __init__(self, *, min_length: int, leaked: LeakedPasswords | None = None) -> None:
        self.min_length = min_length
        self._leaked = leaked

    def check(self, password: str, username: str, *, field: str = "password") -> None:
        """Return if the password may be used with this username.

        Raises:
            ValidationFailed: it may not; the error names ``field`` and says what would do.

        """
        length = len(unicodedata.normalize("NFC", password))
        if length < self.min_length:
            raise ValidationFailed(FieldError(field, f"Use at least {self.min_length} characters."))
        if length > MAX_LENGTH:
            raise ValidationFailed(FieldError(field, f"Use at most {MAX_LENGTH} characters."))
        if canonical_username(username) in canonical_username(password):
            raise ValidationFailed(FieldError(field, "Choose one that does not contain the username."))
        if is_common(password):
            raise ValidationFailed(
                FieldError(field, "This password is among the most common ones, or made of one. Choose another.")
            )
        # Last, because it alone asks somebody else.
        if self._leaked is not None and self._leaked.contains(password):
            raise ValidationFailed(FieldError(field, "This password is known from a data leak. Choose another."))
