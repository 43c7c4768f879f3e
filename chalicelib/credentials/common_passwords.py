"""Common passwords: those that guessers try first, and their obvious extensions.

Owns the list, in ``common_passwords.bin`` beside this file, and what counts as an obvious extension of an entry. The
file is read at the first call, not at import. It holds sorted digests, so it is small, reveals no password and is
searched without parsing. ``infra.common_passwords`` makes it and names its sources.
"""

from __future__ import annotations

import functools
import hashlib
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from pathlib import Path

from chalicelib.credentials.password_text import MAX_RAW_LENGTH

DIGEST_BYTES = 5
"""The first bytes of each entry's SHA-256. With 22,000 entries and a dozen candidates for a password, about one
password in four million is refused by chance."""

MAX_TRIVIAL_UNIT = 4
"""Characters. A password that only repeats a piece this short is common, whatever the piece."""

MAX_ARBITRARY_FILLING = 4
"""Digits and punctuation characters around a common password, such as a year, that count as an extension of it."""

_LIST = Path(__file__).with_name("common_passwords.bin")
_LETTER = re.compile(r"[^\W\d_]")
_SEQUENCES = tuple(
    sequence * 2
    for forwards in ("0123456789", "1234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm")
    for sequence in (forwards, forwards[::-1])
)
# Each character stands for one letter, except 1, which stands for i or l.
_LEET = str.maketrans("@430$57!", "aaeossti")


def is_common(password: str) -> bool:
    """Return whether the password is on the list, or is an obvious extension of an entry.

    Passwords are compared in NFKC with case folding, without spaces. An extension repeats a common password, or pads it
    at either end with one repeated character, with a sequence such as 12345, or with up to four digits and punctuation
    characters. Letters may be replaced with characters that look like them. A short repeated piece and a sequence of
    the alphabet, the digits or the keyboard are common by themselves.
    """
    folded = _folded(password)
    unit = _repeated_unit(folded)
    if len(unit) <= MAX_TRIVIAL_UNIT or any(folded in sequence for sequence in _SEQUENCES):
        return True
    return any(_is_listed(base) for base in _bases(folded, unit))


def is_made_from(password: str, words: Iterable[str]) -> bool:
    """Return whether the password is one of the words or an obvious extension of one, as of a common password."""
    wanted = {form for word in words for form in _as_letters(_folded(word))} - {""}
    folded = _folded(password)
    return any(base in wanted for base in _bases(folded, _repeated_unit(folded)))


def _folded(text: str) -> str:
    return "".join(normalised(text[:MAX_RAW_LENGTH]).split())


def normalised(password: str) -> str:
    """Return the form in which passwords are compared with the list."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", password).casefold())


def digest(text: str) -> bytes:
    """Return the list's entry for a normalised password: the first bytes of its SHA-256."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:DIGEST_BYTES]


def _bases(folded: str, unit: str) -> Iterator[str]:
    """Yield the candidates that this password may be an extension of. The first is the password itself."""
    candidates = [folded, unit]
    for extended in (folded, unit):
        before, core, after = _padded(extended)
        if _is_obvious(before) and _is_obvious(after):
            candidates += [core, _repeated_unit(core)]
    for candidate in dict.fromkeys(candidates):
        yield candidate
        for plain in {*_as_letters(candidate)} - {candidate}:
            yield plain
            yield _repeated_unit(plain)


def _as_letters(text: str) -> Iterator[str]:
    """Yield the text, and what it says if characters stand for the letters that they look like."""
    yield text
    plain = text.translate(_LEET)
    yield plain.replace("1", "i")
    yield plain.replace("1", "l")


def _padded(text: str) -> tuple[str, str, str]:
    """Return what is before the first letter, what is between the first and the last, and what is after it."""
    first, last = _LETTER.search(text), _LETTER.search(text[::-1])
    if not first or not last:
        return text, "", ""
    start, end = first.start(), len(text) - last.start()
    return text[:start], text[start:end], text[end:]


def _is_obvious(filling: str) -> bool:
    return (
        len(filling) <= MAX_ARBITRARY_FILLING
        or len(_repeated_unit(filling)) <= MAX_TRIVIAL_UNIT
        or any(filling in sequence for sequence in _SEQUENCES)
    )


def _repeated_unit(text: str) -> str:
    """Return the shortest piece that the text repeats, the last one perhaps cut off, or else the text itself."""
    for length in range(1, len(text) // 2 + 1):
        # The first characters are compared by themselves: slices are copies.
        if text[length] == text[0] and text[length:] == text[:-length]:
            return text[:length]
    return text


def _is_listed(text: str) -> bool:
    entries = _Entries(_listed())
    wanted = digest(text)
    position = bisect_left(entries, wanted)
    return position < len(entries) and entries[position] == wanted


class _Entries:
    """A view of the list as a sequence of sorted digests, for ``bisect``."""

    def __init__(self, packed: bytes) -> None:
        self._packed = packed

    def __len__(self) -> int:
        return len(self._packed) // DIGEST_BYTES

    def __getitem__(self, index: int) -> bytes:
        return self._packed[index * DIGEST_BYTES : (index + 1) * DIGEST_BYTES]


@functools.cache
def _listed() -> bytes:
    return _LIST.read_bytes()
