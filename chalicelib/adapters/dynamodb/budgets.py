"""What was sent to a mail address, and what it was typed for, in DynamoDB: items of the table of counters.

counter_key  S   partition key: see ``chalicelib.credentials.mail_budgets``
sent         S   what was counted in the last day: NumericDate, colon and kind of each, with spaces between them
ttl          N
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.adapters.aws import unavailable_on_failure
from chalicelib.adapters.dynamodb.attributes import Value, to_item
from chalicelib.adapters.dynamodb.mails import KEPT
from chalicelib.credentials.mail_budgets import Sent, charged
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
    key = to_item({"counter_key": counter_key})
    with unavailable_on_failure():
        response = database.client.get_item(TableName=database.tables.throttle, Key=key, ConsistentRead=True)
    before = response.get("Item", {}).get("sent", {}).get("S")
    sent = tuple(Sent(int(at), kept) for at, _, kept in (mail.partition(":") for mail in (before or "").split()))
    after, wait = charged(sent, kind, now)
    if wait > 0:
        raise TooManyMailsToAddress(wait, limit="mails to an address")
    values: dict[str, Value] = {":after": " ".join(f"{mail.at}:{mail.kind}" for mail in after), ":ttl": now + KEPT}
    if before is not None:
        values[":before"] = before
    return {
        "TableName": database.tables.throttle,
        "Key": key,
        "UpdateExpression": "SET sent = :after, #ttl = :ttl",
        "ConditionExpression": "attribute_not_exists(sent)" if before is None else "sent = :before",
        "ExpressionAttributeNames": {"#ttl": "ttl"},
        "ExpressionAttributeValues": to_item(values),
    }
