"""The second factor: how it is asked for, and how an answer is checked.

Between the two steps nothing is stored. What the first step has found is sealed into the challenge that the second one
brings back: who, how, and what is to be taken back or used up when the log-in succeeds.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chalicelib.accounts.authentication import ONE_TIME
from chalicelib.accounts.caller import Caller
from chalicelib.accounts.events import EventType, SecurityEvent
from chalicelib.accounts.mail import MailKind
from chalicelib.credentials.challenges import LIFETIME, Challenge, Challenges, Purpose, ceremony_challenge
from chalicelib.credentials.mailed import MailedProof
from chalicelib.credentials.second_factors import FactorUse, PasskeyUse, seconds_until_more, tries_window
from chalicelib.credentials.throttling import Admission, Attempt, Failures, Known, Window
from chalicelib.credentials.totp import matching_step
from chalicelib.credentials.webauthn import (
    CeremonyRefused,
    Malformed,
    RelyingParty,
    request_options,
    verify_assertion,
)
from chalicelib.errors import (
    FieldError,
    Flaw,
    InvalidChallenge,
    InvalidCode,
    SecondFactorRequired,
    TooManyAttempts,
    UnknownPasskey,
    ValidationFailed,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.accounts.factors import Passkey
    from chalicelib.accounts.session import Session
    from chalicelib.accounts.user import User
    from chalicelib.clock import Clock
    from chalicelib.credentials.recovery_codes import RecoveryCodes
    from chalicelib.credentials.sealing import Sealer
    from chalicelib.use_cases.notices import Notices
    from chalicelib.use_cases.ports import Announce, Stores

TOTP_SECRET = "TOTP secret"
"""What the secrets of TOTP apps are sealed for. They are sealed about their user."""

REFUSED_PASSKEY = "The passkey's answer was refused. Try again, or use another way."


class SecondFactors:
    """Asks for second factors, and checks what is answered."""

    def __init__(
        self,
        *,
        stores: Stores,
        sealer: Sealer,
        recovery_codes: RecoveryCodes,
        relying_party: RelyingParty,
        notices: Notices,
        clock: Clock,
        announce: Announce,
    ) -> None:
        self._stores = stores
        self._sealer = sealer
        self._challenges = Challenges(sealer)
        self._recovery_codes = recovery_codes
        self._relying_party = relying_party
        self._notices = notices
        self._clock = clock
        self._announce = announce

    def required(
        self,
        user: User,
        caller: Caller,
        *,
        amr: tuple[str, ...],
        new_hash: str | None,
        admission: Admission | None,
        proof: MailedProof | None,
    ) -> SecondFactorRequired:
        """Return the error that asks for the second step of a log-in, whose first step these arguments are of."""
        if new_hash is not None:
            # The second step does not see the password.
            self._stores.users.replace_hash(user, new_hash)
            user = replace(user, password_hash=new_hash)
        return self._asking(user, Purpose.SECOND_FACTOR, _first_step(user, caller, amr, admission, proof))

    def required_again(self, user: User, session: Session) -> SecondFactorRequired:
        """Return the error that asks for the second step of a reauthentication."""
        return self._asking(user, Purpose.REAUTHENTICATION, {"user": user.id, "session": session.id})

    def opened(self, challenge: str, *purposes: Purpose) -> Challenge:
        """Return the content of a challenge for one of these purposes. Raises InvalidChallenge."""
        return self._challenges.open(challenge, self._clock(), *purposes)

    def issue(self, purpose: Purpose, content: Mapping[str, Any] | None = None, *, lifetime: int = LIFETIME) -> str:
        """Return a new challenge."""
        return self._challenges.issue(purpose, self._clock(), content, lifetime=lifetime)

    def check(
        self,
        user: User,
        caller: Caller,
        *,
        challenge: Challenge | None = None,
        challenge_text: str = "",
        code: str | None = None,
        recovery_code: str | None = None,
        credential: Mapping[str, Any] | None = None,
        session_id: str | None = None,
    ) -> tuple[tuple[str, ...], FactorUse]:
        """Return how a user who has the first factor has proved the second one, and what that uses up.

        One of ``code``, ``recovery_code`` and ``credential`` is the answer. The try is counted before it is checked.

        Raises:
            InvalidCode: the answer is wrong.
            InvalidChallenge: the tries of the challenge are used up, or the passkey has answered another one.
            TooManyAttempts: those of the account are, for an hour or a day.
            ValidationFailed: ``credential`` has not the form of one.

        """
        now = self._clock()
        window = tries_window(user.id, challenge, now)
        full = self._stores.factors.count_try(window)
        if full is not None and full.startswith("challenge"):
            raise InvalidChallenge("tried too often")
        if full is not None:
            raise TooManyAttempts(seconds_until_more(full, now), limit=f"second factors an {full.partition('_')[0]}")
        try:
            if credential is not None:
                passkey = self.passkey_of(user, credential)
                used = self.passkey_use(passkey, credential, challenge_text, user_is_known=True)
                return passkey.amr, FactorUse(challenge, window, passkey=used)
            if recovery_code is not None:
                return ONE_TIME, self._recovery(user, recovery_code, caller, challenge, window)
            return ONE_TIME, self._totp(user, code or "", challenge, window)
        except (InvalidCode, InvalidChallenge):
            self.failed(user, caller, session_id)
            raise

    def failed(self, user: User, caller: Caller, session_id: str | None = None) -> None:
        """Record that a second factor was wrong, or was right and had been used before."""
        event = SecurityEvent(EventType.SECOND_FACTOR_FAILED, user.id, self._clock(), caller, session_id)
        self._stores.factors.failed(event)
        self._announce(event)

    def recalled(
        self, user: User | None, challenge: Challenge
    ) -> tuple[User, tuple[str, ...], Admission | None, MailedProof | None]:
        """Return the user, and the first step of the log-in that a challenge goes on with.

        Raises InvalidChallenge if the account has changed since.
        """
        content = challenge.content
        if user is None or user.id != content["user"] or user.disabled or content["state"] != _state(user):
            raise InvalidChallenge("the account has changed")
        return user, tuple(content["amr"]), _admission(content, user), _proof(content, user)

    def name_in(self, challenge: Challenge) -> str:
        """Return the username of who has done the first step."""
        return str(challenge.content["username"])

    def passkey_of(self, user: User, credential: Mapping[str, Any]) -> Passkey:
        """Return which of the user's passkeys has answered. Raises InvalidCode if none has, or ValidationFailed."""
        passkey = self.find_passkey(credential)
        if passkey.user_id != user.id or passkey.id not in user.passkeys:
            raise InvalidCode("another user's passkey", "This passkey is not one of this account.")
        return passkey

    def find_passkey(self, credential: Mapping[str, Any]) -> Passkey:
        """Return the passkey that a credential says to be of. Raises InvalidCode or ValidationFailed."""
        from chalicelib.credentials.webauthn import credential_id  # noqa: PLC0415

        try:
            passkey_id = credential_id(credential)
        except Malformed as malformed:
            raise invalid(malformed) from None
        passkey = self._stores.factors.find_passkey(passkey_id)
        if passkey is None:
            raise UnknownPasskey("unknown passkey")
        if passkey.rp_id != self._relying_party.id:
            raise InvalidCode("a passkey of another domain", "This passkey was made for another address of this site.")
        return passkey

    def passkey_use(
        self, passkey: Passkey, credential: Mapping[str, Any], challenge: str, *, user_is_known: bool = False
    ) -> PasskeyUse:
        """Return what a passkey's answer to a challenge uses up.

        Raises InvalidCode or InvalidChallenge if it proves nothing, ValidationFailed if it is no answer.
        """
        try:
            assertion = verify_assertion(
                credential,
                self._relying_party,
                passkey,
                challenge=ceremony_challenge(challenge),
                user_is_known=user_is_known,
            )
        except Malformed as malformed:
            raise invalid(malformed) from None
        except CeremonyRefused as refused:
            raise refusal(refused) from None
        return PasskeyUse(passkey, assertion.sign_count, assertion.backed_up)

    def _asking(self, user: User, purpose: Purpose, content: dict[str, Any]) -> SecondFactorRequired:
        challenge = self.issue(purpose, content)
        methods, public_key = ["totp"], None
        if user.factors is not None and user.factors.recovery_codes and purpose is Purpose.SECOND_FACTOR:
            methods.append("recovery_code")
        if user.passkeys:
            methods.append("passkey")
            public_key = request_options(
                self._relying_party, challenge=ceremony_challenge(challenge), allow=user.passkeys
            )
        return SecondFactorRequired(challenge, methods=tuple(methods), expires_in=LIFETIME, public_key=public_key)

    def _totp(self, user: User, code: str, challenge: Challenge | None, window: Window) -> FactorUse:
        sealed = user.factors.totp if user.factors is not None else None
        secret = None if sealed is None else self._sealer.open(sealed, purpose=TOTP_SECRET, about=user.id)
        if sealed is None or secret is None:
            raise InvalidCode("no TOTP app, or its secret cannot be opened")
        step = matching_step(secret, code, self._clock())
        if step is None:
            raise InvalidCode("wrong code")
        resealed = None
        if self._sealer.needs_resealing(sealed):
            resealed = self._sealer.seal(secret, purpose=TOTP_SECRET, about=user.id)
        return FactorUse(challenge, window, totp_step=step, resealed_totp=resealed)

    def _recovery(
        self, user: User, code: str, caller: Caller, challenge: Challenge | None, window: Window
    ) -> FactorUse:
        stored = user.factors.recovery_codes if user.factors is not None else ()
        digest = self._recovery_codes.find(user.id, code, stored)
        if digest is None:
            raise InvalidCode("wrong recovery code")
        now, mail = self._clock(), None
        if user.verified_email is not None:
            kind = MailKind.RECOVERY_CODE_USED
            mail = self._notices.of(kind, username=user.username, user_id=user.id, at=now)
        event = SecurityEvent(EventType.RECOVERY_CODE_USED, user.id, now, caller)
        return FactorUse(challenge, window, recovery_code=digest, event=event, mail=mail)


