"""What a table of users or of events holds: how much, how new, and which peppers its accounts need. Changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chalicelib.adapters.dynamodb.attributes import Item
from chalicelib.adapters.dynamodb.items import address_key, event_from_item, user_from_item
from infra.keys.users import of_password, of_totp

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TOLD_ITEMS = 50_000
"""Items after which a count says how far it is."""


@dataclass
class Contents:
    """What was found in a table."""

    items: int = 0
    newest: int = 0
    """When the newest account or event began, a NumericDate. 0 if there is none."""
    addresses: int = 0
    """The accounts that have verified an address."""
    passkeys: int = 0
    """The passkeys, which are items beside the accounts."""
    unreadable: int = 0
    """Items that this version of Lychgate cannot read."""
    peppers: Counter[str] = field(default_factory=Counter)
    """The accounts that need each pepper for their hash or for their TOTP app, by its id."""


def users(client: DynamoDBClient, table: str, say: Callable[[str], None]) -> Contents:
    """Read a whole table of users. What is no account does not count, such as failures at names that nobody has."""
    found = Contents()
    for item in scanned(client, table, say):
        found.passkeys += is_passkey(item)
        if "user_id" not in item:
            continue
        found.items += 1
        try:
            user = user_from_item(item)
        except (KeyError, TypeError, ValueError):
            user = None
        if user is None:
            found.unreadable += 1
            continue
        found.newest = max(found.newest, user.created_at)
        found.addresses += user.verified_email is not None
        found.peppers.update({*of_password(item), *of_totp(item)})
    return found


def events(client: DynamoDBClient, table: str, say: Callable[[str], None]) -> Contents:
    """Read a whole table of events."""
    found = Contents()
    for item in scanned(client, table, say):
        found.items += 1
        try:
            found.newest = max(found.newest, event_from_item(item).at)
        except (KeyError, TypeError, ValueError):
            found.unreadable += 1
    return found


def address_key_of(account: Item) -> str | None:
    """Return the key of the item that says whose an account's address is, None if none is verified."""
    if not account.get("email_verified", {}).get("BOOL"):
        return None
    return str(address_key(account["email"]["S"])["username_key"]["S"])


def is_passkey(item: Item) -> bool:
    """Return whether an item of a table of users is a passkey."""
    return "credential_id" in item


def is_address(item: Item) -> bool:
    """Return whether an item of a table of users says whose a verified address is."""
    return "owner_id" in item and not is_passkey(item)


def scanned(client: DynamoDBClient, table: str, say: Callable[[str], None]) -> Iterator[Item]:
    """Yield all items of a table, with a line from time to time."""
    read = 0
    for page in client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        for item in page["Items"]:
            read += 1
            if read % TOLD_ITEMS == 0:
                say(f"{table}: {read} items read")
            yield item
