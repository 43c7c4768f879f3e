"""Password hashes that other systems have made: which of them are checked, how, and what they may cost.

A user who was imported keeps the hash of the system before until the next time the password is checked, which replaces
it. Only a process that meets such a hash loads this module. A hash is text in one of these forms, each ``salt`` and
``key`` in base64 without padding:

    $2a$10$…, $2b$…, $2y$…                            bcrypt, in modular crypt format
    $bcrypt-sha256-hex$2b$12$…                        bcrypt of the SHA-256 in hex: Django's BCryptSHA256PasswordHasher
    $argon2id$v=19$m=65536,t=3,p=4$salt$key           Argon2 (RFC 9106), also argon2i and argon2d
    $pbkdf2-sha256$i=600000$salt$key                  PBKDF2 (RFC 8018 section 5.2), also pbkdf2-sha512
    $scrypt$ln=15,r=8,p=1$salt$key                    scrypt (RFC 7914), of N = 2 to the power of ln
    $scrypt-nfkc$ln=14,r=16,p=1$salt$key              the same, of the password in NFKC: better-auth's
    $fbscrypt$v=1,n=14,r=8,p=1,ss=…,sk=…$salt$key     Firebase's scrypt with its project's salt separator and signer key

Where none is named, what is hashed is the password in UTF-8, as it was typed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import bcrypt

from chalicelib.credentials.password_text import MAX_RAW_LENGTH

LONGEST_TEXT = 1024
"""Characters of a hash, with all its parameters."""

MOST_BCRYPT_COST = 14
MOST_PBKDF2_ITERATIONS = 2_000_000
MOST_ARGON2_MEMORY = 128 * 1024
"""KiB (128 MiB). The function has a few times as much."""
MOST_ARGON2_PASSES = 10
MOST_SCRYPT_MEMORY = 64 * 1024 * 1024
"""Bytes: 128 times N times r. Times p it is the work, of which four times as much is allowed."""
MOST_LANES = 16
"""The parallelism of Argon2 and scrypt, which is work too where there is one processor."""

_KEY_BYTES = range(16, 129)
"""A shorter key would fit many passwords, an empty one all of them."""
_SALT_BYTES = range(513)

_BCRYPT = re.compile(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}")
_BCRYPT_LAST_OF_SALT = 28
"""Where the last sign of the salt is, which has four bits too many: other than zero, the library refuses them."""
_BCRYPT_BYTES = 72
"""Bytes of a password that bcrypt looks at. The libraries of other systems ignore the others."""
_PHC = re.compile(r"\$([a-z0-9-]+)((?:\$[a-z0-9]+=[^$]*)*)\$([A-Za-z0-9+/]*)\$([A-Za-z0-9+/]+)")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,9}")

# What the work of a hash amounts to in rounds of bcrypt, of which a cost of 12 has 4,096. Measured, and rounded down,
# as processors differ: better too much is added than too little.
_PBKDF2_PER_ROUND = 300
_ARGON2_PER_MIB = 10
_SCRYPT_PER_MIB = 35
_MIB = 1024 * 1024

_REFUSED_SCHEMES = {
    "1": "MD5-crypt",
    "2": "the first version of bcrypt",
    "2x": "bcrypt of a library with a bug",
    "5": "SHA-256-crypt",
    "6": "SHA-512-crypt",
    "y": "yescrypt",
    "7": "scrypt in crypt's form",
    "apr1": "Apache's MD5-crypt",
    "P": "phpass",
    "H": "phpass",
    "S": "Drupal's phpass",
    "pbkdf2": "PBKDF2 with SHA-1",
    "pbkdf2-sha1": "PBKDF2 with SHA-1",
}


class ForeignHashRefused(ValueError):
    """Raised for a hash that is not checked. The message says why, and never shows the hash."""


@dataclass(frozen=True)
class ForeignHash:
    """A hash that another system has made."""

    rounds: int
    """What a check costs, in rounds of bcrypt."""
    _matches: Callable[[str], bool] = field(repr=False)

    def matches(self, password: str) -> bool:
        """Return whether the password is the one that was hashed."""
        return self._matches(password)


def parse(text: str) -> ForeignHash:
    """Return a hash in one of the forms above. Raises ForeignHashRefused, before anything is computed."""
    if len(text) > LONGEST_TEXT:
        raise ForeignHashRefused(f"it is longer than {LONGEST_TEXT} characters")
    if (found := _BCRYPT.fullmatch(text)) is not None:
        return _bcrypt(text, int(found[1]), _octets)
    if text.startswith("$bcrypt-sha256-hex$"):
        inner = text.removeprefix("$bcrypt-sha256-hex")
        if (found := _BCRYPT.fullmatch(inner)) is not None:
            return _bcrypt(
                inner, int(found[1]), lambda password: hashlib.sha256(_octets(password)).hexdigest().encode()
            )
    scheme = text[1:].partition("$")[0] if text.startswith("$") else ""
    if scheme in _REFUSED_SCHEMES:
        raise ForeignHashRefused(f"it is {_REFUSED_SCHEMES[scheme]}, which is not supported: import it without a hash")
    parts = _PHC.fullmatch(text)
    if parts is None or parts[1] not in _SCHEMES:
        raise ForeignHashRefused("it has no form that is known")
    key, salt = _decoded(parts[4], _KEY_BYTES, "key"), _decoded(parts[3], _SALT_BYTES, "salt")
    return _SCHEMES[parts[1]](_Phc(text, parts[1], _parameters(parts[2]), salt, key))


@dataclass(frozen=True)
class _Phc:
    """A hash in the form of the Password Hashing Competition, taken apart."""

    text: str
    scheme: str
    parameters: dict[str, str]
    salt: bytes
    key: bytes

    def require(self, *names: str, optional: str = "") -> None:
        given = set(self.parameters) - {optional}
        if given != set(names):
            raise ForeignHashRefused(f"its parameters must be {', '.join(names)}")

    def number(self, name: str, least: int, most: int) -> int:
        """Return a parameter. Raises ForeignHashRefused if it is no whole number in these bounds."""
        value = self.parameters[name]
        if not _NUMBER.fullmatch(value) or not least <= int(value) <= most:
            raise ForeignHashRefused(f"its parameter {name} must be {least} to {most}")
        return int(value)


def _bcrypt(text: str, cost: int, prehash: Callable[[str], bytes]) -> ForeignHash:
    if not 4 <= cost <= MOST_BCRYPT_COST:  # noqa: PLR2004 - bcrypt's least
        raise ForeignHashRefused(f"its cost is {cost}, and 4 to {MOST_BCRYPT_COST} are allowed")
    if text[_BCRYPT_LAST_OF_SALT] not in ".Oeu":
        raise ForeignHashRefused("its salt does not end as one of bcrypt does")
    stored = text.encode("ascii")
    return ForeignHash(2**cost, lambda password: bcrypt.checkpw(prehash(password)[:_BCRYPT_BYTES], stored))


def _argon2(phc: _Phc) -> ForeignHash:
    phc.require("v", "m", "t", "p")
    lanes = phc.number("p", 1, MOST_LANES)
    memory = phc.number("m", 8 * lanes, MOST_ARGON2_MEMORY)
    passes = phc.number("t", 1, MOST_ARGON2_PASSES)
    phc.number("v", 19, 19)
    if len(phc.salt) < 8:  # noqa: PLR2004 - RFC 9106 section 3.1
        raise ForeignHashRefused("its salt is shorter than 8 bytes")
    text = f"${phc.scheme}$v=19$m={memory},t={passes},p={lanes}${_encoded(phc.salt)}${_encoded(phc.key)}"
    return ForeignHash(
        memory * passes * _ARGON2_PER_MIB // 1024, lambda password: _argon2_matches(phc.scheme, _octets(password), text)
    )


def _argon2_matches(scheme: str, password: bytes, text: str) -> bool:
    from cryptography.exceptions import InvalidKey  # noqa: PLC0415 - no other check of a password needs it
    from cryptography.hazmat.primitives.kdf import argon2  # noqa: PLC0415

    variants: dict[str, Any] = {"argon2id": argon2.Argon2id, "argon2i": argon2.Argon2i, "argon2d": argon2.Argon2d}
    try:
        variants[scheme].verify_phc_encoded(password, text)
    except InvalidKey:
        return False
    return True


def _pbkdf2(phc: _Phc) -> ForeignHash:
    phc.require("i", optional="l")
    iterations = phc.number("i", 1, MOST_PBKDF2_ITERATIONS)
    algorithm = phc.scheme.removeprefix("pbkdf2-")
    blocks = -(-len(phc.key) // hashlib.new(algorithm).digest_size)
    if iterations * blocks > MOST_PBKDF2_ITERATIONS:
        raise ForeignHashRefused(f"its {blocks} blocks of {iterations} iterations are more than are allowed")

    def matches(password: str) -> bool:
        made = hashlib.pbkdf2_hmac(algorithm, _octets(password), phc.salt, iterations, len(phc.key))
        return hmac.compare_digest(made, phc.key)

    return ForeignHash(iterations * blocks // _PBKDF2_PER_ROUND, matches)


def _scrypt(phc: _Phc) -> ForeignHash:
    phc.require("ln", "r", "p")
    derive, rounds = _scrypt_of(phc, "ln")
    form = "NFKC" if phc.scheme == "scrypt-nfkc" else None

    def matches(password: str) -> bool:
        return hmac.compare_digest(derive(_octets(password, form), phc.salt, len(phc.key)), phc.key)

    return ForeignHash(rounds, matches)


def _firebase(phc: _Phc) -> ForeignHash:
    """Firebase encrypts the project's signer key with what scrypt makes of a password, by AES-256 in counter mode."""
    phc.require("v", "n", "r", "p", "ss", "sk")
    phc.number("v", 1, 1)
    derive, rounds = _scrypt_of(phc, "n")
    separator = _decoded(phc.parameters["ss"].rstrip("="), range(65), "salt separator")
    signer = _decoded(phc.parameters["sk"].rstrip("="), _KEY_BYTES, "signer key")
    if len(signer) != len(phc.key):
        raise ForeignHashRefused("its signer key has another length than its key")

    def matches(password: str) -> bool:
        from cryptography.hazmat.primitives.ciphers import Cipher  # noqa: PLC0415 - nothing else encrypts so
        from cryptography.hazmat.primitives.ciphers.algorithms import AES  # noqa: PLC0415
        from cryptography.hazmat.primitives.ciphers.modes import CTR  # noqa: PLC0415

        encryptor = Cipher(AES(derive(_octets(password), phc.salt + separator, 32)), CTR(bytes(16))).encryptor()
        return hmac.compare_digest(encryptor.update(signer) + encryptor.finalize(), phc.key)

    return ForeignHash(rounds, matches)


