"""The use case of logging in by a mailed code.

A code is worth something to the browser only that asked for it, because it alone has the challenge (ASVS 5.0, 6.6.2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.accounts.authentication import EMAIL
from chalicelib.accounts.events import EventType, SecurityEvent
from chalicelib.accounts.mail import Mail, MailKind
from chalicelib.credentials.mailed import MAX_TOKEN_LENGTH, code_fits, mail_id_of_challenge, new_challenge
from chalicelib.errors import Conflict, InvalidChallenge, InvalidCode
from chalicelib.use_cases.mailed_links import goes_to

if TYPE_CHECKING:
    from chalicelib.accounts.caller import Caller
    from chalicelib.accounts.results import LoggedIn
    from chalicelib.clock import Clock
    from chalicelib.credentials.mailed import MailedProof
    from chalicelib.credentials.throttling import Known
    from chalicelib.use_cases.begin_session import BeginSession
    from chalicelib.use_cases.notices import Notices
    from chalicelib.use_cases.ports import Announce, Stores


class CodeLogIn:
    """Begins sessions for users who get mail at a verified address."""

    def __init__(
        self, *, stores: Stores, begin_session: BeginSession, notices: Notices, clock: Clock, announce: Announce
    ) -> None:
        self._stores = stores
        self._begin_session = begin_session
        self._notices = notices
        self._clock = clock
        self._announce = announce

    def ask(self, name: str, caller: Caller, *, device: Known | None, language: str) -> str:
        """Send a code to whoever has this username or verified address. Return the challenge that it belongs to.

        It does the same if nobody has. ``device`` is the device that asks, if it has logged in before.

        Raises:
            NotFound: the site sends no mail.
            TooManyMails: too many mails were asked for from the caller's address on the network.

        """
        self._notices.require_mail()
        now, challenge = self._clock(), new_challenge()
        if not self._stores.outbox.count_request(caller.ip, known=device is not None, now=now):
            self._announce(SecurityEvent(EventType.MAIL_NOT_SENT, None, now, caller))
            return challenge
        mail = Mail(
            mail_id_of_challenge(challenge),
            MailKind.LOGIN_CODE,
            now,
            language,
            asked=name,
            known_user_id=device.user_id if device is not None else None,
        )
        self._stores.outbox.ask(mail)
        return challenge

    def verify(self, challenge: str, code: str, caller: Caller) -> LoggedIn:
        """Begin a session for the user to whom the code of this challenge was sent.

        Each try is counted before the code is checked, so parallel guesses are no more than those one after the other.

        Raises:
            NotFound: the site sends no mail.
            InvalidChallenge: the challenge is unknown, expired or used, or its tries are.
            InvalidCode: the code is wrong, or none was sent.
            SecondFactorRequired: the code is right, and a second factor is due.

        """
        self._notices.require_mail()
        now = self._clock()
        proof = None
        if len(challenge) <= MAX_TOKEN_LENGTH:
            proof = self._stores.outbox.try_code(mail_id_of_challenge(challenge), now)
        if proof is None:
            raise InvalidChallenge("unknown, expired, used, or tried too often")
        if not code_fits(code, proof):
            raise self._refusal(proof, caller)
        user = self._stores.users.find(proof.username) if proof.username is not None else None
        if user is None or user.id != proof.user_id or user.disabled or not goes_to(user, proof):
            raise InvalidChallenge("the account has changed")
        try:
            return self._begin_session.of_known_user(user, caller, amr=EMAIL, proof=proof)
        except Conflict:
            raise InvalidChallenge("used, or the account has changed meanwhile") from None

    def _refusal(self, proof: MailedProof, caller: Caller) -> InvalidCode:
        self._announce(SecurityEvent(EventType.LOGIN_FAILED, proof.user_id, self._clock(), caller))
        return InvalidCode("wrong code")
