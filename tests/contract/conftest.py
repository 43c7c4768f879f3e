"""Each store three times: the fake, and DynamoDB as moto and as Amazon's own emulator play it."""

import pytest

from chalicelib.adapters.dynamodb.events import DynamoDBEventLog
from chalicelib.adapters.dynamodb.sessions import DynamoDBSessionStore
from chalicelib.adapters.dynamodb.throttle import DynamoDBLoginThrottle
from chalicelib.adapters.dynamodb.transactions import Database
from chalicelib.adapters.dynamodb.users import DynamoDBUserStore
from chalicelib.use_cases.ports import Stores
from chalicelib.wiring import dynamodb_mail_stores
from tests.support.databases import MOTO, new_stage
from tests.support.fakes import MAIL_RULES, RULES, Memory, fake_stores


@pytest.fixture(params=["fake", "moto", "dynamodb-local"])
def make_stores(request):
    """Return what makes the stores over one database, with a client for each thread."""
    if request.param == "fake":
        memory = Memory()
        return lambda limit: fake_stores(memory, max_sessions=limit)
    if request.param == "moto":
        request.getfixturevalue("atomic_moto")
        client = MOTO
    else:
        client = request.getfixturevalue("dynamodb_local").client
    tables = new_stage(client)
    database = Database(client, tables)
    return lambda limit: Stores(
        DynamoDBUserStore(database),
        DynamoDBSessionStore(database, limit=limit),
        DynamoDBEventLog(database),
        DynamoDBLoginThrottle(database, RULES),
        lambda: dynamodb_mail_stores(database, MAIL_RULES),
    )


@pytest.fixture
def stores(make_stores):
    return make_stores(50)


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
