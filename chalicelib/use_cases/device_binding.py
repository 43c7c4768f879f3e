"""Binding sessions to devices: what a browser does by itself with a key that does not leave its device.

The browser signs a challenge after the log-in, which binds the session, and others later, each of which gives it a
short cookie. Refreshes need that cookie (W3C, Device Bound Session Credentials).
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chalicelib.credentials.challenges import Challenges, Purpose
from chalicelib.errors import (
    DeviceProofRequired,
    InvalidChallenge,
    InvalidDeviceProof,
    InvalidGrant,
    ServiceUnavailable,
)
from chalicelib.tokens.device_proofs import first_proof, later_proof, unverified_challenge
from chalicelib.tokens.kinds import BOUND_TOKEN, REFRESH_TOKEN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chalicelib.accounts.caller import Caller
    from chalicelib.accounts.session import Session, SessionRules
    from chalicelib.clock import Clock
    from chalicelib.credentials.sealing import Sealer
    from chalicelib.tokens.issuer import TokenIssuer
    from chalicelib.tokens.principals import RefreshGrant
    from chalicelib.tokens.verifier import TokenVerifier
    from chalicelib.use_cases.ports import Stores

CHALLENGE_LIFETIME = 240
"""Seconds. A TPM signs within one, and browsers may hold their requests back."""

LEAST_LIFETIME = 300
"""Seconds that the short cookie lasts at least: browsers limit how often they sign."""

_IDENTIFIER_BYTES = 16


@dataclass(frozen=True, slots=True, eq=False)
class OnDevice:
    """What a browser gets that has proven the key of a session's device."""

    identifier: str
    """The browser's name for the session."""
    bound_token: str = field(repr=False)
    bound_expires_in: int
    """Seconds."""
    refresh_token: str = field(default="", repr=False)
    """The session's next refresh token, if the binding has used one up."""
    refresh_expires_in: int = 0


