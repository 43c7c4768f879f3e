"""Deleting a user in DynamoDB, by the user or by an administrator."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from chalicelib.adapters.dynamodb.administrators import AS_READ, AS_READ_NAMES, as_read_values, counted
from chalicelib.adapters.dynamodb.attributes import Item, to_item
from chalicelib.adapters.dynamodb.clearing import Clearing
from chalicelib.adapters.dynamodb.ended import put_ended_user
from chalicelib.adapters.dynamodb.items import delete_address, put_event, user_from_item, user_key
from chalicelib.adapters.dynamodb.transactions import Database, transact
from chalicelib.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from chalicelib.accounts.events import SecurityEvent
    from chalicelib.accounts.user import User


def delete_user(
    database: Database, user: User, events: Sequence[SecurityEvent], *, password_hash: str | None = None
) -> None:
    """Delete the user's item, which ends all sessions, and record the events; then the sessions and the history.

    There is at least one event. Takes one transaction. With ``password_hash`` the user must still have this one.

    Raises:
        LastAdministrator: no active administrator would be left.
        Conflict: the user is not as read.

    """
    tables, email = database.tables, user.verified_email
    values = as_read_values(user)
    condition = AS_READ
    if password_hash is not None:
        condition += " AND password_hash = :hash"
        values |= to_item({":hash": password_hash})
    if email is not None:
        # The address belongs to what the user was when it was read.
        condition += " AND email = :email AND email_verified = :true"
        values |= to_item({":email": email, ":true": True})
    else:
        # An address that was verified meanwhile would stay behind.
        condition += " AND (attribute_not_exists(email) OR email_verified = :false)"
        values |= to_item({":false": False})
    delete = {
        "TableName": tables.users,
        "Key": user_key(user.username),
        "ConditionExpression": condition,
        "ExpressionAttributeNames": AS_READ_NAMES,
        "ExpressionAttributeValues": values,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    actions = [cast("TransactWriteItemTypeDef", {"Delete": delete}), *(put_event(tables, event) for event in events)]
    actions.append(put_ended_user(tables, user.id, events[0].at))
    if email is not None:
        actions.append(delete_address(tables, email, user))

    def do(others: Sequence[TransactWriteItemTypeDef]) -> tuple[dict[int, Item | None], int]:
        return transact(database, [*actions, *others]), len(actions)

    failed = counted(database, user, None, do)
    # A missing user without an address is gone, perhaps by this call, repeated after a lost answer. One with an address
    # may have another name by now.
    is_gone = email is None and 0 in failed and user_from_item(failed[0]) is None
    if failed and not is_gone:
        raise Conflict
    Clearing(database).everything_of(user)
