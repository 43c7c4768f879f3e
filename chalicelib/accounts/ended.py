"""What the feed of ended sessions says: which session, or all sessions of which user, have ended, and when.

An access token outlives its session by minutes, and whoever verifies tokens alone cannot tell. The feed names what has
ended for as long as that takes. It has digests in place of ids: who reads it can recognise an id, and learns none.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

_DIGEST_OCTETS = 8
"""64 bits: of ten million live sessions and 15,000 entries no two are alike, but for once in ten million feeds."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A session that has ended, or a user all of whose sessions have."""

    digest: str
    """``digest_of`` the session's id, or the user's."""
    at: int
    """NumericDate of the end."""
    is_user: bool
    """Whether it is the user's. Sessions that have begun since go on: the entry alone does not tell them apart."""


def digest_of(identifier: str) -> str:
    """Return what the feed calls an id: the first 8 octets of the SHA-256 of its text, in base64url without padding."""
    octets = hashlib.sha256(identifier.encode("utf-8", "replace")).digest()[:_DIGEST_OCTETS]
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")
