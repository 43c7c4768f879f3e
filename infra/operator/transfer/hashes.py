"""A password hash as a file has it, and as it is stored.

Owns the ways in which systems write the same hash. What is checked at a log-in, and what it may cost, is
``chalicelib.credentials.foreign_hashes``'s.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable

from chalicelib.accounts.user import NO_PASSWORD
from chalicelib.credentials.foreign_hashes import LONGEST_TEXT, ForeignHashRefused, parse
from chalicelib.credentials.passwords import IMPORTED

OURS = "lychgate:"
"""What a hash of ours begins with in a file, before the id of its pepper. bcrypt's alone is another system's."""

_OURS = re.compile(r"([A-Za-z0-9_-]{0,32})\$2b\$(?:0[4-9]|1[0-6])\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}")


class HashError(ValueError):
    """Raised for a hash that cannot be imported. The message says why, and never shows it."""


def stored_hash(text: str | None) -> str:
    """Return what is stored of a hash in a file, or of none. Raises HashError."""
    if text is None:
        return NO_PASSWORD
    if len(text) > LONGEST_TEXT:
        raise HashError(f"the password hash is longer than {LONGEST_TEXT} characters")
    if text.startswith(OURS):
        ours = text.removeprefix(OURS)
        if not _OURS.fullmatch(ours):
            raise HashError("the password hash is no hash of Lychgate's")
        return ours
    try:
        normal = normal_form(text)
        parse(normal)
    except ForeignHashRefused as refused:
        raise HashError(f"the password hash is not supported: {refused}") from None
    return IMPORTED + normal


def exported_hash(stored: str) -> str | None:
    """Return a stored hash as a file has it, None without a password."""
    if stored == NO_PASSWORD:
        return None
    return stored.removeprefix(IMPORTED) if stored.startswith(IMPORTED) else OURS + stored


def pepper_of(stored: str) -> str | None:
    """Return the id of the pepper that a stored hash needs, None if it needs none."""
    return None if stored == NO_PASSWORD or stored.startswith(IMPORTED) else stored.partition("$")[0]


def normal_form(text: str) -> str:
    """Return a hash in the form that ``foreign_hashes`` reads. What no system is known to write stays as it is.

    Raises ForeignHashRefused if it begins as one of a known system and goes on otherwise.
    """
    for begins, convert in _SYSTEMS:
        if found := begins.fullmatch(text):
            return convert(*found.groups())
    if text.startswith("$"):
        # Some write base64 with its padding.
        *before, salt, key = text.split("$")
        return "$".join([*before, salt.rstrip("="), key.rstrip("=")])
    return text


def _django_pbkdf2(algorithm: str, iterations: str, salt: str, key: str) -> str:
    return f"$pbkdf2-{algorithm}$i={iterations}${_encoded(salt.encode())}${key.rstrip('=')}"


def _django_scrypt(n: str, salt: str, r: str, p: str, key: str) -> str:
    return f"$scrypt$ln={_exponent(n)},r={r},p={p}${_encoded(salt.encode())}${key.rstrip('=')}"


def _werkzeug_scrypt(n: str, r: str, p: str, salt: str, key: str) -> str:
    return f"$scrypt$ln={_exponent(n)},r={r},p={p}${_encoded(salt.encode())}${_encoded(_unhex(key))}"


def _werkzeug_pbkdf2(algorithm: str, iterations: str, salt: str, key: str) -> str:
    return f"$pbkdf2-{algorithm}$i={iterations}${_encoded(salt.encode())}${_encoded(_unhex(key))}"


def _passlib_pbkdf2(algorithm: str, iterations: str, salt: str, key: str) -> str:
    # passlib's base64 has a dot for the plus.
    return f"$pbkdf2-{algorithm}$i={iterations}${salt.replace('.', '+')}${key.replace('.', '+')}"


def _better_auth(salt: str, key: str) -> str:
    # The salt is its text in hex, not what that stands for.
    return f"$scrypt-nfkc$ln=14,r=16,p=1${_encoded(salt.encode())}${_encoded(_unhex(key))}"


_SYSTEMS: tuple[tuple[re.Pattern[str], Callable[..., str]], ...] = (
    (re.compile(r"pbkdf2_(sha256|sha512)\$([^$]*)\$([^$]*)\$([^$]*)"), _django_pbkdf2),
    (re.compile(r"scrypt\$([^$]*)\$([^$]*)\$([^$]*)\$([^$]*)\$([^$]*)"), _django_scrypt),
    (re.compile(r"bcrypt_sha256\$(\$2.*)"), lambda inner: f"$bcrypt-sha256-hex{inner}"),
    (re.compile(r"bcrypt\$(\$2.*)"), lambda inner: inner),
    (re.compile(r"argon2(\$argon2.*)"), lambda inner: inner),
    (re.compile(r"scrypt:([^:$]*):([^:$]*):([^:$]*)\$([^$]*)\$([^$]*)"), _werkzeug_scrypt),
    (re.compile(r"pbkdf2:(sha256|sha512):([^:$]*)\$([^$]*)\$([^$]*)"), _werkzeug_pbkdf2),
    (re.compile(r"\$pbkdf2-(sha256|sha512)\$([^$=]*)\$([^$]*)\$([^$]*)"), _passlib_pbkdf2),
    (re.compile(r"([0-9a-f]{32}):([0-9a-f]{128})"), _better_auth),
)


def _exponent(n: str) -> int:
    """Return the logarithm of scrypt's N."""
    if not re.fullmatch(r"[1-9][0-9]{0,9}", n) or int(n).bit_count() != 1:
        raise ForeignHashRefused("its N is no power of two")
    return int(n).bit_length() - 1


def _encoded(octets: bytes) -> str:
    return base64.b64encode(octets).rstrip(b"=").decode("ascii")


def _unhex(text: str) -> bytes:
    try:
        return binascii.unhexlify(text)
    except ValueError:
        raise ForeignHashRefused("its key is not in hex") from None
