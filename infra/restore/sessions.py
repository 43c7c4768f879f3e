"""The table of sessions during a restore: the sessions of whoever is restored end, and the feed tells of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from chalicelib.adapters.dynamodb.ended import PARTITION, entry_of_user
from infra.restore.contents import scanned
from infra.restore.items import delete_items

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.adapters.dynamodb.attributes import Item

MOST_TOLD = 10_000
"""Users whom a restore tells the feed of. With many more, whoever reads the feed would read too long."""


class Sessions:
    """The table of sessions of a stage."""

    def __init__(
        self, client: DynamoDBClient, table: str, now: Callable[[], float], *, most_told: int = MOST_TOLD
    ) -> None:
        self._client = client
        self._table = table
        self._now = now
        self._most_told = most_told
        self._lock = threading.Lock()
        self._users = 0

    @property
    def untold(self) -> int:
        """How many users there were whom the feed was not told of."""
        return max(0, self._users - self._most_told)

    def report(self, say: Callable[[str], None]) -> None:
        """Say of how many users the feed does not tell, if there are any."""
        if self.untold:
            say(
                f"the feed of ended sessions does not tell of {self.untold} of their users: on routes that read"
                " nothing, access tokens of before are good until they expire"
            )

    def delete(self, user_id: str) -> None:
        """Delete the sessions of a user."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="user_id = :user",
            ExpressionAttributeValues={":user": {"S": user_id}},
            ProjectionExpression="user_id, session_id",
            ConsistentRead=True,
        )
        delete_items(self._client, self._table, (item for page in pages for item in page["Items"]))

    def delete_all(self, say: Callable[[str], None]) -> int:
        """Delete the sessions of everybody, tell the feed, and return their number. What the feed has told stays."""
        return delete_items(self._client, self._table, self._told(scanned(self._client, self._table, say)))

    def _told(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield the keys of sessions, each after the feed was told of its user."""
        users: set[str] = set()
        for item in items:
            user_id = item["user_id"]["S"]
            if user_id == PARTITION:
                continue
            if user_id not in users:
                users.add(user_id)
                self.tell(user_id)
            yield {name: item[name] for name in ("user_id", "session_id")}

    def tell(self, *user_ids: str) -> None:
        """Tell the feed that all sessions of these users have ended, as long as they are not too many."""
        for user_id in {*user_ids}:
            with self._lock:
                self._users += 1
                has_room = self._users <= self._most_told
            if has_room:
                self._client.put_item(TableName=self._table, Item=entry_of_user(user_id, int(self._now())))
