"""Limits on password guessing: the failure counters, and how an attempt changes them.

Owns the arithmetic. Knows no storage: a store keeps the counters and makes sure that every attempt is counted.

An attempt is counted as a failure before the password is checked, and uncounted if the password was right. So parallel
guessing allows no more guesses than sequential guessing.
"""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass

from chalicelib.accounts.usernames import canonical_username
from chalicelib.errors import TooManyAttempts

_IPV6_SITE = 64
"""Bits of the prefix that one IPv6 subscriber has at least. All addresses with the same prefix count as one."""

ACCOUNT_MEMORY = 90 * 24 * 3600
"""Seconds (90 days) for which failures of an account are remembered, unless a success clears them earlier."""

PAIR_MEMORY = 24 * 3600
"""Seconds (1 day) for which failures of an account from one address are remembered."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt to authenticate with a password. The account need not exist."""

    username: str
    ip: str

    @property
    def account(self) -> str:
        """The SHA-256 of the canonical username, in hex. It fits a key even if the name is not a valid username."""
        return hashlib.sha256(canonical_username(self.username).encode()).hexdigest()

    @property
    def address(self) -> str:
        """The IPv4 address as a /32 network, the /64 network of an IPv6 address, or "unknown"."""
        try:
            address = ipaddress.ip_address(self.ip)
        except ValueError:
            return "unknown"
        prefix = 32 if address.version == 4 else _IPV6_SITE  # noqa: PLR2004 - the version of IP
        return str(ipaddress.ip_network((address, prefix), strict=False))


@dataclass(frozen=True, slots=True)
class Counter:
    """A counter of failures."""

    failures: int
    blocked_until: int
    """NumericDate before which every attempt is refused. 0 if there is no delay."""
    expires_at: int
    """NumericDate from which on the counter is treated as absent."""


@dataclass(frozen=True, slots=True)
class Limit:
    """The limit that one kind of counter enforces."""

    name: str
    free: int
    """Failures after which delays begin."""
    memory: int
    """Seconds for which failures are remembered."""
    longest_delay: int
    """Seconds. Delays begin at one and double up to this. With ``window`` the delay lasts until the window ends."""
    window: bool = False
    """Whether ``memory`` is measured from the first failure instead of the last."""

    def charged(self, counter: Counter | None, now: int) -> Counter:
        """Return the counter after one more attempt.

        Raises:
            TooManyAttempts: the attempt is made before ``blocked_until``.

        """
        if counter is None or now >= counter.expires_at:
            counter = Counter(failures=0, blocked_until=0, expires_at=now + self.memory)
        if now < counter.blocked_until:
            raise TooManyAttempts(counter.blocked_until - now, limit=self.name)
        failures = counter.failures + 1
        expires_at = counter.expires_at if self.window else now + self.memory
        return Counter(failures, self._blocked_until(failures, now, expires_at), expires_at)

    def _blocked_until(self, failures: int, now: int, expires_at: int) -> int:
        if failures < self.free:
            return 0
        if self.window:
            return expires_at
        return now + int(min(2 ** min(failures - self.free, 30), self.longest_delay))


@dataclass(frozen=True, slots=True)
class ThrottleRules:
    """The three limits on guessing. SP 800-63B-4 section 3.2.2 sets the one for an account."""

    pair_failures: int
    account_failures: int
    address_failures: int
    address_window: int
    longest_delay: int

    def limits(self, attempt: Attempt) -> dict[str, Limit]:
        """Return the limits that apply to an attempt, by the key of the counter of each."""
        account, address = attempt.account, attempt.address
        return {
            f"pair#{account}#{address}": Limit("pair", self.pair_failures, PAIR_MEMORY, self.longest_delay),
            f"account#{account}": Limit("account", self.account_failures, ACCOUNT_MEMORY, self.longest_delay),
            f"address#{address}": Limit(
                "address", self.address_failures, self.address_window, self.address_window, window=True
            ),
        }
