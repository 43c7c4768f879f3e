"""Mails to the users of accounts: what one is about, and to whom it goes.

A request never sends a mail. It leaves a ``Mail`` in the outbox, in the transaction of what caused it, and the mailer
finds out whether there is anybody to write to. Knows no storage, no template and no transport.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class MailKind(StrEnum):
    """What a mail is about. Its value is the name in storage, in the log and of the templates."""

    REGISTER = "register"
    """Confirms the address of an account to be, or says that it has one already."""
    EMAIL = "email"
    """Confirms an address of an account that exists."""
    RESET = "reset"
    """Lets somebody choose a new password."""
    INVITATION = "invitation"
    """Lets somebody choose a first password, whom an administrator has made an account for."""
    LOGIN_CODE = "login_code"
    PASSWORD_CHANGED = "password_changed"
    PASSWORD_RESET = "password_reset"
    EMAIL_CHANGED = "email_changed"
    """Goes to the address that the account no longer has."""
    REFRESH_TOKEN_REUSED = "refresh_token_reused"
    SECOND_FACTOR_ADDED = "second_factor_added"
    SECOND_FACTOR_REMOVED = "second_factor_removed"
    RECOVERY_CODES_REPLACED = "recovery_codes_replaced"
    RECOVERY_CODE_USED = "recovery_code_used"
    PASSKEY_ADDED = "passkey_added"
    PASSKEY_REMOVED = "passkey_removed"


REGISTER_KNOWN = "register_known"
"""The template of ``register`` for somebody who has an account already."""
REGISTER_UNCONFIRMED = "register_unconfirmed"
"""The same if the account has that name, and nobody has shown to get mail at it: no new password is mailed there."""

ASKED_FOR = (MailKind.REGISTER, MailKind.EMAIL, MailKind.RESET, MailKind.LOGIN_CODE)
"""The mails that somebody asks for, whoever it may be. They are limited. The others tell what has happened to an
account, and are always sent."""


@dataclass(frozen=True, slots=True, eq=False)
class HandedOver:
    """A link that an administrator is shown. The mail of the same link, if there is one, has a token of its own."""

    token_digest: str
    username: str
    email: str | None
    """The account's address, confirmed or not. The link is void once the account has another."""
    password_version: int
    """How often the user's password had changed."""
    is_mailed: bool
    """Whether there is a mail at all. If not, the outbox keeps what the link stands for, and nothing is sent."""


@dataclass(frozen=True, slots=True, eq=False)
class Mail:
    """An entry of the outbox. Its text is made when it is sent."""

    id: str
    """Names it, and is known to nobody but whom the mail's token or challenge comes from."""
    kind: MailKind
    at: int
    """When it was asked for, as a NumericDate."""
    language: str
    """The language that the request prefers, such as ``de``. What a user's account says goes before it."""
    asked: str | None = None
    """The username or the verified address that names the account. The outbox keeps digests of it only, because people
    type passwords into wrong fields."""
    to: str | None = None
    """The address, if it is not that of the account: one to be confirmed, or one that has been replaced."""
    user_id: str | None = None
    """The user that the mail is for. If there is one, nobody else gets it, whoever has the name by now."""
    known_user_id: str | None = None
    """The user whose device asks, None for a stranger. Strangers' requests do not use up this user's budget."""
    session_id: str | None = None
    """The session that asks for another address. It goes on when the address is a name."""
    handed_over: HandedOver | None = None
    """The link that the request itself has handed over, None if the mailer alone makes one."""
