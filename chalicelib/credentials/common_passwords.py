"""Which passwords are common: those that guessers try first, and what people make of them to please a rule of length.

Owns the list, in ``common_passwords.bin`` beside this file, and what counts as an obvious extension of an entry. The
file is read at the first question, not at import. It holds digests, so that it is small, shows nobody's password and
is searched where it lies; ``infra.common_passwords`` makes it and names its sources.
"""

from __future__ import annotations

import functools
import hashlib
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path

DIGEST_BYTES = 5
"""Of each entry's SHA-256. With 22,000 entries and a dozen readings of a password, one password in some four million is
refused by chance."""

MAX_TRIVIAL_UNIT = 4
"""Characters. A password that is nothing but so short a piece, repeated, is common whatever the piece."""

MAX_ARBITRARY_FILLING = 4
"""Characters of digits and signs around a common password, such as a year, that count as an extension of it."""

_LIST = Path(__file__).with_name("common_passwords.bin")
_CORE = re.compile(r"([\W\d_]*)(.*?)([\W\d_]*)\Z", re.DOTALL)
_SEQUENCES = tuple(
    sequence * 2
    for forwards in ("0123456789", "1234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm")
    for sequence in (forwards, forwards[::-1])
)
# One reading for each sign, but for 1, which stands for either.
_LEET = str.maketrans("@430$57!", "aaeossti")


def is_common(password: str) -> bool:
    """Whether the password is on the list, or an obvious extension of what is.

    Compared in NFKC and case folding, without spaces. An extension is a common password repeated, or filled up at
    either end with one character, with a run such as 12345 or with up to four digits and signs; letters may be written
    as signs that look like them. A short piece repeated and a run of the alphabet, of digits or of the keyboard are
    common by themselves.
    """
    folded = "".join(normalised(password).split())
    unit = _repeated_unit(folded)
    if len(unit) <= MAX_TRIVIAL_UNIT or any(folded in sequence for sequence in _SEQUENCES):
        return True
    return any(_is_listed(base) for base in _bases(folded, unit))


def normalised(password: str) -> str:
    """Return the form in which passwords are compared with the list."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", password).casefold())


def digest(text: str) -> bytes:
    """Return what stands in the list for a normalised password."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:DIGEST_BYTES]


def _bases(folded: str, unit: str) -> Iterator[str]:
    """Yield what may have been extended to this password, the password itself first."""
    candidates = [folded, unit]
    for extended in (folded, unit):
        match = _CORE.match(extended)
        if match and _is_obvious(match[1]) and _is_obvious(match[3]):
            candidates += [match[2], _repeated_unit(match[2])]
    for candidate in dict.fromkeys(candidates):
        yield candidate
        plain = candidate.translate(_LEET)
        yield plain.replace("1", "i")
        yield plain.replace("1", "l")


def _is_obvious(filling: str) -> bool:
    return (
        len(filling) <= MAX_ARBITRARY_FILLING
        or len(_repeated_unit(filling)) <= MAX_TRIVIAL_UNIT
        or any(filling in sequence for sequence in _SEQUENCES)
    )


def _repeated_unit(text: str) -> str:
    """Return the shortest piece of which the text is a repetition, the last one perhaps cut; the text if none is."""
    for length in range(1, len(text) // 2 + 1):
        if text[length:] == text[:-length]:
            return text[:length]
    return text


def _is_listed(text: str) -> bool:
    entries = _Entries(_listed())
    wanted = digest(text)
    position = bisect_left(entries, wanted)
    return position < len(entries) and entries[position] == wanted


class _Entries:
    """The list as a sequence of sorted digests, without a copy of it."""

    def __init__(self, packed: bytes) -> None:
        self._packed = packed

    def __len__(self) -> int:
        return len(self._packed) // DIGEST_BYTES

    def __getitem__(self, index: int) -> bytes:
        return self._packed[index * DIGEST_BYTES : (index + 1) * DIGEST_BYTES]


@functools.cache
def _listed() -> bytes:
    return _LIST.read_bytes()
