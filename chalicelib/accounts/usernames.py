"""Usernames: which are valid, and the canonical form in which they are compared and stored."""

from __future__ import annotations

import unicodedata

MIN_USERNAME_LENGTH = 3
MAX_USERNAME_LENGTH = 254
"""Characters. The longest e-mail address (RFC 5321 section 4.5.3.1.3, less the angle brackets)."""

_PUNCTUATION = frozenset("._@+-")


def canonical_username(username: str) -> str:
    """Return the form in which usernames are compared and stored.

    NFKC and case folding, repeated because each can undo the other's result for some characters (Unicode 16.0,
    section 3.13, definition D146).
    """
    folded = unicodedata.normalize("NFKC", username).casefold()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", folded).casefold())


def username_error(username: str) -> str | None:
    """Return a message that says what is wrong with a username, or None if it is valid and fits a database key."""
    if not MIN_USERNAME_LENGTH <= len(canonical_username(username)) <= MAX_USERNAME_LENGTH:
        return f"Use {MIN_USERNAME_LENGTH} to {MAX_USERNAME_LENGTH} characters."
    if not all(_is_letter_or_digit(character) or character in _PUNCTUATION for character in username):
        return "Use letters, digits and the characters . _ @ + - only."
    return None


def _is_letter_or_digit(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] == "L" or category == "Nd"
