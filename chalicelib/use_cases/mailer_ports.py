"""The interfaces that the mailer needs, and what goes through them.

Owns the contracts. Knows no database, no template and no transport. An implementation that cannot reach what it stands
for raises ServiceUnavailable: the same may succeed later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from chalicelib.accounts.addresses import canonical_address
from chalicelib.accounts.mail import MailKind


class Outcome(StrEnum):
    """What became of a mail. All but the first two are stored with it under this name."""

    SENT = "sent"
    DONE_BEFORE = "done_before"
    """An earlier delivery of the same mail has ended, or the mail is gone."""
    NOBODY = "nobody"
    """Nobody has the name that was asked for, or not at a verified address."""
    BUDGET = "budget"
    """Too many mails were sent to the address, or asked for in a day."""
    SUPPRESSED = "suppressed"
    """Mail to the address has bounced, or its reader has complained."""
    REFUSED = "refused"
    """The transport will never take it for this recipient."""
    LATE = "late"
    """What it carries is void by now."""


@dataclass(frozen=True, slots=True, eq=False)
class Outgoing:
    """An entry of the outbox, as the mailer finds it. See ``chalicelib.accounts.mail.Mail``."""

    mail_id: str
    kind: MailKind
    at: int
    language: str
    name_key: str | None
    """Finds who is asked for as a username."""
    address_key: str | None
    """Finds who is asked for as an address."""
    to: str | None
    user_id: str | None
    """Whom it is for, if that was said or if it has been about to be sent before."""
    known_user_id: str | None
    in_day: bool
    """Whether the mailer has counted it among the mails of its day already."""
    counted: bool
    """Whether it is in the budget of its address already."""
    expires_at: int | None
    """When what it carries is void."""
    attempts: int
    """How often it was about to be sent before."""
    is_done: bool
    """Whether it was sent or given up."""
    password_version: int | None = None
    """Of a link that an administrator was shown: how often the password had changed by then. It is void after one more
    change, and the mail too, which stands for the same."""

    @property
    def is_handed_over(self) -> bool:
        """Whether an administrator was shown the link that it carries."""
        return self.password_version is not None


@dataclass(frozen=True, slots=True, eq=False)
class Recipient:
    """What the mailer may know of a user."""

    user_id: str
    username: str
    email: str | None
    verified: bool
    new_email: str | None
    language: str
    disabled: bool
    password_version: int

    @property
    def unconfirmed(self) -> str | None:
        """The address that waits to be confirmed, None if there is none."""
        return self.new_email if self.verified else self.email

    @property
    def verified_email(self) -> str | None:
        """The address at which the user has shown to get mail, None if there is none."""
        return self.email if self.verified else None

    def has_verified(self, address: str) -> bool:
        """Return whether this is the user's verified address."""
        verified = self.verified_email
        return verified is not None and canonical_address(verified) == canonical_address(address)


@dataclass(frozen=True, slots=True, eq=False)
class Addressed:
    """A mail with where it goes, and digests of what it carries. Stored before it is sent."""

    mail: Outgoing
    email: str
    recipient: Recipient | None
    """None for somebody who has no account yet."""
    is_charged: bool
    """Whether it counts in the budget of its address now."""
    token_digest: str | None = field(default=None, repr=False)
    code_digest: str | None = field(default=None, repr=False)


class Content(Protocol):
    """What a mail says."""

    @property
    def subject(self) -> str:
        """The subject."""

    @property
    def text(self) -> str:
        """The body as plain text."""

    @property
    def html(self) -> str:
        """The same as HTML."""


class Render(Protocol):
    """Writes mails."""

    def __call__(self, template: str, language: str, values: Mapping[str, str]) -> Content:
        """Return the mail of a template in a language, with these values."""


class Deliveries(Protocol):
    """The outbox and the users, as far as the mailer may see them."""

    def find(self, mail_id: str) -> Outgoing | None:
        """Return a mail, as last written, or None."""

    def user_with_name(self, name_key: str) -> Recipient | None:
        """Return who has the username that this key stands for, as last written, or None."""

    def user_with_address(self, address_key: str) -> Recipient | None:
        """Return who has verified the address that this key stands for, as last written, or None."""

    def is_suppressed(self, address: str) -> bool:
        """Return whether an address gets no mail any more."""

    def count_in_day(self, mail: Outgoing) -> bool:
        """Count a mail among those of the day in which it was asked for, once however often this is called.

        Return whether it may be sent: False if that day has none left.
        """

    def prepare(self, addressed: Addressed) -> None:
        """Store what a mail carries and where it goes, and charge the budget of its address. In one step.

        Raises:
            TooManyMails: the address gets no more mails for now. Nothing was stored.
            ServiceUnavailable: also if another delivery of the mail has got this far since it was read.

        """

    def sent(self, mail_id: str, message_id: str, now: int) -> None:
        """Store that a mail was sent, and the transport's name for it."""

    def give_up(self, mail_id: str, attempts: int, outcome: Outcome) -> bool:
        """Store why a mail is not sent, which has been about to be sent so often.

        Return whether it was so: False if another delivery has ended it meanwhile.

        Raises ServiceUnavailable also if another delivery has got further: it may be the one that used up the budget.
        """

    def suppress(self, address: str, reason: str, now: int) -> None:
        """Store that an address gets no mail any more."""


class Transport(Protocol):
    """Sends mails."""

    def send(self, to: str, content: Content) -> str:
        """Send a mail. Return the transport's name for it.

        Raises:
            MailRefused: it will never be taken for this recipient.
            RefusalUnclear: it is not taken, and it may be this recipient's fault or that of every mail.
            ServiceUnavailable: nothing can be sent for now, to anybody.

        """
