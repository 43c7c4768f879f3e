"""The use cases of second factors: an overview, TOTP apps and recovery codes."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING

from chalicelib.accounts.authentication import ONE_TIME, both
from chalicelib.accounts.events import EventType, SecurityEvent
from chalicelib.accounts.factors import FactorOverview, Factors, NewTotp
from chalicelib.accounts.mail import MailKind
from chalicelib.credentials.challenges import Purpose
from chalicelib.credentials.totp import as_base32, matching_step, new_secret, uri
from chalicelib.errors import Conflict, InvalidChallenge, InvalidCode, NotFound
from chalicelib.use_cases.second_factors import TOTP_SECRET, SecondFactors

if TYPE_CHECKING:
    from chalicelib.accounts.caller import Caller
    from chalicelib.accounts.mail import Mail
    from chalicelib.accounts.user import User
    from chalicelib.clock import Clock
    from chalicelib.credentials.recovery_codes import RecoveryCodes
    from chalicelib.credentials.sealing import Sealer
    from chalicelib.tokens.principals import Principal
    from chalicelib.use_cases.account import Account
    from chalicelib.use_cases.notices import Notices
    from chalicelib.use_cases.ports import Announce, Stores

ENROLMENT = 600
"""Seconds (10 minutes) to scan a QR code and type the first code."""


class FactorManagement:
    """Lets users add and remove TOTP apps and recovery codes."""

    def __init__(
        self,
        *,
        stores: Stores,
        account: Account,
        second_factors: SecondFactors,
        sealer: Sealer,
        recovery_codes: RecoveryCodes,
        notices: Notices,
        site_name: str,
        clock: Clock,
        announce: Announce,
    ) -> None:
        self._factors = stores.factors
        self._account = account
        self._second_factors = second_factors
        self._sealer = sealer
        self._recovery_codes = recovery_codes
        self._notices = notices
        self._site_name = site_name
        self._clock = clock
        self._announce = announce

    def overview(self, principal: Principal) -> FactorOverview:
        """Return what the user can log in with. Raises InvalidToken if the principal is not live."""
        user, _ = self._account.live(principal)
        passkeys = self._factors.passkeys_of(user)
        return FactorOverview.of(user.factors, passkeys, password=user.has_password)

    def begin_totp(self, principal: Principal) -> NewTotp:
        """Return a new secret for a TOTP app. Nothing is stored before ``confirm_totp``.

        Raises:
            InvalidToken: the principal is not live.
            InsufficientAuthentication: the principal's session is not fresh.

        """
        user, session = self._account.live(principal, fresh=True)
        secret = new_secret()
        pending = self._second_factors.issue(
            Purpose.NEW_TOTP,
            {"user": user.id, "session": session.id, "secret": as_base32(secret)},
            lifetime=ENROLMENT,
        )
        shown = uri(secret, issuer=self._site_name, account=user.username)
        return NewTotp(as_base32(secret), shown, pending, ENROLMENT)

    def confirm_totp(self, principal: Principal, pending: str, code: str, caller: Caller) -> list[str]:
        """Add the TOTP app that ``begin_totp`` has made a secret for, in place of one that was there.

        Return the recovery codes, which nobody sees again. The code's step is used up. All other sessions end: whoever
        had one has not proved the new factor.

        Raises:
            InvalidToken: the principal is not live.
            InsufficientAuthentication: the principal's session is not fresh.
            InvalidChallenge: ``pending`` is unknown, expired, used, or another session's.
            InvalidCode: the code is not one of the new app.
            Conflict: the account has changed meanwhile.

        """
        user, session = self._account.live(principal, fresh=True)
        opened = self._second_factors.opened(pending, Purpose.NEW_TOTP)
        if (opened.content["user"], opened.content["session"]) != (user.id, session.id):
            raise InvalidChallenge("another session's")
        encoded: str = opened.content["secret"]
        secret = base64.b32decode(encoded + "=" * (-len(encoded) % 8))
        now = self._clock()
        step = matching_step(secret, code, now)
        if step is None:
            # Whoever asks has the secret, so there is nothing to guess.
            raise InvalidCode("wrong code")
        codes, digests = self._recovery_codes.new(user.id)
        factors = Factors(
            totp=self._sealer.seal(secret, purpose=TOTP_SECRET, about=user.id),
            totp_added_at=now,
            totp_step=step,
            recovery_codes=digests,
        )
        event = SecurityEvent(EventType.SECOND_FACTOR_ADDED, user.id, now, caller, session.id)
        proved = replace(session, amr=both(session.amr, ONE_TIME), authenticated_at=now)
        mail = self._notice(user, MailKind.SECOND_FACTOR_ADDED, now)
        self._factors.add_totp(user, proved, factors, opened, event, mail)
        self._announce(event)
        return codes

    def remove_totp(self, principal: Principal, caller: Caller) -> None:
        """Remove the TOTP app and the recovery codes. From then on a log-in asks for no second factor.

        Raises:
            InvalidToken: the principal is not live.
            InsufficientAuthentication: the principal's session is not fresh.
            NotFound: the user has no TOTP app.
            Conflict: the account has changed meanwhile.

        """
        user, session = self._account.live(principal, fresh=True)
        if not user.second_factor:
            raise NotFound
        now = self._clock()
        event = SecurityEvent(EventType.SECOND_FACTOR_REMOVED, user.id, now, caller, session.id)
        self._factors.remove_totp(user, event, self._notice(user, MailKind.SECOND_FACTOR_REMOVED, now))
        self._announce(event)

    def replace_recovery_codes(self, principal: Principal, caller: Caller) -> list[str]:
        """Return new recovery codes, which nobody sees again. The old ones are dead.

        Raises:
            InvalidToken: the principal is not live.
            InsufficientAuthentication: the principal's session is not fresh.
            Conflict: the user has no TOTP app, or the account has changed meanwhile.

        """
        user, session = self._account.live(principal, fresh=True)
        if not user.second_factor:
            raise Conflict("Recovery codes take the place of an authenticator app, and you have none.")
        now = self._clock()
        codes, digests = self._recovery_codes.new(user.id)
        event = SecurityEvent(EventType.SECOND_FACTOR_ADDED, user.id, now, caller, session.id)
        mail = self._notice(user, MailKind.RECOVERY_CODES_REPLACED, now)
        self._factors.replace_recovery_codes(user, digests, event, mail)
        self._announce(event)
        return codes

    def _notice(self, user: User, kind: MailKind, at: int) -> Mail | None:
        if user.verified_email is None:
            return None
        return self._notices.of(kind, username=user.username, user_id=user.id, at=at)
