"""A write was applied but its answer lost: the SDK repeats it, and its repetition meets what the first has done.

DynamoDB knows a repeated transaction by its ``ClientRequestToken`` and answers it with success; DynamoDB Local does so
too. moto knows no such token: over moto the repetition meets a failed condition, as it does for single writes anywhere.
"""

from dataclasses import replace

import pytest

from chalicelib.accounts.caller import Caller
from chalicelib.accounts.events import ADMIN, EventType, SecurityEvent
from chalicelib.accounts.key_proof import KeyProof
from chalicelib.accounts.user import NO_PASSWORD, User
from chalicelib.adapters.dynamodb.administration import DynamoDBAdministrationStore
from chalicelib.adapters.dynamodb.items import session_from_item
from chalicelib.adapters.dynamodb.sessions import DynamoDBSessionStore
from chalicelib.adapters.dynamodb.transactions import Database
from chalicelib.errors import (
    InvalidCredentials,
    InvalidDPoPProof,
    InvalidGrant,
    LastAdministrator,
    RefreshTokenReused,
    ServiceUnavailable,
)
from chalicelib.tokens.kinds import ACCESS_TOKEN, REFRESH_TOKEN
from chalicelib.use_cases.ports import Rotation
from tests.support.whole import PASSWORD
from tests.support.wire import Crash, crash_after, lost_answer, read_timeout, refused

NEW_PASSWORD = "a quite different passphrase"
SESSION, USER = "session", "user"


@pytest.fixture(params=["moto", "dynamodb-local"])
def database_name(request):
    return request.param


@pytest.fixture(autouse=True)
def no_pauses(pauses):
    return pauses


def claims(logged_in):
    """What a refresh token says: ES256 signs the same twice with two signatures."""
    return logged_in.tokens.refresh_token.rpartition(".")[0]


def told(database):
    """What the feed tells of."""
    return [USER if entry.is_user else SESSION for entry in database.ended()]


def assert_alive(use_cases, logged_in, caller):
    assert use_cases.refresh_tokens.exchange(logged_in.tokens.refresh_token, caller)


def test_a_refresh_returns_the_successor_and_takes_nobody_for_a_thief(use_cases, database, wire, alice, caller):
    wire.break_with(lost_answer, operation="UpdateItem", times=1)
    refreshed = use_cases.refresh_tokens.exchange(alice.tokens.refresh_token, caller)
    assert wire.operations == ["UpdateItem", "UpdateItem", "GetItem"]
    (session,) = database.sessions()
    assert session["refresh_counter"] == {"N": "1"}
    assert "retried_counter" not in session, "the SDK's own repetition is no retry"
    assert database.events() == ["registered"]
    assert_alive(use_cases, refreshed, caller)


def test_a_refresh_that_never_hears_of_its_success_gives_the_same_successor_later(
    use_cases, database, wire, alice, caller, clock
):
    wire.break_with(lost_answer, operation="UpdateItem")
    with pytest.raises(ServiceUnavailable):
        use_cases.refresh_tokens.exchange(alice.tokens.refresh_token, caller)
    assert wire.operations == ["UpdateItem"] * 3
    wire.mend()
    clock.advance(20)
    refreshed = use_cases.refresh_tokens.exchange(alice.tokens.refresh_token, caller)
    (session,) = database.sessions()
    assert session["refresh_counter"] == {"N": "1"}
    assert database.events() == ["registered"]
    assert_alive(use_cases, refreshed, caller)


def test_the_retry_of_a_retry_whose_answer_was_lost_is_still_no_theft(use_cases, database, wire, alice, caller, clock):
    first = use_cases.refresh_tokens.exchange(alice.tokens.refresh_token, caller)
    clock.advance(20)
    wire.break_with(read_timeout, operation="UpdateItem", times=2)
    again = use_cases.refresh_tokens.exchange(alice.tokens.refresh_token, caller)
    assert claims(again) == claims(first)
    assert database.events() == ["registered"]


