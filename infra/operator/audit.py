"""Who did what to whom: the entries of the histories of all users, in the order of time.

Sorts in a temporary file, so that it takes no more memory however many entries there are. What an administrator did is
in two histories, and is one entry here.
"""

from __future__ import annotations

import functools
import itertools
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from chalicelib.accounts.events import ADMIN, EventType, SecurityEvent
from chalicelib.adapters.dynamodb.attributes import to_item
from chalicelib.adapters.dynamodb.items import event_from_item
from chalicelib.api.responses import timestamp
from infra.operator.accounts import Accounts
from infra.operator.users import RefusedError
from infra.scans import Items, pages

if TYPE_CHECKING:
    from chalicelib.adapters.dynamodb.transactions import Database

USER = "user"
ADMINISTRATOR = "administrator"
OPERATOR = "operator"
UNKNOWN = "unknown"
"""Who did it: whoever had the user's credentials, an administrator, somebody with AWS credentials, or anybody."""

_BY_ANYBODY = frozenset(
    {
        EventType.LOGIN_FAILED,
        EventType.SECOND_FACTOR_FAILED,
        EventType.REFRESH_TOKEN_REUSED,
        EventType.REFRESH_RETRIED_ELSEWHERE,
        EventType.REFRESH_WITHOUT_KEY,
    }
)

