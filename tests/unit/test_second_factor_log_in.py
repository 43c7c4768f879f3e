"""The second step of a log-in: what is used up, and what the history says."""

import pytest

from chalicelib.accounts.caller import Caller
from chalicelib.accounts.events import EventType
from chalicelib.errors import InvalidCode
from tests.support.factor_flows import Holder
from tests.support.whole import PASSWORD

CALLER = Caller("203.0.113.7", "test")


@pytest.fixture
def holder(use_cases, verifier, clock):
    logged_in = use_cases.registration.register("alice", PASSWORD, CALLER)
    holder = Holder(use_cases, verifier, logged_in, CALLER, clock, origin="https://site.example")
    holder.add_totp()
    return holder


def failures(memory):
    return [event.type for event in memory.events].count(EventType.SECOND_FACTOR_FAILED)


def test_a_code_that_was_used_before_is_in_the_history_as_a_wrong_one_is(holder, memory, announced):
    code = holder.code()
    holder.second_step(holder.first_step(), code=code)
    for number, again in enumerate((code, "12345x"), start=1):
        with pytest.raises(InvalidCode):
            holder.second_step(holder.first_step(), code=again)
        assert failures(memory) == number
        assert announced[-1] is EventType.SECOND_FACTOR_FAILED


def test_so_it_is_inside_a_session(holder, memory):
    code = holder.code()
    again = lambda: holder.use_cases.reauthentication.with_password(holder.principal, PASSWORD, CALLER, code=code)  # noqa: E731
    again()
    with pytest.raises(InvalidCode):
        again()
    assert failures(memory) == 1


def test_a_right_code_leaves_no_failure_of_a_log_in_behind(holder, memory):
    holder.second_step(holder.first_step(), code=holder.code())
    assert failures(memory) == 0
    assert memory.user("alice").failures is None
