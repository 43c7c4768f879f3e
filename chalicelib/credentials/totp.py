"""Time-based one-time passwords (RFC 6238): SHA-1, six digits, steps of 30 seconds.

Authenticator apps ignore any other choice (Google's Key URI Format). Which steps have been used is the account's
business.
"""

from __future__ import annotations

import base64
import hmac
import re
import secrets

STEP = 30
"""Seconds (RFC 6238 section 5.2)."""

DIGITS = 6

SECRET_BYTES = 20
"""160 bits: the length of the hash (RFC 4226 section 4, R6)."""

_SKEW = 1
"""Steps that a clock may be early or late (RFC 6238 section 5.2)."""

_CODE = re.compile(r"[0-9]{6}")


def new_secret() -> bytes:
    """Return a new shared secret."""
    return secrets.token_bytes(SECRET_BYTES)


def hotp(secret: bytes, counter: int, digits: int = DIGITS, algorithm: str = "sha1") -> str:
    """Return the one-time password for a counter (RFC 4226 section 5.3)."""
    digest = hmac.digest(secret, counter.to_bytes(8, "big"), algorithm)
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**digits:0{digits}d}"


def step_at(now: int) -> int:
    """Return the number of the time step at a NumericDate."""
    return now // STEP


def matching_step(secret: bytes, code: str, now: int) -> int | None:
    """Return the time step that a code is for, None if it is for none within one step of ``now``.

    Neighbouring steps may have the same code. Then it is the newest, so that a code of now is not taken for one that
    was used before. Spaces in the code do not count.
    """
    given = "".join(code.split())
    if not given.isascii() or not _CODE.fullmatch(given):
        return None
    found = None
    for step in range(step_at(now) - _SKEW, step_at(now) + _SKEW + 1):
        if step >= 0 and hmac.compare_digest(hotp(secret, step), given):
            found = step
    return found


def as_base32(secret: bytes) -> str:
    """Return a secret as people type it: base32 without padding (RFC 4648 section 6)."""
    return base64.b32encode(secret).rstrip(b"=").decode("ascii")


def uri(secret: bytes, *, issuer: str, account: str) -> str:
    """Return the ``otpauth`` URI of a secret, which authenticator apps read from a QR code.

    ``issuer`` and ``account`` are what the app shows. A colon would end the issuer's part of the label.
    """
    from urllib.parse import quote  # noqa: PLC0415 - needed at an enrolment only

    shown = quote(issuer.replace(":", " "), safe="")
    label = f"{shown}:{quote(account.replace(':', ' '), safe='@')}"
    return (
        f"otpauth://totp/{label}?secret={as_base32(secret)}&issuer={shown}&algorithm=SHA1&digits={DIGITS}&period={STEP}"
    )
