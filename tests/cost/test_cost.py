"""What each request costs: its calls to DynamoDB, and the capacity units that they consume, exactly."""

import json

import pytest

from chalicelib.adapters.dynamodb.ended import put_ended_session
from chalicelib.errors import InvalidCredentials
from chalicelib.tokens.kinds import ACCESS_TOKEN
from chalicelib.use_cases.hooks import Hooks, MigratedUser
from tests.support.api_client import as_header
from tests.support.consumption import NOTHING, Cost, Meter
from tests.support.scenarios import scenarios
from tests.support.whole import PASSWORD

MANY = 49


@pytest.fixture
def database_name():
    return "dynamodb-local"


# A stranger's attempt is counted by address, and at the account, which reads the user.
COUNTED = ("UpdateItem throttle", "UpdateItem users")

# The first row is the whole of a protected request: verifying a token costs no call.
COSTS = {
    "a protected request's authorizer": NOTHING,
    "refresh": Cost(("UpdateItem sessions", "GetItem users"), 1, 1),
    "refresh again with the same token": Cost(("UpdateItem sessions", "UpdateItem sessions", "GetItem users"), 1, 2),
    "refresh a third time with the same token": Cost(("UpdateItem sessions", "GetItem users"), 1, 1),
    "refresh again from elsewhere": Cost(
        ("UpdateItem sessions", "TransactWriteItems events+sessions", "GetItem users"), 1, 1 + 2 + 2
    ),
    "refresh with a forged token": NOTHING,
    # The request does not look whether the user has an address: it leaves a mail that says so.
    "refresh with a reused token": Cost(
        ("UpdateItem sessions", "TransactWriteItems events+mail+sessions"), 0, 1 + 4 * 2
    ),
    "log in": Cost((*COUNTED, "TransactWriteItems events+sessions+throttle+users"), 0, 1 + 1 + 4 * 2),
    "log in from a device that has logged in before": Cost(
        ("UpdateItem users", "TransactWriteItems events+sessions+users"), 0, 1 + 3 * 2
    ),
    "log in with a wrong password": Cost(COUNTED, 0, 1 + 1),
    "log in as nobody": Cost(COUNTED, 0, 1 + 1),
    "log in as what no name can be": Cost(COUNTED, 0, 1 + 1),
    "register": Cost(("UpdateItem throttle", "TransactWriteItems events+sessions+users"), 0, 1 + 3 * 2),
    "log in over a cookie": Cost(
        (*COUNTED, "TransactWriteItems events+sessions+throttle+users", "TransactWriteItems events+sessions"),
        0,
        1 + 1 + 4 * 2 + 3 * 2,
    ),
    # The session, the event and the feed of what has ended.
    "log out": Cost(("TransactWriteItems events+sessions",), 0, 3 * 2),
    "log out with the token before": Cost(("TransactWriteItems events+sessions",) * 2, 0, 2 * 3 * 2),
    "log out with a reused token": Cost(
        ("TransactWriteItems events+sessions", "TransactWriteItems events+mail+sessions"), 0, 3 * 2 + 4 * 2
    ),
    "log out with a forged token": NOTHING,
    "profile": Cost(("BatchGetItem sessions+users",), 2, 0),
    "dashboard": Cost(("GetItem users", "Query sessions", "Query events"), 3, 0),
    "sessions": Cost(("GetItem users", "Query sessions"), 2, 0),
    "end a session": Cost(("BatchGetItem sessions+users", "TransactWriteItems events+sessions"), 2, 3 * 2),
    "authenticate again": Cost(
        (
            "BatchGetItem sessions+users",
            "UpdateItem users",
            "TransactWriteItems events+sessions",
            "UpdateItem users",
        ),
        2,
        1 + 2 * 2 + 1,
    ),
    "change the password": Cost(
        (
            "BatchGetItem sessions+users",
            "UpdateItem users",
            "TransactWriteItems events+sessions+users",
            "Query sessions",
            "BatchWriteItem sessions",
        ),
        3,
        1 + 5 * 2 + 1,
    ),
    "log out everywhere": Cost(
        (
            "BatchGetItem sessions+users",
            "TransactWriteItems events+sessions+users",
            "Query sessions",
            "BatchWriteItem sessions",
        ),
        3,
        3 * 2 + 2,
    ),
    "delete the account": Cost(
        (
            "BatchGetItem sessions+users",
            "UpdateItem users",
            "TransactWriteItems events+sessions+users",
            "Query sessions",
            "BatchWriteItem sessions",
            "Query events",
            "BatchWriteItem events",
        ),
        4,
        1 + 3 * 2 + 2 + 2,
    ),
}


@pytest.fixture
def meter(database):
    with Meter(database.client, database.tables) as meter:
        yield meter


@pytest.fixture
def requests(use_cases, alice, principal, caller, clock, verifier):
    """What each row of the table does."""
    return scenarios(use_cases, verifier, alice, principal, caller, clock.advance)


def test_every_item_fits_into_one_unit(database, use_cases, alice, caller):
    use_cases.log_in.with_password("alice", PASSWORD, caller)
    for items in database.items().values():
        for item in items:
            assert len(json.dumps(item)) < 1024, "a write of more than 1 KB costs more than one unit"


def test_a_users_item_never_expires_and_one_that_only_counts_failures_does(database, use_cases, alice, caller, clock):
    for username in ("alice", "nobody"):
        # Far from a limit, near it, and on the next day.
        for seconds in (0, 0, 0, 0, 0, 1, 24 * 3600):
            clock.advance(seconds)
            with pytest.raises(InvalidCredentials):
                use_cases.log_in.with_password(username, "not the password", caller)
    use_cases.log_in.with_password("alice", PASSWORD, caller)
    items = database.scanned(database.tables.users)
    assert {("user_id" in item, *item["ttl"]) for item in items} == {(True, "S"), (False, "N")}


