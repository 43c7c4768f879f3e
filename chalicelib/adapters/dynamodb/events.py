"""The store of account histories in DynamoDB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.accounts.events import EventType
from chalicelib.adapters.aws import unavailable_on_failure
from chalicelib.adapters.dynamodb.attributes import to_item
from chalicelib.adapters.dynamodb.items import event_from_item
from chalicelib.adapters.dynamodb.transactions import Database

if TYPE_CHECKING:
    from chalicelib.accounts.events import SecurityEvent


_KNOWN = frozenset(EventType)


class DynamoDBEventLog:
    """An ``EventLog`` over the events table."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._client = database.client
        self._tables = database.tables

    def recent(self, user_id: str, limit: int) -> list[SecurityEvent]:
        """See ``EventLog.recent``: one query."""
        with unavailable_on_failure():
            response = self._client.query(
                TableName=self._tables.events,
                KeyConditionExpression="user_id = :user",
                ExpressionAttributeValues=to_item({":user": user_id}),
                ScanIndexForward=False,
                Limit=limit,
                ConsistentRead=True,
            )
        # After a rollback there may be some of a type that this version does not know.
        return [event_from_item(item) for item in response["Items"] if item["type"]["S"] in _KNOWN]
