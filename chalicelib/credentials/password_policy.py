"""The policy for new passwords."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from chalicelib.accounts.usernames import canonical_username
from chalicelib.credentials.common_passwords import is_common, is_made_from
from chalicelib.credentials.password_text import MAX_LENGTH, normalised_password
from chalicelib.errors import FieldError, Flaw, ValidationFailed


class LeakedPasswords(Protocol):
    """A list of passwords from data leaks."""

    def contains(self, password: str) -> bool:
        """Return whether the password is known to have leaked. False also if the list cannot be reached."""


class PasswordPolicy:
    """Checks the length and guessability of new passwords. Has no composition rules (NIST SP 800-63B-4)."""

    def __init__(
        self, *, min_length: int, context_words: Iterable[str] = (), leaked: LeakedPasswords | None = None
    ) -> None:
        """Refuse passwords made from one of ``context_words``, such as the site's name (SP 800-63B-4 3.1.1.2)."""
        self.min_length = min_length
        self._context_words = tuple(context_words)
        self._leaked = leaked

    def check(self, password: str, username: str, *, field: str = "password") -> None:
        """Return if the password may be used with this username.

        Raises:
            ValidationFailed: the password is not allowed. The error names ``field`` and says what to change.

        """
        if (problem := self.problem(password, username)) is not None:
            raise ValidationFailed(FieldError(field, problem))

    def problem(self, password: str, username: str | None) -> Flaw | None:
        """Return a message that says everything that is wrong with a password, or None if it may be used.

        Its code is that of what it says first.

        ``username`` is None if there is no valid one to compare it with.
        """
        typed, password = password, normalised_password(password)
        if len(password) > MAX_LENGTH:
            return Flaw(f"Use at most {MAX_LENGTH} characters.", "too_long", MAX_LENGTH)
        # NFC makes three characters of some. Also as it was typed it must not be shorter than the document says.
        too_short = min(len(typed), len(password)) < self.min_length
        problems = list(self._problems(password, username, too_short=too_short))
        # Last, because only this check calls another service.
        if not problems and self._leaked is not None and self._leaked.contains(password):
            problems.append(Flaw("This password is known from a data leak. Choose another.", "password_leaked"))
        return Flaw(" ".join(problems), problems[0].code, problems[0].limit) if problems else None

    def _problems(self, password: str, username: str | None, *, too_short: bool) -> Iterator[Flaw]:
        if too_short:
            yield Flaw(f"Use at least {self.min_length} characters.", "too_short", self.min_length)
        if username is not None and canonical_username(username) in canonical_username(password):
            yield Flaw("Choose one that does not contain the username.", "contains_username")
        if too_short:
            return  # What is added makes it another password.
        if is_made_from(password, self._context_words):
            yield Flaw("This password is made from the name of this site. Choose another.", "contains_site_name")
        elif is_common(password):
            yield Flaw("This is a common password, or made from one. Choose another.", "password_too_common")
