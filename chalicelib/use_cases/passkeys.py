"""The use cases of passkeys: adding, naming and removing them, and logging in with one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from chalicelib.accounts.events import EventType, SecurityEvent
from chalicelib.accounts.factors import MOST_PASSKEYS, Passkey, PasskeyOptions
from chalicelib.accounts.mail import MailKind
from chalicelib.credentials.challenges import Purpose, ceremony_challenge
from chalicelib.credentials.second_factors import FactorUse
from chalicelib.credentials.webauthn import (
    CeremonyRefused,
    Malformed,
    RelyingParty,
    creation_options,
    request_options,
    verify_registration,
)
from chalicelib.errors import Conflict, InvalidChallenge, InvalidCode, NotFound
from chalicelib.use_cases.second_factors import REFUSED_PASSKEY, SecondFactors, invalid, refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.accounts.caller import Caller
    from chalicelib.accounts.mail import Mail
    from chalicelib.accounts.results import LoggedIn
    from chalicelib.accounts.user import User
    from chalicelib.clock import Clock
    from chalicelib.tokens.principals import Principal
    from chalicelib.use_cases.account import Account
    from chalicelib.use_cases.begin_session import BeginSession
    from chalicelib.use_cases.notices import Notices
    from chalicelib.use_cases.ports import Announce, Stores


class Passkeys:
    """Lets users add, name, remove and use passkeys."""

    def __init__(
        self,
        *,
        stores: Stores,
        account: Account,
        begin_session: BeginSession,
        second_factors: SecondFactors,
        relying_party: RelyingParty,
        notices: Notices,
        sends_mail: bool,
        clock: Clock,
        announce: Announce,
    ) -> None:
        self._users = stores.users
        self._factors = stores.factors
        self._account = account
        self._begin_session = begin_session
        self._second_factors = second_factors
        self._relying_party = relying_party
        self._notices = notices
        self._sends_mail = sends_mail
        self._clock = clock
        self._announce = announce

    def creation_options(self, principal: Principal) -> PasskeyOptions:
        """Return the options with which a browser makes a passkey for the principal's user. Nothing is stored.

        Raises:
            InvalidToken: the principal is not live.
            InsufficientAuthentication: the principal's session is not fresh.
            Conflict: the user has ``MOST_PASSKEYS``.

        """
        user, session = self._account.live(principal, fresh=True)
        _require_room(user)
        challenge = self._second_factors.issue(Purpose.NEW_PASSKEY, {"user": user.id, "session": session.id})
        options = creation_options(
            self._relying_party,
            challenge=ceremony_challenge(challenge),
            user_id=user.id,
            username=user.username,
            exclude=user.passkeys,
        )
        return PasskeyOptions(challenge, options)

    def add(
        self, principal: Principal, challenge: str, credential: Mapping[str, Any], label: str | None, caller: Caller
    ) -> Passkey:
        """Add a passkey that was made with ``creation_options``. ``label`` is what the user calls it.

        Raises:
            InvalidToken: the principal is not live.
            InsufficientAuthentication: the principal's session is not fresh.
            InvalidChallenge: the challenge is unknown, expired, used, another session's, or not what was answered.
            InvalidCode: the ceremony proves nothing.
            ValidationFailed: ``credential`` has not the form of one.
            Conflict: somebody has this passkey, the user has ``MOST_PASSKEYS``, or the account has changed meanwhile.

        """
        user, session = self._account.live(principal, fresh=True)
        opened = self._second_factors.opened(challenge, Purpose.NEW_PASSKEY)
        if opened.content != {"user": user.id, "session": session.id}:
            raise InvalidChallenge("another session's")
        _require_room(user)
        try:
            made = verify_registration(credential, self._relying_party, challenge=ceremony_challenge(challenge))
        except Malformed as malformed:
            raise invalid(malformed) from None
        except CeremonyRefused as refused:
            raise refusal(refused) from None
        now = self._clock()
        passkey = Passkey(
            id=made.id,
            user_id=user.id,
            username=user.username,
            public_key=made.public_key,
            algorithm=made.algorithm,
            sign_count=made.sign_count,
            backup_eligible=made.backup_eligible,
            backed_up=made.backed_up,
            transports=made.transports,
            rp_id=self._relying_party.id,
            label=label or time.strftime("Passkey of %Y-%m-%d", time.gmtime(now)),
            created_at=now,
        )
        event = SecurityEvent(EventType.PASSKEY_ADDED, user.id, now, caller, session.id)
        self._factors.add_passkey(user, passkey, opened, event, self._notice(user, MailKind.PASSKEY_ADDED, now))
        self._announce(event)
        return passkey

    def label(self, principal: Principal, passkey_id: str, label: str) -> Passkey:
        """Call a passkey of the user something else. Return it.

        Raises InvalidToken if the principal is not live, NotFound if the user has no such passkey.
        """
        user, _ = self._account.live(principal)
        passkey = self._factors.label_passkey(user, passkey_id, label)
        if passkey is None:
            raise NotFound
        return passkey

    def remove(self, principal: Principal, passkey_id: str, caller: Caller) -> None:
        """Remove a passkey of the user.

        Raises:
            InvalidToken: the principal is not live.
            InsufficientAuthentication: the principal's session is not fresh.
            NotFound: the user has no such passkey.
            Conflict: it is the user's last way to log in, or the account has changed meanwhile.

        """
        user, session = self._account.live(principal, fresh=True)
        if passkey_id not in user.passkeys:
            raise NotFound
        if not self._has_another_way(user):
            raise Conflict("This passkey is your last way to log in. Add another one first.")
        now = self._clock()
        event = SecurityEvent(EventType.PASSKEY_REMOVED, user.id, now, caller, session.id)
        if not self._factors.remove_passkey(user, passkey_id, event, self._notice(user, MailKind.PASSKEY_REMOVED, now)):
            raise NotFound
        self._announce(event)

    def request_options(self) -> PasskeyOptions:
        """Return the options with which a browser logs in with a passkey, whosever it is. Nothing is stored."""
        challenge = self._second_factors.issue(Purpose.PASSKEY)
        options = request_options(self._relying_party, challenge=ceremony_challenge(challenge))
        return PasskeyOptions(challenge, options)

    def log_in(self, challenge: str, credential: Mapping[str, Any], caller: Caller) -> LoggedIn:
        """Begin a session for the user whose passkey has answered. Its authenticator has verified the user.

        Raises:
            InvalidChallenge: the challenge is unknown, expired, used, for something else, or not what was answered.
            InvalidCode: the passkey is unknown, or its answer proves nothing.
            ValidationFailed: ``credential`` has not the form of one.

        """
        opened = self._second_factors.opened(challenge, Purpose.PASSKEY)
        passkey = self._second_factors.find_passkey(credential)
        user = self._users.find(passkey.username)
        if user is None or user.id != passkey.user_id or passkey.id not in user.passkeys or user.disabled:
            raise InvalidCode("the passkey's user is gone, disabled or has it no longer", REFUSED_PASSKEY)
        try:
            use = self._second_factors.passkey_use(passkey, credential, challenge)
            return self._begin_session.of_known_user(
                user, caller, amr=passkey.amr, factor=FactorUse(opened, passkey=use)
            )
        except Conflict:
            raise InvalidCode("the account has changed meanwhile") from None
        except InvalidCode:
            # A stranger can send this, so the history keeps none of it.
            self._announce(SecurityEvent(EventType.LOGIN_FAILED, user.id, self._clock(), caller))
            raise

    def _has_another_way(self, user: User) -> bool:
        by_mail = self._sends_mail and user.verified_email is not None
        return user.has_password or len(user.passkeys) > 1 or by_mail

    def _notice(self, user: User, kind: MailKind, at: int) -> Mail | None:
        if user.verified_email is None:
            return None
        return self._notices.of(kind, username=user.username, user_id=user.id, at=at)


def _require_room(user: User) -> None:
    if len(user.passkeys) >= MOST_PASSKEYS:
        raise Conflict(f"You have {MOST_PASSKEYS} passkeys, which is the most. Remove one first.")
