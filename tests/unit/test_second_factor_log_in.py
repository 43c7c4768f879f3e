"""The second step of a log-in: what is used up, and what the history says."""

from dataclasses import replace

import pytest

from chalicelib.accounts.caller import Caller
from chalicelib.accounts.events import EventType
from chalicelib.errors import InvalidChallenge, InvalidCode, InvalidCredentials
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


def test_no_user_agent_makes_a_challenge_that_is_too_long_to_be_taken(holder, use_cases):
    """What the first step has found goes along, and a stranger's failure is a part of it."""
    long = Caller("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "\N{GRINNING FACE}" * 256)
    with pytest.raises(InvalidCredentials):
        use_cases.log_in.with_password("alice", "not the password of anybody", long)
    holder.caller = long
    assert holder.second_step(holder.first_step(), code=holder.code()).user.username == "alice"


@pytest.mark.parametrize("change", ["a new password", "the end of all sessions", "a disabled account"])
def test_what_ends_sessions_ends_a_log_in_between_its_steps(holder, memory, change):
    asked = holder.first_step()
    account = holder.use_cases.account
    if change == "a new password":
        account.change_password(holder.principal, PASSWORD, "a quite different passphrase", CALLER)
    elif change == "the end of all sessions":
        account.log_out_everywhere(holder.principal, CALLER)
    else:
        memory.users["alice"] = replace(memory.users["alice"], disabled=True)
    before = dict(memory.sessions)
    with pytest.raises(InvalidChallenge):
        holder.second_step(asked, code=holder.code())
    assert memory.sessions == before


def test_a_log_in_by_a_recovery_code_is_announced_with_the_log_in_last(holder, announced):
    asked = holder.first_step()
    announced.clear()
    holder.second_step(asked, recovery_code=holder.recovery_codes[0])
    assert announced == [EventType.RECOVERY_CODE_USED, EventType.LOGIN_SUCCEEDED]