@pytest.fixture
def bound(use_cases, caller, wire, clock):
    """The tokens of a bound session, and what returns its caller with a proof."""

    def proving(name, key="k1", at=None):
        return replace(caller, key_proof=KeyProof(key, name, clock() if at is None else at))

    logged_in = use_cases.registration.register("Alice", PASSWORD, proving("p0"))
    wire.mend()
    return logged_in, proving


@pytest.mark.parametrize("seconds", [0, 5], ids=["in the second of the log-in", "later"])
def test_a_refresh_of_a_bound_session_counts_once_and_uses_up_its_proof(
    use_cases, database, wire, bound, clock, seconds
):
    logged_in, proving = bound
    clock.advance(seconds)
    wire.break_with(lost_answer, operation="UpdateItem", after=int(seconds == 0), times=1)
    refreshed = use_cases.refresh_tokens.exchange(logged_in.tokens.refresh_token, proving("p1"))
    (session,) = database.sessions()
    assert session["refresh_counter"] == {"N": "1"}
    assert "p1" in session["key_proofs"]["SS"]
    with pytest.raises(InvalidDPoPProof):
        use_cases.refresh_tokens.exchange(refreshed.tokens.refresh_token, proving("p1"))
    assert_alive(use_cases, refreshed, proving("p2"))


def test_a_retry_in_a_bound_session_is_noted_once_and_alarms_nobody(use_cases, database, wire, bound, clock):
    logged_in, proving = bound
    clock.advance(5)
    first = use_cases.refresh_tokens.exchange(logged_in.tokens.refresh_token, proving("p1"))
    clock.advance(5)
    # The note's condition fails the second time: its own proof is among those that it finds used.
    wire.break_with(lost_answer, operation="UpdateItem", after=1, times=1)
    again = use_cases.refresh_tokens.exchange(logged_in.tokens.refresh_token, proving("p2"))
    assert claims(again) == claims(first)
    assert database.sessions()[0]["key_proofs"] == {"SS": ["p2"]}
    assert database.events() == ["registered"]
    with pytest.raises(InvalidDPoPProof):
        use_cases.refresh_tokens.exchange(logged_in.tokens.refresh_token, proving("p2"))
    assert_alive(use_cases, again, proving("p3"))


CONFLICT = refused("TransactionConflictException")
"""How a single write is answered while a transaction is at its item."""


def test_a_refresh_whose_repetition_meets_a_transaction_is_still_its_own(
    use_cases, database, wire, bound, caller, clock
):
    logged_in, proving = bound
    clock.advance(5)
    wire.break_with(lost_answer, operation="UpdateItem", times=1)
    wire.break_with(CONFLICT, operation="UpdateItem", times=1)
    refreshed = use_cases.refresh_tokens.exchange(logged_in.tokens.refresh_token, proving("p1"))
    assert wire.operations == ["UpdateItem"] * 3 + ["GetItem"]
    assert database.sessions()[0]["refresh_counter"] == {"N": "1"}
    assert database.events() == ["registered"]
    assert_alive(use_cases, refreshed, proving("p2"))


def test_so_is_a_refresh_of_a_plain_session_which_then_is_no_retry(use_cases, database, wire, alice, caller):
    wire.break_with(lost_answer, operation="UpdateItem", times=1)
    wire.break_with(CONFLICT, operation="UpdateItem", times=1)
    refreshed = use_cases.refresh_tokens.exchange(alice.tokens.refresh_token, caller)
    assert wire.operations == ["UpdateItem"] * 3 + ["GetItem"]
    assert "retried_counter" not in database.sessions()[0]
    assert_alive(use_cases, refreshed, caller)


def test_so_is_the_note_of_a_retry_in_a_bound_session(use_cases, database, wire, bound, clock):
    logged_in, proving = bound
    clock.advance(5)
    first = use_cases.refresh_tokens.exchange(logged_in.tokens.refresh_token, proving("p1"))
    clock.advance(5)
    wire.break_with(lost_answer, operation="UpdateItem", after=1, times=1)
    wire.break_with(CONFLICT, operation="UpdateItem", after=1, times=1)
    again = use_cases.refresh_tokens.exchange(logged_in.tokens.refresh_token, proving("p2"))
    assert claims(again) == claims(first)
    assert database.sessions()[0]["key_proofs"] == {"SS": ["p2"]}
    assert database.events() == ["registered"]
    assert_alive(use_cases, again, proving("p3"))


