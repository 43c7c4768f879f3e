"""The origin of a request."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
from dataclasses import dataclass

_NETWORK_BITS = {4: 24, 6: 56}
"""The bits of an address that stay the same while a device moves within one access network."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The origin of a request, as far as the platform vouches for it."""

    ip: str
    """The address as API Gateway saw it. It never comes from a header that a client can set."""
    user_agent: str
    """The ``User-Agent`` header, cut to a length that can be stored."""

    @property
    def network(self) -> str:
        """The network of the address: IPv4 /24 or IPv6 /56. An invalid address is a network of its own."""
        try:
            address = ipaddress.ip_address(self.ip)
        except ValueError:
            return self.ip
        return str(ipaddress.ip_network((address, _NETWORK_BITS[address.version]), strict=False))

    @property
    def fingerprint(self) -> str:
        """A digest of network and User-Agent: 22 characters. Callers with different ones are not the same browser."""
        digest = hashlib.sha256(f"{self.network}\n{self.user_agent}".encode()).digest()
        return base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode("ascii")
