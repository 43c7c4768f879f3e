"""Keeps the snapshot of the embedded tables: restores it at the start, saves it after writes and at the end."""

import threading
from typing import Any

from botocore.exceptions import ClientError

from infra.local.data_directory import DataDirectory
from infra.local.embedded_aws import EmbeddedAws
from infra.local.errors import LocalError
from infra.local.output import say
from infra.local.snapshot import CorruptSnapshotError, Items, read_snapshot, set_aside, write_snapshot
from infra.tables import table_names

# Writes come in groups, and each group is saved once. With the saving itself this takes well under half a second.
GROUPING_SECONDS = 0.2
# After a failed save, for example on a full disk.
RETRY_SECONDS = 5.0
# The most items that BatchWriteItem accepts.
_BATCH = 25


class SavedTables:
    """The tables of an embedded AWS, and their snapshot."""

    def __init__(self, directory: DataDirectory, aws: EmbeddedAws) -> None:
        self._aws = aws
        self._client = aws.dynamodb()
        self.path = directory.path / "snapshot.json"
        self._changed = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._save_after_writes, name="snapshot", daemon=True)
        # Items of tables that the template no longer has. They stay in the snapshot until the table comes back.
        self._homeless: dict[str, Items] = {}

    def restore(self, tables: list[str]) -> None:
        """Put the snapshot's items into the tables. Raises LocalError if they do not fit."""
        try:
            snapshot = read_snapshot(self.path)
        except CorruptSnapshotError as error:
            kept = set_aside(self.path)
            say(f"The snapshot could not be read: {error}. It is kept as {kept}; the tables start empty.")
            return
        except OSError as error:
            raise LocalError(f"the snapshot {self.path} cannot be read: {error.strerror}") from error
        for name, items in snapshot.items():
            if name in tables:
                self._fill(name, items)
            else:
                self._homeless[name] = items
                say(f"The snapshot has {len(items)} items of {name}, a table that is no longer defined. They are kept.")

    def start(self) -> None:
        """Start the thread that saves after writes."""
        self._aws.on_write(self._changed.set)
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread and save a last time. Raises LocalError if that fails."""
        self._stopping.set()
        self._changed.set()
        self._thread.join()
        try:
            self._save()
        except OSError as error:
            raise LocalError(f"the snapshot {self.path} could not be saved: {error.strerror}") from error

    def _fill(self, name: str, items: Items) -> None:
        try:
            for start in range(0, len(items), _BATCH):
                requests: Any = {name: [{"PutRequest": {"Item": item}} for item in items[start : start + _BATCH]]}
                while requests:
                    requests = self._client.batch_write_item(RequestItems=requests)["UnprocessedItems"]
        except ClientError as error:
            raise LocalError(
                f"the items of {name} in {self.path} do not fit the table that infra/template.yaml defines ({error}); "
                "move the file away to start empty"
            ) from error

    def _save_after_writes(self) -> None:
        while True:
            self._changed.wait()
            self._stopping.wait(GROUPING_SECONDS)
            if self._stopping.is_set():
                return
            self._changed.clear()
            try:
                self._save()
            except OSError as error:
                say(f"The snapshot {self.path} could not be saved: {error.strerror}. Trying again.")
                self._changed.set()
                self._stopping.wait(RETRY_SECONDS)

    def _save(self) -> None:
        tables: dict[str, Items] = dict(self._homeless)
        with self._aws.paused():
            for name in table_names(self._client):
                pages = self._client.get_paginator("scan").paginate(TableName=name, ConsistentRead=True)
                tables[name] = [item for page in pages for item in page["Items"]]
        write_snapshot(self.path, tables)
