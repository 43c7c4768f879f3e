"""DynamoDB throttles, cannot be reached, or its answer is lost, while somebody uses second factors and passkeys.

Each request is broken off at each of its calls: 503, and nothing is used up, so that the same request succeeds later.
As in ``test_lost_answers``, DynamoDB Local knows a repeated transaction by its token, and moto does not.
"""

import pytest

from chalicelib.errors import InvalidChallenge, InvalidCode, ServiceUnavailable
from tests.cost.test_factor_cost import COSTS
from tests.support.factor_flows import REQUESTS, holder, with_totp
from tests.support.wire import lost_answer, refused

__all__ = ["holder"]

REFUSED = {"log in, second step by wrong code", "authenticate again, password alone"}
"""What ends in a refusal, and changes nothing but counters."""


def operations(name):
    return [call.split()[0] for call in COSTS[name].calls]


def decides(name):
    """The position of the call that decides: the transaction, else the last."""
    calls = operations(name)
    return calls.index("TransactWriteItems") if "TransactWriteItems" in calls else len(calls) - 1


BROKEN_OFF = [
    pytest.param(name, position, id=f"{name}, call {position + 1}")
    for name in REQUESTS
    for position in range(decides(name) + 1)
    if name not in REFUSED
]
WRITING = [name for name in REQUESTS if "TransactWriteItems" in operations(name)]


@pytest.fixture
def database_name():
    return "dynamodb-local"


@pytest.fixture(autouse=True)
def no_pauses(pauses):
    return pauses


@pytest.fixture
def prepared(holder):
    """Return what prepares a request, and returns what does it."""

    def prepared(name):
        prepare, request = REQUESTS[name]
        found = prepare(holder) if prepare is not None else None
        return lambda: request(holder, found)

    return prepared


@pytest.mark.parametrize(("name", "position"), BROKEN_OFF)
def test_a_request_that_is_broken_off_uses_nothing_up(prepared, wire, name, position):
    request = prepared(name)
    wire.mend()
    wire.break_with(refused("ThrottlingException"), after=position)
    with pytest.raises(ServiceUnavailable):
        request()
    wire.mend()
    request()


@pytest.mark.parametrize("name", WRITING)
def test_a_request_whose_answer_is_lost_takes_effect_once(prepared, wire, database, name):
    request = prepared(name)
    before = database.events()
    wire.mend()
    wire.break_with(lost_answer, operation="TransactWriteItems", times=1)
    request()
    assert wire.operations.count("TransactWriteItems") == 2
    recorded = len(database.events()) - len(before)
    assert recorded == (2 if "recovery code" in name and "log in" in name else 1)


def test_a_step_that_began_a_session_begins_no_other_though_its_answer_was_lost(holder, wire, database):
    asked = with_totp(holder)
    code, sessions = holder.code(), len(database.sessions())
    wire.mend()
    wire.break_with(lost_answer, operation="TransactWriteItems", times=1)
    holder.second_step(asked, code=code)
    wire.mend()
    with pytest.raises(InvalidChallenge):
        holder.second_step(asked, code=code)
    with pytest.raises(InvalidCode):
        holder.second_step(holder.first_step(), code=code)
    assert len(database.sessions()) == sessions + 1
