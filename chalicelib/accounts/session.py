"""A session: what one log-in began, and the rules of its refresh tokens.

Knows no storage, no HTTP and no token format. Every time is a NumericDate: an integer of seconds since
1970-01-01T00:00:00Z (RFC 7519 section 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chalicelib.accounts.caller import Caller
    from chalicelib.accounts.user import User


@dataclass(frozen=True, slots=True)
class SessionRules:
    """How long sessions last, in seconds."""

    idle_lifetime: int
    """Without use, after which a session cannot be refreshed any more."""
    absolute_lifetime: int
    """After its log-in, at which it ends for good."""
    retry_window: int
    """After a refresh, in which the same refresh token gets the same successor."""


@dataclass(frozen=True, slots=True)
class Session:
    """What one log-in began: the token family of RFC 9700 section 4.14.2.

    The refresh tokens of a session are told apart by a counter. The token that carries ``refresh_counter`` is the
    current one; using it raises the counter by one and makes it the previous one.
    """

    id: str
    user_id: str
    username: str
    """The user's name, by which a refresh finds the user in one read."""
    created_at: int
    last_used_at: int
    """When the refresh counter was last raised, or the session began."""
    idle_expires_at: int
    """The session cannot be refreshed from this second on unless it is used before."""
    expires_at: int
    """The session ends for good at this second, however much it is used."""
    refresh_counter: int
    epoch: int
    """The user's ``session_epoch`` when the session began."""
    caller: Caller

    @property
    def refresh_expires_at(self) -> int:
        """From when on the current refresh token is no longer good."""
        return min(self.idle_expires_at, self.expires_at)

    def is_live(self, now: int) -> bool:
        """Whether the session can still be refreshed at ``now``: not idle too long and not too old.

        A session that was ended is not stored any more, or is of an earlier epoch than its user.
        """
        return now < self.refresh_expires_at

    def belongs_to(self, user: User) -> bool:
        """Whether the session is this user's and of the user's epoch, which it is not after all sessions were ended."""
        return self.user_id == user.id and self.epoch == user.session_epoch

    def accepts(self, counter: int, now: int) -> bool:
        """Whether a refresh token with this counter may be used at ``now`` for the first time.

        The one condition of the protocol. A store evaluates it in the same step as the write, so that of any number
        of concurrent refreshes with one token exactly one finds it true.
        """
        return self.is_live(now) and counter == self.refresh_counter

    def is_retry(self, counter: int, now: int, window: int) -> bool:
        """Whether a token with this counter is the previous one, shown again within ``window`` seconds of its use.

        So does a second tab, and a client whose first answer was lost on the way.
        """
        return self.is_live(now) and counter == self.refresh_counter - 1 and now - self.last_used_at <= window
