"""The use cases of a user who is logged in: profile, dashboard, sessions, password, deletion.

Owns the meaning of "live": the session of an access token has not ended and its user is not disabled, according to the
database at the time of the request; and of "fresh": live, and the session has authenticated a short time ago, by more
than one factor if the user has a second one. Knows no HTTP, no AWS and no token format.
"""

from __future__ import annotations

import re
from dataclasses import replace

from chalicelib.accounts.authentication import AAL2
from chalicelib.accounts.caller import NO_ADDRESS, Caller
from chalicelib.accounts.events import EventType, SecurityEvent
from chalicelib.accounts.results import Dashboard, LoggedIn
from chalicelib.accounts.session import Session
from chalicelib.accounts.user import User
from chalicelib.clock import Clock
from chalicelib.credentials.password_policy import PasswordPolicy
from chalicelib.credentials.password_text import normalised_password
from chalicelib.credentials.passwords import PasswordHasher
from chalicelib.credentials.throttling import Admission, Known
from chalicelib.errors import (
    REQUIRED,
    FieldError,
    Flaw,
    Forbidden,
    InsufficientAuthentication,
    InvalidDPoPProof,
    InvalidToken,
    LastAdministrator,
    NotFound,
    ValidationFailed,
)
from chalicelib.tokens.principals import Principal
from chalicelib.use_cases.begin_session import BeginSession
from chalicelib.use_cases.notices import Notices
from chalicelib.use_cases.password_guard import PasswordGuard
from chalicelib.use_cases.ports import Announce, EventLog, Stores

