"""The test databases: clients for moto, and Amazon's DynamoDB Local in a process of its own."""

import itertools
import threading

import boto3
import pytest

from chalicelib.adapters.aws import dynamodb_client
from chalicelib.config.api import Tables
from infra.tables import create_tables
from tests.support import dynamodb_local

_stages = itertools.count(1)


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


class DynamoDBLocal(dynamodb_local.DynamoDBLocal):
    """Amazon's own emulator, in memory, with a client for each thread."""

    def __init__(self, folder):
        super().__init__(folder)
        self.client = ClientPerThread(self.make_client)

    def make_client(self):
        """Make a client as the application does, which finds the endpoint in the environment."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL_DYNAMODB", self.endpoint)
            return dynamodb_client()

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
    stage = f"t{next(_stages)}"
    for name in create_tables(client, stage):
        if client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]["TimeToLiveStatus"] == "ENABLED":
            client.update_time_to_live(
                TableName=name, TimeToLiveSpecification={"AttributeName": "ttl", "Enabled": False}
            )
    return tables_of(stage)