def test_a_refresh_that_met_a_transaction_and_was_sent_once_takes_no_other_for_its_own(
    use_cases, database, wire, bound, clock
):
    """The same request comes twice at once, by its client's HTTP layer."""
    logged_in, proving = bound
    clock.advance(5)
    twin = proving("p1")

    def twins_first(deliver):
        wire.mend()
        use_cases.refresh_tokens.exchange(logged_in.tokens.refresh_token, twin)
        return CONFLICT(deliver)

    wire.break_with(twins_first, operation="UpdateItem", times=1)
    with pytest.raises(InvalidDPoPProof):
        use_cases.refresh_tokens.exchange(logged_in.tokens.refresh_token, twin)
    assert database.events() == ["refresh_without_key", "registered"]


@pytest.mark.parametrize(
    ("stranger", "ahead"),
    [(None, 0), (("p9", "k2"), 0), (("p1", "k2"), 0), (("p2", "k1"), 0), (("p1", "k1"), 1)],
    ids=["no proof", "another key", "another key and the same id", "a new proof", "a later proof of the same id"],
)
@pytest.mark.parametrize("fault", [lost_answer, read_timeout])
def test_a_repetition_takes_no_other_request_of_the_second_for_its_own(
    use_cases, database, wire, bound, caller, clock, stranger, ahead, fault
):
    """Somebody behind the owner's address uses the token right after the owner, and an answer is lost."""
    logged_in, proving = bound
    clock.advance(5)
    refreshed = use_cases.refresh_tokens.exchange(logged_in.tokens.refresh_token, proving("p1"))
    wire.mend()
    wire.break_with(fault, operation="UpdateItem", times=1)
    other = caller if stranger is None else proving(*stranger, at=clock() + ahead)
    if stranger is not None and "k1" in stranger:
        again = use_cases.refresh_tokens.exchange(logged_in.tokens.refresh_token, other)
        assert claims(again) == claims(refreshed)
        with pytest.raises(InvalidDPoPProof):  # a retry is noted
            use_cases.refresh_tokens.exchange(logged_in.tokens.refresh_token, other)
    else:
        with pytest.raises(InvalidDPoPProof):
            use_cases.refresh_tokens.exchange(logged_in.tokens.refresh_token, other)
        assert database.events() == ["refresh_without_key", "registered"]
    clock.advance(1)
    assert_alive(use_cases, refreshed, proving("p3"))


@pytest.mark.parametrize("is_bound", [True, False], ids=["bound", "plain"])
def test_the_note_of_a_retry_takes_no_other_note_for_its_own(use_cases, database, wire, bound, caller, clock, is_bound):
    """The first attempt is lost on its way, and somebody else's note comes before the SDK repeats it."""
    sessions = DynamoDBSessionStore(Database(database.client, database.tables, lambda _: None), limit=50)
    if not is_bound:
        use_cases.registration.register("Bob", PASSWORD, caller)
    (session,) = (
        found
        for item in database.sessions()
        for found in [session_from_item(item)]
        if found.username == ("Alice" if is_bound else "Bob")
    )
    own, others = (
        session.after_proof(KeyProof("k1", name, clock()))
        if is_bound
        else replace(session, retried_counter=counter, retried_in_a_row=1)
        for name, counter in (("p1", 1), ("p2", 2))
    )

    def others_first(deliver):
        assert sessions.note_retry(session, others, None).applied
        return read_timeout(deliver)

    wire.mend()
    wire.break_with(others_first, operation="UpdateItem", times=1)
    assert sessions.note_retry(session, own, None) == Rotation(applied=False, session=others)
    assert wire.operations == ["UpdateItem"] * 3


