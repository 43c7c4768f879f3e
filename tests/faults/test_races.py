"""Requests at the same time, each from a thread with a client of its own; which came first is for the database to say.

Whatever the order, only outcomes that some order of one after the other explains are right.
"""

import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib import wiring
from chalicelib.errors import Conflict, InvalidCredentials, InvalidGrant, InvalidToken, ServiceUnavailable
from chalicelib.wiring import build_services
from tests.support.whole import PASSWORD

NEW_PASSWORD = "a quite different passphrase"
OTHER_PASSWORD = "another passphrase altogether"
THREADS = 6
ROUNDS = 3


@pytest.fixture(params=["moto", "dynamodb-local"])
def database_name(request):
    return request.param


@pytest.fixture(scope="module")
def pool():
    """The same threads for all tests: each keeps its clients."""
    with ThreadPoolExecutor(THREADS) as pool:
        yield pool


@pytest.fixture
def settings(settings, database, monkeypatch):
    monkeypatch.setattr(wiring, "dynamodb_client", lambda: database.clients)
    return settings


@pytest.fixture
def at_once(pool):
    """Start all at the same time and return what each returned or raised."""

    def run(*calls):
        futures = [pool.submit(call) for call in calls]
        return [future.exception() or future.result() for future in futures]

    return run


def claims(logged_in):
    return logged_in.tokens.refresh_token.rpartition(".")[0]


def principal_of(services, logged_in):
    return services.auth._verifier.verify_access_token(logged_in.tokens.access_token)


def set_disabled(database, disabled=True):
    database.clients.update_item(
        TableName=database.tables.users,
        Key={"username_key": {"S": "alice"}},
        UpdateExpression="SET disabled = :disabled",
        ExpressionAttributeValues={":disabled": {"BOOL": disabled}},
    )


def refresh(services, logged_in, caller):
    return lambda: services.auth.refresh(logged_in.tokens.refresh_token, caller)


def is_dead(services, logged_in, caller):
    try:
        services.auth.refresh(logged_in.tokens.refresh_token, caller)
    except InvalidGrant:
        return True
    return False


def test_all_refreshes_with_one_token_get_the_same_successor_by_one_write(services, database, at_once, alice, caller):
    latest = alice
    for counter in range(1, 1 + ROUNDS):
        results = at_once(*[refresh(services, latest, caller)] * THREADS)
        assert {claims(result) for result in results} == {claims(results[0])}
        (session,) = database.sessions()
        assert session["refresh_counter"] == {"N": str(counter)}
        latest = results[-1]
    assert database.events() == ["registered"]
    assert not is_dead(services, latest, caller)


@pytest.mark.parametrize("first", ["refresh", "log out"])
def test_a_refresh_and_a_log_out_in_either_order_leave_the_session_ended(services, database, alice, caller, first):
    latest = alice
    if first == "refresh":
        latest = services.auth.refresh(alice.tokens.refresh_token, caller)
        services.auth.log_out(alice.tokens.refresh_token, caller)
    else:
        services.auth.log_out(alice.tokens.refresh_token, caller)
        with pytest.raises(InvalidGrant):
            services.auth.refresh(alice.tokens.refresh_token, caller)
    assert is_dead(services, latest, caller)
    assert database.sessions() == []
    assert database.events() == ["logged_out", "registered"]


def test_refreshes_at_the_time_of_a_log_out_leave_the_session_ended(services, database, at_once, alice, caller):
    for _ in range(ROUNDS):
        logged_in = services.auth.log_in("alice", PASSWORD, caller)
        *refreshed, logged_out = at_once(
            *[refresh(services, logged_in, caller)] * (THREADS - 1),
            lambda token=logged_in.tokens.refresh_token: services.auth.log_out(token, caller),
        )
        assert not isinstance(logged_out, Exception)
        for result in refreshed:
            assert isinstance(result, InvalidGrant) or is_dead(services, result, caller)
        assert is_dead(services, logged_in, caller)
    assert "refresh_token_reused" not in database.events()
    assert len(database.sessions()) == 1


def test_refreshes_at_the_time_of_disabling_are_the_last(services, database, at_once, alice, caller):
    latest = alice
    for _ in range(ROUNDS):
        *refreshed, _ = at_once(*[refresh(services, latest, caller)] * (THREADS - 1), lambda: set_disabled(database))
        assert all(claims(result) for result in refreshed if not isinstance(result, InvalidGrant))
        with pytest.raises(InvalidGrant):
            services.auth.refresh(latest.tokens.refresh_token, caller)
        with pytest.raises(InvalidToken):
            services.account.log_out_everywhere(principal_of(services, alice), caller)
        with pytest.raises(InvalidCredentials):
            services.auth.log_in("alice", PASSWORD, caller)
        set_disabled(database, disabled=False)
        latest = services.auth.refresh(latest.tokens.refresh_token, caller)
    assert "refresh_token_reused" not in database.events()


