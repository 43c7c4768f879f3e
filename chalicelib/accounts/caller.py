"""The client that a request came from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """The client that a request came from."""

    ip: str
    """The IP address, from API Gateway or the distribution. Never from a header that a client can set."""
    user_agent: str
    """The ``User-Agent`` header, printable characters only, cut to a length that is fit to store."""