class DeviceBinding:
    """Binds sessions to devices, and renews the short cookie of those that are."""

    def __init__(
        self,
        *,
        stores: Stores,
        issuer: TokenIssuer,
        verifier: TokenVerifier,
        rules: SessionRules,
        sealer: Sealer,
        access_lifetime: int,
        clock: Clock,
    ) -> None:
        self._sessions = stores.sessions
        self._issuer = issuer
        self._verifier = verifier
        self._rules = rules
        self._challenges = Challenges(sealer)
        self._lifetime = max(access_lifetime, LEAST_LIFETIME)
        self._clock = clock

    def invitation(self, session_id: str) -> str:
        """Return the challenge whose signature binds a new session to a device."""
        return self._challenge(Purpose.NEW_DEVICE, session_id)

    def bind(self, refresh_token: str, proof: str, caller: Caller, *, url: str) -> OnDevice:
        """Bind the session of a refresh token to the device whose key has signed the session's challenge.

        The refresh token is used up by it. So a copy of it is worth nothing that was made before the session was bound.
        ``url`` is where the proof was sent.

        A session with a key of its client goes on without its device, and with its refresh token, until whoever has the
        key comes from there. So nobody who has seen the challenge, but lacks the key, can bind it to another device for
        good. What copies of the token are worth, the key says already.

        Raises:
            InvalidGrant: the token is forged or expired.
            InvalidDeviceProof: the proof is wrong, or is not for this session, or the session can be bound no more:
                it is bound already, its token has been used, or it has ended.

        """
        grant = self._verifier.verify(REFRESH_TOKEN, refresh_token)
        now = self._clock()
        key, challenge = first_proof(proof, url=url)
        if self._opened(challenge, Purpose.NEW_DEVICE, grant.session_id, now) is None:
            raise InvalidDeviceProof("the challenge is not this session's, or too old", grant.user_id, grant.session_id)
        bound = self._sessions.bind_device(
            grant.user_id,
            grant.session_id,
            grant.counter,
            key,
            now=now,
            idle_expires_at=now + self._rules.idle_lifetime,
            used_from=caller.fingerprint,
        )
        if not bound.applied or bound.session is None:
            raise InvalidDeviceProof("the session cannot be bound any more", grant.user_id, grant.session_id)
        session = bound.session
        if session.device_waits:
            return self._on_device(session, now)
        return self._on_device(session, now, self._issuer.refresh_token(session, now), session.refresh_expires_at - now)

    def renew(
        self, refresh_tokens: Sequence[str], identifier: str | None, proof: str | None, *, url: str
    ) -> OnDevice | None:
        """Return the next short cookie of a refresh token's session, None if the browser has nothing more to renew.

        That is so if the session has ended, is not bound, or is another than ``identifier`` names. Any refresh token of
        the session will do: it says which, and the proof says who. Takes one read, or with a proof one write.

        Raises:
            DeviceProofRequired: there is no proof, or it is by a challenge which is not of this session, too old, or
                from before the last proof that was used.
            InvalidDeviceProof: the proof is not by the key of the session's device.
            ServiceUnavailable: the token cannot be verified now, and may be good.

        """
        grant = self._granted(refresh_tokens)
        if grant is None or (identifier is not None and identifier != _identifier(grant.session_id)):
            return None
        now = self._clock()
        asked = (
            self._opened(unverified_challenge(proof), Purpose.DEVICE, grant.session_id, now)
            if proof is not None
            else None
        )
        if proof is None or asked is None:
            session = self._sessions.find(grant.user_id, grant.session_id)
        else:
            later_proof(proof, asked["key"], url=url)
            turn = self._sessions.next_device_turn(
                grant.user_id, grant.session_id, asked["key"], asked["turn"], now=now
            )
            session = turn.session
            if turn.applied and session is not None:
                return self._on_device(session, now)
        if session is None or not session.device_key or not session.is_live(now):
            return None
        # With the key in it a proof is verified before anything is read.
        challenge = self._challenge(Purpose.DEVICE, session.id, key=session.device_key, turn=session.device_turn)
        raise DeviceProofRequired(challenge, identifier=_identifier(session.id))

    def session_of(self, bound_tokens: Sequence[str]) -> str:
        """Return the id of the session that a short cookie names. Empty if there is not exactly one good one."""
        if len(bound_tokens) != 1:
            return ""
        try:
            return self._verifier.verify(BOUND_TOKEN, bound_tokens[0]).session_id
        except InvalidGrant:
            return ""

    def _granted(self, refresh_tokens: Sequence[str]) -> RefreshGrant | None:
        """Return what the one refresh token says, None if there is no such token and never will be.

        Raises ServiceUnavailable for one that may be good later, as with a key that is not known here yet. A browser
        that hears of no session drops its key for good.
        """
        if len(refresh_tokens) != 1:
            return None
        try:
            return self._verifier.verify(REFRESH_TOKEN, refresh_tokens[0])
        except InvalidGrant as refused:
            if refused.is_final:
                return None
            raise ServiceUnavailable(f"a refresh token is refused for now: {refused.reason}") from refused

    def _challenge(self, purpose: Purpose, session_id: str, **others: str) -> str:
        return self._challenges.issue(
            purpose, self._clock(), {"sid": session_id, **others}, lifetime=CHALLENGE_LIFETIME
        )

    def _opened(self, challenge: str, purpose: Purpose, session_id: str, now: int) -> Mapping[str, str] | None:
        """Return what is in a challenge, None if it is not one of this session that is good now."""
        try:
            content = self._challenges.open(challenge, now, purpose).content
        except InvalidChallenge:
            return None
        return content if content["sid"] == session_id else None

    def _on_device(self, session: Session, now: int, refresh_token: str = "", refresh_expires_in: int = 0) -> OnDevice:
        lifetime = min(self._lifetime, session.expires_at - now)
        token = self._issuer.bound_token(session, now, lifetime=lifetime)
        return OnDevice(_identifier(session.id), token, lifetime, refresh_token, refresh_expires_in)


def _identifier(session_id: str) -> str:
    """Return the browser's name for a session: not its id, which stands in tokens."""
    digest = hashlib.sha256(f"device {session_id}".encode()).digest()[:_IDENTIFIER_BYTES]
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
