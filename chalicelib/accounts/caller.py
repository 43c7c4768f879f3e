"""Where a request came from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a request came from, as far as the platform vouches for it."""

    ip: str
    """The address as API Gateway saw it; never taken from a header that a client can set."""
    user_agent: str
    """What the client says of itself, cut to a length that is fit to store."""
