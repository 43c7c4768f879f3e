"""The use case of the second step of a log-in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.accounts.authentication import both
from chalicelib.credentials.challenges import Purpose
from chalicelib.errors import Conflict, InvalidChallenge, InvalidCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.accounts.caller import Caller
    from chalicelib.accounts.results import LoggedIn
    from chalicelib.use_cases.begin_session import BeginSession
    from chalicelib.use_cases.ports import Stores
    from chalicelib.use_cases.second_factors import SecondFactors


class SecondFactorLogIn:
    """Begins sessions for users who have done the first step of a log-in."""

    def __init__(self, *, stores: Stores, second_factors: SecondFactors, begin_session: BeginSession) -> None:
        self._users = stores.users
        self._second_factors = second_factors
        self._begin_session = begin_session

    def log_in(
        self,
        challenge: str,
        caller: Caller,
        *,
        code: str | None = None,
        recovery_code: str | None = None,
        credential: Mapping[str, Any] | None = None,
    ) -> LoggedIn:
        """Begin a session with a second factor: a code of the TOTP app, a recovery code or a passkey's answer.

        Raises:
            InvalidChallenge: the challenge is unknown, expired, used or tried too often, or the account has changed.
            InvalidCode: the second factor is wrong, or was used before.
            TooManyAttempts: the account has had too many tries, in an hour or a day.
            ValidationFailed: ``credential`` has not the form of one.

        """
        opened = self._second_factors.opened(challenge, Purpose.SECOND_FACTOR)
        found = self._users.find(self._second_factors.name_in(opened))
        user, first, admission, proof = self._second_factors.recalled(found, opened)
        second, use = self._second_factors.check(
            user,
            caller,
            challenge=opened,
            challenge_text=challenge,
            code=code,
            recovery_code=recovery_code,
            credential=credential,
        )
        try:
            return self._begin_session.of_known_user(
                user, caller, amr=both(first, second), admission=admission, proof=proof, factor=use
            )
        except InvalidCode:
            self._second_factors.failed(user, caller)
            raise
        except Conflict:
            raise InvalidChallenge("the account has changed meanwhile") from None
