"""The limits on mails to one address that somebody asks for.

Owns the arithmetic, and whose mails are counted together. Knows no storage. Notices of what has happened are not
limited.

An address gets one mail of a kind a minute, and of all kinds five an hour and ten a day. Whoever wants to keep its
owner out asks for so many that none is left. So a device from which the account has logged in has a budget of its own,
and a mail to choose a new password or to register is sent an hour after the last one whatever else was sent.

There are two counters. That of the mailer counts what an address gets, of which many mails are for an account: nobody
is told what it says. That of a request counts what one network has typed an address for, which tells nobody what others
did.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.accounts.addresses import canonical_address
from chalicelib.accounts.mail import MailKind

if TYPE_CHECKING:
    from chalicelib.accounts.caller import Caller

PER_MINUTE = 1
PER_HOUR = 5
PER_DAY = 10

_SENT_EACH_HOUR = (MailKind.RESET, MailKind.REGISTER)
"""The kinds of which one an hour is sent in any case, because its owner can use it whoever has asked for it."""

_MINUTE, _HOUR, _DAY = 60, 3600, 24 * 3600


class Sent(NamedTuple):
    """A mail that was sent."""

    at: int
    """NumericDate."""
    kind: str


class Typed(NamedTuple):
    """A request for a mail to an address that somebody has typed, as it was counted."""

    address: str
    caller: Caller
    kind: MailKind
    at: int
    """NumericDate."""
    in_day: bool
    """Whether its day had room for it. If not, the mail is not sent."""


def budget_key(address: str, known_user_id: str | None = None) -> str:
    """Return the name of the budget of an address, or of the part that its owner's devices have to themselves."""
    digest = _digest(_mailbox(address))
    return f"mail#{digest}" if known_user_id is None else f"mail#{digest}#{known_user_id}"


def typed_key(address: str, network: bytes) -> str:
    """Return the name of what a network has typed an address for."""
    return f"typed#{_digest(f'{_mailbox(address)} {network.hex()}')}"


def charged(sent: tuple[Sent, ...], kind: MailKind, now: int) -> tuple[tuple[Sent, ...], int]:
    """Return what was sent with one more at ``now``, and 0; or the same as before, and the seconds to wait.

    ``sent`` is in the order of sending. What is older than a day is forgotten.
    """
    recent = tuple(mail for mail in sent if now - mail.at < _DAY)
    of_kind = [mail.at for mail in recent if mail.kind == kind]
    wait = max(
        _wait(of_kind, _MINUTE, PER_MINUTE, now),
        _wait([mail.at for mail in recent], _HOUR, PER_HOUR, now),
        _wait([mail.at for mail in recent], _DAY, PER_DAY, now),
    )
    if kind in _SENT_EACH_HOUR:
        wait = min(wait, max(0, of_kind[-1] + _HOUR - now) if of_kind else 0)
    if wait > 0:
        return recent, wait
    return tuple(sorted((*recent, Sent(now, kind))))[-4 * PER_DAY :], 0


def uncharged(sent: tuple[Sent, ...], kind: MailKind, at: int) -> tuple[Sent, ...]:
    """Return what was sent without one that was counted at ``at``, and is not sent after all."""
    if (mail := Sent(at, kind)) not in sent:
        return sent
    position = sent.index(mail)
    return sent[:position] + sent[position + 1 :]


def _wait(times: list[int], seconds: int, most: int, now: int) -> int:
    # The mailer may see a later mail before an earlier one.
    within = [at for at in times if abs(now - at) < seconds]
    return within[-most] + seconds - now if len(within) >= most else 0


def _mailbox(address: str) -> str:
    """Return whose mailbox an address is: with most providers, what follows a ``+`` makes no other one."""
    name, _, domain = canonical_address(address).rpartition("@")
    return f"{name.partition('+')[0] or name}@{domain}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
