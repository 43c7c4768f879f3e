"""Usernames: their canonical form, in which they are compared and stored, and which fit a database key.

``chalicelib.accounts.new_usernames`` owns what is asked of a new one besides.
"""

from __future__ import annotations

import unicodedata

from chalicelib.errors import Flaw

MIN_USERNAME_LENGTH = 3
MAX_USERNAME_LENGTH = 254
"""Characters. The longest e-mail address (RFC 5321 section 4.5.3.1.3, less the angle brackets)."""

MAX_RAW_LENGTH = 4 * MAX_USERNAME_LENGTH
"""Characters before NFKC, of at most four bytes each in UTF-8. A character of NFKC stands for at most four canonically
decomposed ones, so no username is longer. The time of NFKC grows with the square of a run of combining marks: 4 ms at
this length."""

_WRONG_LENGTH = f"Use {MIN_USERNAME_LENGTH} to {MAX_USERNAME_LENGTH} characters."

TOO_SHORT = Flaw(_WRONG_LENGTH, "too_short", MIN_USERNAME_LENGTH)
"""What is said of a name that is too short."""

_TOO_LONG = Flaw(_WRONG_LENGTH, "too_long", MAX_USERNAME_LENGTH)

_PUNCTUATION = frozenset("._@+-")


def normalised_username(username: str) -> str:
    """Return the username in NFKC. One longer than ``MAX_RAW_LENGTH`` is nobody's and is returned unchanged."""
    return username if len(username) > MAX_RAW_LENGTH else unicodedata.normalize("NFKC", username)


def canonical_username(username: str) -> str:
    """Return the form in which usernames are compared and stored.

    NFKC and case folding, repeated because each can undo the other's result for some characters (Unicode 16.0,
    section 3.13, definition D146). One longer than ``MAX_RAW_LENGTH`` is nobody's and is returned unchanged.
    """
    if len(username) > MAX_RAW_LENGTH:
        return username
    folded = unicodedata.normalize("NFKC", username).casefold()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", folded).casefold())


def username_error(username: str) -> Flaw | None:
    """Return a message that says what is wrong with a username, or None if it is valid and fits a database key."""
    length = len(canonical_username(username))
    if not MIN_USERNAME_LENGTH <= length <= MAX_USERNAME_LENGTH:
        return TOO_SHORT if length < MIN_USERNAME_LENGTH else _TOO_LONG
    if not all(_is_letter_or_digit(character) or character in _PUNCTUATION for character in username):
        return Flaw("Use letters, digits and the characters . _ @ + - only.", "not_allowed_characters")
    return None


def _is_letter_or_digit(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] == "L" or category == "Nd"
