"""The use cases of the mailer: delivering what is in the outbox, and noting what comes back.

A mail may be delivered several times: whoever passes it on repeats what has not ended. What it carries is stored before
it is sent, and that it was sent afterwards. So each mail arrives, and twice only if the answer to sending it is lost,
or the process is before it could store that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.accounts.mail import ASKED_FOR, REGISTER_KNOWN, REGISTER_UNCONFIRMED, MailKind
from chalicelib.credentials import mailed
from chalicelib.errors import MailRefused, RefusalUnclear, ServiceUnavailable, TooManyMails
from chalicelib.use_cases.mailer_ports import Addressed, Outcome

if TYPE_CHECKING:
    from chalicelib.clock import Clock
    from chalicelib.use_cases.mailer_ports import Deliveries, Outgoing, Recipient, Render, Transport

MOST_UNCLEAR = 3
"""Attempts at a mail that the transport refuses without saying why. So one address that it does not take keeps nobody
waiting for long."""

_LINKS = {
    MailKind.REGISTER: "register",
    MailKind.EMAIL: "email",
    MailKind.RESET: "reset",
    MailKind.INVITATION: "reset",
}
"""The mails with a link, and the purpose in its fragment."""

_FOR_WHOEVER_HAS_THE_NAME = (MailKind.REGISTER, MailKind.RESET, MailKind.LOGIN_CODE)
"""The mails that are asked for by a username or an address. The others are for one user, and name that one."""


@dataclass(frozen=True, slots=True, eq=False)
class Delivered:
    """What became of a mail, for the log. It has no address."""

    outcome: Outcome
    kind: MailKind | None = None
    user_id: str | None = None
    message_id: str | None = None
    reason: str | None = None


class _GivenUp(Exception):
    """Raised where it turns out that a mail is not sent."""

    def __init__(self, outcome: Outcome, user_id: str | None = None, reason: str | None = None) -> None:
        super().__init__(outcome)
        self.outcome = outcome
        self.user_id = user_id
        self.reason = reason


class Deliver:
    """Delivers mails of the outbox."""

    def __init__(
        self,
        *,
        deliveries: Deliveries,
        transport: Transport,
        render: Render,
        site_url: str,
        language: str,
        clock: Clock,
    ) -> None:
        """Links lead to ``site_url``. ``language`` is for whoever has none."""
        self._deliveries = deliveries
        self._transport = transport
        self._render = render
        self._site_url = site_url
        self._language = language
        self._clock = clock
        self._not_stored: dict[str, str] = {}
        """The mails that were sent, which could not be stored: their ids, and the transport's."""

    def deliver(self, mail_id: str) -> Delivered:
        """Send a mail, unless that was done before or there is a reason not to. Return what became of it.

        Raises:
            ServiceUnavailable: nothing can be sent or stored for now. The same delivery may succeed later.
            RefusalUnclear: this mail is not taken. It may be different with others, and later.

        """
        if mail_id in self._not_stored:
            return self._store_again(mail_id)
        mail = self._deliveries.find(mail_id)
        if mail is None or mail.is_done:
            return Delivered(Outcome.DONE_BEFORE, mail.kind if mail is not None else None)
        try:
            return self._send(mail)
        except _GivenUp as given_up:
            attempts = mail.attempts + (given_up.outcome is Outcome.REFUSED)
            if not self._deliveries.give_up(mail_id, attempts, given_up.outcome):
                # Another delivery of the same mail has sent it, and may have used the budget up by that.
                return Delivered(Outcome.DONE_BEFORE, mail.kind)
            return Delivered(given_up.outcome, mail.kind, given_up.user_id, reason=given_up.reason)

    def _send(self, mail: Outgoing) -> Delivered:
        now = self._clock()
        if mail.expires_at is not None and now >= mail.expires_at:
            raise _GivenUp(Outcome.LATE, mail.user_id)
        recipient, to = self._addressee(mail)
        user_id = recipient.user_id if recipient is not None else mail.user_id
        if self._deliveries.is_suppressed(to):
            raise _GivenUp(Outcome.SUPPRESSED, user_id)

        template: str = mail.kind
        if mail.kind is MailKind.REGISTER and recipient is not None:
            template = REGISTER_KNOWN if recipient.has_verified(to) else REGISTER_UNCONFIRMED
        addressed, values = self._written(mail, to, recipient, template, now)
        language = (recipient.language if recipient is not None else "") or mail.language or self._language
        content = self._render(template, language, values)
        try:
            self._deliveries.prepare(addressed)
            message_id = self._transport.send(to, content)
        except TooManyMails:
            raise _GivenUp(Outcome.BUDGET, user_id) from None
        except MailRefused as refused:
            raise _GivenUp(Outcome.REFUSED, user_id, refused.reason) from None
        except RefusalUnclear as unclear:
            if mail.attempts + 1 < MOST_UNCLEAR:
                raise
            raise _GivenUp(Outcome.REFUSED, user_id, unclear.reason) from None
        reason = None
        try:
            self._deliveries.sent(mail.mail_id, message_id, now)
        except Exception as failure:  # noqa: BLE001 - whatever it is: a repetition would send the mail twice
            why = failure.reason if isinstance(failure, ServiceUnavailable) else type(failure).__name__
            reason = f"sent, which could not be stored: {why}"
            # The batch may come again because of another mail.
            self._not_stored[mail.mail_id] = message_id
        return Delivered(Outcome.SENT, mail.kind, user_id, message_id, reason)

    def _store_again(self, mail_id: str) -> Delivered:
        """Store that a mail was sent, which could not be stored when this process sent it."""
        self._deliveries.sent(mail_id, self._not_stored[mail_id], self._clock())
        del self._not_stored[mail_id]
        return Delivered(Outcome.DONE_BEFORE)

    def _written(
        self, mail: Outgoing, to: str, recipient: Recipient | None, template: str, now: int
    ) -> tuple[Addressed, dict[str, str]]:
        """Return what is stored of a mail before it is sent, and what is written into it."""
        is_charged = mail.kind in ASKED_FOR and not mail.is_handed_over and not mail.counted
        if template not in mailed.LIFETIMES:
            return Addressed(mail, to, recipient, is_charged), {}
        minutes = _minutes(mail, now)
        values = {"minutes": str(minutes)}
        if mail.kind is MailKind.INVITATION:
            values = {"hours": str(max(1, round(minutes / 60)))}
        if mail.kind in _LINKS:
            token = mailed.new_token(mail.mail_id)
            values["link"] = f"{self._site_url}/account.html#{_LINKS[mail.kind]}={token}"
            digest = mailed.token_digest(token)
            return Addressed(mail, to, recipient, is_charged, token_digest=digest), values
        values["code"] = code = mailed.new_code()
        digest = mailed.code_digest(code, mail.mail_id)
        return Addressed(mail, to, recipient, is_charged, code_digest=digest), values

    def _addressee(self, mail: Outgoing) -> tuple[Recipient | None, str]:
        """Return whom a mail is for, None for somebody without an account, and where it goes."""
        recipient = self._recipient(mail)
        self._count_in_day(mail, recipient)
        if recipient is not None and recipient.disabled:
            raise _GivenUp(Outcome.NOBODY, recipient.user_id, "disabled")
        if recipient is not None and mail.password_version not in {None, recipient.password_version}:
            raise _GivenUp(Outcome.NOBODY, recipient.user_id, "the password has changed since")
        to = self._destination(mail, recipient)
        if to is None:
            raise _GivenUp(Outcome.NOBODY, recipient.user_id if recipient is not None else None)
        return recipient, to

    def _count_in_day(self, mail: Outgoing, recipient: Recipient | None) -> None:
        """Count a mail in its day that a device has asked for, unless it is for the device's own account.

        It is counted if it is for nobody too: what is left of a day must not tell whether somebody has a name.
        """
        if mail.known_user_id is None or mail.in_day:
            return
        user_id = recipient.user_id if recipient is not None else None
        if user_id != mail.known_user_id and not self._deliveries.count_in_day(mail):
            raise _GivenUp(Outcome.BUDGET, user_id, "the mails of the day have been asked for")

    def _recipient(self, mail: Outgoing) -> Recipient | None:
        found = None
        if mail.address_key is not None and mail.kind in _FOR_WHOEVER_HAS_THE_NAME and not mail.is_handed_over:
            found = self._deliveries.user_with_address(mail.address_key)
        if found is None and mail.name_key is not None:
            found = self._deliveries.user_with_name(mail.name_key)
        # Also of the others: after an attempt the mail is for that user, who may have its token already.
        is_other = found is not None and mail.user_id is not None and found.user_id != mail.user_id
        return None if is_other else found

    def _destination(self, mail: Outgoing, recipient: Recipient | None) -> str | None:
        """Return the address, None if there is none."""
        if mail.kind is MailKind.REGISTER or mail.kind is MailKind.EMAIL_CHANGED:
            # The one may have no account yet. The other goes to an address that was the user's, who may have another
            # name by now.
            return mail.to
        if recipient is None:
            return None
        if mail.kind is MailKind.EMAIL:
            return mail.to if recipient.unconfirmed == mail.to else None
        if mail.kind is MailKind.INVITATION:
            return mail.to if recipient.email == mail.to else None
        if mail.to is not None and not recipient.has_verified(mail.to):
            # The link that was handed over is void, and so is the mail's.
            return None
        return recipient.verified_email


def _minutes(mail: Outgoing, now: int) -> int:
    """Return for how many minutes what a mail carries is good."""
    left = (mail.expires_at or now) - now
    return max(1, round(left / 60))


class Feedback:
    """Notes what comes back."""

    def __init__(self, *, deliveries: Deliveries, clock: Clock) -> None:
        self._deliveries = deliveries
        self._clock = clock

    def suppress(self, address: str, reason: str) -> None:
        """Send no more mail to an address."""
        self._deliveries.suppress(address, reason, self._clock())
