"""Limits on password guessing: the failure counters, and how an attempt changes them.

Owns the arithmetic. Knows no storage: a store keeps the counters and makes sure that every attempt is counted.

An attempt is counted as a failure before the password is checked, and uncounted if the password was right. So parallel
guessing allows no more guesses than sequential guessing.

Somebody whom the site does not know counts for the account, for the account and the address together, and for the
address. A device that has logged in before, and an open session, count by themselves: what strangers do must not keep
the owner out (OWASP, "Slow Down Online Guessing Attacks with Device Cookies").
"""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from chalicelib.accounts.caller import Caller
from chalicelib.accounts.events import EventType, SecurityEvent
from chalicelib.accounts.user import User
from chalicelib.errors import TooManyAttempts

ACCOUNT_MEMORY = 90 * 24 * 3600
"""Seconds (90 days) for which failures of an account, of a device or in a session are remembered, unless a success
clears them earlier."""

PAIR_MEMORY = 24 * 3600
"""Seconds (1 day) for which failures of an account from one address are remembered."""

REGISTRATION_WINDOW = 3600
"""Seconds (1 hour)."""

_DAY = 24 * 3600

_ONE, _TWICE, _FOUR_TIMES = 1, 2, 4
"""How much more than an address a wider network may do: IPv6 /64, /56 and /48. Subscribers have a /64 at least, many a
/56; whoever wants a /48 asks for it (RFC 6177)."""


class Known(NamedTuple):
    """Who asks, if the site knows: a device that has logged in before, or an open session."""

    kind: Literal["device", "session"]
    id: str
    user_id: str
    """The user whose device or session it is."""


@dataclass(frozen=True, slots=True, eq=False)
class Attempt:
    """An attempt to authenticate with a password. The account need not exist."""

    username: str
    caller: Caller
    known: Known | None = None
    """None for a stranger."""

    @property
    def source(self) -> str:
        """The name of the counter that this attempt has at the account.

        One name stands for one device or one session. Addresses share 4,096 names, so that nobody can fill the
        account's item with counters.
        """
        if self.known is not None:
            return f"by_{self.known.kind}_{_digest(self.known.id)[:8]}"
        network, counters = networks(self.caller.ip)
        return f"by_network_{_digest(f'{network} {counters[-1]}')[:3]}"

    def by_stranger(self) -> Attempt:
        """Return the attempt without what vouches for it."""
        return replace(self, known=None)


def networks(ip: str) -> tuple[str, tuple[str, ...]]:
    """Return the widest network of an address that is counted, and the names of its counters from wide to narrow.

    An IPv4 address is a network of its own. Of an IPv6 address, the /48, the /56 and the /64 are counted.
    """
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return "unknown", ("all",)
    if isinstance(address, ipaddress.IPv4Address):
        return str(address), ("all",)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped), ("all",)
    octets = address.packed
    widest = ipaddress.IPv6Address(octets[:6] + bytes(10))
    return f"{widest}/48", ("all", f"net_{octets[6:7].hex()}", f"net_{octets[6:8].hex()}")


class Window(NamedTuple):
    """What is counted by address: one item for a network and a window of time."""

    key: str
    limits: dict[str, int]
    """The most that each counter of the item may reach, by the counter's name."""
    ends_at: int
    """NumericDate."""


@dataclass(frozen=True, slots=True)
class Counter:
    """A counter of consecutive failures."""

    failures: int
    last_at: int
    """NumericDate of the last failure."""


@dataclass(frozen=True, slots=True, eq=False)
class Limit:
    """The limit that one kind of counter enforces."""

    name: str
    free: int
    """Failures after which delays begin."""
    memory: int
    """Seconds after the last failure for which failures are remembered."""
    longest_delay: int
    """Seconds. Delays begin at one and double up to this."""

    def charged(self, counter: Counter | None, now: int) -> Counter:
        """Return the counter after one more attempt.

        Raises:
            TooManyAttempts: the attempt is made before the delay is over.

        """
        if counter is None or now >= counter.last_at + self.memory:
            return Counter(1, now)
        wait = counter.last_at + self._delay(counter.failures) - now
        if wait > 0:
            raise TooManyAttempts(wait, limit=self.name)
        return Counter(counter.failures + 1, now)

    def _delay(self, failures: int) -> int:
        if failures < self.free:
            return 0
        return int(min(2 ** min(failures - self.free, 30), self.longest_delay))


