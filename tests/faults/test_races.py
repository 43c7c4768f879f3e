"""Requests at the same time, each from a thread with a client of its own; which came first is for the database to say.

Whatever the order, only outcomes that some order of one after the other explains are right.
"""

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from chalicelib.accounts.key_proof import KeyProof
from chalicelib.accounts.results import LoggedIn
from chalicelib.accounts.session import MOST_PROOFS
from chalicelib.adapters.dynamodb.items import user_key
from chalicelib.errors import (
    Conflict,
    InvalidCredentials,
    InvalidDPoPProof,
    InvalidGrant,
    InvalidToken,
    ServiceUnavailable,
)
from chalicelib.tokens.kinds import ACCESS_TOKEN
from chalicelib.use_cases.hooks import Hooks, MigratedUser
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
def dynamodb(database):
    """A client for each thread."""
    return database.clients


@pytest.fixture
def at_once(pool):
    """Start all at the same time and return what each returned or raised."""

    def run(*calls):
        futures = [pool.submit(call) for call in calls]
        return [future.exception() or future.result() for future in futures]

    return run


def claims(logged_in):
    return logged_in.tokens.refresh_token.rpartition(".")[0]


def principal_of(verifier, logged_in):
    return verifier.verify(ACCESS_TOKEN, logged_in.tokens.access_token)


def set_disabled(database, disabled=True):
    database.clients.update_item(
        TableName=database.tables.users,
        Key=user_key("alice"),
        UpdateExpression="SET disabled = :disabled",
        ExpressionAttributeValues={":disabled": {"BOOL": disabled}},
    )


def refresh(use_cases, logged_in, caller):
    return lambda: use_cases.refresh_tokens.exchange(logged_in.tokens.refresh_token, caller)


def is_dead(use_cases, logged_in, caller):
    try:
        use_cases.refresh_tokens.exchange(logged_in.tokens.refresh_token, caller)
    except InvalidGrant:
        return True
    return False


def undisturbed(use_cases, logged_in, caller):
    """Refresh once more with nobody beside: only so many refreshes in a row may be retried."""
    return use_cases.refresh_tokens.exchange(logged_in.tokens.refresh_token, caller)


def test_all_refreshes_with_one_token_get_the_same_successor_by_one_write(use_cases, database, at_once, alice, caller):
    latest = alice
    for counter in range(1, 1 + 2 * ROUNDS, 2):
        results = at_once(*[refresh(use_cases, latest, caller)] * THREADS)
        assert {claims(result) for result in results} == {claims(results[0])}
        (session,) = database.sessions()
        assert session["refresh_counter"] == {"N": str(counter)}
        latest = undisturbed(use_cases, results[-1], caller)
    assert database.events() == ["registered"]
    assert not is_dead(use_cases, latest, caller)


@pytest.mark.parametrize("first", ["refresh", "log out"])
def test_a_refresh_and_a_log_out_in_either_order_leave_the_session_ended(use_cases, database, alice, caller, first):
    latest = alice
    if first == "refresh":
        latest = use_cases.refresh_tokens.exchange(alice.tokens.refresh_token, caller)
        use_cases.refresh_tokens.revoke([alice.tokens.refresh_token], caller)
    else:
        use_cases.refresh_tokens.revoke([alice.tokens.refresh_token], caller)
        with pytest.raises(InvalidGrant):
            use_cases.refresh_tokens.exchange(alice.tokens.refresh_token, caller)
    assert is_dead(use_cases, latest, caller)
    assert database.sessions() == []
    assert database.events() == ["logged_out", "registered"]


def test_refreshes_at_the_time_of_a_log_out_leave_the_session_ended(use_cases, database, at_once, alice, caller):
    for _ in range(ROUNDS):
        logged_in = use_cases.log_in.with_password("alice", PASSWORD, caller)
        *refreshed, logged_out = at_once(
            *[refresh(use_cases, logged_in, caller)] * (THREADS - 1),
            lambda token=logged_in.tokens.refresh_token: use_cases.refresh_tokens.revoke([token], caller),
        )
        assert not isinstance(logged_out, Exception)
        for result in refreshed:
            assert isinstance(result, InvalidGrant) or is_dead(use_cases, result, caller)
        assert is_dead(use_cases, logged_in, caller)
    assert "refresh_token_reused" not in database.events()
    assert len(database.sessions()) == 1


