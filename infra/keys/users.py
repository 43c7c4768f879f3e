"""Which peppers the users of a stage need: a count of the users' table by the peppers that each user's item names.

Passwords are hashed with a pepper, secrets of TOTP apps are sealed and recovery codes are digested with a key of one.
Reads the whole table, and of each user these alone. Changes nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chalicelib.accounts.user import NO_PASSWORD
from chalicelib.credentials.passwords import IMPORTED
from infra.keys.places import PlaceError
from infra.local import item_store, snapshot
from infra.local.item_store import DamagedStoreError, StoreError, items_of
from infra.local.snapshot import CorruptSnapshotError, read_snapshot

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PROGRESS = 50_000
"""Users after which the count says how far it is."""


@dataclass
class Needs:
    """How many users need each pepper, by its id, and for what."""

    users: int = 0
    """All users."""
    passwords: Counter[str] = field(default_factory=Counter)
    totp: Counter[str] = field(default_factory=Counter)
    """For the secret of a TOTP app."""
    recovery_codes: Counter[str] = field(default_factory=Counter)

    def add(self, item: Mapping[str, Any]) -> None:
        """Count a user, or a registration that waits, as the table has one. Any other item counts nothing."""
        if "password_hash" not in item:
            return
        self.users += 1
        self.passwords.update(of_password(item))
        self.totp.update(of_totp(item))
        self.recovery_codes.update(of_recovery_codes(item))


def of_password(item: Mapping[str, Any]) -> set[str]:
    """Return the ids of the peppers, one at most, that a user's password needs.

    Without a password it needs none, and neither does the hash of another system.
    """
    stored = item["password_hash"]["S"]
    return set() if stored == NO_PASSWORD or stored.startswith(IMPORTED) else {stored.partition("$")[0]}


def of_totp(item: Mapping[str, Any]) -> set[str]:
    """Return the ids of the peppers, one at most, that a user's TOTP app needs."""
    return {item["totp"]["S"].partition(".")[0]} if "totp" in item else set()


def of_recovery_codes(item: Mapping[str, Any]) -> set[str]:
    """Return the ids of the peppers that a user's recovery codes need."""
    return {digest.partition(".")[0] for digest in item.get("recovery", {}).get("SS", ())}


def users_in_table(client: DynamoDBClient, table: str, say: Callable[[str], None]) -> Needs:
    """Return which peppers the users of a table need. Raises PlaceError without a table."""
    found = Needs()
    told = 0
    pages = client.get_paginator("scan").paginate(
        TableName=table, ConsistentRead=True, ProjectionExpression="password_hash, totp, recovery"
    )
    try:
        for page in pages:
            for item in page["Items"]:
                found.add(item)
            if found.users >= told + PROGRESS:
                told = found.users
                say(f"{told} users read.")
    except client.exceptions.ResourceNotFoundException as missing:
        raise PlaceError(
            f"the table {table} in {client.meta.region_name} does not exist, so nobody can say which peppers are needed"
        ) from missing
    return found


def users_on_disk(directory: Path, table: str) -> Needs:
    """Return the same of what `make dev` keeps in its data directory. Raises PlaceError if it is damaged."""
    path = directory / item_store.FILE
    found = Needs()
    try:
        if path.exists():
            items: Iterable[Mapping[str, Any]] = map(json.loads, items_of(path, table))
        else:
            # What an earlier version has kept, until `make dev` takes it over.
            path = directory / snapshot.FILE
            items = read_snapshot(path).get(table, [])
        for item in items:
            found.add(item)
    except (DamagedStoreError, StoreError, CorruptSnapshotError, OSError) as unreadable:
        raise PlaceError(f"{path} cannot be read: {unreadable}") from unreadable
    return found
