"""The policy for new passwords."""

from __future__ import annotations

from typing import Protocol

from chalicelib.accounts.usernames import canonical_username
from chalicelib.credentials.common_passwords import is_common
from chalicelib.credentials.password_text import MAX_LENGTH, normalised_password
from chalicelib.errors import FieldError, ValidationFailed


class LeakedPasswords(Protocol):
    """A list of passwords from data leaks."""

    def contains(self, password: str) -> bool:
        """Return whether the password is known to have leaked. False also if the list cannot be reached."""


class PasswordPolicy:
    """Checks the length and guessability of new passwords. Has no composition rules (NIST SP 800-63B-4)."""

    def __init__(self, *, min_length: int, leaked: LeakedPasswords | None = None) -> None:
        self.min_length = min_length
        self._leaked = leaked

    def check(self, password: str, username: str, *, field: str = "password") -> None:
        """Return if the password may be used with this username.

        Raises:
            ValidationFailed: the password is not allowed. The error names ``field`` and says what to change.

        """
        length = len(normalised_password(password))
        if length < self.min_length:
            raise ValidationFailed(FieldError(field, f"Use at least {self.min_length} characters."))
        if length > MAX_LENGTH:
            raise ValidationFailed(FieldError(field, f"Use at most {MAX_LENGTH} characters."))
        if canonical_username(username) in canonical_username(password):
            raise ValidationFailed(FieldError(field, "Choose one that does not contain the username."))
        if is_common(password):
            raise ValidationFailed(FieldError(field, "This is a common password, or made from one. Choose another."))
        # Last, because only this check calls another service.
        if self._leaked is not None and self._leaked.contains(password):
            raise ValidationFailed(FieldError(field, "This password is known from a data leak. Choose another."))