def test_refreshes_at_the_time_of_disabling_are_the_last(use_cases, database, at_once, alice, caller, verifier):
    latest = alice
    for _ in range(ROUNDS):
        *refreshed, _ = at_once(*[refresh(use_cases, latest, caller)] * (THREADS - 1), lambda: set_disabled(database))
        assert all(claims(result) for result in refreshed if not isinstance(result, InvalidGrant))
        with pytest.raises(InvalidGrant):
            use_cases.refresh_tokens.exchange(latest.tokens.refresh_token, caller)
        with pytest.raises(InvalidToken):
            use_cases.account.log_out_everywhere(principal_of(verifier, alice), caller)
        with pytest.raises(InvalidCredentials):
            use_cases.log_in.with_password("alice", PASSWORD, caller)
        set_disabled(database, disabled=False)
        retried = use_cases.refresh_tokens.exchange(latest.tokens.refresh_token, caller)
        latest = undisturbed(use_cases, retried, caller)
    assert "refresh_token_reused" not in database.events()


def test_refreshes_at_the_time_of_the_deletion_leave_nothing_behind(use_cases, database, at_once, caller, verifier):
    for number in range(1, ROUNDS + 1):
        logged_in = use_cases.registration.register("Bob", PASSWORD, caller)
        principal = principal_of(verifier, logged_in)
        *refreshed, deleted = at_once(
            *[refresh(use_cases, logged_in, caller)] * (THREADS - 1),
            lambda principal=principal: use_cases.account.delete_account(principal, PASSWORD, caller),
        )
        assert deleted is None
        for result in refreshed:
            assert isinstance(result, InvalidGrant) or is_dead(use_cases, result, caller)
        left = [item["type"]["S"] for item in database.left()]
        assert left == ["account_deleted"] * number, "no refresh brings anything back"


def test_log_ins_at_the_time_of_the_deletion_give_no_session_to_the_next_owner(
    use_cases, database, at_once, caller, verifier
):
    for _ in range(ROUNDS):
        principal = principal_of(verifier, use_cases.registration.register("Bob", PASSWORD, caller))
        *begun, deleted = at_once(
            *[lambda: use_cases.log_in.with_password("bob", PASSWORD, caller)] * (THREADS - 1),
            lambda principal=principal: use_cases.account.delete_account(principal, PASSWORD, caller),
        )
        assert deleted is None
        use_cases.registration.register("Bob", PASSWORD, caller)
        for result in begun:
            assert isinstance(result, InvalidCredentials) or is_dead(use_cases, result, caller)
        (user,) = database.users()
        assert user["session_bound"] == {"N": "1"}
        principal = principal_of(verifier, use_cases.log_in.with_password("bob", PASSWORD, caller))
        use_cases.account.delete_account(principal, PASSWORD, caller)


def test_refreshes_at_the_time_of_a_change_of_the_password_leave_the_new_session_alone(
    use_cases, database, at_once, alice, caller, verifier
):
    passwords = [PASSWORD, NEW_PASSWORD, PASSWORD, NEW_PASSWORD]
    own = alice
    for old, new in itertools.pairwise(passwords):
        other = use_cases.log_in.with_password("alice", old, caller)
        principal = principal_of(verifier, own)
        *refreshed, changed = at_once(
            *[refresh(use_cases, own, caller), refresh(use_cases, other, caller)] * 2,
            lambda of=principal, old=old, new=new: use_cases.account.change_password(of, old, new, caller),
        )
        for result in refreshed:
            assert isinstance(result, InvalidGrant) or is_dead(use_cases, result, caller)
        assert is_dead(use_cases, own, caller)
        assert is_dead(use_cases, other, caller)
        own = undisturbed(use_cases, changed, caller)
    assert not is_dead(use_cases, own, caller)
    assert len(database.sessions()) == 1
    assert "refresh_token_reused" not in database.events()


def test_log_ins_with_the_old_password_do_not_outlive_its_change(use_cases, database, at_once, alice, caller, verifier):
    passwords = [PASSWORD, NEW_PASSWORD, PASSWORD, NEW_PASSWORD]
    own = alice
    for old, new in itertools.pairwise(passwords):
        principal = principal_of(verifier, own)
        *begun, changed = at_once(
            *[lambda old=old: use_cases.log_in.with_password("alice", old, caller)] * (THREADS - 1),
            lambda of=principal, old=old, new=new: use_cases.account.change_password(of, old, new, caller),
        )
        if isinstance(changed, ServiceUnavailable):
            changed = use_cases.account.change_password(principal, old, new, caller)
        for result in begun:
            assert isinstance(result, InvalidCredentials | ServiceUnavailable) or is_dead(use_cases, result, caller)
        with pytest.raises(InvalidCredentials):
            use_cases.log_in.with_password("alice", old, caller)
        own = changed
    assert not is_dead(use_cases, own, caller)


