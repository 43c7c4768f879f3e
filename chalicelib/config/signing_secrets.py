"""The private keys and the peppers, which are the value of one encrypted SSM parameter."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.credentials.peppers import FIRST, Pepper, Peppers
from chalicelib.errors import ConfigurationError
from chalicelib.tokens.keyring import SigningKeys
from chalicelib.tokens.keys import parse_signing_keys

MIN_PEPPER_BYTES = 32
"""256 bits. SP 800-63B-4 section 3.1.1.2 asks for at least 112."""

_ID = r"[A-Za-z0-9_-]{1,32}"


@dataclass(frozen=True, slots=True, eq=False)
class SigningSecrets:
    """Secrets that must never leave the API Lambda. They are the value of one encrypted SSM parameter."""

    signing_keys: SigningKeys
    peppers: Peppers = field(repr=False)

    @classmethod
    def from_json(cls, text: str, *, source: str) -> SigningSecrets:
        """Parse ``{"keys": [<private JWK>…], "pepper": "<base64url>", "peppers": [{"id", "pepper", "nbf"}…]}``.

        ``pepper`` is the first one, which has no id. ``peppers`` are later ones, each used from its ``nbf`` on.
        Either member can be left out.

        Raises a ConfigurationError that names ``source`` and never quotes ``text``.
        """
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            raise ConfigurationError(source, "must hold JSON") from None
        try:
            return cls(parse_signing_keys(document), parse_peppers(document))
        except ValueError as unusable:
            raise ConfigurationError(source, str(unusable)) from None


def parse_peppers(document: Mapping[str, Any]) -> Peppers:
    """Return the peppers of a ring. Raises ValueError with a message that quotes no secret."""
    found = [_later_pepper(later) for later in _listed(document)]
    if "pepper" in document or not found:
        found.insert(0, Pepper(FIRST, _secret(document)))
    if len({pepper.id for pepper in found}) < len(found):
        raise ValueError("must not hold two peppers with one id")
    return Peppers(tuple(found))


def _listed(document: Mapping[str, Any]) -> list[Any]:
    listed = document.get("peppers", [])
    if not isinstance(listed, list):
        raise ValueError("must hold a list in peppers")  # noqa: TRY004 - as every other problem of a ring
    return listed


def _later_pepper(later: object) -> Pepper:
    """Return a pepper of the list. Raises ValueError."""
    if not isinstance(later, dict):
        raise ValueError("must hold objects in peppers")  # noqa: TRY004
    pepper_id, starts_at = later.get("id"), later.get("nbf")
    if not isinstance(pepper_id, str) or not re.fullmatch(_ID, pepper_id):
        raise ValueError("must give each of the peppers an id of letters, digits, _ and -")
    if not isinstance(starts_at, int) or isinstance(starts_at, bool) or starts_at < 0:
        raise ValueError("must give each of the peppers an nbf, the time from which new hashes use it")
    return Pepper(pepper_id, _secret(later), starts_at)


def _secret(holder: Mapping[str, Any]) -> bytes:
    """Return the octets of the member ``pepper``. Raises ValueError."""
    try:
        encoded = holder["pepper"]
        secret = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    except (KeyError, TypeError, ValueError):
        raise ValueError("must hold a member pepper, base64url") from None
    if len(secret) < MIN_PEPPER_BYTES:
        raise ValueError(f"must hold a pepper of at least {MIN_PEPPER_BYTES} bytes")
    return secret
