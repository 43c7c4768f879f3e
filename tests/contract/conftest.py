"""Each store three times: the fake, and DynamoDB as moto and as Amazon's own emulator play it."""

from dataclasses import replace

import pytest

from chalicelib.adapters.dynamodb.attributes import to_item
from chalicelib.adapters.dynamodb.events import DynamoDBEventLog
from chalicelib.adapters.dynamodb.mails import mail_key
from chalicelib.adapters.dynamodb.sessions import DynamoDBSessionStore
from chalicelib.adapters.dynamodb.throttle import DynamoDBLoginThrottle
from chalicelib.adapters.dynamodb.transactions import Database
from chalicelib.adapters.dynamodb.users import DynamoDBUserStore
from chalicelib.use_cases.ports import Stores
from chalicelib.wiring import (
    dynamodb_administration_store,
    dynamodb_ended_feed,
    dynamodb_factor_store,
    dynamodb_mail_stores,
)
from tests.support.databases import MOTO, lent_stage
from tests.support.fakes import MAIL_RULES, RULES, Memory, fake_stores


@pytest.fixture(params=["fake", "moto", "dynamodb-local"])
def place(request):
    """A database with no accounts: the memory of fakes, or DynamoDB with a client for each thread."""
    if request.param == "fake":
        yield Memory()
        return
    if request.param == "moto":
        request.getfixturevalue("atomic_moto")
        client = MOTO
    else:
        client = request.getfixturevalue("dynamodb_local").client
    with lent_stage(client) as tables:
        yield Database(client, tables)


@pytest.fixture
def make_stores(place):
    """Return what makes the stores over one database."""
    if isinstance(place, Memory):
        return lambda limit: fake_stores(place, max_sessions=limit)
    database = place
    return lambda limit: Stores(
        DynamoDBUserStore(database),
        DynamoDBSessionStore(database, limit=limit),
        DynamoDBEventLog(database),
        DynamoDBLoginThrottle(database, RULES),
        lambda: dynamodb_mail_stores(database, MAIL_RULES),
        lambda: dynamodb_factor_store(database),
        lambda: dynamodb_administration_store(database),
        lambda: dynamodb_ended_feed(database),
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


@pytest.fixture
def addresses(stores):
    return stores.addresses


@pytest.fixture
def outbox(stores):
    return stores.outbox


@pytest.fixture
def post(place, outbox):
    """Return what adds to a mail what the mailer adds, and returns what the mail stands for."""

    def post(mail, **added):
        if isinstance(place, Memory):
            place.mails.proofs[mail.id] = replace(place.mails.proofs[mail.id], **added)
        else:
            place.client.update_item(
                TableName=place.tables.mail,
                Key=mail_key(mail.id),
                UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in added),
                ExpressionAttributeValues=to_item({f":{name}": value for name, value in added.items()}),
            )
        return outbox.find(mail.id)

    return post


@pytest.fixture
def factors(stores):
    return stores.factors