def test_of_several_changes_of_the_password_one_is_done_and_the_others_hear_of_it(
    use_cases, database, at_once, alice, caller, verifier
):
    principal = principal_of(verifier, alice)
    candidates = [f"{OTHER_PASSWORD} {number}" for number in range(THREADS)]
    results = at_once(
        *[lambda new=new: use_cases.account.change_password(principal, PASSWORD, new, caller) for new in candidates]
    )
    done = [new for new, result in zip(candidates, results, strict=True) if isinstance(result, LoggedIn)]
    assert len(done) == 1
    # Who comes after the change finds this session gone.
    expected = LoggedIn | Conflict | InvalidCredentials | InvalidToken | ServiceUnavailable
    assert not [result for result in results if not isinstance(result, expected)]
    assert use_cases.log_in.with_password("alice", done[0], caller)
    for other in [PASSWORD, *candidates]:
        if other != done[0]:
            with pytest.raises(InvalidCredentials):
                use_cases.log_in.with_password("alice", other, caller)
    assert database.events().count("password_changed") == 1
    assert database.users()[0]["session_epoch"] == {"N": "1"}
    assert is_dead(use_cases, alice, caller)
    assert not is_dead(use_cases, next(result for result in results if isinstance(result, LoggedIn)), caller)


def test_changes_of_the_password_from_two_sessions_leave_only_the_winners(
    use_cases, database, at_once, alice, caller, verifier
):
    other = use_cases.log_in.with_password("alice", PASSWORD, caller)
    sessions = {NEW_PASSWORD: alice, OTHER_PASSWORD: other}
    principals = [principal_of(verifier, session) for session in sessions.values()]
    results = at_once(
        *[
            lambda new=new, principal=principal: use_cases.account.change_password(principal, PASSWORD, new, caller)
            for new, principal in zip(sessions, principals, strict=True)
        ]
    )
    done = [result for result in results if isinstance(result, LoggedIn)]
    assert len(done) == 1
    assert all(is_dead(use_cases, session, caller) for session in sessions.values())
    assert not is_dead(use_cases, done[0], caller)


def test_log_ins_at_the_limit_never_leave_more_live_than_it_allows(database, at_once, clock, caller, start):
    limit = 4
    use_cases = start(MAX_SESSIONS=str(limit)).lychgate.use_cases
    use_cases.registration.register("Alice", PASSWORD, caller)
    for _ in range(ROUNDS):
        clock.advance(1)
        results = at_once(*[lambda: use_cases.log_in.with_password("alice", PASSWORD, caller)] * THREADS)
        assert all(not isinstance(result, Exception) or isinstance(result, ServiceUnavailable) for result in results)
        begun = [result for result in results if not isinstance(result, Exception)]
        assert begun
        (user,) = database.users()
        stored = len(database.sessions())
        assert stored <= limit
        assert stored <= int(user["session_bound"]["N"]) <= limit
        alive = [logged_in for logged_in in begun if not is_dead(use_cases, logged_in, caller)]
        assert len(alive) <= limit
        assert alive, "a log-in that succeeded ends the oldest, and not all at once"


def test_log_ins_below_the_limit_all_succeed(database, at_once, caller, start):
    use_cases = start().lychgate.use_cases
    use_cases.registration.register("Alice", PASSWORD, caller)
    results = at_once(*[lambda: use_cases.log_in.with_password("alice", PASSWORD, caller)] * THREADS)
    begun = [result for result in results if not isinstance(result, ServiceUnavailable)]
    assert begun
    assert not any(is_dead(use_cases, logged_in, caller) for logged_in in begun)
    assert len(database.sessions()) == int(database.users()[0]["session_bound"]["N"]) == 1 + len(begun)


