"""The use case of logging in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.accounts.authentication import PASSWORD
from chalicelib.errors import Conflict

if TYPE_CHECKING:
    from chalicelib.accounts.caller import Caller
    from chalicelib.accounts.results import LoggedIn
    from chalicelib.credentials.throttling import Known
    from chalicelib.use_cases.begin_session import BeginSession
    from chalicelib.use_cases.password_guard import PasswordGuard


class LogIn:
    """Begins sessions for users who authenticate."""

    def __init__(self, *, guard: PasswordGuard, begin_session: BeginSession) -> None:
        self._guard = guard
        self._begin_session = begin_session

    def with_password(self, username: str, password: str, caller: Caller, *, device: Known | None = None) -> LoggedIn:
        """Begin a session for the user who has this username and password.

        ``device`` is the device that the request comes from, if it has logged in before.

        Raises:
            InvalidCredentials: no such user, a wrong password or a disabled account.
            TooManyAttempts: the account, the address or the device has had too many failures.
            SecondFactorRequired: the password is right, and a second factor is due.
            ServiceUnavailable: a store cannot be reached, or the attempt cannot be counted.

        """
        user, admission = self._guard.check(username, password, caller, known=device)
        new_hash = self._guard.new_hash(user, password)
        try:
            return self._begin_session.of_known_user(user, caller, amr=PASSWORD, new_hash=new_hash, admission=admission)
        except Conflict:
            # The password or the account has changed since the check.
            raise self._guard.refusal(user, "the account was changed meanwhile", caller) from None
