"""The codec of tokens: JSON Web Signatures in the Compact Serialization (RFC 7515 section 7.1).

Owns the syntax of a token: its segments, its base64url and its JSON. Refuses base64url that is not canonical and JSON
with duplicate members. Knows no claim by name and no kind of token.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any

MAX_TOKEN_LENGTH = 4096
"""Characters. Our tokens have well under 1,500, even with an RSA signature. The limit bounds the work for a forgery."""

MAX_STRING_LENGTH = 512
"""Characters of a string claim."""

# RFC 7515 section 7.1: three non-empty base64url segments without padding or white space.
_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")

# The alphabets of RFC 4648 sections 4 and 5. base64.urlsafe_b64decode takes twice as long: it looks at its arguments.
_FROM_BASE64URL = bytes.maketrans(b"-_", b"+/")
_TO_BASE64URL = bytes.maketrans(b"+/", b"-_")

Members = dict[str, Any]
"""A JSON object: a header or a set of claims."""


class Refused(Exception):
    """Raised if a token is not accepted, with the reason. The verifier turns it into the error of the token's kind."""

    is_final = True
    """Whether the token stays refused."""


def split(compact: str) -> tuple[str, str, str]:
    """Return the segments of a token: header, payload and signature. Raises Refused."""
    if len(compact) > MAX_TOKEN_LENGTH:
        raise Refused("too long")
    parts = _COMPACT.fullmatch(compact)
    if parts is None:
        raise Refused("not in compact serialization")
    return parts[1], parts[2], parts[3]


def header_segment(*, alg: str, kid: str, typ: str) -> str:
    """Return the header segment of the tokens of one key and one type (RFC 7515 section 4.1)."""
    return encode_object({"alg": alg, "kid": kid, "typ": typ})


def encode_object(members: Members) -> str:
    """Return a JSON object as a segment."""
    return encode_octets(_ENCODER.encode(members).encode("ascii"))


def encode_octets(octets: bytes) -> str:
    """Return octets as a segment: base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def decode_object(segment: str) -> Members:
    """Return the JSON object in a segment. It has no duplicate members (RFC 7519 section 4, RFC 8725 section 3.7).

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
    """Return the octets in a segment. Raises Refused unless the segment is their canonical base64url."""
    try:
        octets = segment.encode("ascii")
        decoded = binascii.a2b_base64(octets.translate(_FROM_BASE64URL) + b"==")
    except ValueError:  # not ASCII, or not a valid length
        raise Refused("base64url is not canonical") from None
    # The last character can have unused bits. Without this check, several strings would decode to the same octets.
    if binascii.b2a_base64(decoded, newline=False).translate(_TO_BASE64URL).rstrip(b"=") != octets:
        raise Refused("base64url is not canonical")
    return decoded


def string(members: Members, name: str) -> str:
    """Return a member that is a printable string of 1 to ``MAX_STRING_LENGTH`` characters. Raises Refused."""
    value = members.get(name)
    # An unpaired surrogate or a control character is valid JSON, but breaks code that encodes or prints it.
    if not isinstance(value, str) or not 0 < len(value) <= MAX_STRING_LENGTH or not value.isprintable():
        raise Refused(f"{name} is missing or not a string")
    return value


def strings(members: Members, name: str) -> tuple[str, ...]:
    """Return a member that is a list of non-empty printable strings. Raises Refused."""
    value = members.get(name)
    if not isinstance(value, list) or not all(isinstance(item, str) and item.isprintable() and item for item in value):
        raise Refused(f"{name} is missing or not a list of strings")
    return tuple(value)


def integer(members: Members, name: str) -> int:
    """Return a member that is an integer, 0 or more. Raises Refused."""
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


# Made once: json.dumps and json.loads make one at each call with arguments other than the defaults.
_ENCODER = json.JSONEncoder(separators=(",", ":"))
_DECODER = json.JSONDecoder(object_pairs_hook=_unique_members, parse_constant=_refuse_constant)
