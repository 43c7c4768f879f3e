"""The item that counts the active administrators, so that the last one cannot go.

Every transaction that makes a user an active administrator, or stops one from being that, changes this item too. An
active administrator whom it does not know (the item is younger than the account, or the account came back from a copy)
is added when it turns out: it knows too few then, never too many, so it refuses rather than lets the last one go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.accounts.roles import ADMIN
from chalicelib.adapters.dynamodb.attributes import Item, from_item, to_item
from chalicelib.adapters.dynamodb.items import user_key
from chalicelib.adapters.dynamodb.transactions import Database, transact
from chalicelib.errors import Conflict, LastAdministrator

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from chalicelib.accounts.user import User
    from chalicelib.config.api import Tables

KEY: Item = {"username_key": {"S": "administrators"}}
"""The key of the item, in the table of users. The keys of users are digests."""

AS_READ = "user_id = :id AND #roles = :roles AND disabled = :disabled"
"""A condition: whether the user is an active administrator has not changed since the user was read."""

AS_READ_NAMES = {"#roles": "roles"}


def as_read_values(user: User) -> Item:
    """Return the values of ``AS_READ``."""
    return to_item({":id": user.id, ":roles": user.roles, ":disabled": user.disabled})


def is_active(user: User) -> bool:
    """Return whether a user is an active administrator."""
    return ADMIN in user.roles and not user.disabled


def joins(tables: Tables, *user_ids: str) -> TransactWriteItemTypeDef:
    """Return the transaction action that counts users, at least one, among the active administrators."""
    return {
        "Update": {
            "TableName": tables.users,
            "Key": KEY,
            "UpdateExpression": "ADD members :members",
            "ExpressionAttributeValues": to_item({":members": user_ids}),
        }
    }


def leaves(tables: Tables, user_id: str) -> TransactWriteItemTypeDef:
    """Return the transaction action that no longer counts a user. It fails if nobody else would be left."""
    return {
        "Update": {
            "TableName": tables.users,
            "Key": KEY,
            "UpdateExpression": "DELETE members :member",
            "ConditionExpression": "contains(members, :id) AND size(members) > :one",
            "ExpressionAttributeValues": to_item({":member": (user_id,), ":id": user_id, ":one": 1}),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


def counted(
    database: Database,
    before: User,
    after: User | None,
    do: Callable[[Sequence[TransactWriteItemTypeDef]], tuple[dict[int, Item | None], int]],
) -> dict[int, Item | None]:
    """Do a transaction that makes ``after`` of ``before``, with the action that counts it, if one is needed.

    ``after`` is None if the user is deleted. ``do`` takes the actions that are to be done too, one at most, and returns
    the failed conditions and the position of that action. Return the failed conditions of the others.

    Raises:
        LastAdministrator: no active administrator would be left.
        Conflict: the user is not as read.

    """
    was, will_be = is_active(before), after is not None and is_active(after)
    if was == will_be:
        return do([])[0]
    if will_be:
        return do([joins(database.tables, before.id)])[0]
    for is_known in (False, True):
        failed, position = do([leaves(database.tables, before.id)])
        if position not in failed or len(failed) > 1:
            return failed
        if is_known or before.id in _members(failed[position]):
            raise LastAdministrator
        _add_unknown(database, before)
    raise LastAdministrator


def _add_unknown(database: Database, user: User) -> None:
    """Count an active administrator who was not counted so far. Raises Conflict if the user is not as read."""
    check: TransactWriteItemTypeDef = {
        "ConditionCheck": {
            "TableName": database.tables.users,
            "Key": user_key(user.username),
            "ConditionExpression": AS_READ,
            "ExpressionAttributeNames": AS_READ_NAMES,
            "ExpressionAttributeValues": as_read_values(user),
        }
    }
    if transact(database, [check, joins(database.tables, user.id)]):
        raise Conflict


def _members(item: Item | None) -> tuple[str, ...]:
    return tuple(from_item(item).get("members", ())) if item is not None else ()
