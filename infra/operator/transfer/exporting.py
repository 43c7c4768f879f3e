"""An export: all users of a stage, a line each, with what is needed to leave and to come back.

Sessions, histories and registrations that wait for a mail are left out: they are worth nothing elsewhere.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import TYPE_CHECKING, Any

from chalicelib.adapters.aws import unavailable_on_failure
from chalicelib.adapters.dynamodb.items import user_from_item
from chalicelib.credentials.sealing import Sealer
from chalicelib.use_cases.second_factors import TOTP_SECRET
from infra.operator.transfer.fingerprints import header
from infra.operator.transfer.records import to_members

if TYPE_CHECKING:
    from chalicelib.accounts.user import User
    from chalicelib.adapters.dynamodb.transactions import Database
    from chalicelib.clock import Clock
    from chalicelib.credentials.peppers import Peppers
    from chalicelib.use_cases.ports import Stores

_PAGES_WAITING = 8


def export(
    stage: str,
    stores: Stores,
    database: Database,
    peppers: Peppers,
    *,
    clock: Clock,
    segments: int,
    plain_totp: bool,
) -> Generator[dict[str, Any], None, None]:
    """Yield the lines of an export as JSON objects, the first of which is the header.

    With ``plain_totp`` the secrets of TOTP apps are not sealed: another system can read them, and so can anybody. One
    whose pepper is lost stays sealed.

    Raises ServiceUnavailable if the tables cannot be read.
    """
    yield header(stage, peppers, clock())
    sealer = Sealer(peppers, clock)
    for user in _users(database, segments):
        passkeys = tuple(stores.factors.passkeys_of(user)) if user.passkeys else ()
        secret = None
        if plain_totp and user.factors is not None and user.factors.totp is not None:
            secret = sealer.open(user.factors.totp, purpose=TOTP_SECRET, about=user.id)
        yield to_members(user, passkeys, secret)


def write_private(path: Path, lines: Iterator[dict[str, Any]], progress: Callable[[int], None]) -> int:
    """Write lines to a new file that only its owner can read. Return how many users it has.

    The file has its name only when it is whole. Raises FileExistsError.
    """
    if path.exists():
        raise FileExistsError(path)
    users = -1
    # Of a name that nobody can have made before.
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
    partial = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            for members in lines:
                file.write(json.dumps(members, ensure_ascii=False, separators=(",", ":")) + "\n")
                users += 1
                progress(1)
        if path.exists():
            raise FileExistsError(path)
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)
    return users


def _users(database: Database, segments: int) -> Iterator[User]:
    """Yield all users of the table, read in so many parts at a time."""
    pages: Queue[list[Any] | BaseException | None] = Queue(_PAGES_WAITING)

    def scan(segment: int) -> None:
        try:
            _scan(database, segment, segments, pages.put)
        except BaseException as failure:  # noqa: BLE001 - raised where the users are asked for
            pages.put(failure)
        pages.put(None)

    for segment in range(segments):
        Thread(target=scan, args=(segment,), daemon=True).start()
    left = segments
    while left:
        page = pages.get()
        if page is None:
            left -= 1
        elif isinstance(page, BaseException):
            raise page
        else:
            yield from (user for item in page if (user := user_from_item(item)) is not None)


def _scan(database: Database, segment: int, segments: int, put: Callable[[list[Any]], None]) -> None:
    parameters: dict[str, Any] = {"TotalSegments": segments, "Segment": segment} if segments > 1 else {}
    while True:
        with unavailable_on_failure():
            response: Any = database.client.scan(TableName=database.tables.users, ConsistentRead=True, **parameters)
        put(response["Items"])
        if "LastEvaluatedKey" not in response:
            return
        parameters["ExclusiveStartKey"] = response["LastEvaluatedKey"]
