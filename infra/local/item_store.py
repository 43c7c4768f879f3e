"""The file that keeps the tables' items between runs: an SQLite database, in which a change is on disk when it returns.

Owns the file and its schema. Items are in DynamoDB's JSON, as AWS sends them. Knows no table and no attribute of them.
"""

import os
import sqlite3
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from infra.local.data_directory import sync_folder, temporary_prefix

FILE = "database.sqlite3"
# SQLite keeps here what it has not yet moved into the file. It is gone after an orderly end, and needed after a kill.
WRITE_AHEAD_LOG = f"{FILE}-wal"

# "Lych". SQLite's documentation, "Database File Format", section 1.3.17: says which program a file is of.
_APPLICATION = 0x4C796368
_VERSION = 1
_SCHEMA = f"""
    PRAGMA application_id = {_APPLICATION};
    PRAGMA user_version = {_VERSION};
    CREATE TABLE items (
        table_name TEXT NOT NULL, key TEXT NOT NULL, item TEXT NOT NULL, PRIMARY KEY (table_name, key)
    ) WITHOUT ROWID;
    CREATE TABLE peppers (id TEXT NOT NULL PRIMARY KEY, sha256 TEXT NOT NULL) WITHOUT ROWID;
"""
# SQLite's documentation, "Pragma statements": with FULL, a commit to the write-ahead log returns when it is on disk. On
# macOS, fullfsync makes the disk itself write. What is deleted is overwritten.
_DURABLE = """
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA fullfsync = ON;
    PRAGMA secure_delete = ON;
"""
_UPSERT = "INSERT INTO items VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET item = excluded.item"
# For another program that reads or writes the file at the same moment. The API gives up after a second.
_PATIENCE_SECONDS = 0.5


class Address(NamedTuple):
    """Where an item is: its table, and its key as JSON, which is the same text for the same key."""

    table: str
    key: str


class DamagedStoreError(Exception):
    """Raised if the file is not a database of items, or of a later version. The message says why."""


class StoreError(Exception):
    """Raised if the file cannot be read or written, for example on a full disk. Nothing of the change is kept."""


class ItemStore:
    """The open file. Its callers take turns.

    Raises DamagedStoreError or StoreError, also if there is no file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with _translated():
            self._connection = _connected(path, "rw")
        try:
            with _translated():
                _check(self._connection)
                self._connection.executescript(_DURABLE)
        except BaseException:
            self._connection.close()
            raise

    def items(self) -> Iterator[tuple[Address, str]]:
        """Yield the address and the JSON of each item."""
        with _translated():
            for table, key, item in self._connection.execute("SELECT table_name, key, item FROM items"):
                yield Address(table, key), item

    def passwords(self) -> int:
        """Return how many items have an attribute `password_hash`."""
        with _translated():
            [[number]] = self._connection.execute("""SELECT count(*) FROM items WHERE item LIKE '%"password_hash"%'""")
        return int(number)

    def has(self, address: Address) -> bool:
        """Return whether there is an item."""
        with _translated():
            found = self._connection.execute("SELECT 1 FROM items WHERE table_name = ? AND key = ?", address)
            return found.fetchone() is not None

    def found(self, table: str, *, having: str, lacking: str = "") -> Iterator[tuple[Address, str]]:
        """Yield the items of a table whose JSON has one text, and not the other if there is one."""
        query = "SELECT key, item FROM items WHERE table_name = ? AND instr(item, ?) AND (? = '' OR NOT instr(item, ?))"
        with _translated():
            for key, item in self._connection.execute(query, (table, having, lacking, lacking)):
                yield Address(table, key), item

    def peppers(self) -> dict[str, str]:
        """Return the digest of each pepper that the passwords may need, by the pepper's id."""
        with _translated():
            return dict(self._connection.execute("SELECT id, sha256 FROM peppers"))

    def remember_peppers(self, digests: Mapping[str, str]) -> None:
        """Replace the digests of the peppers, if they have changed."""
        if digests == self.peppers():
            return
        with self._transaction() as connection:
            connection.execute("DELETE FROM peppers")
            connection.executemany("INSERT INTO peppers VALUES (?, ?)", digests.items())

    def change(self, items: Mapping[Address, str | None]) -> None:
        """Put the JSON of each item at its address, or remove what is there. All of it is on disk, or nothing."""
        with self._transaction() as connection:
            for address, item in items.items():
                if item is None:
                    connection.execute("DELETE FROM items WHERE table_name = ? AND key = ?", address)
                else:
                    connection.execute(_UPSERT, (*address, item))

    def replace(self, items: Mapping[Address, str], *, keep_tables: Collection[str]) -> None:
        """Keep these items and no others, except those of ``keep_tables``."""
        with self._transaction() as connection:
            marks = ", ".join("?" * len(keep_tables))
            connection.execute(f"DELETE FROM items WHERE table_name NOT IN ({marks})", tuple(keep_tables))  # noqa: S608 - only question marks
            connection.executemany(_UPSERT, ((*address, item) for address, item in items.items()))

    def close(self) -> None:
        """Move what the log has into the file, and close it. Later calls raise StoreError."""
        # If it cannot be done, because another program reads or the disk is full, nothing is lost.
        with suppress(sqlite3.Error):
            self._connection.execute("PRAGMA journal_mode = DELETE")
        self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with _translated():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # Some errors have ended the transaction already.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise


def create(path: Path, items: Iterable[tuple[Address, str]] = ()) -> None:
    """Make a new file with these items, for its owner only. A crash leaves none or all of it. Raises StoreError."""
    descriptor, name = tempfile.mkstemp(prefix=temporary_prefix(path), dir=path.parent)  # mode 0600
    os.close(descriptor)
    made = Path(name)
    try:
        with _translated(), closing(_connected(made, "rw")) as connection:
            connection.executescript(_SCHEMA)
            connection.execute("BEGIN")
            connection.executemany(_UPSERT, ((*address, item) for address, item in items))
            connection.execute("COMMIT")
        made.replace(path)
    except BaseException:
        made.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def items_of(path: Path, table: str) -> list[str]:
    """Return the JSON of each item of a table, also while another process has the file open.

    Raises DamagedStoreError or StoreError, also if there is no file.
    """
    with _translated(), closing(_connected(path, "ro")) as connection:
        _check(connection)
        return [item for (item,) in connection.execute("SELECT item FROM items WHERE table_name = ?", (table,))]


def _connected(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=_PATIENCE_SECONDS,
    )


def _check(connection: sqlite3.Connection) -> None:
    [[found]] = connection.execute("PRAGMA quick_check(1)")
    if found != "ok":
        raise DamagedStoreError(" ".join(str(found).split()))
    [[application]] = connection.execute("PRAGMA application_id")
    if application != _APPLICATION:
        raise DamagedStoreError("it is not a database of Lychgate")
    [[version]] = connection.execute("PRAGMA user_version")
    if version != _VERSION:
        raise DamagedStoreError(f"it is of version {version}, and this Lychgate reads version {_VERSION}")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (sqlite3.OperationalError, sqlite3.ProgrammingError) as error:
        raise StoreError(str(error)) from error
    except sqlite3.DatabaseError as error:
        raise DamagedStoreError(str(error)) from error
