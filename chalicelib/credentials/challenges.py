"""Challenges: what a browser brings back to go on with something that it has begun.

A challenge is sealed, and stored nowhere until it is used. It says what it is for, for whom and until when. Nobody
but Lychgate can read or make one, and it can be used once.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from chalicelib.errors import InvalidChallenge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.credentials.sealing import Sealer

LIFETIME = 300
"""Seconds (5 minutes) for which a challenge is good. WebAuthn Level 3 section 5.10 recommends 5 to 10 minutes."""

MAX_LENGTH = 8192
"""Characters. Ours have well under 1,500, and 5,000 where two User-Agents and a name are as long as they may be: no
stranger's text must make one that is too long."""

_ID_BYTES = 16


class Purpose(StrEnum):
    """What a challenge is for."""

    SECOND_FACTOR = "second factor"
    """The second step of a log-in."""
    REAUTHENTICATION = "reauthentication"
    """The second step of a reauthentication, in one session."""
    PASSKEY = "passkey"
    """A log-in or a reauthentication with a passkey. It is made for nobody in particular."""
    NEW_PASSKEY = "new passkey"
    """Adding a passkey, in one session."""
    NEW_TOTP = "new TOTP app"
    """Adding a TOTP app, in one session."""
    NEW_DEVICE = "new device"
    """Binding one session to a device."""
    DEVICE = "device"
    """Proving once more to be on the device of one session."""


@dataclass(frozen=True, slots=True, eq=False)
class Challenge:
    """An opened challenge."""

    id: str
    purpose: Purpose
    issued_at: int
    expires_at: int
    """NumericDates."""
    content: Mapping[str, Any]
    """What was put into it: JSON values."""


class Challenges:
    """Makes and opens challenges."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def issue(
        self, purpose: Purpose, now: int, content: Mapping[str, Any] | None = None, *, lifetime: int = LIFETIME
    ) -> str:
        """Return a challenge that is good for ``lifetime`` seconds."""
        members = {"id": secrets.token_urlsafe(_ID_BYTES), "iat": now, "exp": now + lifetime, "for": content or {}}
        return self._sealer.seal(
            json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass"),
            purpose=f"challenge: {purpose}",
        )

    def open(self, challenge: str, now: int, *purposes: Purpose) -> Challenge:
        """Return the content of a challenge for one of these purposes.

        Raises InvalidChallenge: it is not one of ours, for something else, or expired. Whether it was used is the
        store's business.
        """
        if len(challenge) <= MAX_LENGTH:
            for purpose in purposes:
                opened = self._sealer.open(challenge, purpose=f"challenge: {purpose}")
                if opened is None:
                    continue
                members = json.loads(opened)
                if now >= members["exp"]:
                    raise InvalidChallenge("expired")
                return Challenge(members["id"], purpose, members["iat"], members["exp"], members["for"])
        raise InvalidChallenge("no challenge of ours for this")


def ceremony_challenge(challenge: str) -> bytes:
    """Return the challenge of WebAuthn that belongs to one of ours: 256 bits that nobody can foresee."""
    return hashlib.sha256(challenge.encode("utf-8", "replace")).digest()