def _scrypt_of(phc: _Phc, exponent: str) -> tuple[Callable[[bytes, bytes, int], bytes], int]:
    """Return scrypt with the parameters of a hash, and its work in rounds of bcrypt."""
    n = 1 << phc.number(exponent, 1, 20)
    r, p = phc.number("r", 1, 64), phc.number("p", 1, MOST_LANES)
    if 128 * n * r > MOST_SCRYPT_MEMORY or n >= 1 << (16 * r):
        raise ForeignHashRefused(f"it needs more memory than {MOST_SCRYPT_MEMORY // _MIB} MiB, or N is too large for r")
    if 128 * n * r * p > 4 * MOST_SCRYPT_MEMORY:
        raise ForeignHashRefused("N times r times p is more than is allowed")

    def derive(password: bytes, salt: bytes, length: int) -> bytes:
        return hashlib.scrypt(password, salt=salt, n=n, r=r, p=p, dklen=length, maxmem=2 * MOST_SCRYPT_MEMORY)

    return derive, 128 * n * r * p * _SCRYPT_PER_MIB // _MIB


_SCHEMES: dict[str, Callable[[_Phc], ForeignHash]] = {
    "argon2id": _argon2,
    "argon2i": _argon2,
    "argon2d": _argon2,
    "pbkdf2-sha256": _pbkdf2,
    "pbkdf2-sha512": _pbkdf2,
    "scrypt": _scrypt,
    "scrypt-nfkc": _scrypt,
    "fbscrypt": _firebase,
}


def _octets(password: str, form: str | None = None) -> bytes:
    # The time of NFKC grows with the square of a run of combining marks.
    if form is not None and len(password) <= MAX_RAW_LENGTH:
        password = unicodedata.normalize("NFKC", password)
    return password.encode("utf-8", "replace")


def _parameters(text: str) -> dict[str, str]:
    pairs = [each.partition("=")[::2] for each in text.replace("$", ",").split(",")[1:]]
    parameters = dict(pairs)
    if len(parameters) != len(pairs):
        raise ForeignHashRefused("it has a parameter twice")
    return parameters


def _encoded(octets: bytes) -> str:
    return base64.b64encode(octets).rstrip(b"=").decode("ascii")


def _decoded(text: str, lengths: range, name: str) -> bytes:
    try:
        octets = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ForeignHashRefused(f"its {name} is no base64") from None
    if len(octets) not in lengths:
        raise ForeignHashRefused(f"its {name} must have {lengths[0]} to {lengths[-1]} bytes")
    return octets
