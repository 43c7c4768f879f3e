"""The use cases of a user who is logged in: profile, dashboard, sessions, password, deletion.

Owns what "live" means: that the session behind an access token has not ended and its user is not disabled, asked of the
database in the same request. Knows no HTTP, no AWS and no token format.
"""

from __future__ import annotations

import re

from chalicelib.accounts.caller import Caller
from chalicelib.accounts.events import EventType, SecurityEvent
from chalicelib.accounts.results import Dashboard
from chalicelib.accounts.session import Session
from chalicelib.accounts.user import User
from chalicelib.clock import Clock
from chalicelib.credentials.password_policy import PasswordPolicy
from chalicelib.credentials.passwords import PasswordHasher
from chalicelib.errors import InvalidToken, NotFound
from chalicelib.tokens.principals import Principal
from chalicelib.use_cases.password_guard import PasswordGuard
from chalicelib.use_cases.ports import Announce, Stores

# What can be the identifier of a session, and so the key of an item.
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

_READ_AGAIN = 2
"""How often user and session are read again. Twice in a row, a change of the password came between by design."""

RECENT_EVENTS = 20
"""How many entries of the history a dashboard shows."""


class Account:
    """What users do with their own accounts."""

    def __init__(
        self,
        *,
        stores: Stores,
        guard: PasswordGuard,
        hasher: PasswordHasher,
        policy: PasswordPolicy,
        clock: Clock,
        announce: Announce,
    ) -> None:
        self._users = stores.users
        self._sessions = stores.sessions
        self._events = stores.events
        self._guard = guard
        self._hasher = hasher
        self._policy = policy
        self._clock = clock
        self._announce = announce

    def profile(self, principal: Principal) -> User:
        """Return the user behind a principal, as last written.

        Raises:
            InvalidToken: the user has been deleted; the access token outlives it by minutes at most.

        """
        user = self._users.find(principal.username)
        if user is None or user.id != principal.user_id:
            raise InvalidToken("the user is gone")
        return user

    def dashboard(self, principal: Principal) -> Dashboard:
        """Return the user with the number of live sessions and the newest events. Raises as ``profile``."""
        user = self.profile(principal)
        events = self._events.recent(user.id, RECENT_EVENTS)
        return Dashboard(user, len(self._live_sessions(user)), tuple(events))

    def sessions(self, principal: Principal) -> list[Session]:
        """Return the user's live sessions, the newest first. Raises as ``profile``."""
        return self._live_sessions(self.profile(principal))

    def end_session(self, principal: Principal, session_id: str, caller: Caller) -> None:
        """End one of the user's own sessions.

        Raises:
            InvalidToken: the principal is not live.
            NotFound: there is no such session, or it is somebody else's.

        """
        user, _ = self._live(principal)
        event = SecurityEvent(EventType.SESSION_REVOKED, user.id, self._clock(), caller, session_id)
        if not _ID.fullmatch(session_id) or not self._sessions.end(user.id, session_id, event):
            raise NotFound
        self._announce(event)

    def log_out_everywhere(self, principal: Principal, caller: Caller) -> None:
        """End every session of the user. Raises InvalidToken if the principal is not live."""
        user, session = self._live(principal)
        event = SecurityEvent(EventType.LOGGED_OUT, user.id, self._clock(), caller, session.id)
        self._users.end_all_sessions(user, event)
        self._announce(event)

    def change_password(self, principal: Principal, current: str, new: str, caller: Caller) -> None:
        """Change the user's password and end all the user's sessions but this one.

        Raises:
            InvalidToken: the principal is not live.
            InvalidCredentials: ``current`` is not the password.
            TooManyAttempts: the account or the address has had too many failures.
            ValidationFailed: the new password is against the policy.
            Conflict: the password was changed, or the session ended, by another request meanwhile.

        """
        user, session = self._live(principal)
        self._policy.check(new, user.username, field="new_password")
        self._check_password(user, session, current, caller)
        event = SecurityEvent(EventType.PASSWORD_CHANGED, user.id, self._clock(), caller, session.id)
        self._users.change_password(user, session, self._hasher.hash(new), event)
        self._announce(event)

    def delete_account(self, principal: Principal, password: str, caller: Caller) -> None:
        """Delete the account with its sessions and history; the name is free again.

        Raises:
            InvalidToken: the principal is not live.
            InvalidCredentials: ``password`` is not the password.
            TooManyAttempts: the account or the address has had too many failures.
            Conflict: the account was changed by another request meanwhile.

        """
        user, session = self._live(principal)
        self._check_password(user, session, password, caller)
        self._users.delete(user)
        self._announce(SecurityEvent(EventType.ACCOUNT_DELETED, user.id, self._clock(), caller, session.id))

    def _live(self, principal: Principal) -> tuple[User, Session]:
        """Return user and session behind a principal whose session has not ended and who is not disabled."""
        user, session = self._sessions.with_user(principal.username, principal.user_id, principal.session_id)
        for _ in range(_READ_AGAIN):
            if user is None or session is None or session.epoch == user.session_epoch:
                break
            # Of two epochs, because the session is over, or because a change of the password, which raises the epoch
            # of both in one step, came between the two reads. Read again, they tell which.
            user, session = self._sessions.with_user(principal.username, principal.user_id, principal.session_id)
        if user is None or user.disabled:
            raise InvalidToken("the user is gone or disabled", detail="The session has ended.")
        if session is None or not session.belongs_to(user) or not session.is_live(self._clock()):
            raise InvalidToken("the session has ended", detail="The session has ended.")
        return user, session

    def _check_password(self, user: User, session: Session, password: str, caller: Caller) -> None:
        """Return if the password is the user's. Raises InvalidCredentials, TooManyAttempts or AttemptNotCounted."""
        attempt = self._guard.admit(user.username, caller)
        self._guard.verify(user, password, caller, session_id=session.id)
        self._guard.succeeded(attempt)

    def _live_sessions(self, user: User) -> list[Session]:
        now = self._clock()
        live = [
            session for session in self._sessions.of_user(user.id) if session.belongs_to(user) and session.is_live(now)
        ]
        return sorted(live, key=lambda session: (session.created_at, session.id), reverse=True)
