"""How many guesses at a password are too many: the counters, and what each does with one more attempt.

Owns the arithmetic. Knows no storage: a store keeps the counters and sees to it that attempts are counted one by one.

An attempt is counted as a failure before the password is looked at, and taken back if the password was right. So
guesses made in parallel are as many as guesses made in a row.
"""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass

from chalicelib.accounts.usernames import canonical_username
from chalicelib.errors import TooManyAttempts

_IPV6_SITE = 64
"""Bits of an IPv6 address that one subscriber has at least: all of them count as one address."""

ACCOUNT_MEMORY = 90 * 24 * 3600
"""Seconds for which failures of an account are remembered; its own success forgets them earlier."""

PAIR_MEMORY = 24 * 3600
"""Seconds for which failures of an account from one address are remembered."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A guess: at which account, and from where. Whether there is such an account is of no matter here."""

    username: str
    ip: str

    @property
    def account(self) -> str:
        """The account's name in a form that fits any key: unknown and impossible names are counted like all others."""
        return hashlib.sha256(canonical_username(self.username).encode()).hexdigest()

    @property
    def address(self) -> str:
        """The IPv4 address, or the /64 that an IPv6 address is in."""
        try:
            address = ipaddress.ip_address(self.ip)
        except ValueError:
            return "unknown"
        prefix = 32 if address.version == 4 else _IPV6_SITE  # noqa: PLR2004 - the version of IP
        return str(ipaddress.ip_network((address, prefix), strict=False))


@dataclass(frozen=True, slots=True)
class Counter:
    """Failures counted so far."""

    failures: int
    blocked_until: int
    """NumericDate before which no attempt is let through; 0 if there is no delay."""
    expires_at: int
    """NumericDate from which on the counter is as if it had never been."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What one kind of counter allows."""

    name: str
    free: int
    """Failures after which delays begin."""
    memory: int
    """Seconds for which failures are remembered."""
    longest_delay: int
    """Seconds. Delays begin at one and double up to this; in a window of its own an attempt waits for its end."""
    window: bool = False
    """Whether ``memory`` counts from the first failure, and not from the last."""

    def charged(self, counter: Counter | None, now: int) -> Counter:
        """Return the counter after one more attempt.

        Raises:
            TooManyAttempts: the attempt comes too early.

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
        """Return each limit that an attempt comes under, by the key of its counter."""
        account, address = attempt.account, attempt.address
        return {
            f"pair#{account}#{address}": Limit("pair", self.pair_failures, PAIR_MEMORY, self.longest_delay),
            f"account#{account}": Limit("account", self.account_failures, ACCOUNT_MEMORY, self.longest_delay),
            f"address#{address}": Limit(
                "address", self.address_failures, self.address_window, self.address_window, window=True
            ),
        }
