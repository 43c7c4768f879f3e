"""The use case of logging in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.accounts.usernames import normalised_username, username_error
from chalicelib.errors import Conflict

if TYPE_CHECKING:
    from chalicelib.accounts.caller import Caller
    from chalicelib.accounts.results import LoggedIn
    from chalicelib.accounts.user import User
    from chalicelib.use_cases.begin_session import BeginSession
    from chalicelib.use_cases.password_guard import PasswordGuard
    from chalicelib.use_cases.ports import Stores

_NOBODY = "-"
"""A name that fits a database key but is too short for a username, so no user has it."""


class LogIn:
    """Begins sessions for users who authenticate."""

    def __init__(self, *, stores: Stores, guard: PasswordGuard, begin_session: BeginSession) -> None:
        self._users = stores.users
        self._guard = guard
        self._begin_session = begin_session

    def with_password(self, username: str, password: str, caller: Caller) -> LoggedIn:
        """Begin a session for the user who has this username and password.

        Raises:
            InvalidCredentials: no such user, a wrong password or a disabled account.
            TooManyAttempts: the account or the address has had too many failures.
            ServiceUnavailable: a store cannot be reached, or the attempt cannot be counted.

        """
        username = normalised_username(username)
        attempt = self._guard.admit(username, caller)
        user = self._guard.verify(self._find(username), password, caller)
        try:
            logged_in = self._begin_session.of_known_user(user, caller, new_hash=self._guard.new_hash(user, password))
        except Conflict:
            # The password or the account has changed since the check.
            raise self._guard.refusal(user, "the account was changed meanwhile", caller) from None
        self._guard.succeeded(attempt)
        return logged_in

    def _find(self, username: str) -> User | None:
        # An invalid username costs a read too, so that the response time does not tell it from an unknown one.
        return self._users.find(username if username_error(username) is None else _NOBODY)
