"""Fixtures for tests of the whole application over moto or DynamoDB Local."""

import logging
import re
import types
from dataclasses import replace

import pytest

from chalicelib.accounts.caller import Caller
from chalicelib.adapters.dynamodb.ended import PARTITION, DynamoDBEndedFeed
from chalicelib.adapters.dynamodb.transactions import Database as StoresDatabase
from chalicelib.adapters.dynamodb.transactions import pause_at_most
from chalicelib.authorizer import build_verifier
from chalicelib.credentials.passwords import PasswordHasher
from chalicelib.tokens.kinds import ACCESS_TOKEN
from tests.support.api_client import in_process
from tests.support.application import application as make_application
from tests.support.application import clients_of
from tests.support.databases import MOTO, lent_stage
from tests.support.wire import Wire

__all__ = [
    "PASSWORD",
    "alice",
    "api",
    "application",
    "caller",
    "database",
    "database_name",
    "dynamodb",
    "pause",
    "pauses",
    "principal",
    "settings",
    "start",
    "use_cases",
    "verifier",
    "wire",
]


COUNTERS = re.compile(r"failures|failed_|tried|ttl|by_")
"""The attributes of a user's item that say who has tried to log in."""

PASSWORD = "correct horse battery staple"


class Database:
    """Tables of one stage, with a client in which faults can be injected, and others for threads."""

    def __init__(self, clients, tables):
        self.clients = clients
        self.client = clients.own
        self.tables = tables
        self.wire = Wire(self.client)

    def items(self):
        """Return all stored items by table, except what counts failed log-ins."""
        users = [
            {name: value for name, value in item.items() if not COUNTERS.match(name)}
            for item in self.scanned(self.tables.users)
            if "user_id" in item
        ]
        return {
            self.tables.users: users,
            **{table: self.scanned(table) for table in (self.tables.sessions, self.tables.events)},
        }

    def scanned(self, table):
        """Return all items of a table."""
        return sorted(self.client.scan(TableName=table, ConsistentRead=True)["Items"], key=str)

    def events(self):
        return sorted(item["type"]["S"] for item in self.items()[self.tables.events])

    def sessions(self):
        return [item for item in self.items()[self.tables.sessions] if item["user_id"]["S"] != PARTITION]

    def left(self):
        """Return all stored items in one list, except those that tell what has ended."""
        items = [item for items in self.items().values() for item in items]
        return [item for item in items if item.get("user_id") != {"S": PARTITION}]

    def ended(self):
        """Return what the feed of ended sessions tells, in the order of time."""
        return DynamoDBEndedFeed(StoresDatabase(self.client, self.tables)).since(0)

    def users(self):
        return self.items()[self.tables.users]


@pytest.fixture
def database_name():
    """Which database it is; tests of both are parametrized over this."""
    return "moto"


@pytest.fixture
def database(request, database_name):
    if database_name == "moto":
        request.getfixturevalue("atomic_moto")
        clients = MOTO
    else:
        clients = request.getfixturevalue("dynamodb_local").client
    with lent_stage(clients.own) as tables:
        database = Database(clients, tables)
        yield database
        database.wire.take_away()


@pytest.fixture
def wire(database):
    return database.wire


@pytest.fixture
def settings(environment, database):
    """The settings of an API Lambda over these tables."""
    return environment | {
        "LYCHGATE_USERS_TABLE": database.tables.users,
        "LYCHGATE_SESSIONS_TABLE": database.tables.sessions,
        "LYCHGATE_EVENTS_TABLE": database.tables.events,
        "LYCHGATE_THROTTLE_TABLE": database.tables.throttle,
        "LYCHGATE_MAIL_TABLE": database.tables.mail,
        # Nobody guesses here, but many log in at once.
        "LYCHGATE_THROTTLE_PAIR_FAILURES": "100",
    }


def cheap_hasher(*, cost, **others):
    """bcrypt with its minimum cost, because it is not tested here."""
    return PasswordHasher(cost=4, **others)


@pytest.fixture
def dynamodb(database):
    """The client that the application gets."""
    return database.client


@pytest.fixture
def pause(request):
    """What the stores wait by: real, or noted where a test asks for ``pauses``."""
    return request.getfixturevalue("pauses").append if "pauses" in request.fixturenames else pause_at_most


@pytest.fixture
def start(settings, dynamodb, private_jwks, clock, pause, hashes_are_cheap):
    """Start a process of the API, with settings that differ and the hooks of a site."""

    def start(*, hooks=None, **changes):
        changed = {f"LYCHGATE_{name}": value for name, value in changes.items()}
        clients = replace(clients_of(dynamodb=dynamodb, ring=private_jwks), pause=pause)
        return make_application(settings | changed, clients=clients, clock=clock, make_hasher=cheap_hasher, hooks=hooks)

    return start


@pytest.fixture
def application(start):
    return start()


@pytest.fixture
def use_cases(application):
    return application.lychgate.use_cases


@pytest.fixture
def verifier(settings, clock):
    return build_verifier(settings, clock)


@pytest.fixture
def api(application):
    logging.getLogger("lychgate").setLevel(logging.INFO)
    return in_process(application)


@pytest.fixture
def pauses(monkeypatch):
    """Skip the pauses before retries, and record the longest duration of each."""
    noted = []

    def longest(self, context):
        return self._get_base_scale(context) * 2 ** (context.attempt_number - 1)

    stopped_clock = types.SimpleNamespace(sleep=noted.append)
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", longest)
    monkeypatch.setattr("botocore.endpoint.time", stopped_clock)
    # One client serves all tests, and would stop repeating after so many faults.
    monkeypatch.setattr("botocore.retries.quota.RetryQuota.acquire", lambda self, amount: True)
    return noted


@pytest.fixture
def caller():
    return Caller(ip="203.0.113.7", user_agent="test")


@pytest.fixture
def alice(use_cases, caller, wire):
    """The tokens of Alice's registration, with nothing recorded of it."""
    logged_in = use_cases.registration.register("Alice", PASSWORD, caller)
    wire.mend()
    return logged_in


@pytest.fixture
def principal(verifier, alice):
    """Alice, as her access token says."""
    return verifier.verify(ACCESS_TOKEN, alice.tokens.access_token)
