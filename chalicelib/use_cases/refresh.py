"""The use cases of a refresh token: exchanging it for its successor, and ending its session."""

from __future__ import annotations

import contextlib
import functools
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

from chalicelib.accounts.events import EventType, SecurityEvent
from chalicelib.accounts.results import LoggedIn
from chalicelib.accounts.session import MOST_PROOFS, WITHOUT_KEY_INTERVAL, Session, SessionRules
from chalicelib.errors import InvalidDPoPProof, InvalidGrant, NotOnDevice, RefreshTokenReused, ServiceUnavailable
from chalicelib.tokens.kinds import REFRESH_TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from chalicelib.accounts.caller import Caller
    from chalicelib.accounts.mail import Mail
    from chalicelib.clock import Clock
    from chalicelib.tokens.issuer import TokenIssuer
    from chalicelib.tokens.principals import RefreshGrant
    from chalicelib.tokens.verifier import TokenVerifier
    from chalicelib.use_cases.notices import Notices
    from chalicelib.use_cases.ports import Announce, Stores

_ROUNDS = MOST_PROOFS
"""How often the note of a retry may meet another one. Of a bound session's retries each is noted, by its proof, and of
one second so many are accepted. Those of a plain session count once for each rotation, so two rounds would do."""


class RefreshTokens:
    """Exchanges and revokes refresh tokens."""

    def __init__(
        self,
        *,
        stores: Stores,
        issuer: TokenIssuer,
        verifier: TokenVerifier,
        rules: SessionRules,
        notices: Notices,
        clock: Clock,
        announce: Announce,
    ) -> None:
        self._users = stores.users
        self._sessions = stores.sessions
        self._issuer = issuer
        self._verifier = verifier
        self._rules = rules
        self._notices = notices
        self._clock = clock
        self._announce = announce

    def exchange(self, refresh_token: str, caller: Caller) -> LoggedIn:
        """Return the successor of a refresh token, with a new access token.

        A token can be used once. Reuse within the retry window gets the same successor, so neither a second tab nor a
        lost response logs the user out, as long as it is rare: see ``Session.after_retry``. Other reuse means that the
        token was stolen and either the thief or the user has used it first: the session ends (RFC 9700 section
        4.14.2).

        Of a bound session each use needs a new proof of its key, and the caller's word for its device. A token without
        them is nobody's: whoever sends it changes nothing, however old it is.

        Raises:
            InvalidGrant: the token is forged or expired, its session has ended, or its user is disabled or deleted.
            RefreshTokenReused: the token was reused after the retry window, or retried too often.
            InvalidDPoPProof: the session is bound, and ``caller.key_proof`` is missing, of another key or not new.
            NotOnDevice: the session is bound to a device, and ``caller.device_of`` is not this session.

        """
        # Signature and claims come first: a forged token never reaches the database.
        grant = self._verifier.verify(REFRESH_TOKEN, refresh_token)
        now = self._clock()
        rotation = self._sessions.rotate(
            grant.user_id,
            grant.session_id,
            grant.counter,
            now=now,
            idle_expires_at=now + self._rules.idle_lifetime,
            used_from=caller.fingerprint,
            key_proof=caller.key_proof,
            on_device=caller.device_of == grant.session_id,
        )
        session = rotation.session
        if session is None:
            raise InvalidGrant("no such session", grant.user_id, grant.session_id)
        if not rotation.applied:
            self._require_key(session, caller, now)
        outcome = EventType.REFRESHED if rotation.applied else self._retry(session, grant, now, caller)

        user = self._users.find(session.username)
        # Another user may have registered the username since, or all sessions may have been ended.
        if user is None or not session.belongs_to(user):
            raise InvalidGrant("the user is gone or has ended all sessions", grant.user_id, grant.session_id)
        if user.disabled:
            raise InvalidGrant("disabled account", grant.user_id, grant.session_id)
        self._announce(SecurityEvent(outcome, user.id, now, caller, session.id))
        return LoggedIn(user, self._issuer.token_pair(user, session, now), session.id)

    def revoke(self, refresh_tokens: Sequence[str], caller: Caller) -> None:
        """End the sessions of refresh tokens (RFC 7009). A token that is not valid changes nothing.

        A token that was used before, and is no retry, means what it means to ``exchange``: the session ends as reused.
        A token of a bound session is not valid without a proof of its key (``caller.key_proof``), nor away from its
        device (``caller.device_of``).

        Raises after all others have ended:
            InvalidDPoPProof: a session goes on, because the proof is by its key and not new.
            NotOnDevice: a session goes on, because the caller is not on its device.

        """
        events, refusals = self._end_each(refresh_tokens, caller, notes_strangers=True)
        # A log line names the last event: let it be a reuse if there is one.
        for event in sorted(events, key=_is_reuse):
            self._announce(event)
        # A new proof helps at once.
        for refusal in sorted(refusals, key=_is_of_device):
            raise refusal

    def replace(self, refresh_tokens: Sequence[str], caller: Caller) -> None:
        """Do the same for tokens whose place another session's has taken. The log line remains the log-in's.

        Only reuse is announced. A bound session goes on unless the proof of the one which takes its place is a new one
        by its key: its client may have lost the key, which is no reason to alarm its user.
        """
        events, _ = self._end_each(refresh_tokens, caller, notes_strangers=False)
        for event in filter(_is_reuse, events):
            self._announce(event)

    def refuse(self, refresh_tokens: Sequence[str], caller: Caller, refusal: InvalidDPoPProof) -> NoReturn:
        """Refuse a request whose proof is wrong by itself, whatever its refresh tokens are. Nothing else changes.

        Whoever sends such a proof with a token of a bound session has not shown its key, so it is noted as any other
        use without it. The exception is a proof by the session's key and a wrong clock, which its client sends.

        Raises InvalidDPoPProof: the refusal, with the user and the session that it is about, if there are any.
        """
        now = self._clock()
        for grant in self._newest(refresh_tokens):
            session = self._sessions.find(grant.user_id, grant.session_id)
            if session is None or not session.is_live(now):
                continue
            refusal.user_id, refusal.session_id = session.user_id, session.id
            is_held = session.key in {"", refusal.key}
            if not (is_held and session.is_on_device(caller)):
                self._announce(self._noted_without_key(session, now, caller))
        raise refusal

    def _newest(self, refresh_tokens: Sequence[str]) -> Iterable[RefreshGrant]:
        """Return what the valid ones of these tokens say. Of one session's tokens the newest counts."""
        newest: dict[str, RefreshGrant] = {}
        for refresh_token in refresh_tokens:
            with contextlib.suppress(InvalidGrant):
                grant = self._verifier.verify(REFRESH_TOKEN, refresh_token)
                known = newest.get(grant.session_id)
                if known is None or known.counter < grant.counter:
                    newest[grant.session_id] = grant
        return newest.values()

    def _end_each(
        self, refresh_tokens: Sequence[str], caller: Caller, *, notes_strangers: bool
    ) -> tuple[list[SecurityEvent], list[InvalidDPoPProof | NotOnDevice]]:
        """End the sessions of refresh tokens. Of one session's tokens the newest counts.

        Return what happened, and why sessions go on that the caller could end by another request. ``notes_strangers``
        says whether a token of a bound session without its key is an event.
        """
        now = self._clock()
        events, refusals = [], []
        for grant in self._newest(refresh_tokens):
            event, refusal = self._end(grant, now, caller, notes_strangers=notes_strangers)
            events += [] if event is None else [event]
            refusals += [] if refusal is None else [refusal]
        return events, refusals

    def _end(
        self, grant: RefreshGrant, now: int, caller: Caller, *, notes_strangers: bool
    ) -> tuple[SecurityEvent | None, InvalidDPoPProof | NotOnDevice | None]:
        """End the session of a refresh token.

        Return the event, None if there was no session or nothing to tell, and why the session goes on if the caller
        lacks its device, or has its key and no new proof.
        """
        event = SecurityEvent(EventType.LOGGED_OUT, grant.user_id, now, caller, grant.session_id)
        proof, is_on_device = caller.key_proof, caller.device_of == grant.session_id
        end_at = functools.partial(
            self._sessions.end_at,
            grant.user_id,
            grant.session_id,
            event=event,
            key_proof=proof,
            on_device=is_on_device,
        )
        ending = end_at(counter=grant.counter)
        session = ending.session
        if session is not None and session.allows(proof) and session.is_on_device(caller):
            if self._is_reused(session, grant, now, caller):
                event = replace(event, type=EventType.REFRESH_TOKEN_REUSED)
                is_ended = self._sessions.end_reused(session, event, self._notice(session, now))
                return event if is_ended else None, None
            ending = end_at(counter=None)
            session = ending.session
        if ending.applied:
            return event, None
        if session is None:
            return None, None
        away = None if session.is_on_device(caller) else NotOnDevice(session.user_id, session.id)
        if session.is_held_by(proof) and away is None:
            return None, InvalidDPoPProof(session.refusal_of(proof), session.user_id, session.id)
        return self._noted_without_key(session, now, caller) if notes_strangers else None, away

    def _is_reused(self, session: Session, grant: RefreshGrant, now: int, caller: Caller) -> bool:
        """Return whether a token other than the current one was used before and is not accepted as a retry."""
        if not session.is_live(now) or grant.counter > session.refresh_counter:
            return False
        is_retry = session.is_retry(grant.counter, now, self._rules.retry_window)
        return not is_retry or self._after_retry(session, grant, caller, now) is None

    def _retry(self, session: Session, grant: RefreshGrant, now: int, caller: Caller) -> EventType:
        """Return what happens if a token that was used before gets its successor again, after noting that it does.

        Raises InvalidGrant, RefreshTokenReused after ending the session, or InvalidDPoPProof.
        """
        if session.accepts(grant.counter, now):
            # It was not used before: requests of one session have met more often than the store tries.
            raise ServiceUnavailable("too many refreshes of one session at once")
        if not session.is_retry(grant.counter, now, self._rules.retry_window):
            raise self._refusal(session, grant, now, caller)
        known: Session | None = session
        for _ in range(_ROUNDS):
            if known is None:
                raise InvalidGrant("no such session", grant.user_id, grant.session_id)
            self._require_key(known, caller, now)
            after = self._after_retry(known, grant, caller, now)
            if after is None:
                raise self._reuse(known, now, caller, "the token was retried too often")
            if after == known:
                return EventType.REFRESH_RETRIED
            event = None
            if after.elsewhere_counter != known.elsewhere_counter:
                event = SecurityEvent(EventType.REFRESH_RETRIED_ELSEWHERE, session.user_id, now, caller, session.id)
            noted = self._sessions.note_retry(known, after, event)
            if noted.applied:
                return event.type if event is not None else EventType.REFRESH_RETRIED
            known = noted.session
        raise ServiceUnavailable("too many retries of one refresh at once")

    def _after_retry(self, session: Session, grant: RefreshGrant, caller: Caller, now: int) -> Session | None:
        """Return the session after a retry, or None if the retry counts as reuse.

        Whoever has the key of a session is its client: nothing else counts.
        """
        if session.key:
            return session.after_proof(caller.key_proof)
        return session.after_retry(grant.counter, caller, now)

    def _require_key(self, session: Session, caller: Caller, now: int) -> None:
        """Return if the caller's proof and device allow to continue a session, or nobody can continue it.

        Raises NotOnDevice or InvalidDPoPProof.
        """
        proof, is_on_device = caller.key_proof, session.is_on_device(caller)
        if (is_on_device and session.allows(proof)) or not session.is_live(now):
            return
        self._announce(self._noted_without_key(session, now, caller))
        if not is_on_device:
            raise NotOnDevice(session.user_id, session.id)
        raise InvalidDPoPProof(session.refusal_of(proof), session.user_id, session.id)

    def _noted_without_key(self, session: Session, now: int, caller: Caller) -> SecurityEvent:
        """Return the event that somebody without its key has used a session's token. Record it once a day."""
        event = SecurityEvent(EventType.REFRESH_WITHOUT_KEY, session.user_id, now, caller, session.id)
        if now - session.without_key_at >= WITHOUT_KEY_INTERVAL:
            self._sessions.note_without_key(session, event)
        return event

    def _refusal(self, session: Session, grant: RefreshGrant, now: int, caller: Caller) -> InvalidGrant:
        """Return the error of a refused refresh. If the token was reused, end its session first."""
        if not session.is_live(now):
            return InvalidGrant("the session has expired", session.user_id, session.id)
        if grant.counter > session.refresh_counter:
            # The token is ours but newer than the stored session: the table was restored to an earlier state.
            return InvalidGrant("the token is newer than the session", session.user_id, session.id)
        return self._reuse(session, now, caller, "the token was used before")

    def _reuse(self, session: Session, now: int, caller: Caller, reason: str) -> RefreshTokenReused:
        """End a session whose token was reused. Return the error to raise."""
        event = SecurityEvent(EventType.REFRESH_TOKEN_REUSED, session.user_id, now, caller, session.id)
        self._sessions.end_reused(session, event, self._notice(session, now))
        self._announce(event)
        return RefreshTokenReused(reason, session.user_id, session.id)

    def _notice(self, session: Session, now: int) -> Mail | None:
        """Return the mail that tells the session's user that a refresh token was reused."""
        return self._notices.of("refresh_token_reused", username=session.username, user_id=session.user_id, at=now)


def _is_of_device(refusal: InvalidDPoPProof | NotOnDevice) -> bool:
    return isinstance(refusal, NotOnDevice)


def _is_reuse(event: SecurityEvent) -> bool:
    return event.type is EventType.REFRESH_TOKEN_REUSED
