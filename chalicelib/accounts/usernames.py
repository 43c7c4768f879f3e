"""Usernames: the form under which they are compared and stored."""

from __future__ import annotations

import unicodedata


def canonical_username(username: str) -> str:
    """Return the form under which usernames are compared and stored.

    NFKC and case folding, repeated because each can undo the other's result for some characters (Unicode 16.0,
    section 3.13, definition D146).
    """
    folded = unicodedata.normalize("NFKC", username).casefold()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", folded).casefold())