def test_refreshes_at_the_time_of_the_deletion_leave_nothing_behind(services, database, at_once, caller):
    for _ in range(ROUNDS):
        logged_in = services.auth.register("Bob", PASSWORD, caller)
        principal = principal_of(services, logged_in)
        *refreshed, deleted = at_once(
            *[refresh(services, logged_in, caller)] * (THREADS - 1),
            lambda principal=principal: services.account.delete_account(principal, PASSWORD, caller),
        )
        assert deleted is None
        for result in refreshed:
            assert isinstance(result, InvalidGrant) or is_dead(services, result, caller)
        assert not any(database.items().values()), "no refresh brings back what was deleted"


def test_log_ins_at_the_time_of_the_deletion_give_no_session_to_the_next_owner(services, database, at_once, caller):
    for _ in range(ROUNDS):
        principal = principal_of(services, services.auth.register("Bob", PASSWORD, caller))
        *begun, deleted = at_once(
            *[lambda: services.auth.log_in("bob", PASSWORD, caller)] * (THREADS - 1),
            lambda principal=principal: services.account.delete_account(principal, PASSWORD, caller),
        )
        assert deleted is None
        services.auth.register("Bob", PASSWORD, caller)
        for result in begun:
            assert isinstance(result, InvalidCredentials) or is_dead(services, result, caller)
        (user,) = database.users()
        assert user["session_bound"] == {"N": "1"}
        principal = principal_of(services, services.auth.log_in("bob", PASSWORD, caller))
        services.account.delete_account(principal, PASSWORD, caller)


def test_refreshes_at_the_time_of_a_change_of_the_password_end_for_others_and_go_on_for_its_own_session(
    services, database, at_once, alice, caller
):
    passwords = [PASSWORD, NEW_PASSWORD, PASSWORD, NEW_PASSWORD]
    own = alice
    for old, new in itertools.pairwise(passwords):
        other = services.auth.log_in("alice", old, caller)
        principal = principal_of(services, own)
        *results, changed = at_once(
            *[refresh(services, own, caller), refresh(services, other, caller)] * 2,
            lambda principal=principal, old=old, new=new: services.account.change_password(principal, old, new, caller),
        )
        assert changed is None
        own_results, other_results = results[::2], results[1::2]
        assert {claims(result) for result in own_results} == {claims(own_results[0])}
        for result in other_results:
            assert isinstance(result, InvalidGrant) or is_dead(services, result, caller)
        assert is_dead(services, other, caller)
        own = own_results[0]
    assert not is_dead(services, own, caller)
    assert len(database.sessions()) == 1
    assert "refresh_token_reused" not in database.events()


def test_log_ins_with_the_old_password_do_not_outlive_its_change(services, database, at_once, alice, caller):
    passwords = [PASSWORD, NEW_PASSWORD, PASSWORD, NEW_PASSWORD]
    principal = principal_of(services, alice)
    for old, new in itertools.pairwise(passwords):
        *begun, changed = at_once(
            *[lambda old=old: services.auth.log_in("alice", old, caller)] * (THREADS - 1),
            lambda old=old, new=new: services.account.change_password(principal, old, new, caller),
        )
        if isinstance(changed, ServiceUnavailable):
            changed = services.account.change_password(principal, old, new, caller)
        assert changed is None
        for result in begun:
            assert isinstance(result, InvalidCredentials | ServiceUnavailable) or is_dead(services, result, caller)
        with pytest.raises(InvalidCredentials):
            services.auth.log_in("alice", old, caller)
    assert not is_dead(services, alice, caller)