@dataclass(frozen=True, slots=True, eq=False)
class Failures:
    """What an account remembers of failures, as far as one attempt changes it."""

    source: Counter | None = None
    """Failures of the device, session or address that the attempt comes from."""
    account: Counter | None = None
    """Failures of all strangers."""
    today: SecurityEvent | None = None
    """The failures of the last day that had any, as one event. Strangers must not fill the history."""

    def charged(
        self, attempt: Attempt, user_id: str | None, rules: ThrottleRules, now: int
    ) -> tuple[Failures, SecurityEvent | None]:
        """Return the failures after one more attempt, and the event of an earlier day that is over.

        Raises:
            TooManyAttempts: one of the limits is reached.

        """
        account = self.account
        if attempt.known is None:
            account = rules.account_limit.charged(account, now)
        source = rules.source_limit(attempt).charged(self.source, now)
        count, finished = 1, None
        if self.today is not None:
            if day_of(self.today.at) == day_of(now):
                count = self.today.count + 1
            elif self.today.count > 0:
                finished = self.today
        today = SecurityEvent(EventType.LOGIN_FAILED, user_id, now, attempt.caller, count=count)
        return Failures(source, account, today), finished


@dataclass(frozen=True, slots=True, eq=False)
class Admission:
    """An attempt that was admitted, and counted as a failure. A success takes it back."""

    attempt: Attempt
    user: User | None
    """The user who has the name, as last written."""
    before: Failures
    """The failures before this attempt."""
    window: Window | None = None
    """Where the attempt was counted by address, None if it was not."""


@dataclass(frozen=True, slots=True, eq=False)
class ThrottleRules:
    """The limits on guessing and on registrations. SP 800-63B-4 section 3.2.2 sets the one for an account."""

    pair_failures: int
    account_failures: int
    device_failures: int
    address_failures: int
    address_window: int
    longest_delay: int
    registrations: int

    @property
    def account_limit(self) -> Limit:
        """The limit on all strangers' failures at one account."""
        return Limit("account", self.account_failures, ACCOUNT_MEMORY, self.longest_delay)

    def source_limit(self, attempt: Attempt) -> Limit:
        """Return the limit on failures of the device, session or address that an attempt comes from."""
        if attempt.known is not None:
            return Limit(attempt.known.kind, self.device_failures, ACCOUNT_MEMORY, self.longest_delay)
        return Limit("pair", self.pair_failures, PAIR_MEMORY, self.longest_delay)

    def address_window_of(self, ip: str, now: int) -> Window:
        """Return where failures from an address are counted at ``now``."""
        return _window("failures", ip, self.address_failures, self.address_window, now)

    def registration_window_of(self, ip: str, now: int) -> Window:
        """Return where registrations from an address are counted at ``now``."""
        return _window("registrations", ip, self.registrations, REGISTRATION_WINDOW, now)


@dataclass(frozen=True, slots=True, eq=False)
class MailRules:
    """The limits on mails that somebody asks for. Those to one address are in ``mail_budgets``."""

    per_ip: int
    per_day: int

    def address_window_of(self, ip: str, now: int) -> Window:
        """Return where mails asked for from an address are counted at ``now``."""
        return _window("mails", ip, self.per_ip, REGISTRATION_WINDOW, now)

    def day_window_of(self, now: int) -> Window:
        """Return where the mails that somebody asks for are counted at ``now``, over all accounts."""
        return mails_of_day(self.per_day, now)


def mails_of_day(most: int, now: int) -> Window:
    """Return where the mails of the day of ``now`` are counted, over all accounts."""
    return Window(f"mails#all#{day_of(now)}", {"all": most}, end_of_day(now))


def day_of(numeric_date: int) -> int:
    """Return the number of the day in UTC, counted from 1970-01-01."""
    return numeric_date // _DAY


def end_of_day(numeric_date: int) -> int:
    """Return when the day in UTC ends, as a NumericDate."""
    return (day_of(numeric_date) + 1) * _DAY


def _window(what: str, ip: str, most: int, seconds: int, now: int) -> Window:
    network, counters = networks(ip)
    factors = (_FOUR_TIMES, _TWICE, _ONE)[-len(counters) :]
    limits = {counter: most * factor for counter, factor in zip(counters, factors, strict=True)}
    number = now // seconds
    return Window(f"{what}#{network}#{number}", limits, (number + 1) * seconds)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
