"""Files of users: JSON Lines, an array of JSON or CSV, read piece by piece with the number of each line.

Owns encodings, limits and what is no JSON. Knows no user. However large a file is, little of it is in memory at once.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TextIO

LONGEST = 65_536
"""Bytes of a user in a file. Ten passkeys take a third of it."""

_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class Row:
    """What a file has in one place: an object, or what is wrong there."""

    line: int
    members: dict[str, Any] | None = None
    problem: str | None = None


class UnreadableFileError(Exception):
    """Raised for a file of which nothing can be read. The message says what to do."""


Reader = Callable[[Path], Iterator[Row]]


def json_lines(path: Path) -> Iterator[Row]:
    """Read an object from each line that is not empty. Raises UnreadableFileError."""
    for number, line in _lines(path):
        if line is None:
            yield Row(number, problem=f"the line is longer than {LONGEST} bytes")
        elif line.strip():
            yield _parsed(number, line)


def json_array(path: Path, member: str | None = None) -> Iterator[Row]:
    """Read the objects of an array: the whole file, or the first member of the object that it is.

    What is no JSON ends it, as nobody can say where the next object begins. Raises UnreadableFileError.
    """
    begins = r"\s*\[" if member is None else rf'\s*\{{\s*"{member}"\s*:\s*\['
    with path.open("rb") as octets:
        _refuse_utf16(octets)
    with path.open("r", encoding="utf-8-sig", newline="") as file:
        yield from _objects(_Pieces(file), begins)


def _objects(text: _Pieces, begins: str) -> Iterator[Row]:
    found = re.match(begins, text.more())
    if found is None:
        raise UnreadableFileError("the file does not begin as such an export does")
    text.skip(found.end())
    while True:
        begin = text.skip_while(" \t\r\n,")
        if text.buffer[:1] in ("]", ""):
            if not text.buffer:
                yield Row(begin, problem="the file ends within the list")
            return
        row, length = _object_at(text, begin)
        yield row
        if length == 0:
            return
        text.skip(length)


def csv_rows(path: Path) -> Iterator[Row]:
    """Read an object of strings from each row of a table, whose first row has the names. Raises UnreadableFileError."""
    broken: list[Row] = []
    rows = csv.reader(_decoded_lines(path, broken), strict=True)
    names = _column_names(rows)
    try:
        for cells in rows:
            if cells:
                yield _row(rows.line_num, names, cells)
    except csv.Error as error:
        yield Row(rows.line_num, problem=f"the row is no CSV: {error}. What follows was not read")
    yield from broken


def _column_names(rows: Iterator[list[str]]) -> list[str]:
    try:
        names = next(rows, None)
    except csv.Error as error:
        raise UnreadableFileError(f"the first line is no CSV: {error}") from None
    if not names or len(set(names)) != len(names):
        raise UnreadableFileError("the first line does not name the columns, each once")
    return names


def _row(number: int, names: list[str], cells: list[str]) -> Row:
    if len(cells) != len(names):
        return Row(number, problem=f"the row has {len(cells)} cells, and there are {len(names)} columns")
    return Row(number, dict(zip(names, cells, strict=True)))


def _decoded_lines(path: Path, broken: list[Row]) -> Iterator[str]:
    """Yield lines until one cannot be read. That one is added to ``broken``."""
    for number, line in _lines(path):
        if line is None:
            broken.append(Row(number, problem=f"the line is longer than {LONGEST} bytes. What follows was not read"))
            return
        try:
            yield line.decode("utf-8")
        except UnicodeDecodeError:
            broken.append(Row(number, problem="the line is not in UTF-8. What follows was not read"))
            return


def _lines(path: Path) -> Iterator[tuple[int, bytes | None]]:
    """Yield each line with its number, from 1 on; None in place of one that is too long."""
    with path.open("rb") as file:
        _refuse_utf16(file)
        number = 0
        while line := file.readline(LONGEST + 1):
            number += 1
            if number == 1:
                line = line.removeprefix(_BOM)
            if len(line) <= LONGEST:
                yield number, line
                continue
            while not line.endswith(b"\n") and (line := file.readline(LONGEST + 1)):
                pass
            yield number, None


def _refuse_utf16(file: BinaryIO) -> None:
    begin = file.read(4)
    file.seek(0)
    if begin[:2] in _UTF16 or b"\0" in begin:
        raise UnreadableFileError(
            "the file is in UTF-16 or UTF-32. Save it in UTF-8, as JSON is (RFC 8259, section 8.1)"
        )


def _parsed(number: int, line: bytes) -> Row:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        return Row(number, problem="the line is not in UTF-8")
    try:
        return _checked(number, _DECODER.decode(text))
    except RecursionError:
        return Row(number, problem="the line is nested too deeply")
    except ValueError as error:
        return Row(number, problem=_said(error))


def _checked(number: int, value: object) -> Row:
    if not isinstance(value, dict):
        return Row(number, problem="this is no JSON object")
    return Row(number, value)


def _said(error: ValueError) -> str:
    # json's own message would repeat what stands there.
    if isinstance(error, json.JSONDecodeError):
        return f"this is no JSON: {error.msg} at character {error.colno}"
    return str(error) if isinstance(error, _NotAllowedError) else "this is no JSON that is read"


class _NotAllowedError(ValueError):
    """Raised for what Python's parser would take, and RFC 8259 or we do not."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _NotAllowedError("a member stands there twice")
    return members


def _no_constant(name: str) -> object:
    raise _NotAllowedError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)


class _Pieces:
    """The text of a file, as much as is needed."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.buffer = ""
        self.line = 1

    def more(self) -> str:
        """Read on and return what is there. It stays the same at the end."""
        try:
            self.buffer += self._file.read(LONGEST)
        except UnicodeDecodeError:
            raise UnreadableFileError(f"the file is not in UTF-8, after line {self.line}") from None
        return self.buffer

    def skip(self, length: int) -> None:
        self.line += self.buffer.count("\n", 0, length)
        self.buffer = self.buffer[length:]

    def skip_while(self, characters: str) -> int:
        """Skip these characters, and return the line that follows."""
        while True:
            left = self.buffer.lstrip(characters)
            self.skip(len(self.buffer) - len(left))
            if self.buffer or not self.more():
                return self.line


def _object_at(text: _Pieces, line: int) -> tuple[Row, int]:
    """Return the object that the text begins with, and its length, or what is wrong, and 0."""
    while True:
        try:
            value, length = _DECODER.raw_decode(text.buffer)
        except RecursionError:
            return Row(line, problem="this is nested too deeply. What follows was not read"), 0
        except ValueError as error:
            before = len(text.buffer)
            if before <= LONGEST and len(text.more()) > before:
                continue
            return Row(line, problem=f"{_said(error)}. What follows was not read"), 0
        if length > LONGEST:
            return Row(line, problem=f"this is longer than {LONGEST} characters"), length
        return _checked(line, value), length
