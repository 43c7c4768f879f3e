"""Whom an account has to withstand, as data: what each of them has at the beginning. And the kinds of accounts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product

from infra.doctor.model import (
    ADMIN,
    ADMIN_FRESH,
    FRESH,
    OWNER,
    OWNER_LATER,
    RENEWABLE,
    SESSION,
    THIEF,
    Account,
    State,
    of,
)
from infra.doctor.routes import BY_ADDRESS, MAIL

THINGS = ("password", "mailbox", "TOTP app", "recovery codes", "passkey")
"""What somebody can hold to get into an account."""

_OF_OWNER = frozenset(of(thing, maker) for thing in THINGS for maker in (OWNER, OWNER_LATER))
OF_THIEF = frozenset(of(thing, THIEF) for thing in THINGS)
"""What a thief can make: an account may have it in place of the owner's."""

PIECES: dict[str, frozenset[str]] = {
    "mailbox": frozenset({of("mailbox", OWNER)}),
    "password": frozenset({of("password", OWNER)}),
    "totp-code": frozenset({of("TOTP code", OWNER)}),
    "mailed-code": frozenset({"mailed code"}),
    "recovery-code": frozenset({of("recovery code", OWNER)}),
    "access-token": frozenset({SESSION}),
    "refresh-token": frozenset({RENEWABLE}),
    "fresh": frozenset({FRESH}),
    "authenticator": frozenset({of("authenticator", OWNER)}),
    "passkey": frozenset({of("passkey", OWNER)}),
    "tables": frozenset({"tables"}),
    "peppers": frozenset({"peppers"}),
    "signing-keys": frozenset({"signing keys"}),
    "write": frozenset({"tables to write"}),
    "admin": frozenset({ADMIN}),
    "admin-fresh": frozenset({ADMIN_FRESH}),
}
"""What can be stolen, by the name that the command knows it by."""


@dataclass(frozen=True)
class Theft:
    """Somebody who wants an account, and has something of it."""

    name: str
    pieces: tuple[str, ...]
    of_kind: tuple[str, ...] = ()
    """What an account must have for this to be a theft: names of ``Account``'s attributes."""
    only_looks: bool = False
    """Whether it only makes requests that read, as a program does that opens each link of a mail."""
    aside: str = ""
    """What no graph says."""
    where: frozenset[str] = field(default_factory=frozenset)
    registers_first: bool = False
    """Whether the account begins with a registration of the thief's, which the owner of the address has confirmed."""
    owner_chooses: bool = False
    """Whether the owner has chosen the password then, as the page of mailed links asks."""

    @property
    def hand(self) -> frozenset[str]:
        """What the thief holds: what was stolen, and what a thief can make."""
        return OF_THIEF.union(*(PIECES[piece] for piece in self.pieces))

    def against(self, account: Account) -> State | None:
        """Return how it begins, None if there is nothing of this kind to steal."""
        is_first = not account.totp and not account.passkeys
        if not all(getattr(account, name) for name in self.of_kind) or (self.registers_first and not is_first):
            return None
        return State(account, (self.hand, _OF_OWNER))


_FRESH_NOW = "while the session is fresh"

