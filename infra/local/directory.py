"""Gives accounts from an earlier version what the directory of users lists them by, before the database begins.

Does in the file what ``infra.directory`` does in tables, so that it takes no time where there is nothing to do.
"""

import json

from chalicelib.accounts.roles import ADMIN
from chalicelib.adapters.dynamodb.administrators import KEY
from infra.directory import is_active_administrator, unlisted
from infra.local.item_store import Address, DamagedStoreError, ItemStore, StoreError
from infra.local.output import say

_CHANGES_AT_A_TIME = 1_000


def list_users(store: ItemStore, table: str) -> None:
    """List all users, and count the active administrators if that was never done.

    What cannot be read is left to whoever restores the tables, which says so.
    """
    try:
        listed = _list(store, table)
        _count_administrators(store, table)
    except (StoreError, DamagedStoreError, ValueError, KeyError, TypeError):
        return
    if listed:
        say(f"{listed} accounts of an earlier version are in the list of users now.")


def _list(store: ItemStore, table: str) -> int:
    found = list(store.found(table, having='"password_hash"', lacking='"canonical_username"'))
    changes: dict[Address, str | None] = {}
    listed = 0
    for address, text in found:
        item = json.loads(text)
        lacks = unlisted(item) if "user_id" in item else None
        if lacks is not None:
            changes[address] = _text(item | lacks)
            listed += 1
        if len(changes) == _CHANGES_AT_A_TIME:
            store.change(changes)
            changes = {}
    store.change(changes)
    return listed


def _count_administrators(store: ItemStore, table: str) -> None:
    address = Address(table, _text(KEY))
    if store.has(address):
        return
    items = [json.loads(text) for _, text in store.found(table, having=f'"{ADMIN}"')]
    members = [item["user_id"]["S"] for item in items if "user_id" in item and is_active_administrator(item)]
    if members:
        store.change({address: _text(KEY | {"members": {"SS": sorted(members)}})})


def _text(item: object) -> str:
    return json.dumps(item, ensure_ascii=False, separators=(",", ":"))
