"""The use cases of a refresh token: exchanging it for its successor, and ending its session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.accounts.events import EventType, SecurityEvent
from chalicelib.accounts.results import LoggedIn
from chalicelib.accounts.session import Session, SessionRules
from chalicelib.errors import InvalidGrant, RefreshTokenReused
from chalicelib.tokens.kinds import REFRESH_TOKEN

if TYPE_CHECKING:
    from chalicelib.accounts.caller import Caller
    from chalicelib.clock import Clock
    from chalicelib.tokens.issuer import TokenIssuer
    from chalicelib.tokens.principals import RefreshGrant
    from chalicelib.tokens.verifier import TokenVerifier
    from chalicelib.use_cases.ports import Announce, Stores


class RefreshTokens:
    """Exchanges and revokes refresh tokens."""

    def __init__(
        self,
        *,
        stores: Stores,
        issuer: TokenIssuer,
        verifier: TokenVerifier,
        rules: SessionRules,
        clock: Clock,
        announce: Announce,
    ) -> None:
        self._users = stores.users
        self._sessions = stores.sessions
        self._issuer = issuer
        self._verifier = verifier
        self._rules = rules
        self._clock = clock
        self._announce = announce

    def exchange(self, refresh_token: str, caller: Caller) -> LoggedIn:
        """Return the successor of a refresh token, with a new access token.

        A token can be used once. Reuse within the retry window gets the same successor, so neither a second tab nor a
        lost response logs the user out. Later reuse means that the token was stolen and either the thief or the user
        has used it first: the session ends (RFC 9700 section 4.14.2).

        Raises:
            InvalidGrant: the token is forged or expired, its session has ended, or its user is disabled or deleted.
            RefreshTokenReused: the token was reused after the retry window.

        """
        # Signature and claims come first: a forged token never reaches the database.
        grant = self._verifier.verify(REFRESH_TOKEN, refresh_token)
        now = self._clock()
        rotation = self._sessions.rotate(
            grant.user_id, grant.session_id, grant.counter, now=now, idle_expires_at=now + self._rules.idle_lifetime
        )
        session = rotation.session
        if session is None:
            raise InvalidGrant("no such session", grant.user_id, grant.session_id)
        if not rotation.applied and not session.is_retry(grant.counter, now, self._rules.retry_window):
            raise self._refusal(session, grant, now, caller)

        kept: Session | None = session
        user = self._users.find(session.username)
        if user is not None and session.epoch < user.session_epoch:
            # A password change may have come between the two reads. It raises the epoch of its own session too.
            user, kept = self._sessions.with_user(session.username, session.user_id, session.id)
        # Another user may have registered the username since, or all sessions may have been ended.
        if user is None or kept is None or not kept.belongs_to(user):
            raise InvalidGrant("the user is gone or has ended all sessions", grant.user_id, grant.session_id)
        if user.disabled:
            raise InvalidGrant("disabled account", grant.user_id, grant.session_id)
        type_ = EventType.REFRESHED if rotation.applied else EventType.REFRESH_RETRIED
        self._announce(SecurityEvent(type_, user.id, now, caller, session.id))
        return LoggedIn(user, self._issuer.token_pair(user, session, now), session.id)

    def revoke(self, refresh_token: str, caller: Caller) -> None:
        """End the session of a refresh token (RFC 7009). A token that is not valid changes nothing."""
        try:
            grant = self._verifier.verify(REFRESH_TOKEN, refresh_token)
        except InvalidGrant:
            return
        event = SecurityEvent(EventType.LOGGED_OUT, grant.user_id, self._clock(), caller, grant.session_id)
        if self._sessions.end(grant.user_id, grant.session_id, event):
            self._announce(event)

    def _refusal(self, session: Session, grant: RefreshGrant, now: int, caller: Caller) -> InvalidGrant:
        """Return the error of a refused refresh. If the token was reused, end its session first."""
        if not session.is_live(now):
            return InvalidGrant("the session has expired", session.user_id, session.id)
        if grant.counter > session.refresh_counter:
            # The token is ours but newer than the stored session: the table was restored to an earlier state.
            return InvalidGrant("the token is newer than the session", session.user_id, session.id)
        event = SecurityEvent(EventType.REFRESH_TOKEN_REUSED, session.user_id, now, caller, session.id)
        self._sessions.end(session.user_id, session.id, event)
        self._announce(event)
        return RefreshTokenReused("the token was used before", session.user_id, session.id)
