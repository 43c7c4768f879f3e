"""What it costs a write to the embedded database of `make dev` to be on disk before it is answered.

Two servers of one process answer signed requests of one client: one keeps each write on disk, the other in memory only.
Wall-clock time, because a disk is waited for. The file is beside the project, as that of `make dev` is: a folder for
temporary files may be no disk at all.
"""

from __future__ import annotations

import itertools
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import boto3
from werkzeug import Response

from bench.figures import Figure, Progress, figure, ratios
from bench.interleaving import Action, interleaved
from infra.database_credentials import ACCESS_KEY, new_secret_key
from infra.local.data_directory import DataDirectory
from infra.local.embedded_aws import BODY_LIMIT, REGION, EmbeddedAws, Execute
from infra.local.environment import PROJECT, STAGE, forget_aws
from infra.local.http_server import ADDRESS, HttpServer
from infra.local.moto_tables import MotoTables
from infra.local.opened_store import open_store
from infra.local.saved_tables import SavedTables
from infra.tables import create_tables

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

TITLE = "Laptop: a write to the database of `make dev`"

_ROUNDS, _QUICK_ROUNDS = 200, 10
_CALLS = 5
_USERS, _SESSIONS, _EVENTS = (f"lychgate-{STAGE}-{name}" for name in ("users", "sessions", "events"))
_ON_DISK, _IN_MEMORY = "on disk", "in memory"


def measure(progress: Progress, *, quick: bool = False) -> list[Figure]:
    """Measure a single write, and a transaction such as a registration's."""
    figures = []
    with _clients() as clients:
        for name, write in (("one item", _update), ("a transaction of three items", _register)):
            progress(name)
            actions: Mapping[str, Action] = {
                where: partial(write, client, itertools.count()) for where, client in clients.items()
            }
            samples = interleaved(
                actions,
                rounds=_QUICK_ROUNDS if quick else _ROUNDS,
                calls=_CALLS,
                clock=time.perf_counter,
            )
            on_disk, in_memory = samples[_ON_DISK], samples[_IN_MEMORY]
            figures += [
                figure(f"{name}, kept on disk / kept in memory", "x", ratios(on_disk, in_memory), headline=True),
                figure(f"{name}, kept on disk", "ms", [seconds * 1000 for seconds in on_disk]),
                figure(f"{name}, kept in memory", "ms", [seconds * 1000 for seconds in in_memory]),
            ]
    return figures


@contextmanager
def _clients() -> Iterator[dict[str, DynamoDBClient]]:
    """Yield a client of each database. moto has one set of tables in a process, which both of them use."""
    with ExitStack() as stack:
        stack.enter_context(mock.patch.dict(os.environ))
        forget_aws()
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix=".lychgate-bench-", dir=PROJECT))
        secret_key = new_secret_key()
        keeping, forgetting = EmbeddedAws({}, secret_key), EmbeddedAws({}, secret_key)
        create_tables(keeping.dynamodb(), STAGE)
        saved = SavedTables(open_store(DataDirectory(Path(folder))), keeping)
        stack.callback(saved.stop)
        saved.start()
        forgetting.keep_writes(_keep_nowhere)
        yield {
            where: stack.enter_context(_client(aws, secret_key))
            for where, aws in ((_ON_DISK, keeping), (_IN_MEMORY, forgetting))
        }


@contextmanager
def _client(aws: EmbeddedAws, secret_key: str) -> Iterator[DynamoDBClient]:
    server = HttpServer(0, body_limit=BODY_LIMIT)
    server.start(aws)
    client: DynamoDBClient = boto3.client(
        "dynamodb",
        region_name=REGION,
        endpoint_url=f"http://{ADDRESS}:{server.port}",
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=secret_key,
    )
    try:
        yield client
    finally:
        client.close()
        server.stop()


def _keep_nowhere(_operation: str, _body: bytes, execute: Execute) -> Response:
    # What is kept on disk spares moto its copies of whole tables, which is not measured here.
    with MotoTables(REGION).uncopied():
        return execute()


def _update(client: DynamoDBClient, numbers: Iterator[int]) -> None:
    """Write as a refresh does."""
    number = next(numbers)
    client.update_item(
        TableName=_SESSIONS,
        Key={"user_id": {"S": "user"}, "session_id": {"S": str(number % 100)}},
        UpdateExpression="SET generation = :number",
        ExpressionAttributeValues={":number": {"N": str(number)}},
    )


def _register(client: DynamoDBClient, numbers: Iterator[int]) -> None:
    """Write as a registration does."""
    name = str(next(numbers) % 100)
    items: dict[str, dict[str, Any]] = {
        _USERS: {"username_key": {"S": name}, "password_hash": {"S": "$" * 60}},
        _SESSIONS: {"user_id": {"S": name}, "session_id": {"S": "1"}, "user_agent": {"S": "Mozilla" * 10}},
        _EVENTS: {"user_id": {"S": name}, "event_id": {"S": "1"}, "user_agent": {"S": "Mozilla" * 10}},
    }
    client.transact_write_items(
        TransactItems=[{"Put": {"TableName": table, "Item": item}} for table, item in items.items()]
    )
