"""CBOR (RFC 8949), as much of it as authenticators need.

Takes what CTAP2's canonical form has: integers, octets, text, arrays, maps, false, true and null, each of definite
length and in its shortest form. Refuses the rest. The order of a map's keys decides nothing here, so any is taken.
"""

from __future__ import annotations

from typing import Any

MAX_DEPTH = 8
"""Arrays and maps inside each other. CTAP2 has four at most; a compound attestation has five."""

_UNSIGNED, _NEGATIVE, _OCTETS, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)
"""The major types (section 3.1)."""

_MOST_IN_HEAD = 23
_SIZES = {24: (1, 24), 25: (2, 1 << 8), 26: (4, 1 << 16), 27: (8, 1 << 32)}
"""By additional information, the octets of the argument that follows, and the smallest one that needs them."""

_SIMPLE_VALUES = {20: False, 21: True, 22: None}


class MalformedCbor(ValueError):
    """Raised if octets are not such CBOR."""


def decode(octets: bytes) -> Any:  # noqa: ANN401 - any value
    """Return the one value that the octets are. Raises MalformedCbor."""
    value, end = decode_first(octets)
    if end != len(octets):
        raise MalformedCbor("has trailing bytes")
    return value


def decode_first(octets: bytes, start: int = 0) -> tuple[Any, int]:
    """Return the value that begins at ``start``, and where it ends. Raises MalformedCbor."""
    reader = _Reader(octets, start)
    return reader.value(0), reader.at


class _Reader:
    def __init__(self, octets: bytes, at: int) -> None:
        self.octets = octets
        self.at = at

    def value(self, depth: int) -> Any:  # noqa: ANN401 - any value
        (head,) = self._take(1)
        major, information = head >> 5, head & 0x1F
        if major == _SIMPLE:
            return _simple(information)
        argument = self._argument(information)
        if major == _UNSIGNED:
            return argument
        if major == _NEGATIVE:
            return -1 - argument
        if major == _OCTETS:
            return self._take(argument)
        if major == _TEXT:
            return _text(self._take(argument))
        return self._container(major, argument, depth + 1)

    def _container(self, major: int, argument: int, depth: int) -> Any:  # noqa: ANN401 - a list or a dict
        if major == _TAG:
            raise MalformedCbor("has a tag")
        if depth > MAX_DEPTH:
            raise MalformedCbor("is nested too deeply")
        # Each item has an octet at least: a length that promises too much ends with the octets.
        if major == _ARRAY:
            return [self.value(depth) for _ in range(argument)]
        members: dict[int | str, Any] = {}
        for _ in range(argument):
            key = self.value(depth)
            # By type: false and 0 are equal to Python.
            if type(key) not in (int, str):
                raise MalformedCbor("has a key that is neither an integer nor text")
            if key in members:
                raise MalformedCbor("has a key twice")
            members[key] = self.value(depth)
        return members

    def _argument(self, information: int) -> int:
        if information <= _MOST_IN_HEAD:
            return information
        if information not in _SIZES:
            raise MalformedCbor("has an item of indefinite length, or of none")
        size, least = _SIZES[information]
        argument = int.from_bytes(self._take(size), "big")
        if argument < least:
            raise MalformedCbor("has an item that is not in its shortest form")
        return argument

    def _take(self, count: int) -> bytes:
        taken = self.octets[self.at : self.at + count]
        if len(taken) != count:
            raise MalformedCbor("ends too early")
        self.at += count
        return taken


def _simple(information: int) -> bool | None:
    if information not in _SIMPLE_VALUES:
        raise MalformedCbor("has a simple value or a float that is not taken")
    return _SIMPLE_VALUES[information]


def _text(octets: bytes) -> str:
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedCbor("has text that is not UTF-8") from None