SESSION_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""A valid identifier of a session, which fits the key of an item."""

_ENDED = "The session has ended."

RECENT_EVENTS = 20
"""Entries of the history that a dashboard shows."""


class Account:
    """The use cases of users' own accounts."""

    def __init__(
        self,
        *,
        stores: Stores,
        guard: PasswordGuard,
        begin_session: BeginSession,
        hasher: PasswordHasher,
        policy: PasswordPolicy,
        fresh_seconds: int,
        notices: Notices,
        clock: Clock,
        announce: Announce,
    ) -> None:
        self._users = stores.users
        self._sessions = stores.sessions
        self._events = stores.events
        self._guard = guard
        self._begin_session = begin_session
        self._hasher = hasher
        self._policy = policy
        self._fresh_seconds = fresh_seconds
        self._notices = notices
        self._clock = clock
        self._announce = announce

    def authorized(self, principal: Principal, *, role: str | None = None, fresh: bool = False) -> User:
        """Return the user of a principal, as last written, if the principal may do what asks for this.

        ``role`` is a role that the user must have now, whatever the access token says. ``fresh`` asks for a fresh
        session.

        Raises:
            InvalidToken: the principal is not live.
            Forbidden: the user does not have the role.
            InsufficientAuthentication: the principal's session is not fresh.

        """
        user, session = self.live(principal)
        if role is not None and role not in user.roles:
            raise Forbidden(role)
        if fresh:
            self._require_fresh(user, session)
        return user

    def live(self, principal: Principal, *, fresh: bool = False) -> tuple[User, Session]:
        """Return the user and the session of a principal, as last written.

        Raises:
            InvalidToken: they are not live.
            InsufficientAuthentication: the session is not fresh, and ``fresh`` asks for that.

        """
        user, session = self._sessions.with_user(principal.username, principal.user_id, principal.session_id)
        user, session = _both_live(user, session, self._clock())
        if fresh:
            self._require_fresh(user, session)
        return user, session

    def profile(self, principal: Principal) -> User:
        """Return the user of a principal, as last written. Raises InvalidToken if the principal is not live."""
        user, _ = self.live(principal)
        return user

    def dashboard(self, principal: Principal) -> Dashboard:
        """Return the user, the number of live sessions and the newest events. Raises the same as ``profile``."""
        user, sessions = self._live_with_sessions(principal)
        return Dashboard(user, len(sessions), tuple(history(self._events, user)))

    def sessions(self, principal: Principal) -> list[Session]:
        """Return the user's live sessions, newest first. Raises the same as ``profile``."""
        _, sessions = self._live_with_sessions(principal)
        return sessions

    def end_session(self, principal: Principal, session_id: str, caller: Caller) -> None:
        """End one of the user's own sessions. To end the principal's is a log-out, which need not be fresh.

        With another one goes the address that it has given, if that waits to be confirmed.

        Raises:
            InvalidToken: the principal is not live.
            InsufficientAuthentication: it is another session, and the principal's is not fresh.
            NotFound: there is no such session, or it is another user's.

        """
        user, session = self.live(principal)
        is_another = session_id != session.id
        if is_another:
            self._require_fresh(user, session)
        if not SESSION_ID.fullmatch(session_id):
            raise NotFound
        event = SecurityEvent(EventType.SESSION_REVOKED, user.id, self._clock(), caller, session_id)
        # Whoever logs out may be about to open the mail. Whoever is logged out may be a thief.
        if is_another:
            existed = self._sessions.end_another(user, session_id, event)
        else:
            existed = self._sessions.end(user.id, session_id, event)
        if not existed:
            raise NotFound
        self._announce(event)

    def log_out_everywhere(self, principal: Principal, caller: Caller) -> None:
        """End every session of the user. An address that one of them has given, and that waits, is withdrawn.

        Raises:
            InvalidToken: the principal is not live.
            InsufficientAuthentication: the principal's session is not fresh.
            Conflict: the account was deleted meanwhile.

        """
        user, session = self.live(principal)
        self._require_fresh(user, session)
        event = SecurityEvent(EventType.LOGGED_OUT, user.id, self._clock(), caller, session.id)
        self._users.end_all_sessions(user, event)
        self._announce(event)

    def change_password(self, principal: Principal, current: str, new: str, caller: Caller) -> LoggedIn:
        """Change the user's password, end all the user's sessions, and begin a new one in place of this one.

        An address that one of them has given, and that waits, is withdrawn.

        Raises:
            InvalidToken: the principal is not live.
            InsufficientAuthentication: the user has a second factor, and the session is not fresh.
            InvalidCredentials: ``current`` is not the password.
            TooManyAttempts: the session has had too many failures.
            ValidationFailed: the new password is against the policy, or is the current one.
            Conflict: another request has changed the password or ended the session meanwhile.
            InvalidDPoPProof: the session is bound, and the caller has proven another key, or by no new proof.

        """
        user, session = self.live(principal)
        if caller.key_proof is not None and not session.allows(caller.key_proof):
            raise InvalidDPoPProof(session.refusal_of(caller.key_proof), user.id, session.id)
        if user.second_factor:
            # A password alone must not open what a log-in needs two factors for.
            self._require_fresh(user, session)
        self._policy.check(new, user.username, field="new_password")
        user, admission = self.check_password(user, session, current, caller)
        if normalised_password(new) == normalised_password(current):
            # Whoever believes a password stolen must not be told that it has changed.
            self._guard.renewed(user, current)
            self._guard.succeeded(admission)
            same = Flaw("Choose a password that differs from the current one.", "same_password")
            raise ValidationFailed(FieldError("new_password", same))
        new_hash = self._hasher.hash(new)
        notice = None
        if user.verified_email is not None:
            name, now = user.username, self._clock()
            notice = self._notices.of("password_changed", username=name, user_id=user.id, at=now)
        return self._begin_session.in_place_of(
            session, user, caller, new_hash=new_hash, admission=admission, notice=notice
        )

    def delete_account(self, principal: Principal, password: str | None, caller: Caller) -> None:
        """Delete the account with its sessions, passkeys and history. The username becomes available again.

        A user without a password gives none. The session has to be fresh then.

        Raises:
            InvalidToken: the principal is not live.
            InsufficientAuthentication: the user has a second factor or no password, and the session is not fresh.
            ValidationFailed: the password is missing.
            InvalidCredentials: ``password`` is not the password.
            TooManyAttempts: the session has had too many failures.
            LastAdministrator: no active administrator would be left.
            Conflict: another request has changed the account meanwhile.

        """
        user, session = self.live(principal)
        admission = None
        if user.second_factor or not user.has_password:
            self._require_fresh(user, session)
        if user.has_password:
            if password is None:
                raise ValidationFailed(FieldError("password", REQUIRED))
            user, admission = self.check_password(user, session, password, caller)
        event = SecurityEvent(EventType.ACCOUNT_DELETED, user.id, self._clock(), caller, session.id)
        # The history goes with the account. This one entry is in nobody's, and has an id and a time only.
        try:
            self._users.delete(user, replace(event, user_id=None, caller=NO_ADDRESS, subject=user.id))
        except LastAdministrator:
            if admission is not None:
                # Whoever may not go has not failed with the password.
                self._guard.succeeded(admission)
            raise
        self._announce(event)

    def _live_with_sessions(self, principal: Principal) -> tuple[User, list[Session]]:
        """Return the user of a principal and the user's live sessions, newest first. Raises the same as ``_live``.

        The principal's own session is one of them, so it takes no read of its own.
        """
        user = self._users.find(principal.username)
        stored = self._sessions.of_user(principal.user_id)
        now = self._clock()
        own = next((session for session in stored if session.id == principal.session_id), None)
        user, _ = _both_live(user, own, now)
        live = [session for session in stored if session.belongs_to(user) and session.is_live(now)]
        return user, sorted(live, key=lambda session: (session.created_at, session.id), reverse=True)

    def _require_fresh(self, user: User, session: Session) -> None:
        """Raise InsufficientAuthentication unless the session has authenticated a short time ago, and by enough."""
        level = AAL2 if user.second_factor else None
        is_enough = level is None or session.acr == level
        if not is_enough or not session.is_fresh(self._clock(), self._fresh_seconds):
            raise InsufficientAuthentication(self._fresh_seconds, level)

    def check_password(self, user: User, session: Session, password: str, caller: Caller) -> tuple[User, Admission]:
        """Return the user as last written, and the attempt, if the password is the user's.

        Raises InvalidCredentials, TooManyAttempts or AttemptNotCounted. The attempts inside a session count by
        themselves.
        """
        known = Known("session", session.id, user.id)
        return self._guard.check(user.username, password, caller, known=known, session_id=session.id)


def history(log: EventLog, user: User) -> list[SecurityEvent]:
    """Return the ``RECENT_EVENTS`` newest events of a user, newest first, with the failures of the last day."""
    events = log.recent(user.id, RECENT_EVENTS)
    if user.failures is None:
        return events
    return sorted([*events, user.failures], key=lambda event: event.at, reverse=True)[:RECENT_EVENTS]


def _both_live(user: User | None, session: Session | None, now: int) -> tuple[User, Session]:
    """Return the user and the session. Raises InvalidToken unless both are live and belong together."""
    if user is None or user.disabled:
        raise InvalidToken("the user is gone or disabled", detail=_ENDED)
    if session is None or not session.belongs_to(user) or not session.is_live(now):
        raise InvalidToken("the session has ended", detail=_ENDED)
    return user, session
