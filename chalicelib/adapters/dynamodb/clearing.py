"""Deleting what has become invalid: the items of ended sessions and of deleted users."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from chalicelib.adapters.aws import unavailable_on_failure
from chalicelib.adapters.dynamodb.attributes import Item, to_item
from chalicelib.errors import ServiceUnavailable

if TYPE_CHECKING:
    from chalicelib.accounts.user import User
    from chalicelib.adapters.dynamodb.transactions import Database

_log = logging.getLogger("lychgate.dynamodb")

_BATCH = 25
"""The most items that BatchWriteItem accepts."""

_BATCH_ATTEMPTS = 4


class Clearing:
    """Deletes items that are no longer valid.

    A failure does not fail the request: an item that is left has a past epoch or belongs to no user.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._client = database.client
        self._tables = database.tables

    def sessions_of_past_epochs(self, user: User) -> None:
        """Delete the sessions of a user that a rise of ``user.session_epoch`` has ended."""
        self._clear_away(user, self._sessions_of_past_epochs)

    def everything_of(self, user: User) -> None:
        """Delete the sessions, the events and the passkeys of a user who is no more."""
        self._clear_away(user, self._passkeys, self._all_sessions, self._all_events)

    def _clear_away(self, user: User, *finders: Callable[[User], tuple[str, list[Item]]]) -> None:
        """Delete the items that the finders return. They are no longer valid.

        One that is left is deleted by DynamoDB when its ``ttl`` has passed, except for a passkey: it has none, and
        belongs to nobody.
        """
        try:
            with unavailable_on_failure():
                for find in finders:
                    table, keys = find(user)
                    for start in range(0, len(keys), _BATCH):
                        requests = [{"DeleteRequest": {"Key": key}} for key in keys[start : start + _BATCH]]
                        self._write_batch(table, requests)
        except ServiceUnavailable as unavailable:
            _log.warning("left for DynamoDB to delete: %s", unavailable.reason)

    def _sessions_of_past_epochs(self, user: User) -> tuple[str, list[Item]]:
        values = to_item({":user": user.id, ":epoch": user.session_epoch})
        return self._keys(self._tables.sessions, "session_id", values, FilterExpression="epoch <= :epoch")

    def _passkeys(self, user: User) -> tuple[str, list[Item]]:
        if not user.passkeys:
            return self._tables.users, []
        # Few users have one.
        from chalicelib.adapters.dynamodb.factor_uses import passkey_key  # noqa: PLC0415

        return self._tables.users, [passkey_key(passkey_id) for passkey_id in user.passkeys]

    def _all_sessions(self, user: User) -> tuple[str, list[Item]]:
        return self._keys(self._tables.sessions, "session_id", to_item({":user": user.id}))

    def _all_events(self, user: User) -> tuple[str, list[Item]]:
        return self._keys(self._tables.events, "event_id", to_item({":user": user.id}))

    def _keys(self, table: str, sort_key: str, values: Item, **filters: str) -> tuple[str, list[Item]]:
        pages = self._client.get_paginator("query").paginate(
            TableName=table,
            KeyConditionExpression="user_id = :user",
            ExpressionAttributeValues=values,
            ProjectionExpression=f"user_id, {sort_key}",
            ConsistentRead=True,
            **filters,  # type: ignore[arg-type]
        )
        return table, [item for page in pages for item in page["Items"]]

    def _write_batch(self, table: str, requests: Sequence[Any]) -> None:
        for attempt in range(_BATCH_ATTEMPTS):
            response = self._client.batch_write_item(RequestItems={table: requests})
            requests = response["UnprocessedItems"].get(table, [])
            if not requests:
                return
            self._database.pause(0.02 * 2**attempt)
        raise ServiceUnavailable("BatchWriteItem left items unprocessed")
