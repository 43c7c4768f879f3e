"""What a table of sessions that was put back to an earlier time does: why docs/operations/ says not to put one back."""

from copy import copy

import pytest

from chalicelib.accounts.caller import Caller
from chalicelib.credentials.passwords import PasswordPolicy
from chalicelib.errors import InvalidGrant
from chalicelib.use_cases.log_in import AuthService, SessionRules
from tests.support.counting import CountingHasher
from tests.support.fakes import Memory, fake_stores

PASSWORD = "correct horse battery staple"
OWNER = Caller(ip="203.0.113.7", user_agent="test")
THIEF = Caller(ip="198.51.100.9", user_agent="stolen")
DAY = 24 * 3600


@pytest.fixture
def memory():
    return Memory()


@pytest.fixture
def service(memory, issuer, verifier, clock):
    return AuthService(
        stores=fake_stores(memory),
        hasher=CountingHasher(),
        policy=PasswordPolicy(min_length=15),
        issuer=issuer,
        verifier=verifier,
        rules=SessionRules(idle_lifetime=14 * DAY, absolute_lifetime=90 * DAY, retry_window=20, max_sessions=50),
        registration_open=True,
        clock=clock,
    )


@pytest.fixture
def token_of_then(service, memory):
    """The newest refresh token at the time to which the table is put back."""
    token = service.register("alice", PASSWORD, OWNER).tokens.refresh_token
    memory.backup = copy(memory.sessions)
    return token


def put_back(memory):
    memory.sessions.clear()
    memory.sessions.update(memory.backup)


def test_the_owner_who_refreshed_since_is_refused_and_nothing_is_written(service, memory, token_of_then):
    newest = service.refresh(token_of_then, OWNER).tokens.refresh_token
    put_back(memory)

    with pytest.raises(InvalidGrant):
        service.refresh(newest, OWNER)

    assert memory.sessions == memory.backup


def test_who_holds_the_token_of_then_is_taken_for_the_owner(service, memory, clock, token_of_then):
    service.refresh(token_of_then, OWNER)
    clock.now += 3600
    put_back(memory)

    assert service.refresh(token_of_then, THIEF).user.username == "alice"


def test_a_session_that_was_ended_since_is_open_again(service, memory, token_of_then):
    service.log_out(token_of_then, OWNER)
    with pytest.raises(InvalidGrant):
        service.refresh(token_of_then, THIEF)
    put_back(memory)

    assert service.refresh(token_of_then, THIEF).user.username == "alice"


def test_an_empty_table_lets_nobody_in_and_everybody_log_in(service, memory, token_of_then):
    memory.sessions.clear()

    with pytest.raises(InvalidGrant):
        service.refresh(token_of_then, OWNER)
    assert service.log_in("alice", PASSWORD, OWNER).user.username == "alice"