def test_of_several_changes_of_the_password_one_is_done_and_the_others_hear_of_it(
    services, database, at_once, alice, caller
):
    principal = principal_of(services, alice)
    candidates = [f"{OTHER_PASSWORD} {number}" for number in range(THREADS)]
    results = at_once(
        *[lambda new=new: services.account.change_password(principal, PASSWORD, new, caller) for new in candidates]
    )
    done = [new for new, result in zip(candidates, results, strict=True) if result is None]
    assert len(done) == 1
    expected = Conflict | InvalidCredentials | ServiceUnavailable
    assert not [result for result in results if result is not None and not isinstance(result, expected)]
    assert services.auth.log_in("alice", done[0], caller)
    for other in [PASSWORD, *candidates]:
        if other != done[0]:
            with pytest.raises(InvalidCredentials):
                services.auth.log_in("alice", other, caller)
    assert database.events().count("password_changed") == 1
    assert database.users()[0]["session_epoch"] == {"N": "1"}
    assert not is_dead(services, alice, caller)


def test_changes_of_the_password_from_two_sessions_leave_only_the_winners(services, database, at_once, alice, caller):
    other = services.auth.log_in("alice", PASSWORD, caller)
    sessions = {NEW_PASSWORD: alice, OTHER_PASSWORD: other}
    principals = [principal_of(services, session) for session in sessions.values()]
    results = at_once(
        *[
            lambda new=new, principal=principal: services.account.change_password(principal, PASSWORD, new, caller)
            for new, principal in zip(sessions, principals, strict=True)
        ]
    )
    done = [new for new, result in zip(sessions, results, strict=True) if result is None]
    assert len(done) == 1
    for new, session in sessions.items():
        assert is_dead(services, session, caller) == (new != done[0])


def test_log_ins_at_the_limit_never_leave_more_live_than_it_allows(settings, database, at_once, clock, caller):
    limit = 4
    services = build_services(settings | {"LYCHGATE_MAX_SESSIONS": str(limit)}, clock=clock)
    services.auth.register("Alice", PASSWORD, caller)
    for _ in range(ROUNDS):
        clock.advance(1)
        results = at_once(*[lambda: services.auth.log_in("alice", PASSWORD, caller)] * THREADS)
        assert all(not isinstance(result, Exception) or isinstance(result, ServiceUnavailable) for result in results)
        begun = [result for result in results if not isinstance(result, Exception)]
        assert begun
        (user,) = database.users()
        stored = len(database.sessions())
        assert stored <= limit
        assert stored <= int(user["session_bound"]["N"]) <= limit
        alive = [logged_in for logged_in in begun if not is_dead(services, logged_in, caller)]
        assert len(alive) <= limit
        assert alive, "a log-in that succeeded ends the oldest, and not all at once"


def test_log_ins_below_the_limit_all_succeed(settings, database, at_once, clock, caller):
    services = build_services(settings, clock=clock)
    services.auth.register("Alice", PASSWORD, caller)
    results = at_once(*[lambda: services.auth.log_in("alice", PASSWORD, caller)] * THREADS)
    begun = [result for result in results if not isinstance(result, ServiceUnavailable)]
    assert begun
    assert not any(is_dead(services, logged_in, caller) for logged_in in begun)
    assert len(database.sessions()) == int(database.users()[0]["session_bound"]["N"]) == 1 + len(begun)


@pytest.mark.parametrize(
    "spellings",
    [["Ålice", "A\u030alice", "ÅLICE", "åLICE", "Å" + "lice", "Åｌｉｃｅ"]],
)
def test_of_many_registrations_of_one_name_one_succeeds(services, database, at_once, caller, spellings):
    results = at_once(*[lambda name=name: services.auth.register(name, PASSWORD, caller) for name in spellings])
    begun = [result for result in results if not isinstance(result, Exception)]
    assert len(begun) == 1
    assert {getattr(result, "error", None) for result in results} <= {None, "username_taken"}
    assert len(database.users()) == len(database.sessions()) == 1
    assert database.events() == ["registered"]
    assert not is_dead(services, begun[0], caller)


@pytest.mark.parametrize("whose", ["own", "other"])
def test_a_change_of_the_password_between_the_two_steps_of_a_refresh(services, database, wire, alice, caller, whose):
    """The refresh has seen its session before the change, and sees the user after it."""
    changing = alice if whose == "own" else services.auth.log_in("alice", PASSWORD, caller)
    principal = principal_of(services, changing)

    def change_first(deliver):
        services.account.change_password(principal, PASSWORD, NEW_PASSWORD, caller)
        return deliver()

    wire.mend()
    wire.break_with(change_first, operation="GetItem", times=1)
    if whose == "own":
        refreshed = services.auth.refresh(alice.tokens.refresh_token, caller)
        assert not is_dead(services, refreshed, caller)
    else:
        with pytest.raises(InvalidGrant):
            services.auth.refresh(alice.tokens.refresh_token, caller)
    assert "refresh_token_reused" not in database.events()
