"""The feed of ended sessions in DynamoDB: items of one partition of the table of sessions, in the order of time.

    user_id     S   partition key: ``#ended``. No user's id has a ``#``, whatever an import takes
    session_id  S   sort key: the NumericDate of the end in twelve digits, ``#session#`` or ``#user#``, and the digest
    ttl         N   when DynamoDB may delete the item

An entry is written in the transaction of what it tells of. One that commits late has an earlier time than the feed's
readers have seen, so they look back: see ``use_cases.ended_sessions``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from chalicelib.adapters.aws import error_code, unavailable_on_failure
from chalicelib.adapters.dynamodb.attributes import to_item
from chalicelib.errors import ServiceUnavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from chalicelib.accounts.ended import Ended
    from chalicelib.adapters.dynamodb.attributes import Item
    from chalicelib.adapters.dynamodb.transactions import Database
    from chalicelib.config.api import Tables

PARTITION = "#ended"

# Most processes read no entry, so none compiles this at its start.
_ENTRY = "([0-9]{12})#(session|user)#([A-Za-z0-9_-]{11})"

KEPT = 2 * 3600
"""Seconds for which an entry is kept: longer than the longest life of an access token (``config.api``)."""


class DynamoDBEndedFeed:
    """An ``EndedFeed`` over the table of sessions."""

    def __init__(self, database: Database) -> None:
        self._client = database.client
        self._table = database.tables.sessions

    def since(self, at: int) -> list[Ended]:
        """See ``EndedFeed.since``. Takes one consistent query, and one more for each further megabyte.

        Raises ServiceUnavailable also if the feed may not be read, or if something else is among the entries: what else
        is wrong there nobody knows.
        """
        try:
            with unavailable_on_failure():
                pages = self._client.get_paginator("query").paginate(
                    TableName=self._table,
                    KeyConditionExpression="user_id = :ended AND session_id >= :since",
                    ExpressionAttributeValues=to_item({":ended": PARTITION, ":since": f"{max(0, at):012d}"}),
                    ProjectionExpression="session_id",
                    ConsistentRead=True,
                )
                return [_read(item["session_id"]["S"]) for page in pages for item in page["Items"]]
        except ClientError as refused:
            raise ServiceUnavailable(f"{refused.operation_name}: {error_code(refused)}") from refused


def put_ended_session(tables: Tables, session_id: str, at: int) -> TransactWriteItemTypeDef:
    """Return the transaction action that says in the feed that a session has ended."""
    return {"Put": {"TableName": tables.sessions, "Item": _entry("session", session_id, at)}}


def put_ended_user(tables: Tables, user_id: str, at: int) -> TransactWriteItemTypeDef:
    """Return the transaction action that says in the feed that all sessions of a user have ended."""
    return {"Put": {"TableName": tables.sessions, "Item": entry_of_user(user_id, at)}}


def entry_of_user(user_id: str, at: int) -> Item:
    """Return the item that says in the feed that all sessions of a user have ended."""
    return _entry("user", user_id, at)


def _entry(kind: str, identifier: str, at: int) -> Item:
    from chalicelib.accounts.ended import digest_of  # noqa: PLC0415 - most requests end nothing

    name = f"{at:012d}#{kind}#{digest_of(identifier)}"
    return to_item({"user_id": PARTITION, "session_id": name, "ttl": at + KEPT})


def _read(name: str) -> Ended:
    from chalicelib.accounts.ended import Ended  # noqa: PLC0415 - most processes read no feed

    found = re.fullmatch(_ENTRY, name)
    if found is None:
        raise ServiceUnavailable(f"the feed has an entry {name!r}")
    at, kind, digest = found.groups()
    return Ended(digest, int(at), is_user=kind == "user")
