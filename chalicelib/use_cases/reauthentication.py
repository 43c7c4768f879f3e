"""The use case of authenticating again inside a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.accounts.authentication import PASSWORD, both
from chalicelib.errors import Conflict, InvalidChallenge, InvalidCode, InvalidCredentials
from chalicelib.use_cases.hooks import HookFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chalicelib.accounts.caller import Caller
    from chalicelib.accounts.results import Reauthenticated
    from chalicelib.tokens.principals import Principal
    from chalicelib.use_cases.account import Account
    from chalicelib.use_cases.begin_session import BeginSession
    from chalicelib.use_cases.password_guard import PasswordGuard
    from chalicelib.use_cases.second_factors import SecondFactors


class Reauthentication:
    """Makes sessions fresh whose users prove again to be there. Their refresh tokens stay as they are."""

    def __init__(
        self,
        *,
        account: Account,
        guard: PasswordGuard,
        begin_session: BeginSession,
        second_factors: Callable[[], SecondFactors],
    ) -> None:
        self._account = account
        self._guard = guard
        self._begin_session = begin_session
        self._second_factors = second_factors

    def with_password(
        self, principal: Principal, password: str, caller: Caller, *, code: str | None = None
    ) -> Reauthenticated:
        """Make the principal's session fresh by its user's password, and by a code where a second factor is due.

        Raises:
            InvalidToken: the principal is not live, or the session has ended meanwhile.
            InvalidCredentials: ``password`` is not the password.
            TooManyAttempts: the session has had too many failures, or the account too many tries of second factors.
            SecondFactorRequired: the password is right, and a second factor is due.
            InvalidCode: the code is wrong, or was used before.

        """
        user, session = self._account.live(principal)
        user, admission = self._account.check_password(user, session, password, caller)
        user = self._guard.renewed(user, password)
        amr: tuple[str, ...] = PASSWORD
        use = None
        if user.second_factor:
            factors = self._second_factors()
            if code is None:
                self._guard.succeeded(admission)
                raise factors.required_again(user, session)
            second, use = factors.check(user, caller, code=code, session_id=session.id)
            amr = both(PASSWORD, second)
        try:
            reauthenticated = self._begin_session.once_more(session, user, caller, amr=amr, factor=use)
        except InvalidCode:
            self._second_factors().failed(user, caller, session.id)
            raise
        except Conflict:
            raise InvalidCredentials("the account was changed meanwhile") from None
        except HookFailed:
            self._guard.succeeded(admission)
            raise
        self._guard.succeeded(admission)
        return reauthenticated

    def with_passkey(
        self, principal: Principal, challenge: str, credential: Mapping[str, Any], caller: Caller
    ) -> Reauthenticated:
        """Make the principal's session fresh by a passkey of its user.

        Raises:
            InvalidToken: the principal is not live, or the session has ended meanwhile.
            InvalidChallenge: the challenge is unknown, expired, used or for something else.
            InvalidCode: the passkey is not the user's, or its answer proves nothing.
            ValidationFailed: ``credential`` has not the form of one.

        """
        from chalicelib.credentials.challenges import Purpose  # noqa: PLC0415 - most sessions never need it
        from chalicelib.credentials.second_factors import FactorUse  # noqa: PLC0415

        user, session = self._account.live(principal)
        factors = self._second_factors()
        opened = factors.opened(challenge, Purpose.REAUTHENTICATION, Purpose.PASSKEY)
        if opened.purpose is Purpose.REAUTHENTICATION and opened.content != {"user": user.id, "session": session.id}:
            raise InvalidChallenge("another session's")
        passkey = factors.passkey_of(user, credential)
        use = factors.passkey_use(passkey, credential, challenge, user_is_known=True)
        try:
            return self._begin_session.once_more(
                session, user, caller, amr=passkey.amr, factor=FactorUse(opened, passkey=use)
            )
        except Conflict:
            raise InvalidChallenge("the account has changed meanwhile") from None
