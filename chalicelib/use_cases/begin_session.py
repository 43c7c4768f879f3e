"""The last step of every authentication: storing what it gives a session, and issuing tokens that say so."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from chalicelib.accounts.authentication import MULTIPLE, PASSWORD
from chalicelib.accounts.events import EventType, SecurityEvent
from chalicelib.accounts.results import LoggedIn, Reauthenticated
from chalicelib.accounts.session import Session, SessionRules
from chalicelib.errors import InvalidToken, ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.accounts.caller import Caller
    from chalicelib.accounts.mail import Mail
    from chalicelib.accounts.user import User
    from chalicelib.clock import Clock
    from chalicelib.credentials.mailed import MailedProof
    from chalicelib.credentials.second_factors import FactorUse
    from chalicelib.credentials.throttling import Admission
    from chalicelib.tokens.issuer import TokenIssuer
    from chalicelib.use_cases.ports import Announce, Stores
    from chalicelib.use_cases.second_factors import SecondFactors

_ID_BYTES = 16
"""128 bits: an identifier is unique and cannot be guessed."""

_ROUNDS = 5
"""Attempts to put a session in another one's place while that one is refreshed."""


def new_id() -> str:
    """Return an identifier for a user or a session."""
    return secrets.token_urlsafe(_ID_BYTES)


