"""Opens the file that keeps the items. Makes it at the first start, from what an earlier version has kept.

Owns what a missing or damaged file means to the developer.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from infra.local import item_store, snapshot
from infra.local.data_directory import DataDirectory
from infra.local.errors import LocalError
from infra.local.item_store import Address, DamagedStoreError, ItemStore, StoreError
from infra.local.output import say
from infra.local.snapshot import CorruptSnapshotError, read_snapshot, set_aside


def open_store(directory: DataDirectory) -> ItemStore:
    """Return the open file, for whoever has the lock. Raises LocalError if it is damaged, or was there and is gone."""
    path = directory.path / item_store.FILE
    earlier = directory.path / snapshot.FILE
    try:
        if not path.exists():
            _refuse_without_log(directory.path / item_store.WRITE_AHEAD_LOG, path)
            item_store.create(path, _items_of(earlier))
        with path.open("r+b"):  # says why it cannot be opened, which SQLite does not
            pass
        store = ItemStore(path)
    except DamagedStoreError as error:
        raise damaged(path, error) from error
    except StoreError as error:
        raise LocalError(f"{path} cannot be used: {error}") from error
    except OSError as error:
        raise LocalError(f"{path} cannot be used: {error.strerror}") from error
    if earlier.exists():
        say(f"{earlier}, which an earlier version made, is no longer used. It is kept as {set_aside(earlier)}.")
    return store


def damaged(path: Path, reason: Exception) -> LocalError:
    """Return the error that says that the file cannot be used."""
    return LocalError(f"{path} is damaged: {reason}. Restore it, or move it away to start without accounts")


def _refuse_without_log(log: Path, path: Path) -> None:
    # SQLite would replay what belongs to the lost file.
    if log.exists() and log.stat().st_size:
        raise LocalError(
            f"{path} is missing, but {log.name} is left of it. Restore it, or delete {log} too to start without "
            "accounts"
        )


def _items_of(earlier: Path) -> Iterator[tuple[Address, str]]:
    """Yield the items of the snapshot. Their keys are unique, and replaced when they are in their tables."""
    try:
        tables = read_snapshot(earlier)
    except CorruptSnapshotError as error:
        raise damaged(earlier, error) from error
    for table, items in tables.items():
        for item in items:
            text = json.dumps(item, ensure_ascii=False, separators=(",", ":"))
            yield Address(table, hashlib.sha256(text.encode()).hexdigest()), text