def test_a_registration_succeeds(use_cases, database, wire, caller):
    wire.break_with(lost_answer, operation="TransactWriteItems", times=1)
    registered = use_cases.registration.register("Alice", PASSWORD, caller)
    assert wire.operations == ["UpdateItem", "TransactWriteItems", "TransactWriteItems"]
    assert [user["user_id"]["S"] for user in database.users()] == [registered.user.id]
    assert len(database.sessions()) == 1
    assert database.events() == ["registered"]
    assert_alive(use_cases, registered, caller)


def test_a_log_in_begins_one_session_and_counts_it_once(use_cases, database, wire, alice, caller):
    wire.break_with(lost_answer, operation="TransactWriteItems", times=1)
    logged_in = use_cases.log_in.with_password("alice", PASSWORD, caller)
    assert wire.operations == ["UpdateItem", "UpdateItem", "TransactWriteItems", "TransactWriteItems"]
    assert len(database.sessions()) == 2
    assert database.users()[0]["session_bound"] == {"N": "2"}
    assert database.events() == ["login_succeeded", "registered"]
    assert_alive(use_cases, logged_in, caller)


def test_a_log_in_at_the_limit_ends_one_session_and_no_more(database, wire, alice, caller, clock, start):
    use_cases = start(MAX_SESSIONS="2").lychgate.use_cases
    clock.advance(1)
    use_cases.log_in.with_password("alice", PASSWORD, caller)
    clock.advance(1)
    wire.break_with(lost_answer, operation="TransactWriteItems", times=1)
    newest = use_cases.log_in.with_password("alice", PASSWORD, caller)
    assert len(database.sessions()) == 2
    assert database.users()[0]["session_bound"] == {"N": "2"}
    assert database.events() == ["login_succeeded", "login_succeeded", "registered", "session_revoked"]
    assert_alive(use_cases, newest, caller)


def test_a_failed_log_in_is_counted_once_more_at_most(use_cases, database, wire, alice, caller):
    """A counter tells no repetition from a second attempt, and errs on the safe side."""
    wire.break_with(lost_answer, operation="UpdateItem", after=1, times=1)
    with pytest.raises(InvalidCredentials):
        use_cases.log_in.with_password("alice", "not the password", caller)
    assert wire.operations == ["UpdateItem"] * 3
    (user,) = database.scanned(database.tables.users)
    assert user["failures"] == {"N": "2"}


def test_an_account_that_an_administrator_makes_is_made_once(database, wire, clock):
    administration = DynamoDBAdministrationStore(Database(database.client, database.tables, lambda _: None))
    wire.break_with(lost_answer, operation="TransactWriteItems", times=1)
    kim = User("k1", "Kim", NO_PASSWORD, ("admin",), clock())
    event = SecurityEvent(EventType.REGISTERED, kim.id, clock(), Caller("", ""), actor=ADMIN)
    administration.create(kim, [event], None)
    assert wire.operations == ["TransactWriteItems", "TransactWriteItems"]
    assert administration.with_id("k1") == kim
    assert database.events() == ["registered"]


def test_an_administrator_who_is_not_the_last_goes_once(database, wire, clock):
    administration = DynamoDBAdministrationStore(Database(database.client, database.tables, lambda _: None))
    kim, lee = (User(name, name, NO_PASSWORD, ("admin",), clock()) for name in ("kim", "lee"))
    for user in (kim, lee):
        administration.create(user, [], None)
    wire.break_with(lost_answer, operation="TransactWriteItems", times=1)
    administration.change(kim, roles=("user",), disabled=False, events=[])
    assert administration.with_id("kim").roles == ("user",)
    with pytest.raises(LastAdministrator):
        administration.change(lee, roles=("user",), disabled=False, events=[])