THEFTS = (
    Theft(
        "the mailbox",
        ("mailbox",),
        ("address",),
        where=MAIL,
        aside="Whoever reads the mailbox can delete the notices there before the owner sees them.",
    ),
    Theft("a program that opens every link in the mailbox", ("mailbox",), ("address",), only_looks=True, where=MAIL),
    Theft(
        "whoever registers the address first, with a password, if its owner chooses another in confirming it",
        (),
        ("password", "address"),
        where=BY_ADDRESS,
        registers_first=True,
        owner_chooses=True,
    ),
    Theft(
        "whoever registers the address first, with a password, if its owner confirms it on a page that asks for none",
        ("password",),
        ("password", "address"),
        where=BY_ADDRESS,
        registers_first=True,
        aside="The page of mailed links asks for one, so this needs another page.",
    ),
    Theft(
        f"an unlocked device with an open session, {_FRESH_NOW}",
        ("access-token", "refresh-token", "fresh"),
        aside="If the device also opens the mailbox or a password manager, add that thief.",
    ),
    Theft("an unlocked device with an open session, later", ("access-token", "refresh-token")),
    Theft(f"an access token, {_FRESH_NOW}", ("access-token", "fresh")),
    Theft("an access token, later", ("access-token",)),
    Theft(
        "a refresh token or its cookie",
        ("refresh-token",),
        aside="While the session is fresh it is worth as much as an unlocked device. Of a session that is bound to a "
        "key it is worth nothing without the key.",
    ),
    Theft(
        "a TOTP code that was seen",
        ("totp-code",),
        ("totp",),
    ),
    Theft(
        "a mailed code that was seen",
        ("mailed-code",),
        ("address",),
        where=MAIL,
        aside="Only the browser that asked for it has the challenge that it belongs to.",
    ),
    Theft("a recovery code", ("recovery-code",), ("totp",)),
    Theft(
        "the password",
        ("password",),
        ("password",),
        aside="With a TOTP app each challenge takes 5 tries, an account 20 an hour and 50 a day. A thief who uses them "
        "up keeps the owner from logging in with password and code until the hour or the day ends, each time anew "
        "until the password has changed.",
    ),
    Theft(
        "password and TOTP code, by a page that passes both on at once",
        ("password", "totp-code"),
        ("password", "totp"),
        aside="No code withstands this. A passkey does: it answers to the site's own domain only.",
    ),
    Theft("password and mailbox", ("password", "mailbox"), ("password", "address"), where=MAIL),
    Theft("password and a recovery code", ("password", "recovery-code"), ("password", "totp")),
    Theft("mailbox and a TOTP code", ("mailbox", "totp-code"), ("address", "totp"), where=MAIL),
    Theft("an authenticator with a passkey, without its PIN", ("authenticator",), ("passkeys",)),
    Theft("an authenticator with a passkey, and its PIN", ("passkey",), ("passkeys",)),
    Theft(
        f"a session of an administrator, {_FRESH_NOW}",
        ("admin", "admin-fresh"),
        aside="Every account, one after another, and each has it in its history. It can make administrators of its "
        "own, and disable or delete all but the last: look at the roles of all users afterwards.",
    ),
    Theft(
        "a session of an administrator, later",
        ("admin",),
        aside="It reads names, addresses, histories and sessions of all users, and can end sessions.",
    ),
    Theft(
        "a copy of the tables",
        ("tables",),
        aside="Names, addresses, histories. Hashes cannot be tried without the peppers.",
    ),
    Theft("the peppers", ("peppers",), aside="They are worth something with the tables only."),
    Theft(
        "the signing keys",
        ("signing-keys",),
        aside="Whoever verifies tokens by their signature alone, outside of this API, takes any that they sign, for "
        "whomever and with whatever roles.",
    ),
    Theft(
        "a copy of the tables and the peppers",
        ("tables", "peppers"),
        aside="Passwords can be tried without limit: those that are guessed count as stolen. With TOTP the password is "
        "not even needed.",
    ),
    Theft(
        "a copy of the tables and the signing keys",
        ("tables", "signing-keys"),
        aside="Any session that exists at the time, and only those. Revoking the key ends it.",
    ),
    Theft(
        "an operator's AWS credentials, which may write to the tables",
        ("write", "tables", "peppers", "signing-keys"),
        aside="Everything, and unseen: what is written there leaves no event and no mail. CloudTrail has it, if it is "
        "on for the tables. `infra.operator` gives roles and links that set a password, which are in the history.",
    ),
)
"""From what happens often to what happens to the operator."""


def kinds(words: frozenset[str]) -> Iterator[Account]:
    """Yield each kind of account that there can be with these settings."""
    by_address, mail = "the address is the name" in words, "mail" in words
    for password, address, totp, passkey in product((True, False), repeat=4):
        if address > mail or (by_address and not address) or not (password or by_address):
            continue
        yield Account(
            password=OWNER if password else "",
            address=OWNER if address else "",
            totp=OWNER if totp else "",
            codes=OWNER if totp else "",
            passkeys=frozenset({OWNER} if passkey else ()),
        )
