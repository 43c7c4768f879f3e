"""The use case of registration where the address is the username.

No account exists until the address is confirmed, and the request does not look whether one does: an address that has an
account gets a mail that says so. So nobody learns from a registration who has one, and nobody holds another's address.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.accounts.addresses import address_error
from chalicelib.accounts.authentication import EMAIL
from chalicelib.accounts.events import EventType, SecurityEvent
from chalicelib.accounts.mail import Mail, MailKind
from chalicelib.accounts.user import NO_PASSWORD, Contact, User
from chalicelib.accounts.usernames import MIN_USERNAME_LENGTH
from chalicelib.credentials.mailed import LIFETIMES, KeptRegistration, new_mail_id
from chalicelib.errors import (
    EmailTaken,
    FieldError,
    LinkExpired,
    NotFound,
    RegistrationClosed,
    TooManyMails,
    UsernameTaken,
    ValidationFailed,
)
from chalicelib.use_cases.begin_session import BeginSession, new_id
from chalicelib.use_cases.hooks import HookFailed
from chalicelib.use_cases.mailed_links import proof_of

if TYPE_CHECKING:
    from chalicelib.accounts.caller import Caller
    from chalicelib.accounts.results import LoggedIn
    from chalicelib.clock import Clock
    from chalicelib.credentials.mailed import MailedProof
    from chalicelib.credentials.password_policy import PasswordPolicy
    from chalicelib.credentials.passwords import PasswordHasher
    from chalicelib.use_cases.ports import Announce, Stores


class AddressRegistration:
    """Creates accounts whose name is a confirmed address, if registration is open."""

    def __init__(
        self,
        *,
        stores: Stores,
        begin_session: BeginSession,
        hasher: PasswordHasher,
        policy: PasswordPolicy,
        is_open: bool,
        by_address: bool,
        clock: Clock,
        announce: Announce,
    ) -> None:
        self._stores = stores
        self._begin_session = begin_session
        self._hasher = hasher
        self._policy = policy
        self._is_open = is_open
        self._by_address = by_address
        self._clock = clock
        self._announce = announce

    def ask(self, email: str, password: str | None, caller: Caller, *, language: str) -> int:
        """Keep a registration until its address is confirmed. Return the seconds for which that is possible.

        Without a password the account has none: its user logs in with a mailed code, and then makes a passkey.

        Raises:
            RegistrationClosed: registration is closed.
            ValidationFailed: the address or the password is not allowed.
            RegistrationRefused: the site's hook refuses it. Nothing is mailed then.
            TooManyRegistrations: too many accounts were created from the caller's address.
            TooManyMails: too many mails were asked for from there, in all or to this address.

        """
        if not self._is_open:
            raise RegistrationClosed
        self._check(email, password)
        stores, now = self._stores, self._clock()
        window = stores.throttle.register(caller.ip, now)
        try:
            self._ask_site(email, caller, language, has_password=password is not None)
            typed = stores.outbox.count_typed(email, caller, MailKind.REGISTER, now)
        except (HookFailed, TooManyMails):
            stores.throttle.not_registered(window)
            raise
        lifetime = LIFETIMES[MailKind.REGISTER]
        mail = Mail(new_mail_id(), MailKind.REGISTER, now, language, asked=email, to=email)
        password_hash = NO_PASSWORD if password is None else self._hasher.hash(password)
        if not typed.in_day:
            self._announce(SecurityEvent(EventType.MAIL_NOT_SENT, None, now, caller))
            return lifetime
        kept = KeptRegistration(mail.id, email, password_hash, language, now + lifetime)
        stores.addresses.keep(kept, mail)
        return lifetime

    def confirm(self, token: str, caller: Caller) -> LoggedIn:
        """Create the account of a kept registration, with its password, and begin its first session.

        Whoever registered may not be who reads the mail, and knows the password: see ``confirm_with``.

        Raises:
            LinkExpired: the token is unknown, used, too old or for something else.
            EmailTaken: there is an account under this address by now.

        """
        proof, kept = self._kept(token)
        return self._create(proof, kept, kept.password_hash, caller)

    def confirm_with(self, token: str, password: str | None, caller: Caller) -> LoggedIn:
        """Create the account of a kept registration with a password that the reader of the mail chooses.

        What was chosen at the registration does not count. With None the account has no password.

        Raises:
            ValidationFailed: the password is not allowed. The token stays good.
            LinkExpired, EmailTaken: see ``confirm``.

        """
        proof, kept = self._kept(token)
        if password is None:
            return self._create(proof, kept, NO_PASSWORD, caller)
        self._check(kept.email, password)
        return self._create(proof, kept, self._hasher.hash(password), caller)

    def _kept(self, token: str) -> tuple[MailedProof, KeptRegistration]:
        """Return what a token stands for, and the registration that it confirms. Raises LinkExpired."""
        if not self._by_address:
            raise NotFound
        proof = proof_of(self._stores.outbox, token, MailKind.REGISTER, now=self._clock())
        kept = self._stores.addresses.kept(proof.mail_id)
        if kept is None:
            raise LinkExpired("the registration is gone")
        return proof, kept

    def _create(self, proof: MailedProof, kept: KeptRegistration, password_hash: str, caller: Caller) -> LoggedIn:
        user = User(
            id=new_id(),
            username=kept.email,
            password_hash=password_hash,
            roles=("user",),
            created_at=self._clock(),
            contact=Contact(kept.email, verified=True, language=kept.language),
        )
        try:
            return self._begin_session.of_new_user(user, caller, amr=EMAIL, proof=proof)
        except UsernameTaken:
            raise EmailTaken from None

    def _ask_site(self, email: str, caller: Caller, language: str, *, has_password: bool) -> None:
        """Raise RegistrationRefused if the site refuses the account. Here it has no hook for that: see ``hooked``."""

    def _check(self, email: str, password: str | None) -> None:
        """Raise a ValidationFailed that names each of the two that is not allowed."""
        email_problem = address_error(email)
        password_problem = None
        if password is not None:
            password_problem = self._policy.problem(password, email if email_problem is None else None)
        name = email.partition("@")[0]
        has_name = email_problem is None and len(name) >= MIN_USERNAME_LENGTH
        if has_name and password is not None and password_problem is None:
            # The part before the @ is what people are called by. One letter is in nearly every password.
            password_problem = self._policy.problem(password, name)
        problems = {"email": email_problem, "password": password_problem}
        errors = [FieldError(field, message) for field, message in problems.items() if message is not None]
        if errors:
            raise ValidationFailed(*errors)
