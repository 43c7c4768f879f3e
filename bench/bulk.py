"""Fills DynamoDB Local with many users, faster than its API.

The API takes about a hundred items a second, so a million users would take hours. DynamoDB Local keeps its tables in
SQLite, one row for each item. So this module copies rows that it wrote itself, while it is stopped. Owns the format of
the rows. Callers must check through the API that the items exist.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from chalicelib.accounts.session import Session
from chalicelib.accounts.usernames import canonical_username
from chalicelib.adapters.dynamodb.items import DIRECTORY, user_key
from chalicelib.config.api import Tables

_FILE = "shared-local-instance.db"


@dataclass(frozen=True)
class Population:
    """The number of users, and of sessions of each."""

    users: int
    crowded: int
    """The number of users, the last ones, who have ``sessions_of_crowded`` sessions. The others have one."""
    sessions_of_crowded: int

    def username(self, number: int) -> str:
        """Return the name of the user with this number, from 0 on. All names have the same length."""
        return f"user-{number:08d}"

    def user_id(self, number: int) -> str:
        """Return the user's identifier, as long as a random one."""
        return f"u{number:021d}"

    def session_id(self, number: int, which: int = 0) -> str:
        """Return the identifier of one of the user's sessions."""
        return f"s{number:017d}{which:04d}"

    def is_crowded(self, number: int) -> bool:
        """Return whether the user has many sessions."""
        return number >= self.users - self.crowded

    def sessions_of(self, number: int) -> int:
        """Return the number of the user's sessions."""
        return self.sessions_of_crowded if self.is_crowded(number) else 1

    def session_like(self, template: Session, number: int, which: int = 0) -> Session:
        """Return one of the user's sessions, a copy of another one."""
        return replace(
            template,
            id=self.session_id(number, which),
            user_id=self.user_id(number),
            username=self.username(number),
        )


def fill(data: Path, tables: Tables, population: Population) -> None:
    """Copy the one user and session in the folder's tables, which have number 0, to make the whole population.

    DynamoDB Local must not be running on the folder.
    """
    with closing(sqlite3.connect(data / _FILE, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("PRAGMA synchronous = OFF")
        database.execute("PRAGMA cache_size = -400000")
        users, sessions = _one_row(database, tables.users), _one_row(database, tables.sessions)
        _insert(database, tables.users, _user_rows(users, population))
        _insert(database, tables.sessions, _session_rows(sessions, population))


def _user_rows(row: _Row, population: Population) -> Iterator[tuple[object, ...]]:
    for number in range(1, population.users):
        changed = row.replaced(population, number)
        bound = changed.document.replace(
            b'"session_bound":{"N":"1"}', b'"session_bound":{"N":"%d"}' % population.sessions_of(number)
        )
        # The last three are the keys of the indexes, in the order of their attributes.
        keys = (population.user_id(number), DIRECTORY, canonical_username(population.username(number)))
        yield _key(population, number), _place(number), row.size, bound, *(key.encode() for key in keys)


def _session_rows(row: _Row, population: Population) -> Iterator[tuple[object, ...]]:
    for number in range(1, population.users):
        changed = row.replaced(population, number).document
        first = population.session_id(number).encode()
        for which in range(population.sessions_of(number)):
            session_id = population.session_id(number, which).encode()
            yield (
                population.user_id(number).encode(),
                session_id,
                _place(number),
                _place(which),
                row.size,
                changed.replace(first, session_id),
            )


@dataclass(frozen=True)
class _Row:
    """An item in the format of DynamoDB Local."""

    size: int
    document: bytes

    def replaced(self, population: Population, number: int) -> _Row:
        document = self.document.replace(_key(population, 0), _key(population, number))
        for name in (population.username, population.user_id, population.session_id):
            document = document.replace(name(0).encode(), name(number).encode())
        return _Row(self.size, document)


def _key(population: Population, number: int) -> bytes:
    key: str = user_key(population.username(number))["username_key"]["S"]
    return key.encode()


def _one_row(database: sqlite3.Connection, table: str) -> _Row:
    ((size, document),) = database.execute(f'SELECT itemSize, ObjectJSON FROM "{table}"')  # noqa: S608 - our own name
    return _Row(size, bytes(document))


def _place(number: int) -> bytes:
    """Return the key that orders the rows for parallel scans. There are none here, so any 20 bytes will do."""
    return number.to_bytes(20, "big")


def _insert(database: sqlite3.Connection, table: str, rows: Iterable[tuple[object, ...]]) -> None:
    columns = len(database.execute(f'PRAGMA table_info("{table}")').fetchall())
    marks = ", ".join("?" * columns)
    database.execute("BEGIN")
    database.executemany(f'INSERT INTO "{table}" VALUES ({marks})', rows)  # noqa: S608 - our own name
    database.execute("COMMIT")
