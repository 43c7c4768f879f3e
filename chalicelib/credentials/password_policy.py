"""Which new passwords are allowed."""

from __future__ import annotations

import unicodedata
from typing import Protocol

from chalicelib.accounts.usernames import canonical_username
from chalicelib.credentials.common_passwords import is_common
from chalicelib.errors import FieldError, ValidationFailed

MAX_LENGTH = 256
"""Characters. NIST asks to allow at least 64; the cap bounds the work of normalising."""


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
