"""The origin of a request."""

from __future__ import annotations

import base64
import hashlib
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chalicelib.accounts.key_proof import KeyProof

_NETWORK_OCTETS = {socket.AF_INET: 3, socket.AF_INET6: 7}
"""The octets of an address that stay the same while a device moves within one access network: IPv4 /24, IPv6 /56."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The origin of a request, as far as the platform vouches for it."""

    ip: str
    """The address as API Gateway saw it. It never comes from a header that a client can set."""
    user_agent: str
    """The ``User-Agent`` header, cut to a length that can be stored."""
    key_proof: KeyProof | None = field(default=None, compare=False)
    """What the request has proven about a key of its client. No store keeps it with the caller."""
    device_of: str = field(default="", compare=False)
    """The id of the session whose device the request has shown to come from. Empty if it has shown none."""

    @property
    def network(self) -> bytes:
        """The network of the address: the first octets of it. An invalid address is a network of its own."""
        for family, octets in _NETWORK_OCTETS.items():
            try:
                return socket.inet_pton(family, self.ip)[:octets]
            except (OSError, ValueError):
                continue
        return self.ip.encode("utf-8", "replace")

    @property
    def fingerprint(self) -> str:
        """A digest of network and User-Agent: 22 characters. Callers with different ones are not the same browser."""
        digest = hashlib.sha256(b"%b\n%b" % (self.network, self.user_agent.encode())).digest()
        return base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode("ascii")


NO_ADDRESS = Caller(ip="", user_agent="")
"""The origin, in the history of a user, of what an administrator or an operator did: it shows no address of theirs."""
