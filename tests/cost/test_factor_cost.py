"""What second factors and passkeys cost: the calls of each request about them, and the units that these consume."""

import pytest

from tests.cost.test_cost import COSTS as WITHOUT_FACTORS
from tests.cost.test_cost import COUNTED
from tests.cost.test_mail_cost import PAGE, phrase
from tests.support.consumption import NOTHING, Cost, Meter
from tests.support.factor_flows import REQUESTS, holder

__all__ = ["holder"]

LIVE = "BatchGetItem sessions+users"
ALL = "TransactWriteItems events+sessions+throttle+users"

COSTS = {
    "overview": Cost((LIVE, "BatchGetItem users"), 3, 0),
    "begin to add an app": Cost((LIVE,), 2, 0),
    "add an app": Cost((LIVE, ALL, "Query sessions"), 3, 10),
    "remove the app": Cost((LIVE, "TransactWriteItems events+users"), 2, 4),
    "new recovery codes": Cost((LIVE, "TransactWriteItems events+users"), 2, 4),
    "log in, first step": Cost(("UpdateItem throttle", "UpdateItem users"), 0, 2),
    "log in, second step by code": Cost(("GetItem users", "UpdateItem throttle", ALL), 1, 13),
    "log in, second step by wrong code": Cost(("GetItem users", "UpdateItem throttle", "PutItem events"), 1, 2),
    "log in, second step by recovery code": Cost(("GetItem users", "UpdateItem throttle", ALL), 1, 15),
    "log in, second step by passkey": Cost(("GetItem users", "UpdateItem throttle", "GetItem users", ALL), 2, 15),
    "options for a passkey": NOTHING,
    "log in by passkey": Cost(("GetItem users", "GetItem users", ALL), 2, 10),
    "options for a new passkey": Cost((LIVE,), 2, 0),
    "add a passkey": Cost((LIVE, "TransactWriteItems events+throttle+users"), 2, 8),
    "name a passkey": Cost((LIVE, "UpdateItem users"), 2, 1),
    "remove a passkey": Cost((LIVE, "TransactWriteItems events+users"), 2, 6),
    "authenticate again, password alone": Cost((LIVE, "UpdateItem users", "UpdateItem users"), 2, 2),
    "authenticate again by code": Cost(
        (LIVE, "UpdateItem users", "UpdateItem throttle", ALL, "UpdateItem users"), 2, 11
    ),
    "authenticate again by passkey": Cost((LIVE, "GetItem users", ALL), 3, 10),
}


@pytest.fixture
def database_name():
    return "dynamodb-local"


@pytest.fixture
def meter(database):
    with Meter(database.client, database.tables) as meter:
        yield meter


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_costs_exactly(holder, meter, name):
    prepare, request = REQUESTS[name]
    prepared = prepare(holder) if prepare is not None else None
    meter.reset()
    request(holder, prepared)
    assert meter.reading() == COSTS[name]


def test_every_request_has_its_row():
    assert list(REQUESTS) == list(COSTS)


@pytest.mark.parametrize("name", COSTS)
def test_the_page_has_the_row_of_a_request(name):
    cost = COSTS[name]
    assert f"| {name} | {phrase(cost.calls) or 'none'} | {cost.reads} | {cost.writes} |" in PAGE


def test_a_first_step_that_is_right_costs_what_a_wrong_password_does():
    """Nothing is taken back before the second step succeeds, so the two cannot be told apart by what they write."""
    assert COSTS["log in, first step"] == WITHOUT_FACTORS["log in with a wrong password"]
    assert COSTS["log in, first step"].calls == COUNTED
