"""What signs webhooks: secrets, and signatures by them.

Owns their forms, which are those of Standard Webhooks (specification of the project "Standard Webhooks", "Signature
scheme"): HMAC-SHA256 over the message's id, the time of the attempt and the body, with dots between them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable

PREFIX = "whsec_"
"""What a secret begins with, so that scanners of source code find one that was committed."""

FEWEST_BYTES = 24
MOST_BYTES = 64
"""Of a secret, before its base64."""

MOST_SECRETS = 2
"""The one in use, and while it is replaced the one before."""

_NEW_BYTES = 32


def new_secret() -> str:
    """Return a new secret."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_NEW_BYTES)).decode()


def key_of(secret: str) -> bytes:
    """Return the key in a secret. Raises ValueError, which does not quote it."""
    if not secret.startswith(PREFIX):
        raise ValueError(f"begins with {PREFIX}")
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError(f"has base64 after {PREFIX}") from None
    if not FEWEST_BYTES <= len(key) <= MOST_BYTES:
        raise ValueError(f"has {FEWEST_BYTES} to {MOST_BYTES} bytes")
    return key


def parse_secrets(text: str) -> tuple[str, ...]:
    """Return the secrets in a JSON list, the newest first. Raises ValueError, which quotes none of them."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("must hold JSON") from None
    if not isinstance(found, list) or not 1 <= len(found) <= MOST_SECRETS:
        raise ValueError(f"must be a list of one secret, or of {MOST_SECRETS} while one replaces the other")
    for secret in found:
        if not isinstance(secret, str):
            raise ValueError("must be a list of strings")  # noqa: TRY004 - one kind of error for all that is wrong
        try:
            key_of(secret)
        except ValueError as wrong:
            raise ValueError(f"has a secret of another form: one {wrong}") from None
    return tuple(found)


def written(found: Iterable[str]) -> str:
    """Return the text that ``parse_secrets`` reads."""
    return json.dumps(list(found))


def signatures(found: Iterable[str], message_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of ``webhook-signature``: a signature by each secret, with spaces between them."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    digests = (hmac.digest(key_of(secret), signed, hashlib.sha256) for secret in found)
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)
