"""What a table of sessions that was put back to an earlier time does: why docs/operations/ says not to put one back."""

from copy import copy

import pytest

from chalicelib.accounts.caller import Caller
from chalicelib.errors import InvalidGrant

PASSWORD = "correct horse battery staple"
OWNER = Caller(ip="203.0.113.7", user_agent="test")
THIEF = Caller(ip="198.51.100.9", user_agent="stolen")
DAY = 24 * 3600


@pytest.fixture
def token_of_then(use_cases, memory):
    """The newest refresh token at the time to which the table is put back."""
    token = use_cases.registration.register("alice", PASSWORD, OWNER).tokens.refresh_token
    memory.backup = copy(memory.sessions)
    return token


def put_back(memory):
    memory.sessions.clear()
    memory.sessions.update(memory.backup)


def test_the_owner_who_refreshed_since_is_refused_and_nothing_is_written(use_cases, memory, token_of_then):
    newest = use_cases.refresh_tokens.exchange(token_of_then, OWNER).tokens.refresh_token
    put_back(memory)

    with pytest.raises(InvalidGrant):
        use_cases.refresh_tokens.exchange(newest, OWNER)

    assert memory.sessions == memory.backup


def test_who_holds_the_token_of_then_is_taken_for_the_owner(use_cases, memory, clock, token_of_then):
    use_cases.refresh_tokens.exchange(token_of_then, OWNER)
    clock.now += 3600
    put_back(memory)

    assert use_cases.refresh_tokens.exchange(token_of_then, THIEF).user.username == "alice"


def test_a_session_that_was_ended_since_is_open_again(use_cases, memory, token_of_then):
    use_cases.refresh_tokens.revoke([token_of_then], OWNER)
    with pytest.raises(InvalidGrant):
        use_cases.refresh_tokens.exchange(token_of_then, THIEF)
    put_back(memory)

    assert use_cases.refresh_tokens.exchange(token_of_then, THIEF).user.username == "alice"


def test_an_empty_table_lets_nobody_in_and_everybody_log_in(use_cases, memory, token_of_then):
    memory.sessions.clear()

    with pytest.raises(InvalidGrant):
        use_cases.refresh_tokens.exchange(token_of_then, OWNER)
    assert use_cases.log_in.with_password("alice", PASSWORD, OWNER).user.username == "alice"