def test_a_change_of_roles_succeeds_once(database, wire, alice, clock):
    administration = DynamoDBAdministrationStore(Database(database.client, database.tables, lambda _: None))
    wire.break_with(lost_answer, operation="TransactWriteItems", times=1)
    event = SecurityEvent(EventType.ROLES_CHANGED, alice.user.id, clock(), Caller("", ""), actor=ADMIN)
    administration.change(alice.user, roles=("user", "editor"), disabled=False, events=[event])
    assert wire.operations == ["TransactWriteItems", "TransactWriteItems"]
    assert administration.with_id(alice.user.id).roles == ("editor", "user")
    assert database.events() == ["registered", "roles_changed"]


def test_a_change_of_the_password_succeeds_once(use_cases, database, wire, alice, principal, caller):
    other = use_cases.log_in.with_password("alice", PASSWORD, caller)
    wire.break_with(lost_answer, operation="TransactWriteItems", times=1)
    changed = use_cases.account.change_password(principal, PASSWORD, NEW_PASSWORD, caller)
    assert database.users()[0]["session_epoch"] == {"N": "1"}
    assert database.events() == ["login_succeeded", "password_changed", "registered"]
    assert_alive(use_cases, changed, caller)
    for ended in (alice, other):
        with pytest.raises(InvalidGrant):
            use_cases.refresh_tokens.exchange(ended.tokens.refresh_token, caller)
    assert use_cases.log_in.with_password("alice", NEW_PASSWORD, caller)


def test_a_change_of_the_password_in_a_bound_session_succeeds_once(use_cases, database, wire, bound, verifier, clock):
    logged_in, proving = bound
    clock.advance(5)
    principal = verifier.verify(ACCESS_TOKEN, logged_in.tokens.access_token)
    wire.break_with(lost_answer, operation="TransactWriteItems", times=1)
    changed = use_cases.account.change_password(principal, PASSWORD, NEW_PASSWORD, proving("p1"))
    assert wire.operations.count("TransactWriteItems") == 2
    assert database.users()[0]["session_epoch"] == {"N": "1"}
    assert database.events() == ["password_changed", "registered"]
    assert_alive(use_cases, changed, proving("p2"))


def test_a_log_out_ends_the_session_and_is_recorded_once(api, database, wire, alice):
    wire.break_with(lost_answer, operation="TransactWriteItems", times=1)
    assert api.logout(alice.tokens.refresh_token).status == 204
    assert wire.operations == ["TransactWriteItems"] * 2
    assert database.sessions() == []
    assert database.events() == ["logged_out", "registered"]
    assert told(database) == [SESSION]


def test_a_log_out_of_a_bound_session_ends_it_once_and_succeeds_again_with_the_same_proof(
    use_cases, database, wire, bound, clock
):
    logged_in, proving = bound
    clock.advance(5)
    wire.break_with(lost_answer, operation="TransactWriteItems", times=1)
    for _ in range(2):
        use_cases.refresh_tokens.revoke([logged_in.tokens.refresh_token], proving("p1"))
    assert wire.operations == ["TransactWriteItems"] * 3
    assert database.sessions() == []
    assert database.events() == ["logged_out", "registered"]
    assert told(database) == [SESSION]


# Only by its token is a repetition told from an attempt to end what never was.
@pytest.mark.parametrize("database_name", ["dynamodb-local"])
def test_the_end_of_another_session_is_told_as_success(api, use_cases, database, wire, alice, caller, verifier):
    other = use_cases.log_in.with_password("alice", PASSWORD, caller)
    other_id = verifier.verify(REFRESH_TOKEN, other.tokens.refresh_token).session_id
    wire.break_with(lost_answer, operation="TransactWriteItems", times=1)
    answer = api.bearer("DELETE", f"/auth/sessions/{other_id}", alice.tokens.access_token)
    assert answer.status == 204, answer.body
    assert [session["session_id"]["S"] for session in database.sessions()] != [other_id]
    assert database.events() == ["login_succeeded", "registered", "session_revoked"]
    assert told(database) == [SESSION]


def test_a_reauthentication_makes_the_session_fresh_and_is_recorded_once(api, database, wire, clock, alice):
    clock.advance(60)
    wire.break_with(lost_answer, operation="TransactWriteItems", times=1)
    answer = api.bearer("POST", "/auth/reauthenticate", alice.tokens.access_token, {"password": PASSWORD})
    assert answer.status == 200, answer.body
    (session,) = database.sessions()
    assert session["authenticated_at"] == {"N": str(clock.now)}
    assert database.events() == ["reauthenticated", "registered"]


