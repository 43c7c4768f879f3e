"""Passkeys after a restore: each leads to an account that lists it, and each that is listed is there.

Every write has a condition, so the site may stay open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.adapters.dynamodb.items import user_key
from infra.restore.accounts import Account, Comparison, as_it_is, unchanged
from infra.restore.contents import is_passkey, scanned
from infra.restore.factors import delete_passkey, ids_of, key_of, put_back
from infra.restore.items import BATCH, batches, items_of, written

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.adapters.dynamodb.attributes import Item


@dataclass
class Outcome:
    """What became of passkeys that did not fit the accounts."""

    deleted: int = 0
    """Passkeys that led to no account which lists them."""
    put_back: int = 0
    """Passkeys that an account lists, and that were gone."""
    unlisted: int = 0
    """Passkeys that an account lists no longer, because they are gone for good or another account's."""


def put_right(client: DynamoDBClient, table: str, comparison: Comparison, say: Callable[[str], None]) -> Outcome:
    """Delete passkeys that lead nowhere, and give the accounts of the copy what they list, or stop them listing it."""
    outcome = Outcome()
    for item, owner in _leading_nowhere(client, table, say):
        outcome.deleted += written(client, [unchanged(table, item, owner), delete_passkey(table, item)])
    for account in comparison.accounts():
        now = account.now
        if now is None or now.get("user_id") != account.then["user_id"]:
            continue
        lost = _lost(account, now)
        back = [each for each in lost if account.passkeys.of(account.id, each) is not None]
        gone = [each for each in lost if each not in back]
        if back and written(client, [_check(table, now), *put_back(table, account.passkeys, now, back)]):
            outcome.put_back += len(back)
        if gone and written(client, [_unlist(table, now, gone)]):
            outcome.unlisted += len(gone)
    return outcome


def _lost(account: Account, now: Item) -> list[str]:
    """Return the ids that an account lists without having the passkeys."""
    there = account.passkeys.now
    return [
        each
        for each in sorted(ids_of(now))
        if key_of(each) not in there or there[key_of(each)]["owner_id"] != now["user_id"]
    ]


def _leading_nowhere(
    client: DynamoDBClient, table: str, say: Callable[[str], None]
) -> Iterator[tuple[Item, Item | None]]:
    """Yield each passkey whose user does not list it, with what has the user's name."""
    passkeys = (item for item in scanned(client, table, say) if is_passkey(item))
    for batch in batches(passkeys, BATCH):
        keys = [user_key(item["owner_name"]["S"])["username_key"]["S"] for item in batch]
        found = items_of(client, table, sorted(set(keys)))
        for item, key in zip(batch, keys, strict=True):
            owner = found.get(key)
            is_right = owner is not None and owner.get("user_id") == item["owner_id"]
            if not is_right or item["credential_id"]["S"] not in ids_of(owner):
                yield item, owner


def _check(table: str, account: Item) -> Any:  # noqa: ANN401 - an action of a transaction
    condition, values = as_it_is(account)
    return {
        "ConditionCheck": {
            "TableName": table,
            "Key": {"username_key": account["username_key"]},
            "ConditionExpression": condition,
            "ExpressionAttributeValues": values,
        }
    }


def _unlist(table: str, account: Item, ids: list[str]) -> Any:  # noqa: ANN401 - an action of a transaction
    condition, values = as_it_is(account)
    return {
        "Update": {
            "TableName": table,
            "Key": {"username_key": account["username_key"]},
            "UpdateExpression": "DELETE passkeys :gone",
            "ConditionExpression": condition,
            "ExpressionAttributeValues": values | {":gone": {"SS": ids}},
        }
    }
