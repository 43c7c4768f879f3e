"""The one way in which passwords are checked: the attempt is limited, counted and recorded.

This applies to log-ins and to requests inside a session: a thief with a stolen access token must not be able to guess
more often than a stranger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.accounts.events import EventType, SecurityEvent
from chalicelib.credentials.throttling import Attempt
from chalicelib.errors import AttemptNotCounted, InvalidCredentials, TooManyAttempts

if TYPE_CHECKING:
    from chalicelib.accounts.caller import Caller
    from chalicelib.accounts.user import User
    from chalicelib.clock import Clock
    from chalicelib.credentials.passwords import PasswordHasher
    from chalicelib.use_cases.ports import Announce, Stores


class PasswordGuard:
    """Checks passwords of users within the limits on attempts."""

    def __init__(self, *, stores: Stores, hasher: PasswordHasher, clock: Clock, announce: Announce) -> None:
        self._events = stores.events
        self._throttle = stores.throttle
        self._hasher = hasher
        self._clock = clock
        self._announce = announce

    def admit(self, username: str, caller: Caller) -> Attempt:
        """Count an attempt as a failure, before its password is checked.

        Raises:
            TooManyAttempts: the account or the address has had too many failures.
            AttemptNotCounted: the counters cannot be reached. Otherwise an attacker who makes them unreachable could
                guess without limit.

        """
        attempt = Attempt(username, caller.ip)
        now = self._clock()
        try:
            self._throttle.admit(attempt, now)
        except TooManyAttempts:
            self._announce(SecurityEvent(EventType.ATTEMPT_DELAYED, None, now, caller))
            raise
        except AttemptNotCounted:
            self._announce(SecurityEvent(EventType.ATTEMPT_NOT_COUNTED, None, now, caller))
            raise
        return attempt

    def verify(self, user: User | None, password: str, caller: Caller, *, session_id: str | None = None) -> User:
        """Return the user if the password is this user's and the account is not disabled.

        An unknown user, a wrong password and a disabled account cost the same work, reads and writes. So neither the
        response nor its time reveals which it was.

        Raises InvalidCredentials.
        """
        password_fits = self._hasher.verify(password, user.password_hash if user else None)
        if user is None:
            raise self.refusal(None, "unknown user", caller)
        if not password_fits:
            raise self.refusal(user, "wrong password", caller, session_id=session_id)
        if user.disabled:
            raise self.refusal(user, "disabled account", caller, session_id=session_id)
        return user

    def refusal(
        self, user: User | None, reason: str, caller: Caller, *, session_id: str | None = None
    ) -> InvalidCredentials:
        """Record that a password was refused. Return the error to raise, which does not tell the caller the reason."""
        user_id = user.id if user else None
        event = SecurityEvent(EventType.LOGIN_FAILED, user_id, self._clock(), caller, session_id)
        self._events.record(event)
        self._announce(event)
        return InvalidCredentials(reason)

    def succeeded(self, attempt: Attempt) -> None:
        """Clear the failures before a success, and the attempt itself."""
        self._throttle.succeeded(attempt)

    def new_hash(self, user: User, password: str) -> str | None:
        """Return a new hash of a verified password if the stored hash has another cost, else None."""
        return self._hasher.hash(password) if self._hasher.needs_rehash(user.password_hash) else None
