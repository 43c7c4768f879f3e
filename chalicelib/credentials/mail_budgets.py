"""The limits on mails to one address that somebody asks for.

Owns the arithmetic. Knows no storage. Notices of what has happened are not limited.

An address gets one mail a minute, five an hour and ten a day. Whoever wants to keep its owner from a new password asks
for so many that none is left. So a device from which the account has logged in has a budget of its own, and a mail to
choose a new password is sent once an hour whatever was sent before.
"""

from __future__ import annotations

import hashlib

from chalicelib.accounts.addresses import canonical_address
from chalicelib.accounts.mail import MailKind

PER_MINUTE = 1
PER_HOUR = 5
PER_DAY = 10

_MINUTE, _HOUR, _DAY = 60, 3600, 24 * 3600
_LIMITS = ((_MINUTE, PER_MINUTE), (_HOUR, PER_HOUR), (_DAY, PER_DAY))


def budget_key(address: str, known_user_id: str | None = None) -> str:
    """Return the name of the budget of an address, or of the part that its owner's devices have to themselves."""
    digest = hashlib.sha256(canonical_address(address).encode("utf-8", "replace")).hexdigest()
    return f"mail#{digest}" if known_user_id is None else f"mail#{digest}#{known_user_id}"


def charged(sent: tuple[int, ...], kind: MailKind, now: int) -> tuple[tuple[int, ...], int]:
    """Return when mails were sent with one more at ``now``, and 0; or the same as before, and the seconds to wait.

    ``sent`` are NumericDates, oldest first. What is older than a day is forgotten.
    """
    recent = tuple(at for at in sent if now - at < _DAY)
    wait = max((_wait(recent, seconds, most, now) for seconds, most in _LIMITS), default=0)
    if kind is MailKind.RESET and recent:
        wait = min(wait, max(0, recent[-1] + _HOUR - now))
    if wait > 0:
        return recent, wait
    return (*recent, now)[-2 * PER_DAY :], 0


def _wait(sent: tuple[int, ...], seconds: int, most: int, now: int) -> int:
    within = [at for at in sent if now - at < seconds]
    return within[-most] + seconds - now if len(within) >= most else 0
