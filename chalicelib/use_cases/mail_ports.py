"""The interfaces of the stores that only the use cases of mails need: of addresses, and of mails that are to be sent.

Owns the contracts, see ``ports``. What the mailer needs is in ``mailer_ports``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from chalicelib.accounts.caller import Caller
    from chalicelib.accounts.events import SecurityEvent
    from chalicelib.accounts.mail import Mail, MailKind
    from chalicelib.accounts.user import Contact, User
    from chalicelib.credentials.mail_budgets import Typed
    from chalicelib.credentials.mailed import KeptRegistration, MailedProof


class AddressStore(Protocol):
    """Stores the addresses of users, and registrations whose address is yet to be confirmed.

    At most one user has verified an address.
    """

    def keep(self, registration: KeptRegistration, mail: Mail) -> None:
        """Store a registration until its address is confirmed, and put the mail into the outbox that asks for that."""

    def kept(self, mail_id: str) -> KeptRegistration | None:
        """Return the registration that waits for the confirmation of this mail, or None."""

    def set_email(self, user: User, contact: Contact, mail: Mail) -> None:
        """Store what the user has instead of ``user.contact``, and put a mail into the outbox that asks to confirm it.

        ``contact.asked_by`` is the session that asks.

        Raises:
            Conflict: the user no longer exists, or no longer has the contact or the epoch of ``user``, or the session
                has ended.

        """

    def withdraw_email(self, user: User) -> None:
        """Store that no address waits any more to replace the verified one. Its links are void.

        Raises:
            Conflict: the user no longer exists, or no longer has the verified address or the epoch of ``user``.

        """

    def remove_email(self, user: User, event: SecurityEvent | None, mail: Mail | None) -> None:
        """Store that the user has no address. Record the event and put the mail into the outbox, if there are any.

        Raises:
            Conflict: the user no longer exists, or no longer has the contact or the epoch of ``user``.

        """

    def confirm_email(self, user: User, proof: MailedProof, event: SecurityEvent, mail: Mail | None) -> None:
        """Store that ``proof.email``, which waits for its confirmation, is the user's. The old address is free then.

        Raises:
            EmailTaken: another user has verified the address.
            LinkExpired: the proof has been used, the password has changed, or another address waits meanwhile.

        """

    def rename(self, user: User, proof: MailedProof, event: SecurityEvent, mail: Mail | None) -> None:
        """Do the same where the address is the username: the user has ``proof.email`` as both from then on.

        All sessions end, except the one that asked for it (``proof.session_id``).

        Raises:
            EmailTaken: another user has the address as the username.
            LinkExpired: the proof has been used, the password has changed, or another address waits meanwhile.

        """


class Outbox(Protocol):
    """Keeps the mails that are to be sent, what their tokens and codes stand for, and the limits on asking for them.

    The other stores put mails here that something else causes.
    """

    def ask(self, mail: Mail) -> None:
        """Put a mail here that was asked for and that nothing else causes."""

    def find(self, mail_id: str) -> MailedProof | None:
        """Return what the token of a mail stands for, as last written. None if there is no such mail."""

    def try_code(self, mail_id: str, now: int) -> MailedProof | None:
        """Count a try of a code, before it is checked. Return what the code stands for.

        None if there is no such challenge, if it has expired or was used, or if ``MOST_TRIES`` were counted before.
        """

    def count_request(self, ip: str, known: bool, now: int) -> bool:
        """Count a request for a mail by its address on the network, and among all of a day.

        Return whether the mail may be sent: False if too many were asked for in all. ``known`` says that a device asks
        that has logged in before. That is not counted in the day: the mailer does so if it is not for its own account.

        Raises:
            TooManyMails: too many were asked for from this address, or from a network that it is in.

        """

    def count_typed(self, address: str, caller: Caller, kind: MailKind, now: int) -> Typed:
        """Count a request for a mail to an address that the caller has typed: as others, and for the address.

        For the address it is counted by the caller's network, see ``mail_budgets``. Return what was counted.

        Raises:
            TooManyMails: see ``count_request``.
            TooManyMailsToAddress: it has to wait. Nothing of it is counted then.

        """

    def not_asked(self, typed: Typed) -> None:
        """Uncount a request that was refused afterwards, and of which no mail has been made.

        If that is not possible, it stays counted.
        """


@dataclass(frozen=True, slots=True, eq=False)
class MailStores:
    """The stores that only the use cases of mails need."""

    addresses: AddressStore
    outbox: Outbox
