"""The codec of tokens: JSON Web Signatures in the Compact Serialization (RFC 7515 section 7.1), strictly.

Owns what a token may look like: its segments, its base64url and its JSON. Anything but the one canonical spelling is
refused. Knows no claim by its name and no kind of token.
"""

from __future__ import annotations

import base64
import json
import re
from typing import Any

MAX_TOKEN_LENGTH = 4096
"""Characters. Ours have well under 1,500 with an RSA signature. The limit bounds the work that a forgery can cause."""

MAX_STRING_LENGTH = 512
"""Characters of a claim."""

# RFC 7515 section 7.1: three base64url segments. No padding, no white space, none empty.
_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")

Members = dict[str, Any]
"""A JSON object: a header or a set of claims."""


class Refused(Exception):
    """Raised if a token is not accepted; says why. It becomes the kind's own refusal before it leaves the verifier."""


def split(compact: str) -> tuple[str, str, str]:
    """Return the segments of a token: header, payload and signature. Raises Refused."""
    if len(compact) > MAX_TOKEN_LENGTH:
        raise Refused("too long")
    parts = _COMPACT.fullmatch(compact)
    if parts is None:
        raise Refused("not in compact serialization")
    return parts[1], parts[2], parts[3]


def header_segment(*, alg: str, kid: str, typ: str) -> str:
    """Return the header of the tokens of one key and one type (RFC 7515 section 4.1)."""
    return encode_object({"alg": alg, "kid": kid, "typ": typ})


def encode_object(members: Members) -> str:
    """Return a JSON object as a segment."""
    return encode_octets(_ENCODER.encode(members).encode("ascii"))


def encode_octets(octets: bytes) -> str:
    """Return octets as a segment: base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def decode_object(segment: str) -> Members:
    """Return the JSON object in a segment, each member once (RFC 7519 section 4, RFC 8725 section 3.7).

    Raises Refused.
    """
    try:
        value = _DECODER.decode(decode_octets(segment).decode("utf-8"))
    except (ValueError, RecursionError):
        raise Refused("not JSON in UTF-8") from None
    if not isinstance(value, dict):
        raise Refused("not a JSON object")
    return value


def decode_octets(segment: str) -> bytes:
    """Return the octets in a segment. Raises Refused unless the segment is their one canonical spelling."""
    try:
        decoded = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except ValueError:  # a length that no octets have
        raise Refused("base64url is not canonical") from None
    # The last character may have bits to spare: without this check several spellings stand for the same octets.
    if base64.urlsafe_b64encode(decoded).rstrip(b"=") != segment.encode():
        raise Refused("base64url is not canonical")
    return decoded


def string(members: Members, name: str) -> str:
    """Return a member that is a printable string of 1 to ``MAX_STRING_LENGTH`` characters. Raises Refused."""
    value = members.get(name)
    # A lone surrogate or a control character is valid JSON, and breaks the next one who encodes or prints it.
    if not isinstance(value, str) or not 0 < len(value) <= MAX_STRING_LENGTH or not value.isprintable():
        raise Refused(f"{name} is missing or not a string")
    return value


def strings(members: Members, name: str) -> tuple[str, ...]:
    """Return a member that is a list of printable strings. Raises Refused."""
    value = members.get(name)
    if not isinstance(value, list) or not all(isinstance(item, str) and item.isprintable() and item for item in value):
        raise Refused(f"{name} is missing or not a list of strings")
    return tuple(value)


def integer(members: Members, name: str) -> int:
    """Return a member that is a whole number, 0 or more. Raises Refused."""
    value = members.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Refused(f"{name} is missing or not a whole number")
    return value


def _unique_members(pairs: list[tuple[str, Any]]) -> Members:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Refused("duplicate member")
    return members


def _refuse_constant(constant: str) -> None:
    raise Refused(f"{constant} is not JSON")


# Made once: json.dumps and json.loads make one at each call that asks for anything but the defaults.
_ENCODER = json.JSONEncoder(separators=(",", ":"))
_DECODER = json.JSONDecoder(object_pairs_hook=_unique_members, parse_constant=_refuse_constant)
