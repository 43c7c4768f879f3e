"""The use case of registration."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from chalicelib.accounts.events import EventType, SecurityEvent
from chalicelib.accounts.user import Contact, User
from chalicelib.accounts.usernames import normalised_username
from chalicelib.errors import (
    REQUIRED,
    FieldError,
    Flaw,
    RegistrationClosed,
    TooManyMails,
    UsernameTaken,
    ValidationFailed,
)
from chalicelib.use_cases.begin_session import BeginSession, new_id
from chalicelib.use_cases.hooks import HookFailed

if TYPE_CHECKING:
    from chalicelib.accounts.caller import Caller
    from chalicelib.accounts.mail import Mail
    from chalicelib.accounts.results import LoggedIn
    from chalicelib.clock import Clock
    from chalicelib.credentials.mail_budgets import Typed
    from chalicelib.credentials.password_policy import PasswordPolicy
    from chalicelib.credentials.passwords import PasswordHasher
    from chalicelib.use_cases.ports import Announce, Stores


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
        email: str,
        clock: Clock,
        announce: Announce,
    ) -> None:
        self._stores = stores
        self._throttle = stores.throttle
        self._begin_session = begin_session
        self._hasher = hasher
        self._policy = policy
        self._is_open = is_open
        self._email = email
        self._clock = clock
        self._announce = announce

    def register(
        self, username: str, password: str, caller: Caller, *, email: str | None = None, language: str = ""
    ) -> LoggedIn:
        """Create an account and begin its first session. A mail asks to confirm the address, if one is given.

        Raises:
            RegistrationClosed: registration is closed.
            ValidationFailed: the username, the password or the address is not allowed.
            RegistrationRefused: the site's hook refuses it.
            TooManyRegistrations: too many accounts were created from the caller's address.
            TooManyMails: too many mails were asked for from there, in all or to the address.
            UsernameTaken: another user has this username, or one that differs only in case or compatibility forms.

        """
        if not self._is_open:
            raise RegistrationClosed
        self._check(username, password, email)
        now = self._clock()
        window = self._throttle.register(caller.ip, now)
        user = User(
            id=new_id(),
            username=normalised_username(username),
            password_hash="",
            roles=("user",),
            created_at=now,
            contact=None if email is None else Contact(email, language=language),
        )
        typed = None
        try:
            self._ask_site(user.username, email, caller, language)
            typed = None if email is None else self._count_mail(email, caller, now)
            mail = None if typed is None else self._confirmation(user, typed, language)
            hashed = replace(user, password_hash=self._hasher.hash(password))
            return self._begin_session.of_new_user(hashed, caller, mail=mail)
        except (UsernameTaken, TooManyMails, HookFailed):
            if typed is not None:
                self._stores.outbox.not_asked(typed)
            self._throttle.not_registered(window)
            raise

    def _ask_site(self, username: str, email: str | None, caller: Caller, language: str) -> None:
        """Raise RegistrationRefused if the site refuses the account. Here it has no hook for that: see ``hooked``."""

    def _count_mail(self, email: str, caller: Caller, now: int) -> Typed:
        """Count the mail that asks to confirm the address, before it is known whether it will be. Raises TooManyMails.

        So requests at the same time ask for no more mails than those one after the other.
        """
        # Most accounts are logged in to, and few are created.
        from chalicelib.accounts.mail import MailKind  # noqa: PLC0415

        return self._stores.outbox.count_typed(email, caller, MailKind.EMAIL, now)

    def _confirmation(self, user: User, typed: Typed, language: str) -> Mail | None:
        """Return the mail that asks to confirm the address, None if the site has sent too many today."""
        from chalicelib.accounts.mail import Mail  # noqa: PLC0415 - see above
        from chalicelib.credentials.mailed import new_mail_id  # noqa: PLC0415

        now, email = typed.at, typed.address
        if not typed.in_day:
            self._announce(SecurityEvent(EventType.MAIL_NOT_SENT, None, now, typed.caller))
            return None
        return Mail(new_mail_id(), typed.kind, now, language, asked=user.username, to=email, user_id=user.id)

    def _check(self, username: str, password: str, email: str | None) -> None:
        """Raise a ValidationFailed that names each of the three that is not allowed."""
        # Other use cases do not need its table.
        from chalicelib.accounts.new_usernames import new_username_error  # noqa: PLC0415

        username_problem = new_username_error(username)
        password_problem = self._policy.problem(password, username if username_problem is None else None)
        problems = {"username": username_problem, "password": password_problem, "email": self._email_problem(email)}
        errors = [FieldError(field, message) for field, message in problems.items() if message is not None]
        if errors:
            raise ValidationFailed(*errors)

    def _email_problem(self, email: str | None) -> Flaw | None:
        if email is None:
            return REQUIRED if self._email == "required" else None
        if self._email == "off":
            return Flaw("This field is not known.", "unknown_field")
        from chalicelib.accounts.addresses import address_error  # noqa: PLC0415

        return address_error(email)
