"""Which peppers the users of a stage need: a count of the users' table by the pepper that each hash names.

Reads the whole table, and of each user the hash alone. Changes nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.keys.places import PlaceError
from infra.local import item_store, snapshot
from infra.local.item_store import DamagedStoreError, StoreError, items_of
from infra.local.snapshot import CorruptSnapshotError, read_snapshot

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PROGRESS = 50_000
"""Users after which the count says how far it is."""


def users_in_table(client: DynamoDBClient, table: str, say: Callable[[str], None]) -> Counter[str]:
    """Return how many users of a table have a hash with each pepper, by its id. Raises PlaceError without a table."""
    found: Counter[str] = Counter()
    told = 0
    pages = client.get_paginator("scan").paginate(
        TableName=table, ConsistentRead=True, ProjectionExpression="password_hash"
    )
    try:
        for page in pages:
            found.update(_pepper_ids(page["Items"]))
            if found.total() >= told + PROGRESS:
                told = found.total()
                say(f"{told} users read.")
    except client.exceptions.ResourceNotFoundException as missing:
        raise PlaceError(
            f"the table {table} in {client.meta.region_name} does not exist, so nobody can say which peppers are needed"
        ) from missing
    return found


def users_on_disk(directory: Path, table: str) -> Counter[str]:
    """Return the same of what `make dev` keeps in its data directory. Raises PlaceError if it is damaged."""
    path = directory / item_store.FILE
    try:
        if path.exists():
            return Counter(_pepper_ids(map(json.loads, items_of(path, table))))
        # What an earlier version has kept, until `make dev` takes it over.
        path = directory / snapshot.FILE
        return Counter(_pepper_ids(read_snapshot(path).get(table, [])))
    except (DamagedStoreError, StoreError, CorruptSnapshotError, OSError) as unreadable:
        raise PlaceError(f"{path} cannot be read: {unreadable}") from unreadable


def _pepper_ids(items: Iterable[Mapping[str, Any]]) -> list[str]:
    # A user without a hash needs no pepper.
    return [item["password_hash"]["S"].partition("$")[0] for item in items if "password_hash" in item]