_DURATION = re.compile(r"([0-9]{1,7})([smhdw])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600, "w": 7 * 24 * 3600}

FEW_NAMES = 200
"""Users whose names are asked for one by one. For more, the table of users is read once."""

_SCHEMA = """
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    PRAGMA temp_store = FILE;
    CREATE TABLE entries (
        place TEXT NOT NULL, key TEXT PRIMARY KEY, at INTEGER NOT NULL, type TEXT NOT NULL, kind TEXT NOT NULL,
        actor TEXT, subject TEXT, ip TEXT NOT NULL, user_agent TEXT NOT NULL, count INTEGER NOT NULL,
        told INTEGER NOT NULL, own INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE names (id TEXT PRIMARY KEY, username TEXT) WITHOUT ROWID;
"""
_INSERT = """
    INSERT INTO entries
    VALUES (:place, :key, :at, :type, :kind, :actor, :subject, :ip, :user_agent, :count, :told, :own)
    ON CONFLICT DO UPDATE SET
        told = told + excluded.told, own = own + excluded.own, place = min(place, excluded.place),
        ip = max(ip, excluded.ip), user_agent = max(user_agent, excluded.user_agent)
"""


@dataclass(frozen=True)
class Entry:
    """Something that somebody did to an account."""

    at: int
    type: str
    kind: str
    """Who did it."""
    actor: str | None
    """The id of who did it, None if it was no user, or nobody knows."""
    subject: str | None
    """The id of the user whom it was done to."""
    ip: str
    user_agent: str
    count: int = 1


Placed = tuple[str, SecurityEvent]
"""An event, and a text by which it sorts."""

Named = Callable[[str], str | None]
"""Returns the username of a user by id, None if there is no such user any more."""


def entry_of(event: SecurityEvent) -> Entry:
    """Return what an event says."""
    kind, actor, subject = _who(event)
    return Entry(event.at, event.type, kind, actor, subject, event.caller.ip, event.caller.user_agent, event.count)


def _who(event: SecurityEvent) -> tuple[str, str | None, str | None]:
    subject = event.subject or event.user_id
    if event.actor == ADMIN:
        return (ADMINISTRATOR if event.actor_id else OPERATOR), event.actor_id, subject
    if event.subject is None:
        return (UNKNOWN, None, subject) if event.type in _BY_ANYBODY else (USER, subject, subject)
    # The history of an administrator has an address. That of a deleted user is gone, and what is left has none.
    own = event.caller.ip or event.caller.user_agent
    return (ADMINISTRATOR, event.user_id, subject) if own else (USER, subject, subject)


def body(entry: Entry, named: Named) -> dict[str, Any]:
    """Return an entry in JSON form. Nothing in it is secret."""
    found: dict[str, Any] = {
        "at": timestamp(entry.at),
        "type": entry.type,
        "by": entry.kind,
        "actor": _person(entry.actor, named),
        "subject": _person(entry.subject, named),
        "ip": entry.ip or None,
        "user_agent": entry.user_agent or None,
    }
    return found | ({"count": entry.count} if entry.count > 1 else {})


def cells(entry: Entry, named: Named) -> tuple[str, str, str, str, str]:
    """Return an entry as the cells of a row: when, what, by whom, to whom, from where."""
    by = entry.kind if entry.actor is None else named(entry.actor) or entry.actor
    if entry.kind == ADMINISTRATOR:
        by += " (administrator)"
    subject = "" if entry.subject is None else named(entry.subject) or entry.subject
    what = entry.type + (f" ({entry.count} times)" if entry.count > 1 else "")
    return timestamp(entry.at), what, by, subject, entry.ip


COLUMNS = ("when (UTC)", "what", "by", "to", "from")


def _person(user_id: str | None, named: Named) -> dict[str, str | None] | None:
    return None if user_id is None else {"id": user_id, "username": named(user_id)}


def since(text: str, now: int) -> int:
    """Return the time of a date, of a date and a time (UTC unless it says another zone), or so long ago, as ``7d``.

    Raises ValueError.
    """
    if ago := _DURATION.fullmatch(text):
        return now - int(ago[1]) * _SECONDS[ago[2]]
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no time. Give 2026-11-01, 2026-11-01T12:00:00Z, or 7d, 12h, 30m") from None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())


class Names:
    """The usernames of users by id, of those who still exist. Remembers the last ones that it was asked for."""

    def __init__(self, accounts: Accounts) -> None:
        self._with_id = functools.lru_cache(maxsize=10_000)(accounts.stores.administration.with_id)

    def __call__(self, user_id: str) -> str | None:
        """Return the name of a user, None if there is no such user."""
        user = self._with_id(user_id)
        return user.username if user is not None else None


class Audit:
    """The entries of a stage, for as long as its histories are kept."""

    def __init__(
        self, accounts: Accounts, advance: Callable[[int], None] = lambda _: None, *, few_names: int = FEW_NAMES
    ) -> None:
        """``advance`` is told how many more events were read. Names of ``few_names`` users are read one by one."""
        self._accounts = accounts
        self._advance = advance
        self._few_names = few_names

    def everything(self, since: int) -> Iterator[tuple[Entry, Named]]:
        """Yield all entries since a time, the oldest first, each with what knows names. Reads the whole table."""
        values = {":since": since}
        yield from self._sorted(self._scanned("#at >= :since", values))

    def of_user(self, name: str, since: int) -> Iterator[tuple[Entry, Named]]:
        """Yield what a user did and what was done to the user since a time, the oldest first.

        ``name`` may be an id. Reads the user's own history, and the whole table for an account that is gone.

        Raises RefusedError if nobody has the name or the id, and no entry knows it.
        """
        user = self._accounts.stores.users.find(name) or self._accounts.stores.administration.with_id(name)
        if user is not None:
            today = [] if user.failures is None or user.failures.at < since else [user.failures]
            latest = [(f"{event.at:012d}", event) for event in today]
            yield from self._sorted(itertools.chain(self._queried(user.id, since), [latest]))
            return
        values = {":since": since, ":id": name}
        condition = "#at >= :since AND (user_id = :id OR subject = :id OR actor_id = :id)"
        found = False
        for entry in self._sorted(self._scanned(condition, values)):
            found = True
            yield entry
        if not found:
            raise RefusedError(f"nobody has the name or the id {name}, and no entry since then knows it")

    def _sorted(self, events: Iterable[list[Placed]]) -> Iterator[tuple[Entry, Named]]:
        try:
            # A temporary file, which SQLite deletes.
            with closing(sqlite3.connect("")) as database:
                database.executescript(_SCHEMA)
                for page in events:
                    database.executemany(_INSERT, map(_row, page))
                named = self._names(database)
                for row in database.execute(
                    "SELECT at, type, kind, actor, subject, ip, user_agent, count * max(told, own)"
                    " FROM entries ORDER BY place"
                ):
                    yield Entry(*row), named
        except sqlite3.Error as error:
            raise RefusedError(f"the entries cannot be sorted in the folder for temporary files: {error}") from error

    def _names(self, database: sqlite3.Connection) -> Named:
        database.execute(
            "INSERT INTO names (id) SELECT actor FROM entries WHERE actor IS NOT NULL"
            " UNION SELECT subject FROM entries WHERE subject IS NOT NULL"
        )
        [[number]] = database.execute("SELECT count(*) FROM names")
        if number <= self._few_names:
            return Names(self._accounts)
        tables = self._database
        for page in pages(
            tables.client,
            segments=self._accounts.segments,
            then=lambda items: [(item["username"]["S"], item["user_id"]["S"]) for item in items],
            TableName=tables.tables.users,
            FilterExpression="attribute_exists(user_id)",
            ProjectionExpression="user_id, username",
        ):
            database.executemany("UPDATE names SET username = ? WHERE id = ?", page)

        def named(user_id: str) -> str | None:
            found = database.execute("SELECT username FROM names WHERE id = ?", (user_id,)).fetchone()
            return cast("str | None", found[0]) if found is not None else None

        return named

    def _scanned(self, condition: str, values: dict[str, Any]) -> Iterator[list[Placed]]:
        database = self._database
        for page in pages(
            database.client,
            segments=self._accounts.segments,
            then=_events,
            TableName=database.tables.events,
            FilterExpression=condition,
            ExpressionAttributeNames={"#at": "at"},
            ExpressionAttributeValues=to_item(values),
        ):
            self._advance(len(page))
            yield page

    def _queried(self, user_id: str, since: int) -> Iterator[list[Placed]]:
        database = self._database
        for page in database.client.get_paginator("query").paginate(
            TableName=database.tables.events,
            # An event_id begins with the time.
            KeyConditionExpression="user_id = :id AND event_id >= :since",
            ExpressionAttributeValues=to_item({":id": user_id, ":since": f"{max(since, 0):012d}"}),
            ConsistentRead=True,
        ):
            self._advance(len(page["Items"]))
            yield _events(page["Items"])

    @functools.cached_property
    def _database(self) -> Database:
        return self._accounts.make_database()


def _events(items: Items) -> list[Placed]:
    return [(item["event_id"]["S"], event_from_item(item)) for item in items]


def _row(placed: Placed) -> dict[str, Any]:
    place, event = placed
    entry = entry_of(event)
    if entry.kind != ADMINISTRATOR:
        return {**vars(entry), "place": place, "key": f"{event.user_id}#{place}", "told": 1, "own": 0}
    # It is in the user's history and in the administrator's, if neither has been deleted.
    is_own = int(event.actor is None)
    key = f"{entry.at}#{entry.type}#{entry.actor}#{entry.subject}"
    return {**vars(entry), "place": place, "key": key, "told": 1 - is_own, "own": is_own}
