"""Fixtures for tests of the whole application over a database that is a real one, or nearly: moto or DynamoDB Local."""

import json
import logging
import types

import pytest

from app import app
from chalicelib import authorizer, config, wiring
from chalicelib.accounts.caller import Caller
from chalicelib.wiring import build_services
from tests.support.api_client import in_process
from tests.support.databases import MOTO, new_stage
from tests.support.wire import Wire

__all__ = [
    "PASSWORD",
    "alice",
    "api",
    "caller",
    "database",
    "database_name",
    "pauses",
    "principal",
    "services",
    "settings",
    "wire",
]


PASSWORD = "correct horse battery staple"


class Database:
    """Tables of one stage, with a client whose wire can be broken, and others for threads."""

    def __init__(self, clients):
        self.clients = clients
        self.client = clients.own
        self.tables = new_stage(self.client)
        self.wire = Wire(self.client)

    def items(self):
        """Everything that is stored but counters of failed log-ins, by table."""
        return {
            table: sorted(self.client.scan(TableName=table, ConsistentRead=True)["Items"], key=str)
            for table in (self.tables.users, self.tables.sessions, self.tables.events)
        }

    def events(self):
        return sorted(item["type"]["S"] for item in self.items()[self.tables.events])

    def sessions(self):
        return self.items()[self.tables.sessions]

    def users(self):
        return self.items()[self.tables.users]


class ParameterStore:
    """One parameter."""

    exceptions = types.SimpleNamespace(ParameterNotFound=KeyError)

    def __init__(self, value):
        self._value = value

    def get_parameter(self, **_):
        return {"Parameter": {"Value": self._value}}


@pytest.fixture
def database_name():
    """Which database it is; tests of both are parametrized over this."""
    return "moto"


@pytest.fixture
def database(request, database_name):
    if database_name == "moto":
        request.getfixturevalue("atomic_moto")
        database = Database(MOTO)
    else:
        database = Database(request.getfixturevalue("dynamodb_local").client)
    yield database
    database.wire.take_away()


@pytest.fixture
def wire(database):
    return database.wire


@pytest.fixture
def settings(environment, private_jwks, database, monkeypatch):
    """The settings of an API Lambda over these tables; bcrypt is as cheap as it can be, and not what is tested."""
    monkeypatch.setattr(config, "MIN_BCRYPT_COST", 4)
    monkeypatch.setattr(wiring, "dynamodb_client", lambda: database.client)
    monkeypatch.setattr(wiring, "ssm_client", lambda: ParameterStore(json.dumps(private_jwks)))
    return environment | {
        "LYCHGATE_BCRYPT_COST": "4",
        "LYCHGATE_USERS_TABLE": database.tables.users,
        "LYCHGATE_SESSIONS_TABLE": database.tables.sessions,
        "LYCHGATE_EVENTS_TABLE": database.tables.events,
        "LYCHGATE_THROTTLE_TABLE": database.tables.throttle,
        # Nobody guesses here, but many log in at once.
        "LYCHGATE_THROTTLE_PAIR_FAILURES": "100",
    }


@pytest.fixture
def services(settings, clock):
    return build_services(settings, clock=clock)


@pytest.fixture
def api(settings, clock, monkeypatch):
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    caches = (wiring.services, wiring.http_settings, wiring.verifier_settings, authorizer.verifier)
    for cached in caches:
        cached.cache_clear()
    monkeypatch.setattr(wiring, "clock", clock)
    monkeypatch.setattr(authorizer, "system_clock", clock)
    logging.getLogger("lychgate").setLevel(logging.INFO)
    yield in_process(app)
    for cached in caches:
        cached.cache_clear()


@pytest.fixture
def pauses(monkeypatch):
    """No pause before a repetition takes any time; each is noted, at its longest."""
    noted = []

    def longest(self, context):
        return self._get_base_scale(context) * 2 ** (context.attempt_number - 1)

    stopped_clock = types.SimpleNamespace(sleep=noted.append)
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", longest)
    monkeypatch.setattr("botocore.endpoint.time", stopped_clock)
    # One client serves all tests, and would stop repeating after so many faults.
    monkeypatch.setattr("botocore.retries.quota.RetryQuota.acquire", lambda self, amount: True)
    monkeypatch.setattr("chalicelib.adapters.dynamodb.transactions.time", stopped_clock)
    monkeypatch.setattr(
        "chalicelib.adapters.dynamodb.transactions.random", types.SimpleNamespace(uniform=lambda _, most: most)
    )
    monkeypatch.setattr("chalicelib.adapters.dynamodb.users.time", stopped_clock)
    return noted


@pytest.fixture
def caller():
    return Caller(ip="203.0.113.7", user_agent="test")


@pytest.fixture
def alice(services, caller, wire):
    """What Alice got when she registered, with nothing noted of it."""
    logged_in = services.auth.register("Alice", PASSWORD, caller)
    wire.mend()
    return logged_in


@pytest.fixture
def principal(services, alice):
    """Alice, as her access token says."""
    return services.auth._verifier.verify_access_token(alice.tokens.access_token)