def test_a_log_out_everywhere_ends_all_sessions(api, use_cases, database, wire, alice, caller):
    use_cases.log_in.with_password("alice", PASSWORD, caller)
    wire.break_with(lost_answer, operation="TransactWriteItems", times=1)
    assert api.bearer("POST", "/auth/logout-all", alice.tokens.access_token).status == 204
    assert database.sessions() == []
    assert database.events().count("logged_out") == 1
    assert told(database) == [USER]
    assert use_cases.log_in.with_password("alice", PASSWORD, caller)


def test_a_deletion_of_the_account_succeeds(api, database, wire, alice):
    wire.break_with(lost_answer, operation="TransactWriteItems", times=1)
    wire.break_with(lost_answer, operation="BatchWriteItem", times=1)
    answer = api.bearer("POST", "/auth/delete-account", alice.tokens.access_token, {"password": PASSWORD})
    assert answer.status == 204, answer.body
    assert database.users() == database.sessions() == []
    assert database.events() == ["account_deleted"]
    assert told(database) == [USER]
    assert api.register("Alice").status == 201


def test_a_reuse_ends_the_session_and_is_recorded_once(use_cases, database, wire, alice, caller, clock):
    successor = use_cases.refresh_tokens.exchange(alice.tokens.refresh_token, caller)
    clock.advance(21)
    wire.mend()
    wire.break_with(lost_answer, operation="TransactWriteItems", times=1)
    with pytest.raises(RefreshTokenReused):
        use_cases.refresh_tokens.exchange(alice.tokens.refresh_token, caller)
    assert wire.operations == ["UpdateItem", "TransactWriteItems", "TransactWriteItems"]
    assert database.sessions() == []
    assert database.events() == ["refresh_token_reused", "registered"]
    assert told(database) == [SESSION]
    with pytest.raises(InvalidGrant):
        use_cases.refresh_tokens.exchange(successor.tokens.refresh_token, caller)


def test_a_repeated_transaction_carries_the_token_by_which_dynamodb_knows_it(use_cases, wire, alice, caller):
    wire.break_with(lost_answer, operation="TransactWriteItems", times=1)
    use_cases.log_in.with_password("alice", PASSWORD, caller)
    first, second = (attempt.body for attempt in wire.attempts if attempt.operation == "TransactWriteItems")
    assert len(first["ClientRequestToken"]) == 36
    assert first == second


class TestCrash:
    """The write was applied, and the Lambda was gone before it could answer its client."""

    @pytest.fixture
    def crashed(self, use_cases, wire, alice, caller):
        wire.break_with(crash_after, operation="UpdateItem", times=1)
        with pytest.raises(Crash):
            use_cases.refresh_tokens.exchange(alice.tokens.refresh_token, caller)
        wire.mend()
        return alice.tokens.refresh_token

    def test_a_client_that_retries_inside_the_window_gets_the_successor_each_time(
        self, use_cases, database, crashed, caller, clock
    ):
        clock.advance(20)
        first, second = (use_cases.refresh_tokens.exchange(crashed, caller) for _ in range(2))
        assert claims(first) == claims(second)
        (session,) = database.sessions()
        assert session["refresh_counter"] == {"N": "1"}
        assert_alive(use_cases, second, caller)
        assert database.events() == ["registered"]

    def test_a_client_that_retries_after_the_window_has_lost_its_session(
        self, use_cases, database, crashed, caller, clock
    ):
        clock.advance(21)
        with pytest.raises(RefreshTokenReused):
            use_cases.refresh_tokens.exchange(crashed, caller)
        assert database.sessions() == []
        assert database.events() == ["refresh_token_reused", "registered"]
        assert told(database) == [SESSION]
        with pytest.raises(InvalidGrant):
            use_cases.refresh_tokens.exchange(crashed, caller)
