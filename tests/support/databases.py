"""The test databases: clients for moto, and Amazon's DynamoDB Local in a process of its own."""

import itertools
import threading
from contextlib import contextmanager

import boto3
from botocore.config import Config

from chalicelib.adapters.aws import dynamodb_client, session
from chalicelib.config.api import Tables
from infra.tables import create_tables, table_definitions
from tests.support import dynamodb_local, moto_tables

_stages = itertools.count(1)
_returned = {}
"""By database, the tables that tests have had and that others can have."""

_MOST_DELETED = 25
"""What one request may delete."""


class ClientPerThread:
    """A DynamoDB client for each thread that uses it."""

    # boto3 makes clients from one session for all threads, and that is not safe to do in two threads at once.
    _making = threading.Lock()

    def __init__(self, make_client):
        self._make_client = make_client
        self._local = threading.local()

    def __getattr__(self, name):
        if name.startswith("_"):
            # pytest looks at all that is in a module for marks of its own; no client is made for that.
            raise AttributeError(name)
        return getattr(self.own, name)

    @property
    def own(self):
        """This thread's client itself."""
        if not hasattr(self._local, "client"):
            with self._making:
                self._local.client = self._make_client()
        return self._local.client


MOTO = ClientPerThread(dynamodb_client)
"""Clients for moto, while a test mocks AWS: making one takes longer than most tests do."""


PATIENT = Config(connect_timeout=60, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 3})
"""As many attempts as the application makes, but none because the machine is busy: what is counted would differ."""


class DynamoDBLocal(dynamodb_local.DynamoDBLocal):
    """Amazon's own emulator, in memory, with a client for each thread."""

    def __init__(self, folder):
        super().__init__(folder)
        self.client = ClientPerThread(self.make_client)

    def make_client(self):
        """Make a client as the application does, but one that waits longer for an answer."""
        return session().create_client("dynamodb", endpoint_url=self.endpoint, config=PATIENT)

    def streams(self):
        """Make a client for the streams of its tables."""
        return boto3.client("dynamodbstreams", endpoint_url=self.endpoint)


def tables_of(stage):
    """The names of a stage's tables."""
    return Tables(**{name: f"lychgate-{stage}-{name}" for name in ("users", "sessions", "events", "throttle", "mail")})


def new_stage(client):
    """Create tables of a stage that no other test uses, and return their names.

    They have no TTL: the emulator would delete items by this machine's clock, which differs from the tests' clock.
    """
    if moto_tables.is_played_by_moto(client):
        stage = next(name for name in map("t{}".format, itertools.count(1)) if not moto_tables.has_stage(client, name))
        moto_tables.make_tables(client, stage, _create)
    else:
        stage = f"t{next(_stages)}"
        _create(client, stage)
    return tables_of(stage)


def _create(client, stage):
    for name in create_tables(client, stage):
        if client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]["TimeToLiveStatus"] == "ENABLED":
            client.update_time_to_live(
                TableName=name, TimeToLiveSpecification={"AttributeName": "ttl", "Enabled": False}
            )


@contextmanager
def lent_stage(client):
    """Lend tables without items, those of a test that has ended if there are any; return their names.

    Only what changes nothing but items may have them.
    """
    if moto_tables.is_played_by_moto(client):
        yield new_stage(client)
        return
    returned = _returned.setdefault(client.meta.endpoint_url, [])
    if returned:
        tables = returned.pop()
        for table in table_definitions("any"):
            name = getattr(tables, table.name.rpartition("-")[2])
            empty_table(client, name, [key["AttributeName"] for key in table.create["KeySchema"]])
    else:
        tables = new_stage(client)
    yield tables
    returned.append(tables)


def empty_table(client, name, key):
    """Delete all items of a table, whose key has these attributes."""
    for page in client.get_paginator("scan").paginate(TableName=name, ConsistentRead=True):
        keys = [{attribute: item[attribute] for attribute in key} for item in page["Items"]]
        for some in range(0, len(keys), _MOST_DELETED):
            deletions = [{"DeleteRequest": {"Key": each}} for each in keys[some : some + _MOST_DELETED]]
            answer = client.batch_write_item(RequestItems={name: deletions})
            assert not answer["UnprocessedItems"]
