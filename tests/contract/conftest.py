"""Each store twice: the fake, and DynamoDB under moto with a client for each thread."""

import threading

import pytest

from chalicelib.aws import dynamodb_client
from chalicelib.dynamodb.events import DynamoDBEventLog
from chalicelib.dynamodb.items import Tables
from chalicelib.dynamodb.sessions import DynamoDBSessionStore
from chalicelib.dynamodb.throttle import DynamoDBLoginThrottle
from chalicelib.dynamodb.users import DynamoDBUserStore
from chalicelib.ports import Stores
from fakes import RULES, Memory, fake_stores


class ClientPerThread:
    """A DynamoDB client for each thread that uses it."""

    def __init__(self, make_client):
        self._make_client = make_client
        self._local = threading.local()

    def __getattr__(self, name):
        if not hasattr(self._local, "client"):
            self._local.client = self._make_client()
        return getattr(self._local.client, name)


@pytest.fixture(params=["fake", "moto"])
def implementation(request):
    if request.param == "moto":
        request.getfixturevalue("aws")
    return request.param


@pytest.fixture
def stores(implementation):
    """The three stores over one database."""
    if implementation == "fake":
        return fake_stores(Memory())
    client, tables = (
        ClientPerThread(dynamodb_client),
        Tables(**{name: f"lychgate-test-{name}" for name in ("users", "sessions", "events", "throttle")}),
    )
    return Stores(
        DynamoDBUserStore(client, tables),
        DynamoDBSessionStore(client, tables),
        DynamoDBEventLog(client, tables),
        DynamoDBLoginThrottle(client, tables, RULES),
    )


@pytest.fixture
def users(stores):
    return stores.users


@pytest.fixture
def sessions(stores):
    return stores.sessions


@pytest.fixture
def events(stores):
    return stores.events


@pytest.fixture
def throttle(stores):
    return stores.throttle
