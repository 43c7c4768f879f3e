"""The use case of registration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.accounts.user import User
from chalicelib.accounts.usernames import normalised_username
from chalicelib.errors import FieldError, RegistrationClosed, UsernameTaken, ValidationFailed
from chalicelib.use_cases.begin_session import BeginSession, new_id

if TYPE_CHECKING:
    from chalicelib.accounts.caller import Caller
    from chalicelib.accounts.results import LoggedIn
    from chalicelib.clock import Clock
    from chalicelib.credentials.password_policy import PasswordPolicy
    from chalicelib.credentials.passwords import PasswordHasher
    from chalicelib.use_cases.ports import Stores


class Registration:
    """Creates accounts, if registration is open."""

    def __init__(
        self,
        *,
        stores: Stores,
        begin_session: BeginSession,
        hasher: PasswordHasher,
        policy: PasswordPolicy,
        is_open: bool,
        clock: Clock,
    ) -> None:
        self._throttle = stores.throttle
        self._begin_session = begin_session
        self._hasher = hasher
        self._policy = policy
        self._is_open = is_open
        self._clock = clock

    def register(self, username: str, password: str, caller: Caller) -> LoggedIn:
        """Create an account and begin its first session.

        Raises:
            RegistrationClosed: registration is closed.
            ValidationFailed: the username or the password is not allowed.
            TooManyRegistrations: too many accounts were created from the caller's address.
            UsernameTaken: another user has this username, or one that differs only in case or compatibility forms.

        """
        if not self._is_open:
            raise RegistrationClosed
        self._check(username, password)
        window = self._throttle.register(caller.ip, self._clock())
        user = User(
            id=new_id(),
            username=normalised_username(username),
            password_hash=self._hasher.hash(password),
            roles=("user",),
            created_at=self._clock(),
        )
        try:
            return self._begin_session.of_new_user(user, caller)
        except UsernameTaken:
            self._throttle.not_registered(window)
            raise

    def _check(self, username: str, password: str) -> None:
        """Raise a ValidationFailed that names each of the two that is not allowed."""
        # Other use cases do not need its table.
        from chalicelib.accounts.new_usernames import new_username_error  # noqa: PLC0415

        username_problem = new_username_error(username)
        password_problem = self._policy.problem(password, username if username_problem is None else None)
        problems = {"username": username_problem, "password": password_problem}
        errors = [FieldError(field, message) for field, message in problems.items() if message is not None]
        if errors:
            raise ValidationFailed(*errors)
