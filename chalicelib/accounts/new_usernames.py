"""What is asked of a new username: that it fits a token, shows all its characters, and is of one script.

An existing user's name is not asked again. Only registration imports this module, when it is used. Of confusable names
only those that mix scripts are refused: a name of Cyrillic letters alone may look like one of Latin letters.
"""

from __future__ import annotations

import functools
import unicodedata
from bisect import bisect_right
from collections.abc import Collection
from itertools import combinations

from chalicelib.accounts.script_ranges import RANGES
from chalicelib.accounts.usernames import MIN_USERNAME_LENGTH, TOO_SHORT, normalised_username, username_error
from chalicelib.errors import Flaw

MAX_USERNAME_BYTES = 512
"""Bytes in UTF-8. JSON's escapes in a token are three times as long at most, base64 a third longer again: 2,048 of the
4,096 characters that a verifier reads. Every name of 254 characters of two bytes fits."""

# The property Default_Ignorable_Code_Point (DerivedCoreProperties.txt of Unicode 17.0, the same in 18.0): nothing is
# shown in their place. The first and the last code point of each range.
_INVISIBLE = (
    *((0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F)),
    *((0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF)),
    *((0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF)),
)

# UTS 39 section 5.1: each of these scripts is also written in these systems of several scripts.
_SYSTEMS = {
    "Hani": {"Hanb", "Jpan", "Kore"},
    "Bopo": {"Hanb"},
    "Hira": {"Jpan"},
    "Kana": {"Jpan"},
    "Hang": {"Kore"},
}

# UTS 39 section 5.2: the systems that the level "Highly Restrictive" allows together with Latin.
_WITH_LATIN = {"Hanb", "Jpan", "Kore"}


def new_username_error(typed: str) -> Flaw | None:
    """Return a message that says what is wrong with a new username, or None if it may be registered.

    It is judged in NFKC, and must not be too short as it was typed either: NFKC makes several characters of some.

    The scripts of a name, or of the local part of an address, are judged as a whole, and those of each label of its
    domain by themselves (UTS 39, "Highly Restrictive" of section 5.2, and mixed numbers of section 5.3).
    """
    username = normalised_username(typed)
    if (invisible := next(filter(_is_invisible, username), None)) is not None:
        return Flaw(f"Remove the invisible character U+{ord(invisible):04X}.", "not_allowed_characters")
    if (error := TOO_SHORT if len(typed) < MIN_USERNAME_LENGTH else username_error(username)) is not None:
        return error
    if (length := len(username.encode("utf-8"))) > MAX_USERNAME_BYTES:
        message = f"Use a shorter name: this one has {length} bytes in UTF-8, and {MAX_USERNAME_BYTES} are allowed."
        return Flaw(message, "too_many_bytes", MAX_USERNAME_BYTES)
    local, *domain = username.split("@")
    for part in (local, *(label for labels in domain for label in labels.split("."))):
        if (strangers := _mixed_scripts(part)) is not None:
            one, other = map(_shown, strangers)
            return Flaw(f"Use letters and digits of one alphabet: {one} and {other} belong to two.", "mixed_scripts")
        if len({ord(digit) - unicodedata.decimal(digit) for digit in part if digit.isdecimal()}) > 1:
            return Flaw("Use one kind of digits, such as 0 to 9.", "mixed_digits")
    return None


def _is_invisible(character: str) -> bool:
    code_point = ord(character)
    return any(first <= code_point <= last for first, last in _INVISIBLE)


def _mixed_scripts(text: str) -> tuple[str, str] | None:
    """Return two characters that may not stand in one name, None if all may."""
    written = {systems: character for character in reversed(text) if (systems := _systems_of(character))}
    if _go_together(written):
        return None
    pairs = (pair for pair in combinations(reversed(written), 2) if not _go_together(pair))
    # Three may differ as a whole though each two of them have something in common.
    one, other = next(pairs, tuple(written)[:2])
    return written[one], written[other]


def _go_together(written: Collection[frozenset[str]]) -> bool:
    """Return whether characters of these systems may stand in one name (UTS 39 section 5.2, "Highly Restrictive")."""
    if not written or frozenset.intersection(*written):
        return True
    beside_latin = [systems for systems in written if "Latn" not in systems]
    return bool(beside_latin and frozenset.intersection(*beside_latin) & _WITH_LATIN)


@functools.cache
def _ranges() -> tuple[list[int], list[frozenset[str]]]:
    """Return where each range begins, and the systems that its characters are written in; none stands for all."""
    pairs = [each.split() for each in RANGES.split(",")]
    systems = {
        scripts: frozenset().union(*({script, *_SYSTEMS.get(script, ())} for script in scripts.split("/")))
        for _, scripts in pairs
    }
    systems["-"] = frozenset()
    return [int(first, 16) for first, _ in pairs], [systems[scripts] for _, scripts in pairs]


def _systems_of(character: str) -> frozenset[str]:
    """Return the systems that a letter or digit is written in. Empty: every one."""
    starts, systems = _ranges()
    position = bisect_right(starts, ord(character)) - 1
    # The table knows letters and digits only.
    return systems[position] if position >= 0 and character.isalnum() else frozenset()


def _shown(character: str) -> str:
    return f"{character} (U+{ord(character):04X})"
