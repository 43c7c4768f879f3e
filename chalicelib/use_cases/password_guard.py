"""The one way in which passwords are checked: the attempt is limited, counted and recorded.

This applies to log-ins and to requests inside a session: a thief with a stolen access token must not be able to guess
without limit, and a stranger's guesses must not keep the session's owner from it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from chalicelib.accounts.events import EventType, SecurityEvent
from chalicelib.credentials.throttling import Attempt
from chalicelib.errors import AttemptNotCounted, InvalidCredentials, TooManyAttempts

if TYPE_CHECKING:
    from chalicelib.accounts.caller import Caller
    from chalicelib.accounts.user import User
    from chalicelib.clock import Clock
    from chalicelib.credentials.passwords import PasswordHasher
    from chalicelib.credentials.throttling import Admission, Known
    from chalicelib.use_cases.ports import Announce, Stores


class PasswordGuard:
    """Checks passwords of users within the limits on attempts."""

    def __init__(self, *, stores: Stores, hasher: PasswordHasher, clock: Clock, announce: Announce) -> None:
        self._throttle = stores.throttle
        self._users = stores.users
        self._hasher = hasher
        self._clock = clock
        self._announce = announce

    def check(
        self,
        username: str,
        password: str,
        caller: Caller,
        *,
        known: Known | None = None,
        session_id: str | None = None,
    ) -> tuple[User, Admission]:
        """Return the user who has this name and password, and the attempt, which has been counted as a failure.

        An unknown user, a wrong password and a disabled account cost the same work, reads and writes. So neither the
        response nor its time reveals which it was.

        Raises:
            InvalidCredentials: no such user, a wrong password or a disabled account.
            TooManyAttempts: the account, or who asks, has had too many failures.
            AttemptNotCounted: the counters cannot be reached. Otherwise an attacker who makes them unreachable could
                guess without limit.

        """
        admission = self._admit(Attempt(username, caller, known))
        user = admission.user
        # Where there is nothing to compare with, the work is the same.
        password_fits = self._hasher.verify(password, user.password_hash if user and user.has_password else None)
        if user is None:
            raise self._nobody(admission)
        if not password_fits:
            raise self.refusal(user, "wrong password", caller, session_id=session_id)
        if user.disabled:
            raise self.refusal(user, "disabled account", caller, session_id=session_id)
        return user, admission

    def _nobody(self, admission: Admission) -> Exception:
        """Return the error to raise where nobody has the name of an attempt."""
        return self.refusal(None, "unknown user", admission.attempt.caller)

    def refusal(
        self, user: User | None, reason: str, caller: Caller, *, session_id: str | None = None
    ) -> InvalidCredentials:
        """Announce that a password was refused. Return the error to raise, which does not tell the caller the reason.

        The history needs no entry: the attempt was counted there when it was admitted.
        """
        user_id = user.id if user else None
        self._announce(SecurityEvent(EventType.LOGIN_FAILED, user_id, self._clock(), caller, session_id))
        return InvalidCredentials(reason)

    def succeeded(self, admission: Admission) -> None:
        """Uncount an attempt whose password was right, and forget the failures before it.

        A store that writes something else about the user does this in the same step.
        """
        self._throttle.succeeded(admission)

    def new_hash(self, user: User, password: str) -> str | None:
        """Return a new hash of a verified password if the stored hash has another cost, else None."""
        return self._hasher.hash(password) if self._hasher.needs_rehash(user.password_hash) else None

    def renewed(self, user: User, password: str) -> User:
        """Store a new hash of a verified password if the stored hash has another cost. Return the user with it.

        Where a log-in follows, its transaction does this: see ``new_hash``.
        """
        new_hash = self.new_hash(user, password)
        if new_hash is None:
            return user
        self._users.replace_hash(user, new_hash)
        return replace(user, password_hash=new_hash)

    def _admit(self, attempt: Attempt) -> Admission:
        now = self._clock()
        try:
            return self._throttle.admit(attempt, now)
        except TooManyAttempts:
            self._announce(SecurityEvent(EventType.ATTEMPT_DELAYED, None, now, attempt.caller))
            raise
        except AttemptNotCounted:
            self._announce(SecurityEvent(EventType.ATTEMPT_NOT_COUNTED, None, now, attempt.caller))
            raise