def test_every_request_has_its_row(requests):
    assert list(requests) == list(COSTS)


@pytest.mark.parametrize("name", COSTS)
def test_a_request_costs_exactly(meter, requests, name):
    requests[name].prepare()
    meter.reset()
    requests[name].run()
    assert meter.reading() == COSTS[name]


def test_a_request_is_for_a_route_that_there_is(requests):
    from app import app

    routes = {f"{method} {path}" for path, methods in app.routes.items() for method in methods}
    assert {request.route for request in requests.values()} - {"authorizer"} <= routes


def test_failed_log_ins_of_users_and_of_nobody_cost_the_same():
    failed = ["log in with a wrong password", "log in as nobody", "log in as what no name can be"]
    assert {COSTS[name] for name in failed} == {COSTS[failed[0]]}


@pytest.fixture
def crowded(use_cases, caller, alice):
    """Alice with all the sessions but one that she may have."""
    return [use_cases.log_in.with_password("alice", PASSWORD, caller) for _ in range(MANY - 1)]


def test_with_many_sessions_a_refresh_and_a_log_in_below_the_limit_cost_as_with_one(
    use_cases, meter, alice, crowded, caller
):
    for name, request in {
        "refresh": lambda: use_cases.refresh_tokens.exchange(alice.tokens.refresh_token, caller),
        "log in": lambda: use_cases.log_in.with_password("alice", PASSWORD, caller),
    }.items():
        meter.reset()
        request()
        assert meter.reading() == COSTS[name]


def test_a_log_in_at_the_limit_reads_the_sessions_and_ends_the_oldest(use_cases, meter, database, crowded, caller):
    use_cases.log_in.with_password("alice", PASSWORD, caller)
    assert len(database.sessions()) == 50
    meter.reset()
    use_cases.log_in.with_password("alice", PASSWORD, caller)
    cost = meter.reading()
    assert cost.calls == (*COUNTED, "Query sessions", "TransactWriteItems events+sessions+throttle+users")
    # 50 sessions are some 10 KB. Written are the attempt, twice, and then the new session, the user, the address, two
    # events, the session that ends and the feed.
    assert cost.reads == 3
    assert cost.writes == 1 + 1 + 7 * 2
    assert len(database.sessions()) == 50


def test_a_protected_request_reaches_no_database_before_its_view(api, meter, database, verifier):
    alice = api.register("Alice").json
    meter.reset()
    assert verifier.verify(ACCESS_TOKEN, alice["access_token"]).username == "Alice"
    api.request("GET", "/me", headers={"Authorization": "Bearer forged"}).assert_problem(401, "invalid_token")
    assert meter.reading() == NOTHING
    assert api.me(alice["access_token"]).status == 200
    assert meter.reading() == COSTS["profile"]


def test_the_feed_of_ended_sessions_costs_a_look_in_ten_seconds_and_nothing_between(
    meter, database, use_cases, principal, clock
):
    # The emulation takes nothing for a query that finds nothing; the service takes a unit.
    ended = put_ended_session(database.tables, "another", clock())
    database.client.transact_write_items(TransactItems=[ended])
    look = Cost(("Query sessions",), 1, 0)

    def cost():
        meter.reset()
        for _ in range(3):
            assert not use_cases.ended_sessions.may_have_ended(principal)
            use_cases.published_ends.signed()
        return meter.reading()

    assert cost() == look
    clock.advance(9)
    assert cost() == NOTHING
    clock.advance(1)
    assert cost() == look


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


def test_a_log_in_and_a_log_out_by_the_cookie_cost_what_their_use_cases_do(api, meter, clock):
    credentials = {"username": "Alice", "password": PASSWORD, "token_delivery": "cookie"}
    cookie = api.register("Alice", token_delivery="cookie").cookie
    meter.reset()
    answer = api.post("/auth/login", credentials, headers={"Cookie": as_header(cookie)})
    assert meter.reading() == COSTS["log in over a cookie"]
    meter.reset()
    api.logout(cookie=answer.cookie)
    assert meter.reading() == COSTS["log out"]
    meter.reset()
    api.post("/auth/login", credentials)
    assert meter.reading() == COSTS["log in"]


def test_a_smaller_limit_changes_no_cost_below_it(meter, caller, start):
    use_cases = start(MAX_SESSIONS="3").lychgate.use_cases
    use_cases.registration.register("Alice", PASSWORD, caller)
    for _ in range(2):
        meter.reset()
        use_cases.log_in.with_password("alice", PASSWORD, caller)
        assert meter.reading() == COSTS["log in"]


def test_a_refresh_with_claims_of_the_site_reads_the_sessions_and_the_user_once_more(start, alice, meter, caller):
    use_cases = start(hooks=Hooks(claims=lambda _: {"plan": "gold"})).lychgate.use_cases
    meter.reset()
    use_cases.refresh_tokens.exchange(alice.tokens.refresh_token, caller)
    plain = COSTS["refresh"]
    assert meter.reading() == Cost(("Query sessions", "GetItem users", *plain.calls), plain.reads + 2, plain.writes)


def test_a_migration_costs_a_failed_log_in_a_registration_and_the_attempt_that_is_given_back(start, meter, caller):
    migrated = MigratedUser(email="carol@example.org", email_verified=True)
    use_cases = start(hooks=Hooks(migrate=lambda *_: migrated)).lychgate.use_cases
    meter.reset()
    use_cases.log_in.with_password("carol", "old", caller)
    # The account, its address, the session and the event.
    assert meter.reading() == Cost(
        (*COUNTED, "TransactWriteItems events+sessions+users", "UpdateItem throttle"), 0, 1 + 1 + 4 * 2 + 1
    )
