"""What may be in a file once only, remembered on disk: a million users take no more memory than ten."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType


class Seen:
    """Keys that were seen, each with the line that had it first, and lines that are refused. Deleted at its end."""

    def __init__(self) -> None:
        self._directory = TemporaryDirectory(prefix="lychgate-import-")
        self._database = sqlite3.connect(Path(self._directory.name) / "seen", isolation_level=None)
        # It dies with this process, so it need not survive anything.
        for statement in (
            "PRAGMA journal_mode = OFF",
            "PRAGMA synchronous = OFF",
            "PRAGMA cache_size = -16000",
            "CREATE TABLE seen (digest BLOB PRIMARY KEY, line INTEGER) WITHOUT ROWID",
            "CREATE TABLE refused (line INTEGER PRIMARY KEY)",
            "CREATE TABLE stored (digest BLOB PRIMARY KEY, owner TEXT) WITHOUT ROWID",
            "BEGIN",
        ):
            self._database.execute(statement)

    def __enter__(self) -> Seen:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._database.close()
        self._directory.cleanup()

    def first(self, kind: str, key: str, line: int) -> int:
        """Return the line that had this key first, which is ``line`` if none had it before."""
        digest = _digest(kind, key)
        added = self._database.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (digest, line)).rowcount
        if added:
            return line
        (found,) = self._database.execute("SELECT line FROM seen WHERE digest = ?", (digest,)).fetchone()
        return int(found)

    def refuse(self, line: int) -> None:
        """Remember that a line is refused."""
        self._database.execute("INSERT OR IGNORE INTO refused VALUES (?)", (line,))

    def is_refused(self, line: int) -> bool:
        """Return whether a line is refused."""
        return self._database.execute("SELECT 1 FROM refused WHERE line = ?", (line,)).fetchone() is not None

    def store_id(self, user_id: str, owner: str) -> None:
        """Remember whose an id is in the stage: ``owner`` is the key of the user's item."""
        self._database.execute("INSERT OR REPLACE INTO stored VALUES (?, ?)", (_digest("id", user_id), owner))

    def owner_of_id(self, user_id: str) -> str | None:
        """Return whose an id is in the stage, None if nobody's."""
        found = self._database.execute(
            "SELECT owner FROM stored WHERE digest = ?", (_digest("id", user_id),)
        ).fetchone()
        return None if found is None else str(found[0])


def _digest(kind: str, key: str) -> bytes:
    return hashlib.blake2b(f"{kind}\n{key}".encode("utf-8", "replace"), digest_size=16).digest()
