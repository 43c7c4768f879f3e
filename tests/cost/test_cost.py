"""What each request costs: its calls to DynamoDB, and the capacity units that they consume.

Calls are counted on the wire. Units are what DynamoDB Local reports in ``ConsumedCapacity``, by the rules of the
service: a strongly consistent read of up to 4 KB is one unit, and so is a write of up to 1 KB. Of transactions it tells
four units for each table, whatever is written there; the service takes two for each item of up to 1 KB, and so it is
counted here. (moto's numbers are made up throughout.)
"""

import contextlib
import json
from collections import Counter
from dataclasses import dataclass

import pytest

from chalicelib import authorizer
from chalicelib.errors import InvalidCredentials, InvalidGrant
from chalicelib.wiring import build_services
from whole import PASSWORD

NEW_PASSWORD = "a quite different passphrase"
MANY = 49


@pytest.fixture
def database_name():
    return "dynamodb-local"


@dataclass(frozen=True)
class Cost:
    """Calls by operation and tables, and units read and written; beside them those that count failed log-ins."""

    calls: tuple[str, ...]
    reads: float
    writes: float
    counting: tuple[str, ...] = ()
    counting_writes: float = 0


NOTHING = Cost((), 0, 0)

# The three counters of a log-in are raised in one transaction before it, and after a success put back in another.
COUNTED = {"counting": ("TransactWriteItems throttle",), "counting_writes": 3 * 2}
COUNTED_AND_FORGOTTEN = {"counting": ("TransactWriteItems throttle",) * 2, "counting_writes": 2 * 3 * 2}

# The first row is the whole of a protected request: verifying a token costs no call.
COSTS = {
    "a protected request's authorizer": NOTHING,
    "refresh": Cost(("UpdateItem sessions", "GetItem users"), 1, 1),
    "refresh again with the same token": Cost(("UpdateItem sessions", "GetItem users"), 1, 1),
    "refresh with a forged token": NOTHING,
    "refresh with a reused token": Cost(("UpdateItem sessions", "TransactWriteItems events+sessions"), 0, 1 + 2 + 2),
    "log in": Cost(("GetItem users", "TransactWriteItems events+sessions+users"), 1, 3 * 2, **COUNTED_AND_FORGOTTEN),
    "log in with a wrong password": Cost(("GetItem users", "PutItem events"), 1, 1, **COUNTED),
    "log in as nobody": Cost(("GetItem users", "PutItem events"), 1, 1, **COUNTED),
    "log in as what no name can be": Cost(("GetItem users", "PutItem events"), 1, 1, **COUNTED),
    "register": Cost(("TransactWriteItems events+sessions+users",), 0, 3 * 2),
    "log out": Cost(("TransactWriteItems events+sessions",), 0, 2 * 2),
    "profile": Cost(("GetItem users",), 1, 0),
    "dashboard": Cost(("GetItem users", "Query events", "Query sessions"), 3, 0),
    "sessions": Cost(("GetItem users", "Query sessions"), 2, 0),
    "end a session": Cost(("BatchGetItem sessions+users", "TransactWriteItems events+sessions"), 2, 2 * 2),
    "change the password": Cost(
        (
            "BatchGetItem sessions+users",
            "TransactWriteItems events+sessions+users",
            "Query sessions",
            "BatchWriteItem sessions",
        ),
        3,
        3 * 2 + 1,
        **COUNTED_AND_FORGOTTEN,
    ),
    "log out everywhere": Cost(
        ("BatchGetItem sessions+users", "TransactWriteItems events+users", "Query sessions", "BatchWriteItem sessions"),
        3,
        2 * 2 + 2,
    ),
    "delete the account": Cost(
        (
            "BatchGetItem sessions+users",
            "DeleteItem users",
            "Query sessions",
            "BatchWriteItem sessions",
            "Query events",
            "BatchWriteItem events",
        ),
        4,
        1 + 2 + 2,
        **COUNTED_AND_FORGOTTEN,
    ),
}


