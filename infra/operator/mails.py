"""What an operator does about addresses that get no mail. Knows no command line.

Such an address has bounced, or its owner has complained. The table of mails has a digest of it only, so a list names
digests; whoever knows an address can ask about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from chalicelib.adapters.dynamodb.attributes import Item, from_item
from chalicelib.adapters.dynamodb.mails import suppressed_key
from chalicelib.api.responses import timestamp

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PREFIX = "suppressed#"


@dataclass(frozen=True)
class Suppressed:
    """An address that gets no mail."""

    digest: str
    """The SHA-256 of the canonical address, in hex."""
    reason: str
    """``bounce`` or ``complaint``."""
    at: int
    """Since when, a NumericDate."""


def suppressed_body(suppressed: Suppressed) -> dict[str, str]:
    """Return what is said of such an address in JSON."""
    return {"digest": suppressed.digest, "reason": suppressed.reason, "at": timestamp(suppressed.at)}


class Suppressions(Protocol):
    """The addresses that get no mail."""

    def all(self) -> list[Suppressed]:
        """Return all, newest first."""

    def find(self, address: str) -> Suppressed | None:
        """Return what is known of an address, None if it gets mail."""

    def lift(self, address: str) -> Suppressed | None:
        """Let an address get mail again. Return what was known of it, None if it got mail before."""


class DynamoDBSuppressions:
    """``Suppressions`` in a table of mails."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def all(self) -> list[Suppressed]:
        """See ``Suppressions.all``. Reads the whole table, which keeps a mail for a day."""
        pages = self._client.get_paginator("scan").paginate(
            TableName=self._table,
            FilterExpression="begins_with(mail_id, :prefix)",
            ExpressionAttributeValues={":prefix": {"S": PREFIX}},
            ConsistentRead=True,
        )
        found = [_suppressed(item) for page in pages for item in page["Items"]]
        return sorted(found, key=lambda each: (-each.at, each.digest))

    def find(self, address: str) -> Suppressed | None:
        """See ``Suppressions.find``. Takes one read."""
        response = self._client.get_item(TableName=self._table, Key=suppressed_key(address), ConsistentRead=True)
        return _suppressed(response["Item"]) if "Item" in response else None

    def lift(self, address: str) -> Suppressed | None:
        """See ``Suppressions.lift``. Takes one write."""
        response = self._client.delete_item(TableName=self._table, Key=suppressed_key(address), ReturnValues="ALL_OLD")
        found = response.get("Attributes")
        return _suppressed(found) if found else None


def _suppressed(item: Item) -> Suppressed:
    members = from_item(item)
    return Suppressed(members["mail_id"].removeprefix(PREFIX), members["reason"], members["at"])
