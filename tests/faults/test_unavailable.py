"""DynamoDB throttles until the SDK's retries are spent, or cannot be reached: 503, never 401, and nothing has happened.

Each fault in turn takes the place of every attempt from some call of a route on, and each route is broken off after
each of its calls.
"""

import bcrypt
import pytest

from chalicelib.adapters import aws
from chalicelib.tokens.kinds import ACCESS_TOKEN
from tests.support.api_client import as_header
from tests.support.whole import PASSWORD
from tests.support.wire import cancelled, connect_timeout, read_timeout, refused, unreachable

NEW_PASSWORD = "a quite different passphrase"

TYPICAL_FAULTS = [refused("ThrottlingException"), read_timeout]
FAULTS = [
    *TYPICAL_FAULTS,
    refused("ProvisionedThroughputExceededException"),
    refused("RequestLimitExceeded"),
    refused("InternalServerError", 500),
    unreachable,
    connect_timeout,
]

GATEWAY_TIMEOUT = 29
"""Seconds after which API Gateway gives up."""


def register(api, alice):
    return api.register("Bob")


def log_in(api, alice):
    return api.login()


def fail_to_log_in(api, alice):
    return api.login(password="not the password")


def refresh(api, alice):
    return api.refresh(alice["refresh_token"])


def reuse(api, alice):
    return api.refresh(alice["used_token"])


def log_out(api, alice):
    return api.logout(alice["refresh_token"])


def bearer(method, path, members=None):
    return lambda api, alice: api.bearer(method, path.format(**alice), alice["access_token"], members)


# Each route with the calls it makes when all is well; "+" marks the one that decides, after which it cannot fail.
ROUTES = {
    "register": (register, ["UpdateItem", "TransactWriteItems"]),
    "log in": (log_in, ["UpdateItem", "UpdateItem", "TransactWriteItems"]),
    "fail to log in": (fail_to_log_in, ["UpdateItem", "UpdateItem"]),
    "refresh": (refresh, ["UpdateItem", "GetItem"]),
    "reuse": (reuse, ["UpdateItem", "TransactWriteItems"]),
    "log out": (log_out, ["TransactWriteItems"]),
    "me": (bearer("GET", "/me"), ["BatchGetItem"]),
    "dashboard": (bearer("GET", "/dashboard"), ["GetItem", "Query", "Query"]),
    "sessions": (bearer("GET", "/auth/sessions"), ["GetItem", "Query"]),
    "end a session": (
        bearer("DELETE", "/auth/sessions/{other_session}"),
        ["BatchGetItem", "TransactWriteItems"],
    ),
    "log out everywhere": (
        bearer("POST", "/auth/logout-all"),
        ["BatchGetItem", "TransactWriteItems+", "Query", "BatchWriteItem"],
    ),
    "authenticate again": (
        bearer("POST", "/auth/reauthenticate", {"password": PASSWORD}),
        ["BatchGetItem", "UpdateItem", "TransactWriteItems+", "UpdateItem"],
    ),
    "change the password": (
        bearer("PUT", "/auth/password", {"current_password": PASSWORD, "new_password": NEW_PASSWORD}),
        ["BatchGetItem", "UpdateItem", "TransactWriteItems+", "Query", "BatchWriteItem"],
    ),
    "delete the account": (
        bearer("POST", "/auth/delete-account", {"password": PASSWORD}),
        ["BatchGetItem", "UpdateItem", "TransactWriteItems+", "Query", "BatchWriteItem", "Query", "BatchWriteItem"],
    ),
}


def before_the_decision(calls):
    decided = [position for position, call in enumerate(calls) if call.endswith("+")]
    return range(decided[0] + 1 if decided else len(calls))


def after_the_decision(calls):
    return range(len(before_the_decision(calls)), len(calls))


BROKEN_OFF = [
    pytest.param(route, position, id=f"{route}, call {position + 1}")
    for route, (_, calls) in ROUTES.items()
    for position in before_the_decision(calls)
]
CUT_SHORT = [
    pytest.param(route, position, id=f"{route}, call {position + 1}")
    for route, (_, calls) in ROUTES.items()
    for position in after_the_decision(calls)
]


@pytest.fixture
def alice(api, wire, clock, pauses):
    """Alice with two sessions; one of them has been refreshed long ago."""
    api.register("Alice")
    other = api.login().json
    session_id = api.bearer("GET", "/auth/sessions", other["access_token"]).json["sessions"][0]["id"]
    used = api.login().json["refresh_token"]
    alice = api.refresh(used).json | {"used_token": used, "other_session": session_id}
    clock.advance(60)
    wire.mend()
    return alice