class BeginSession:
    """Begins sessions of new users and of known users, and makes those that exist fresh again.

    What the access token will say is known before anything is stored or used up. Where the site's hook fails to tell,
    each method raises HookFailed, and the request can be made again.
    """

    def __init__(
        self,
        *,
        stores: Stores,
        issuer: TokenIssuer,
        rules: SessionRules,
        clock: Clock,
        announce: Announce,
        second_factors: Callable[[], SecondFactors],
    ) -> None:
        self._users = stores.users
        self._sessions = stores.sessions
        self._issuer = issuer
        self._rules = rules
        self._clock = clock
        self._announce = announce
        self._second_factors = second_factors

    def of_new_user(
        self,
        user: User,
        caller: Caller,
        *,
        amr: tuple[str, ...] = PASSWORD,
        mail: Mail | None = None,
        proof: MailedProof | None = None,
    ) -> LoggedIn:
        """Store a new user together with a first session.

        ``mail`` asks to confirm the user's address. ``proof`` is that of one which was confirmed before.

        Raises UsernameTaken, or LinkExpired if the proof has been used meanwhile.
        """
        issuer = self._issuer.prepared(user)
        session = self._new_session(user, caller, amr)
        event = SecurityEvent(EventType.REGISTERED, user.id, session.created_at, caller, session.id)
        self._users.add(user, session, event, mail=mail, proof=proof)
        self._announce(event)
        return _logged_in(user, session, issuer)

    def of_known_user(
        self,
        user: User,
        caller: Caller,
        *,
        amr: tuple[str, ...],
        new_hash: str | None = None,
        admission: Admission | None = None,
        proof: MailedProof | None = None,
        factor: FactorUse | None = None,
    ) -> LoggedIn:
        """Store a session of a user whose credential was checked, with a new hash of the password if there is one.

        Every way to log in ends here. So a second factor is asked for here, where one is due, whatever the way.

        ``amr`` says how the user has authenticated. ``admission`` is that of the credential, if attempts with it are
        counted. ``proof`` is the credential, if it was mailed, and ``factor`` what else is used up.

        Raises:
            SecondFactorRequired: a second factor is due, and ``amr`` has none. Nothing has been stored or used up.
            Conflict: the user has changed since the check, so the credential may no longer be valid.
            InvalidChallenge, InvalidCode: what ``factor`` names has been used meanwhile.
            ServiceUnavailable: too many sessions of this user begin at once.

        """
        if user.second_factor and MULTIPLE not in amr:
            raise self._second_factors().required(
                user, caller, amr=amr, new_hash=new_hash, admission=admission, proof=proof
            )
        issuer = self._issuer.prepared(user)
        session = self._new_session(user, caller, amr)
        event = SecurityEvent(EventType.LOGIN_SUCCEEDED, user.id, session.created_at, caller, session.id)
        revoked = SecurityEvent(EventType.SESSION_REVOKED, user.id, session.created_at, caller)
        if self._sessions.begin(
            user,
            session,
            event,
            if_ended=revoked,
            password_hash=new_hash,
            admission=admission,
            proof=proof,
            factor=factor,
        ):
            self._announce(revoked)
        if factor is not None and factor.event is not None:
            self._announce(factor.event)
        self._announce(event)
        return _logged_in(user, session, issuer)

    def in_place_of(
        self,
        session: Session,
        user: User,
        caller: Caller,
        *,
        new_hash: str,
        admission: Admission,
        notice: Mail | None = None,
    ) -> LoggedIn:
        """Change the user's password. Keep a new session instead of this one, and end all others.

        A bound session's successor has the same key, and a plain one's that of the caller's proof, if there is one. It
        is bound to no device: the browser binds it anew.

        ``admission`` is that of the old password. Whoever holds tokens of the old session holds nothing any more: the
        session has another id.

        The new session has seen each proof that this one has, also those of refreshes since it was read.

        Raises:
            Conflict: the user has changed since it was read, or the session has ended.
            ServiceUnavailable: too many refreshes of the session come meanwhile.

        """
        epoch = user.session_epoch + 1
        changed = replace(user, password_hash=new_hash, session_epoch=epoch, contact=user.settled_contact)
        issuer = self._issuer.prepared(changed)
        successor = self._new_session(changed, caller, session.amr)
        event = SecurityEvent(EventType.PASSWORD_CHANGED, user.id, successor.created_at, caller, successor.id)
        for _ in range(_ROUNDS):
            successor = _bound_as(session, successor, caller)
            newer = self._users.change_password(admission, session, successor, new_hash, event, notice)
            if newer is None:
                self._announce(event)
                return _logged_in(changed, successor, issuer)
            session = newer
        raise ServiceUnavailable("too many refreshes of one session at once")

    def once_more(
        self,
        session: Session,
        user: User,
        caller: Caller,
        *,
        amr: tuple[str, ...],
        factor: FactorUse | None = None,
    ) -> Reauthenticated:
        """Make a session fresh whose user has just authenticated in it. Return an access token that says so.

        ``amr`` and ``factor`` are those of ``of_known_user``.

        Raises:
            InvalidToken: the session has ended since it was read.
            Conflict, InvalidChallenge, InvalidCode: see ``of_known_user``.

        """
        issuer = self._issuer.prepared(user)
        now = self._clock()
        fresh = replace(session, authenticated_at=now, amr=amr)
        event = SecurityEvent(EventType.REAUTHENTICATED, user.id, now, caller, session.id)
        if not self._sessions.reauthenticate(user, fresh, event, factor=factor):
            raise InvalidToken("the session has ended", detail="The session has ended.")
        self._announce(event)
        return Reauthenticated(user, issuer.access_token(user, fresh, now), issuer.expires_in(fresh, now))

    def _new_session(self, user: User, caller: Caller, amr: tuple[str, ...]) -> Session:
        now, proof = self._clock(), caller.key_proof
        return Session(
            id=new_id(),
            user_id=user.id,
            username=user.username,
            created_at=now,
            authenticated_at=now,
            last_used_at=now,
            idle_expires_at=now + self._rules.idle_lifetime,
            expires_at=now + self._rules.absolute_lifetime,
            refresh_counter=0,
            epoch=user.session_epoch,
            caller=caller,
            amr=amr,
            key=proof.key if proof is not None else "",
            key_proof_at=proof.at if proof is not None else 0,
            key_proofs=(proof.id,) if proof is not None else (),
        )


def _bound_as(session: Session, successor: Session, caller: Caller) -> Session:
    """Return the successor of a session with the session's key, and with its proofs and the caller's.

    A plain session's stays as it is.
    """
    if not session.key:
        return successor
    # A refresh that came meanwhile may have had a later proof than the caller's, which then is refused anyway.
    seen = session.after_proof(caller.key_proof) if session.allows(caller.key_proof) else session
    return replace(successor, key=seen.key, key_proof_at=seen.key_proof_at, key_proofs=seen.key_proofs)


def _logged_in(user: User, session: Session, issuer: TokenIssuer) -> LoggedIn:
    return LoggedIn(user, issuer.token_pair(user, session, session.created_at), session.id)