@pytest.mark.parametrize(
    "spellings",
    [["Ålice", "A\u030alice", "ÅLICE", "åLICE", "Å" + "lice", "Åｌｉｃｅ"]],
)
def test_of_many_registrations_of_one_name_one_succeeds(use_cases, database, at_once, caller, spellings):
    results = at_once(
        *[lambda name=name: use_cases.registration.register(name, PASSWORD, caller) for name in spellings]
    )
    begun = [result for result in results if not isinstance(result, Exception)]
    assert len(begun) == 1
    assert {getattr(result, "error", None) for result in results} <= {None, "username_taken"}
    assert len(database.users()) == len(database.sessions()) == 1
    assert database.events() == ["registered"]
    assert not is_dead(use_cases, begun[0], caller)


@pytest.mark.parametrize("whose", ["own", "other"])
def test_a_change_of_the_password_between_the_two_steps_of_a_refresh_ends_its_session(
    use_cases, database, wire, alice, caller, whose, verifier
):
    """The refresh has seen its session before the change, and sees the user after it."""
    changing = alice if whose == "own" else use_cases.log_in.with_password("alice", PASSWORD, caller)
    principal = principal_of(verifier, changing)
    changed = []

    def change_first(deliver):
        changed.append(use_cases.account.change_password(principal, PASSWORD, NEW_PASSWORD, caller))
        return deliver()

    wire.mend()
    wire.break_with(change_first, operation="GetItem", times=1)
    with pytest.raises(InvalidGrant):
        use_cases.refresh_tokens.exchange(alice.tokens.refresh_token, caller)
    assert not is_dead(use_cases, changed[0], caller)
    assert "refresh_token_reused" not in database.events()


def test_tabs_that_refresh_at_once_get_the_same_successor_where_the_site_adds_claims(start, at_once, alice, caller):
    use_cases = start(hooks=Hooks(claims=lambda user: {"plan": user.id})).lychgate.use_cases
    for _ in range(ROUNDS):
        answers = at_once(*[refresh(use_cases, alice, caller)] * THREADS)
        assert len({claims(answer) for answer in answers if isinstance(answer, LoggedIn)}) == 1
        # Notes of retries at once may meet too often: that is for the page to try again.
        assert all(isinstance(answer, LoggedIn | ServiceUnavailable) for answer in answers)


def test_first_log_ins_at_once_bring_a_user_over_once(start, database, at_once, caller):
    use_cases = start(hooks=Hooks(migrate=lambda *_: MigratedUser())).lychgate.use_cases
    answers = at_once(*[lambda: use_cases.log_in.with_password("carol", "old", caller)] * THREADS)
    came = [answer for answer in answers if isinstance(answer, LoggedIn)]
    assert len({logged_in.user.id for logged_in in came}) == 1
    assert {type(answer) for answer in answers} <= {LoggedIn, ServiceUnavailable}
    assert [item["username"]["S"] for item in database.users()] == ["carol"]
    assert len(database.sessions()) == len(came)


KEY_PROOFS = (f"proof {number}" for number in itertools.count())


def proving(caller, at, *, key="k1", name=None):
    """Return the caller with a proof, a new one unless it has a name."""
    return replace(caller, key_proof=KeyProof(key, name or next(KEY_PROOFS), at))


