"""Reading sessions in DynamoDB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.adapters.aws import unavailable_on_failure
from chalicelib.adapters.dynamodb.attributes import Item, to_item
from chalicelib.adapters.dynamodb.items import session_from_item, session_key, user_from_item, user_key
from chalicelib.errors import ServiceUnavailable

if TYPE_CHECKING:
    from chalicelib.accounts.session import Session
    from chalicelib.accounts.user import User
    from chalicelib.adapters.dynamodb.transactions import Database


def find_session(database: Database, user_id: str, session_id: str) -> Session | None:
    """Return a session of a user, or None if there is none. Takes one consistent read."""
    found = _read(database, {database.tables.sessions: session_key(user_id, session_id)})
    session = found[database.tables.sessions]
    return session_from_item(session) if session else None


def user_with_session(
    database: Database, username: str, user_id: str, session_id: str
) -> tuple[User | None, Session | None]:
    """Return the user of a name, and a session, each None if there is none. Takes one request, with two reads."""
    tables = database.tables
    keys = {tables.users: user_key(username), tables.sessions: session_key(user_id, session_id)}
    found = _read(database, keys)
    session = found[tables.sessions]
    return user_from_item(found[tables.users]), session_from_item(session) if session else None


def sessions_of(database: Database, user_id: str) -> list[Session]:
    """Return what is stored of a user's sessions. Takes one query of one small partition."""
    with unavailable_on_failure():
        pages = database.client.get_paginator("query").paginate(
            TableName=database.tables.sessions,
            KeyConditionExpression="user_id = :user",
            ExpressionAttributeValues=to_item({":user": user_id}),
            ConsistentRead=True,
        )
        return [session_from_item(item) for page in pages for item in page["Items"]]


def _read(database: Database, keys: dict[str, Item]) -> dict[str, Item | None]:
    """Return the item of each table's key, or None, by consistent reads."""
    # Not GetItem, which the function's role lacks for the table of sessions.
    with unavailable_on_failure():
        response = database.client.batch_get_item(
            RequestItems={table: {"Keys": [key], "ConsistentRead": True} for table, key in keys.items()}
        )
    if response["UnprocessedKeys"]:
        raise ServiceUnavailable("BatchGetItem left keys unprocessed")
    return {table: next(iter(response["Responses"].get(table, [])), None) for table in keys}