def assert_unavailable(answer):
    answer.assert_problem(503, "service_unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    assert not {"www-authenticate", "set-cookie"} & answer.headers.keys()


@pytest.mark.parametrize("route", ROUTES)
def test_each_route_makes_the_calls_that_are_broken_here(api, alice, wire, route):
    request, calls = ROUTES[route]
    request(api, alice)
    assert wire.operations == [call.rstrip("+") for call in calls]


@pytest.mark.parametrize("fault", TYPICAL_FAULTS, ids=lambda fault: fault.__name__)
@pytest.mark.parametrize(("route", "position"), BROKEN_OFF)
def test_a_request_that_cannot_be_served_is_told_so_and_the_session_goes_on(
    api, alice, database, wire, fault, route, position
):
    request, calls = ROUTES[route]
    before = database.items()
    wire.mend()
    wire.break_with(fault, after=position)
    assert_unavailable(request(api, alice))
    assert wire.operations == [call.rstrip("+") for call in calls[:position]] + [calls[position].rstrip("+")] * 3
    wire.mend()
    if route != "refresh":
        assert database.items() == before
    assert api.refresh(alice["refresh_token"]).status == 200
    assert "refresh_token_reused" not in database.events()


@pytest.mark.parametrize("fault", TYPICAL_FAULTS, ids=lambda fault: fault.__name__)
@pytest.mark.parametrize(("route", "position"), CUT_SHORT)
def test_what_has_been_decided_succeeds_though_nothing_can_be_cleared_away(
    api, alice, database, wire, fault, route, position
):
    request, _ = ROUTES[route]
    wire.break_with(fault, after=position)
    answer = request(api, alice)
    wire.mend()
    if route == "change the password":
        assert api.login(password=NEW_PASSWORD).status == 200
        assert api.refresh(answer.json["refresh_token"]).status == 200
    elif route == "authenticate again":
        assert api.bearer("POST", "/auth/logout-all", answer.json["access_token"]).status == 204
    else:
        assert answer.status == 204
    api.refresh(alice["refresh_token"]).assert_problem(401, "invalid_grant")
    api.refresh(alice["used_token"]).assert_problem(401, "invalid_grant")


def test_a_refresh_that_was_applied_and_broken_off_gives_the_same_successor_in_the_window(
    api, alice, database, wire, clock
):
    wire.break_with(refused("ThrottlingException"), operation="GetItem")
    assert_unavailable(api.refresh(alice["refresh_token"]))
    assert_unavailable(api.refresh(alice["refresh_token"]))
    wire.mend()
    clock.advance(20)
    successor = api.refresh(alice["refresh_token"]).json["refresh_token"]
    assert api.refresh(successor).status == 200
    assert "refresh_token_reused" not in database.events()


@pytest.mark.parametrize("fault", TYPICAL_FAULTS, ids=lambda fault: fault.__name__)
def test_a_log_in_that_cannot_end_the_cookies_session_says_so_and_can_be_tried_again(api, alice, wire, fault):
    cookie = api.login(token_delivery="cookie").cookie
    credentials = {"username": "Alice", "password": PASSWORD, "token_delivery": "cookie"}
    wire.mend()
    wire.break_with(fault, after=3)
    assert_unavailable(api.post("/auth/login", credentials, headers={"Cookie": as_header(cookie)}))
    assert wire.operations == ["UpdateItem", "UpdateItem", "TransactWriteItems", *["TransactWriteItems"] * 3]
    wire.mend()
    assert api.post("/auth/login", credentials, headers={"Cookie": as_header(cookie)}).status == 200
    api.refresh(cookie=cookie).assert_problem(401, "invalid_grant")


@pytest.mark.parametrize("fault", TYPICAL_FAULTS, ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("position", [0, 1])
def test_a_log_out_with_a_used_token_that_is_broken_off_is_reuse_once_it_gets_through(
    api, alice, database, wire, fault, position
):
    wire.break_with(fault, after=position)
    assert_unavailable(api.logout(alice["used_token"]))
    wire.mend()
    assert api.logout(alice["used_token"]).status == 204
    api.refresh(alice["refresh_token"]).assert_problem(401, "invalid_grant")
    assert database.events().count("refresh_token_reused") == 1


@pytest.mark.parametrize("fault", TYPICAL_FAULTS, ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("route", ["log in", "fail to log in", "change the password", "delete the account"])
def test_no_password_is_looked_at_while_failures_cannot_be_counted(
    api, alice, database, wire, fault, route, monkeypatch
):
    request, calls = ROUTES[route]
    before = database.items()
    wire.mend()
    wire.break_with(fault, operation="UpdateItem")
    hashed = []
    monkeypatch.setattr(bcrypt, "checkpw", lambda *arguments: hashed.append(arguments))
    assert_unavailable(request(api, alice))
    assert hashed == []
    assert wire.operations == (["BatchGetItem"] if "BatchGetItem" in calls else []) + ["UpdateItem"] * 3
    wire.mend()
    assert database.items() == before
    assert api.refresh(alice["refresh_token"]).status == 200


def test_a_reuse_that_could_not_be_acted_upon_ends_the_session_when_it_is_seen_again(api, alice, database, wire):
    wire.break_with(refused("ThrottlingException"), operation="TransactWriteItems")
    assert_unavailable(api.refresh(alice["used_token"]))
    wire.mend()
    api.refresh(alice["used_token"]).assert_problem(401, "invalid_grant")
    assert database.events().count("refresh_token_reused") == 1
    api.refresh(alice["refresh_token"]).assert_problem(401, "invalid_grant")


def test_throttling_that_passes_before_the_retries_are_spent_is_not_noticed(api, alice, wire):
    wire.break_with(refused("ThrottlingException"), times=2)
    assert api.refresh(alice["refresh_token"]).status == 200
    assert wire.operations == ["UpdateItem"] * 3 + ["GetItem"]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_whatever_the_fault_neither_token_is_refused_for_it(api, alice, wire, fault, verifier):
    """503 from the view says that the authorizer has let a good token pass; a bad one never gets to the database."""
    wire.break_with(fault)
    assert_unavailable(api.me(alice["access_token"]))
    assert_unavailable(api.refresh(alice["refresh_token"]))
    wire.attempts.clear()
    api.me(alice["access_token"][:-4] + "AAAA").assert_problem(401, "invalid_token")
    api.me(alice["refresh_token"]).assert_problem(401, "invalid_token")
    api.request("GET", "/me").assert_problem(401, "invalid_token")
    api.refresh(alice["refresh_token"][:-4] + "AAAA").assert_problem(401, "invalid_grant")
    assert verifier.verify(ACCESS_TOKEN, alice["access_token"])
    assert wire.attempts == []
    wire.mend()
    assert api.refresh(alice["refresh_token"]).status == 200


def test_public_routes_do_without_the_database(api, alice, wire):
    wire.break_with(unreachable)
    assert api.request("GET", "/health").status == 200
    assert api.request("GET", "/.well-known/jwks.json").status == 200
    assert api.request("GET", "/auth/options").status == 200
    assert wire.attempts == []


@pytest.mark.parametrize("route", ROUTES)
def test_a_request_ends_well_before_the_gateway_gives_up(api, alice, wire, pauses, route):
    """Each attempt as slow as it may be, those that succeed too, and each pause as long as it may be."""
    request, calls = ROUTES[route]
    limits = wire.client.meta.config
    longest_attempt = limits.connect_timeout + limits.read_timeout
    seconds = []
    for position in range(len(calls)):
        wire.mend()
        pauses.clear()
        wire.break_with(refused("ThrottlingException"), after=position)
        request(api, alice)
        seconds.append(len(wire.attempts) * longest_attempt + sum(pauses))
    assert max(seconds) <= GATEWAY_TIMEOUT - 8


@pytest.mark.parametrize("route", ROUTES)
def test_conflicts_that_do_not_pass_end_well_before_the_gateway_gives_up(api, alice, wire, pauses, route):
    request, calls = ROUTES[route]
    writes = {"UpdateItem", "DeleteItem"} & {call.rstrip("+") for call in calls}
    limits = wire.client.meta.config
    wire.break_with(cancelled("TransactionConflict"), operation="TransactWriteItems")
    for write in writes:
        wire.break_with(refused("TransactionConflictException"), operation=write)
    request(api, alice)
    attempts = wire.attempts
    assert len(attempts) * (limits.connect_timeout + limits.read_timeout) + sum(pauses) <= GATEWAY_TIMEOUT - 8


def test_the_clients_have_the_limits_that_were_counted_with(wire):
    for client in (wire.client, aws.ssm_client()):
        limits = client.meta.config
        assert (limits.connect_timeout, limits.read_timeout) == (1, 1)
        assert limits.retries == {"mode": "standard", "total_max_attempts": 3}
