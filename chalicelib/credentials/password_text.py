"""A password as text: how long it may be, and the form in which it is hashed and counted."""

from __future__ import annotations

import unicodedata

MAX_LENGTH = 256
"""Characters after NFC. NIST SP 800-63B-4 section 3.1.1.2 requires that at least 64 are allowed."""

MAX_RAW_LENGTH = 4 * MAX_LENGTH
"""Characters before NFC, of at most four bytes each in UTF-8. NFC makes one character of at most four, so no password
of ``MAX_LENGTH`` is longer. The time of NFC grows with the square of a run of combining marks: 4 ms at this length."""


def normalised_password(password: str) -> str:
    """Return the password in NFC. One longer than ``MAX_RAW_LENGTH`` is nobody's and is returned unchanged."""
    return password if len(password) > MAX_RAW_LENGTH else unicodedata.normalize("NFC", password)