@dataclass
class Meter:
    """Asks each call for its consumed capacity and adds it up."""

    database: object

    def __post_init__(self):
        self.units = Counter()
        events = self.database.client.meta.events
        events.register("provide-client-params.dynamodb", self._ask)
        events.register("after-call.dynamodb", self._add)

    def stop(self):
        events = self.database.client.meta.events
        events.unregister("provide-client-params.dynamodb", self._ask)
        events.unregister("after-call.dynamodb", self._add)

    def reset(self):
        self.units.clear()
        self.database.wire.mend()

    def reading(self):
        names = {name: short for short, name in vars_of(self.database.tables).items()}
        calls, counting = (
            tuple(
                f"{attempt.operation} {'+'.join(sorted(names[table] for table in attempt.tables))}" for attempt in seen
            )
            for seen in (self.database.wire.attempts, self.database.wire.counting)
        )
        return Cost(calls, self.units["read"], self.units["write"], counting, self.units["count"])

    def _ask(self, params, model, **_):
        if "ReturnConsumedCapacity" in model.input_shape.members:
            return params | {"ReturnConsumedCapacity": "TOTAL"}
        return None

    def _add(self, parsed, model, **_):
        if model.name == "TransactWriteItems":
            attempt = self.database.wire.latest
            self.units["count" if attempt.counting else "write"] += 2 * len(attempt.body["TransactItems"])
            return
        consumed = parsed.get("ConsumedCapacity", [])
        if parsed.get("Error", {}).get("Code") == "ConditionalCheckFailedException":
            # A refusal does not say what it consumed: as much as the write would have.
            consumed = {"CapacityUnits": 1}
        kind = "read" if model.name in {"GetItem", "BatchGetItem", "Query"} else "write"
        for table in consumed if isinstance(consumed, list) else [consumed]:
            self.units[kind] += table["CapacityUnits"]


def vars_of(tables):
    return {name: getattr(tables, name) for name in tables.__slots__}


@pytest.fixture
def meter(database):
    meter = Meter(database)
    yield meter
    meter.stop()


@pytest.fixture
def requests(services, alice, principal, client, clock):
    """What each row of the table does; each begins with Alice's one session, and another where it takes two."""

    def other_session():
        return services.auth.log_in("alice", PASSWORD, client)

    def session_id(logged_in):
        return services.auth._verifier.verify_refresh_token(logged_in.tokens.refresh_token).session_id

    def used_token():
        services.auth.refresh(alice.tokens.refresh_token, client)

    def reused_token():
        used_token()
        clock.advance(21)

    token = alice.tokens.refresh_token
    verifier = services.auth._verifier
    return {
        "a protected request's authorizer": lambda: verifier.verify_access_token(alice.tokens.access_token),
        "refresh": lambda: services.auth.refresh(token, client),
        "refresh again with the same token": (used_token, lambda _: services.auth.refresh(token, client)),
        "refresh with a forged token": lambda: services.auth.refresh(token[:-4] + "AAAA", client),
        "refresh with a reused token": (reused_token, lambda _: services.auth.refresh(token, client)),
        "log in": lambda: services.auth.log_in("alice", PASSWORD, client),
        "log in with a wrong password": lambda: services.auth.log_in("alice", "wrong", client),
        "log in as nobody": lambda: services.auth.log_in("nobody", PASSWORD, client),
        "log in as what no name can be": lambda: services.auth.log_in("x" * 3000 + "!", PASSWORD, client),
        "register": lambda: services.auth.register("Bob", PASSWORD, client),
        "log out": lambda: services.auth.log_out(token, client),
        "profile": lambda: services.account.profile(principal),
        "dashboard": lambda: services.account.dashboard(principal),
        "sessions": lambda: services.account.sessions(principal),
        "end a session": (
            other_session,
            lambda other: services.account.end_session(principal, session_id(other), client),
        ),
        "change the password": (
            other_session,
            lambda _: services.account.change_password(principal, PASSWORD, NEW_PASSWORD, client),
        ),
        "log out everywhere": (other_session, lambda _: services.account.log_out_everywhere(principal, client)),
        "delete the account": (other_session, lambda _: services.account.delete_account(principal, PASSWORD, client)),
    }