def invalid(malformed: Malformed) -> ValidationFailed:
    """Return the error that names the member of a credential that is wrong."""
    path = f"credential.{malformed.field}" if malformed.field else "credential"
    return ValidationFailed(FieldError(path, Flaw(malformed.message, "malformed")))


def refusal(refused: CeremonyRefused) -> InvalidCode | InvalidChallenge:
    """Return the error of a ceremony that proves nothing."""
    reason = refused.reason or ""
    if refused.of_challenge:
        return InvalidChallenge(reason)
    return InvalidCode(reason, REFUSED_PASSKEY)


def _state(user: User) -> str:
    """Return a digest of what ends a log-in between its steps: a change of the password, or the end of all sessions."""
    return hashlib.sha256(f"{user.password_hash}\n{user.session_epoch}".encode()).hexdigest()[:32]


def _first_step(
    user: User, caller: Caller, amr: tuple[str, ...], admission: Admission | None, proof: MailedProof | None
) -> dict[str, Any]:
    """Return what the second step has to know of the first."""
    content: dict[str, Any] = {"user": user.id, "username": user.username, "state": _state(user), "amr": amr}
    if proof is not None:
        content["mail"] = [proof.mail_id, proof.kind, proof.password_version, proof.email]
    if admission is not None:
        today, window = admission.before.today, admission.window
        content["attempt"] = {
            "from": [caller.ip, caller.user_agent],
            "known": admission.attempt.known,
            "before": None if today is None else [today.at, today.caller.ip, today.caller.user_agent, today.count],
            "window": window,
        }
    return content


def _proof(content: Mapping[str, Any], user: User) -> MailedProof | None:
    if "mail" not in content:
        return None
    mail_id, kind, version, email = content["mail"]
    if user.verified_email != email:
        # Whoever gives another address may have lost the mailbox before.
        raise InvalidChallenge("the address has changed")
    return MailedProof(
        mail_id=mail_id,
        kind=MailKind(kind),
        expires_at=0,
        used=False,
        user_id=user.id,
        username=user.username,
        email=email,
        password_version=version,
        session_id=None,
    )


def _admission(content: Mapping[str, Any], user: User) -> Admission | None:
    kept = content.get("attempt")
    if kept is None:
        return None
    today = None
    if kept["before"] is not None:
        at, ip, user_agent, count = kept["before"]
        today = SecurityEvent(EventType.LOGIN_FAILED, user.id, at, Caller(ip, user_agent), count=count)
    known = Known(*kept["known"]) if kept["known"] is not None else None
    window = Window(*kept["window"]) if kept["window"] is not None else None
    return Admission(Attempt(user.username, Caller(*kept["from"]), known), user, Failures(today=today), window)
