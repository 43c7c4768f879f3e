"""Limits on trying second factors, and what a right one uses up.

Owns the arithmetic. Knows no storage. A try is counted before it is checked, and a right one is taken back in the step
that uses it up. Only somebody who has the first factor can try, so no stranger can make the tries run out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chalicelib.credentials.throttling import Window, day_of

if TYPE_CHECKING:
    from chalicelib.accounts.events import SecurityEvent
    from chalicelib.accounts.factors import Passkey
    from chalicelib.accounts.mail import Mail
    from chalicelib.credentials.challenges import Challenge

MOST_TRIES = 5
"""Tries that one challenge allows."""

MOST_TRIES_AN_HOUR = 20
MOST_TRIES_A_DAY = 50
"""Tries of one account, by the hour and the day of the clock. Three codes of a million are good at a time, so somebody
who has the password and tries all day needs 67 days for a chance of one in a hundred."""

_HOUR = 3600
_DAY = 24 * _HOUR


@dataclass(frozen=True, slots=True, eq=False)
class PasskeyUse:
    """A passkey that has answered a challenge, and what the answer says of it."""

    passkey: Passkey
    """As it was read."""
    sign_count: int
    backed_up: bool


@dataclass(frozen=True, slots=True, eq=False)
class FactorUse:
    """What an authentication uses up, in the very step in which it takes effect: all of it, or nothing happens."""

    challenge: Challenge | None = None
    window: Window | None = None
    """Where the try was counted."""
    totp_step: int | None = None
    """The step of a code. No step up to this one is accepted any more."""
    resealed_totp: str | None = field(default=None, repr=False)
    """The secret of the TOTP app, if it has to be stored under a newer key."""
    recovery_code: str | None = field(default=None, repr=False)
    """The digest of a recovery code."""
    passkey: PasskeyUse | None = None
    event: SecurityEvent | None = None
    """What is recorded beside the authentication itself."""
    mail: Mail | None = None


def tries_window(user_id: str, challenge: Challenge | None, now: int) -> Window:
    """Return where a try of a second factor is counted.

    Tries with a challenge count for the hour and the day in which it was made, so that the tries of one challenge are
    all in one place.
    """
    at = challenge.issued_at if challenge is not None else now
    day = day_of(at)
    limits = {"day": MOST_TRIES_A_DAY, f"hour_{at // _HOUR}": MOST_TRIES_AN_HOUR}
    if challenge is not None:
        limits[f"challenge_{challenge.id}"] = MOST_TRIES
    return Window(f"second factors#{user_id}#{day}", limits, (day + 1) * _DAY + _HOUR)


def seconds_until_more(counter: str, now: int) -> int:
    """Return the seconds until a counter of a try that is full no longer matters: until the next hour or day."""
    length = _DAY if counter == "day" else _HOUR
    return length - now % length