def test_every_item_fits_into_one_unit(database, services, alice, client):
    services.auth.log_in("alice", PASSWORD, client)
    for items in database.items().values():
        for item in items:
            assert len(json.dumps(item)) < 1024, "a write of more than 1 KB costs more than one unit"


def test_every_request_has_its_row(requests):
    assert list(requests) == list(COSTS)


@pytest.mark.parametrize("name", COSTS)
def test_a_request_costs_exactly(meter, requests, name):
    request = requests[name]
    if isinstance(request, tuple):
        prepare, act = request
        prepared = prepare()
        meter.reset()
        measure(lambda: act(prepared))
    else:
        meter.reset()
        measure(request)
    assert meter.reading() == COSTS[name]


def measure(request):
    with contextlib.suppress(InvalidCredentials, InvalidGrant):
        request()


def test_failed_log_ins_of_users_and_of_nobody_cost_the_same():
    failed = ["log in with a wrong password", "log in as nobody", "log in as what no name can be"]
    assert {COSTS[name] for name in failed} == {COSTS[failed[0]]}


@pytest.fixture
def crowded(services, client, alice):
    """Alice with all the sessions but one that she may have."""
    return [services.auth.log_in("alice", PASSWORD, client) for _ in range(MANY - 1)]


def test_with_many_sessions_a_refresh_and_a_log_in_below_the_limit_cost_as_with_one(
    services, meter, alice, crowded, client
):
    for name, request in {
        "refresh": lambda: services.auth.refresh(alice.tokens.refresh_token, client),
        "log in": lambda: services.auth.log_in("alice", PASSWORD, client),
    }.items():
        meter.reset()
        request()
        assert meter.reading() == COSTS[name]


def test_a_log_in_at_the_limit_reads_the_sessions_and_ends_the_oldest(services, meter, database, crowded, client):
    services.auth.log_in("alice", PASSWORD, client)
    assert len(database.sessions()) == 50
    meter.reset()
    services.auth.log_in("alice", PASSWORD, client)
    cost = meter.reading()
    assert cost.calls == ("GetItem users", "Query sessions", "TransactWriteItems events+sessions+users")
    # 50 sessions are some 10 KB. Written are the new session, the user, two events and the session that ends.
    assert cost.reads == 1 + 3
    assert cost.writes == 5 * 2
    assert len(database.sessions()) == 50


def test_a_protected_request_reaches_no_database_before_its_view(api, meter, database):
    alice = api.register("Alice").json
    meter.reset()
    assert authorizer.verifier().verify_access_token(alice["access_token"]).username == "Alice"
    api.request("GET", "/me", headers={"Authorization": "Bearer forged"}).assert_problem(401, "invalid_token")
    assert meter.reading() == NOTHING
    assert api.me(alice["access_token"]).status == 200
    assert meter.reading() == COSTS["profile"]


def test_the_route_costs_what_its_use_case_costs(api, meter, clock):
    alice = api.register("Alice").json
    for name, request in {
        "refresh": lambda: api.refresh(alice["refresh_token"]),
        "log in": api.login,
        "log in with a wrong password": lambda: api.login(password="wrong"),
        "log in as nobody": lambda: api.login("nobody"),
    }.items():
        meter.reset()
        request()
        assert meter.reading() == COSTS[name]


def test_a_smaller_limit_changes_no_cost_below_it(settings, meter, clock, client):
    services = build_services(settings | {"LYCHGATE_MAX_SESSIONS": "3"}, clock=clock)
    services.auth.register("Alice", PASSWORD, client)
    for _ in range(2):
        meter.reset()
        services.auth.log_in("alice", PASSWORD, client)
        assert meter.reading() == COSTS["log in"]
