"""Verified addresses after a restore: each leads to its account, and to no other.

Owns what finds a user by a verified address, where it does not fit the accounts. Every write has a condition, so the
site may stay open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chalicelib.adapters.dynamodb.items import user_key
from infra.restore.accounts import RESTORED_FROM, Account, Comparison, as_it_is, delete_owner, put_owner, unchanged
from infra.restore.contents import address_key_of, is_address, scanned
from infra.restore.items import BATCH, batches, items_of, written

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.adapters.dynamodb.attributes import Item


@dataclass
class Outcome:
    """What became of addresses."""

    freed: int = 0
    """Addresses that led to no account, and are free now."""
    given: int = 0
    """Addresses that lead to their account again."""
    taken: list[str] = field(default_factory=list)
    """The usernames of accounts that came back without a verified address, because another account has it."""


def put_right(
    client: DynamoDBClient, table: str, comparison: Comparison, copy: str, say: Callable[[str], None]
) -> Outcome:
    """Free addresses that lead to no account, and give those of the copy to their accounts, unless others have them."""
    outcome = Outcome()
    for item, owner in _leading_nowhere(client, table, say):
        action = delete_owner(table, item["username_key"]["S"], item["owner_id"])
        outcome.freed += written(client, [unchanged(table, item, owner), action])
    for account in comparison.accounts():
        address, now = address_key_of(account.then), account.now
        if address is None or now is None or account.owners.get(address) == account.id or not _waits(account, copy):
            continue
        if account.is_free and written(client, [_verified(table, now), put_owner(table, address, now)]):
            outcome.given += 1
        else:
            outcome.taken.append(now["username"]["S"])
    return outcome


def _leading_nowhere(
    client: DynamoDBClient, table: str, say: Callable[[str], None]
) -> Iterator[tuple[Item, Item | None]]:
    """Yield what finds a user by an address that is not the user's, with what has the user's name."""
    addresses = (item for item in scanned(client, table, say) if is_address(item))
    for batch in batches(addresses, BATCH):
        keys = [user_key(item["owner_name"]["S"])["username_key"]["S"] for item in batch]
        found = items_of(client, table, sorted(set(keys)))
        for item, key in zip(batch, keys, strict=True):
            owner = found.get(key)
            is_right = owner is not None and owner.get("user_id") == item["owner_id"]
            if not (is_right and owner is not None and address_key_of(owner) == item["username_key"]["S"]):
                yield item, owner


def _waits(account: Account, copy: str) -> bool:
    """Return whether an account has its address of then: verified, or as this restore has left it."""
    now = account.now or {}
    if now.get("user_id") != account.then["user_id"] or now.get("email") != account.then["email"]:
        return False
    return address_key_of(now) is not None or now.get(RESTORED_FROM) == {"S": copy}


def _verified(table: str, account: Item) -> Any:  # noqa: ANN401 - an action of a transaction
    """Return the action that makes an account's address verified, if the account is as it was read."""
    condition, values = as_it_is(account)
    return {
        "Update": {
            "TableName": table,
            "Key": {"username_key": account["username_key"]},
            "UpdateExpression": "SET email_verified = :true",
            "ConditionExpression": condition,
            "ExpressionAttributeValues": values | {":true": {"BOOL": True}},
        }
    }
