"""What was sent to a mail address, and what it was typed for, in DynamoDB: items of the table of counters.

counter_key  S   partition key: see ``chalicelib.credentials.mail_budgets``
sent         S   what was counted in the last day: NumericDate, colon and kind of each, with spaces between them
ttl          N
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.adapters.aws import unavailable_on_failure
from chalicelib.adapters.dynamodb.attributes import to_item
from chalicelib.adapters.dynamodb.mails import KEPT
from chalicelib.adapters.dynamodb.updates import Changes
from chalicelib.credentials.mail_budgets import Sent, charged, uncharged
from chalicelib.errors import TooManyMailsToAddress

if TYPE_CHECKING:
    from chalicelib.accounts.mail import MailKind
    from chalicelib.adapters.dynamodb.transactions import Database

ROUNDS = 5
"""Attempts to count a mail to an address while others count theirs."""


def charge(database: Database, counter_key: str, kind: MailKind, now: int) -> dict[str, Any]:
    """Return the parameters of an update that counts a mail, if what is stored is as it was read. Takes one read.

    Raises TooManyMailsToAddress if the mail has to wait.
    """
    before = _read(database, counter_key)
    after, wait = charged(_sent(before), kind, now)
    if wait > 0:
        raise TooManyMailsToAddress(wait, limit="mails to an address")
    return _replacing(database, counter_key, before, after, ttl=now + KEPT)


def take_back(database: Database, counter_key: str, kind: MailKind, at: int) -> dict[str, Any] | None:
    """Return those of an update that uncounts the mail of a kind that was counted at ``at``, None if there is none."""
    before = _read(database, counter_key)
    sent = _sent(before)
    after = uncharged(sent, kind, at)
    return None if after == sent else _replacing(database, counter_key, before, after)


def _read(database: Database, counter_key: str) -> str | None:
    key = to_item({"counter_key": counter_key})
    with unavailable_on_failure():
        response = database.client.get_item(TableName=database.tables.throttle, Key=key, ConsistentRead=True)
    return response.get("Item", {}).get("sent", {}).get("S")


def _sent(stored: str | None) -> tuple[Sent, ...]:
    return tuple(Sent(int(at), kind) for at, _, kind in (mail.partition(":") for mail in (stored or "").split()))


def _replacing(
    database: Database, counter_key: str, before: str | None, after: tuple[Sent, ...], *, ttl: int | None = None
) -> dict[str, Any]:
    """Return the parameters of an update from what was read. The time of its end stays if no other is given."""
    changes = Changes(sets=["sent = :after"], values={":after": " ".join(f"{mail.at}:{mail.kind}" for mail in after)})
    if ttl is not None:
        changes.sets.append("#ttl = :ttl")
        changes.names["#ttl"] = "ttl"
        changes.values[":ttl"] = ttl
    condition = "attribute_not_exists(sent)"
    if before is not None:
        condition = "sent = :before"
        changes.values[":before"] = before
    return changes.parameters(database.tables.throttle, to_item({"counter_key": counter_key}), condition)