@pytest.mark.parametrize(
    ("seconds", "tabs", "rounds"),
    [(0, 3, (MOST_PROOFS - 1) // 3), (60, THREADS, ROUNDS)],
    ids=["in the second of the last proof", "later"],
)
def test_tabs_that_refresh_a_bound_session_at_once_get_the_same_successor_by_one_write(
    use_cases, database, at_once, caller, clock, seconds, tabs, rounds
):
    """As long as they make no more proofs in one second than a session takes."""
    latest = use_cases.registration.register("Alice", PASSWORD, proving(caller, clock()))
    for counter in range(1, 1 + rounds):
        clock.advance(seconds)
        results = at_once(*[refresh(use_cases, latest, proving(caller, clock())) for _ in range(tabs)])
        assert {claims(result) for result in results} == {claims(results[0])}
        (session,) = database.sessions()
        assert session["refresh_counter"] == {"N": str(counter)}
        latest = results[0]
    clock.advance(60)
    assert use_cases.refresh_tokens.exchange(latest.tokens.refresh_token, proving(caller, clock()))
    assert database.events() == ["registered"]


def test_of_many_requests_with_one_proof_one_refreshes(use_cases, database, at_once, caller, clock):
    latest = use_cases.registration.register("Alice", PASSWORD, proving(caller, clock()))
    for counter in range(1, 1 + ROUNDS):
        clock.advance(60)
        results = at_once(*[refresh(use_cases, latest, proving(caller, clock(), name="one"))] * THREADS)
        (latest,) = (result for result in results if isinstance(result, LoggedIn))
        assert [type(result) for result in results].count(InvalidDPoPProof) == THREADS - 1
        (session,) = database.sessions()
        assert session["refresh_counter"] == {"N": str(counter)}
        assert session["key_proofs"] == {"SS": ["one"]}
    assert database.events() == ["refresh_without_key", "registered"]


def test_strangers_at_the_time_of_the_owners_refresh_get_nothing_and_hinder_nobody(
    use_cases, database, at_once, caller, clock
):
    latest = use_cases.registration.register("Alice", PASSWORD, proving(caller, clock()))
    for _ in range(ROUNDS):
        clock.advance(60)
        strangers = [caller, proving(caller, clock(), key="k2")] * 2
        *refused, logged_out, refreshed = at_once(
            *[refresh(use_cases, latest, stranger) for stranger in strangers],
            lambda token=latest.tokens.refresh_token: use_cases.refresh_tokens.revoke([token], caller),
            refresh(use_cases, latest, proving(caller, clock())),
        )
        assert {type(result) for result in refused} == {InvalidDPoPProof}
        assert logged_out is None
        latest = refreshed
        assert isinstance(latest, LoggedIn)
    assert database.events() == ["refresh_without_key", "registered"]


@pytest.fixture
def changing(use_cases, verifier, caller, clock):
    """Alice in a bound session, whose password is being changed with a proof or without: her tokens, and the change."""
    alice = use_cases.registration.register("Alice", PASSWORD, proving(caller, clock()))
    clock.advance(60)

    def change(of):
        return use_cases.account.change_password(principal_of(verifier, alice), PASSWORD, NEW_PASSWORD, of)

    return alice, change


@pytest.mark.parametrize("after", [-1, 0, 1], ids=["an earlier second", "the same second", "a later second"])
@pytest.mark.parametrize("has_proof", [True, False])
def test_a_proof_of_a_refresh_during_a_change_of_the_password_is_good_for_nothing_after_it(
    use_cases, database, wire, changing, caller, clock, after, has_proof
):
    alice, change = changing
    of_change = proving(caller, clock(), name="changes") if has_proof else caller
    of_refresh = proving(caller, clock() + after, name="refreshes")

    def refresh_first(deliver):
        use_cases.refresh_tokens.exchange(alice.tokens.refresh_token, of_refresh)
        return deliver()

    wire.mend()
    wire.break_with(refresh_first, operation="TransactWriteItems", times=1)
    changed = change(of_change)
    assert database.events() == ["password_changed", "registered"]
    for used in (of_refresh, of_change):
        with pytest.raises(InvalidDPoPProof):
            use_cases.refresh_tokens.exchange(changed.tokens.refresh_token, used)
    newest = proving(caller, clock() + 1)
    assert use_cases.refresh_tokens.exchange(changed.tokens.refresh_token, newest)


def test_a_change_of_the_password_that_always_meets_a_refresh_gives_up_and_changes_nothing(
    use_cases, database, wire, changing, caller, clock
):
    alice, change = changing
    tokens = [alice.tokens.refresh_token]

    def refresh_first(deliver):
        clock.advance(1)
        refreshed = use_cases.refresh_tokens.exchange(tokens[-1], proving(caller, clock()))
        tokens.append(refreshed.tokens.refresh_token)
        return deliver()

    wire.mend()
    wire.break_with(refresh_first, operation="TransactWriteItems")
    with pytest.raises(ServiceUnavailable):
        change(caller)
    wire.mend()
    clock.advance(1)
    assert use_cases.refresh_tokens.exchange(tokens[-1], proving(caller, clock()))
    assert database.events() == ["registered"]


def test_a_session_that_ends_during_a_change_of_its_users_password_has_none_after_it(
    use_cases, database, wire, changing, caller, clock
):
    alice, change = changing

    def refresh_and_log_out_first(deliver):
        refreshed = use_cases.refresh_tokens.exchange(alice.tokens.refresh_token, proving(caller, clock()))
        use_cases.refresh_tokens.revoke([refreshed.tokens.refresh_token], proving(caller, clock()))
        return deliver()

    wire.mend()
    wire.break_with(refresh_and_log_out_first, operation="TransactWriteItems", times=1)
    with pytest.raises(Conflict):
        change(caller)
    assert database.sessions() == []
