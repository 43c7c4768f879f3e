"""The use cases of a user's address: giving one, changing it, confirming it, removing it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from chalicelib.accounts.addresses import address_error, canonical_address
from chalicelib.accounts.events import EventType, SecurityEvent
from chalicelib.accounts.mail import Mail, MailKind
from chalicelib.accounts.user import Contact, User
from chalicelib.credentials.mailed import new_mail_id
from chalicelib.credentials.throttling import end_of_day
from chalicelib.errors import Conflict, FieldError, Flaw, TooManyMailsToday, ValidationFailed
from chalicelib.use_cases.mailed_links import proof_of, user_of

if TYPE_CHECKING:
    from chalicelib.accounts.caller import Caller
    from chalicelib.clock import Clock
    from chalicelib.config.api import ApiSettings
    from chalicelib.credentials.mail_budgets import Typed
    from chalicelib.tokens.principals import Principal
    from chalicelib.use_cases.account import Account
    from chalicelib.use_cases.notices import Notices
    from chalicelib.use_cases.ports import Announce, Stores


class Addresses:
    """The use cases of the addresses of users."""

    def __init__(
        self,
        *,
        stores: Stores,
        account: Account,
        notices: Notices,
        settings: ApiSettings,
        clock: Clock,
        announce: Announce,
    ) -> None:
        self._stores = stores
        self._account = account
        self._notices = notices
        self._is_name = settings.identifier == "email"
        self._is_required = settings.email == "required"
        self._clock = clock
        self._announce = announce

    def change(self, principal: Principal, email: str, caller: Caller, *, language: str) -> None:
        """Ask to confirm an address, which is the user's from then on. A verified one stays until then.

        Whether another account has it, is said at the confirmation only, to whoever reads its mail. To give the
        verified one while another waits withdraws the other, and asks for no mail.

        Raises:
            NotFound: the site sends no mail.
            InvalidToken: the principal is not live.
            InsufficientAuthentication: the principal's session is not fresh.
            ValidationFailed: this is no address, or the user has it already.
            TooManyMails: too many mails were asked for, by the caller, to this address or in all.
            Conflict: another request has changed the account meanwhile.

        """
        self._notices.require_mail()
        user = self._account.authorized(principal, fresh=True)
        if (problem := address_error(email)) is not None:
            raise ValidationFailed(FieldError("email", problem))
        verified = user.verified_email
        if verified is not None and canonical_address(verified) == canonical_address(email):
            if user.contact is None or user.contact.new_email is None:
                raise ValidationFailed(FieldError("email", Flaw("This is your address already.", "same_email")))
            self._stores.addresses.withdraw_email(user)
            return
        session_id = principal.session_id
        typed = self._count_mail(email, caller)
        mail = self._asking(user, session_id, typed, language)
        if user.contact is not None and verified is not None:
            contact = replace(user.contact, new_email=email, language=language, asked_by=session_id)
        else:
            contact = Contact(email, language=language, asked_by=session_id)
        try:
            self._stores.addresses.set_email(user, contact, mail)
        except Conflict:
            self._stores.outbox.not_asked(typed)
            raise

    def resend(self, principal: Principal, caller: Caller) -> None:
        """Send the mail that asks to confirm the user's address once more.

        Raises:
            NotFound: the site sends no mail.
            InvalidToken: the principal is not live.
            Conflict: no address of the user waits to be confirmed.
            TooManyMails: too many mails were asked for, by the caller, to this address or in all.

        """
        self._notices.require_mail()
        user = self._account.authorized(principal)
        contact = user.contact
        if contact is None or contact.unconfirmed is None:
            raise Conflict("You have no address that waits to be confirmed.")
        # Where the address is the username, the session goes on that has given it, not the one that asks for the mail.
        session_id = contact.asked_by or principal.session_id
        typed = self._count_mail(contact.unconfirmed, caller)
        self._stores.outbox.ask(self._asking(user, session_id, typed, contact.language))

    def remove(self, principal: Principal, caller: Caller) -> None:
        """Remove the user's address. A verified one is told so.

        Raises:
            NotFound: the site sends no mail.
            InvalidToken: the principal is not live.
            InsufficientAuthentication: the principal's session is not fresh.
            Conflict: accounts need an address here, or another request has changed the account meanwhile.

        """
        self._notices.require_mail()
        user = self._account.authorized(principal, fresh=True)
        if user.contact is None:
            return
        if self._is_required:
            raise Conflict("An account needs an address here. Change it instead.")
        event = mail = None
        if (old := user.verified_email) is not None:
            event = SecurityEvent(EventType.EMAIL_CHANGED, user.id, self._clock(), caller, principal.session_id)
            mail = self._farewell(user, user.username, old, event.at)
        self._stores.addresses.remove_email(user, event, mail)
        if event is not None:
            self._announce(event)

    def confirm(self, token: str, caller: Caller) -> None:
        """Make the address that a token was mailed to the user's. One that it replaces is told so.

        Where the address is the username, the user has another name from then on. The session that asked for it goes
        on, the others end.

        Raises:
            NotFound: the site sends no mail.
            LinkExpired: the token is unknown, used, too old or for something else, or another address waits by now.
            EmailTaken: another user has verified the address.
            Conflict: other requests keep changing the account.

        """
        self._notices.require_mail()
        now = self._clock()
        proof = proof_of(self._stores.outbox, token, MailKind.EMAIL, now=now)
        user = user_of(self._stores.users, proof)
        old = user.verified_email
        kind = EventType.EMAIL_VERIFIED if old is None else EventType.EMAIL_CHANGED
        event = SecurityEvent(kind, user.id, now, caller)
        # The account is found by the name that it has from then on.
        name = proof.email if self._is_name and proof.email is not None else user.username
        mail = None if old is None else self._farewell(user, name, old, now)
        if self._is_name:
            self._stores.addresses.rename(user, proof, event, mail)
        else:
            self._stores.addresses.confirm_email(user, proof, event, mail)
        self._announce(event)

    def _count_mail(self, email: str, caller: Caller) -> Typed:
        """Count a mail that asks to confirm an address. Raises TooManyMails."""
        now, outbox = self._clock(), self._stores.outbox
        typed = outbox.count_typed(email, caller, MailKind.EMAIL, now)
        if not typed.in_day:
            outbox.not_asked(typed)
            raise TooManyMailsToday(end_of_day(now) - now, limit="mails of a day")
        return typed

    def _asking(self, user: User, session_id: str, typed: Typed, language: str) -> Mail:
        """Return the mail that asks to confirm an address, after counting it.

        ``session_id`` is that of the session that has given the address.
        """
        return Mail(
            new_mail_id(),
            typed.kind,
            typed.at,
            language,
            asked=user.username,
            to=typed.address,
            user_id=user.id,
            session_id=session_id,
        )

    def _farewell(self, user: User, name: str, old: str, at: int) -> Mail | None:
        """Return the notice to an address that is no longer the user's."""
        language = user.contact.language if user.contact is not None else ""
        return self._notices.of("email_changed", username=name, user_id=user.id, at=at, to=old, language=language)
