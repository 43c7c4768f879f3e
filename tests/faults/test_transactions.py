"""A cancelled transaction is judged by its reasons, and batches by what they left undone."""

import pytest

from chalicelib.adapters.dynamodb.transactions import _ATTEMPTS
from tests.support.whole import PASSWORD
from tests.support.wire import answered, cancelled, refused

NEW_PASSWORD = "a quite different passphrase"


@pytest.fixture
def alice(api, wire, clock, pauses):
    alice = api.register("Alice").json
    wire.mend()
    return alice


def change_password(api, alice):
    members = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    return api.bearer("PUT", "/auth/password", alice["access_token"], members)


def delete_account(api, alice):
    return api.bearer("POST", "/auth/delete-account", alice["access_token"], {"password": PASSWORD})


# One for each transaction of the adapters, with its number of actions and what a failed condition of its first means.
TRANSACTIONS = {
    "register": (lambda api, alice: api.register("Bob"), 3, (409, "username_taken")),
    "log in": (lambda api, alice: api.login(), 4, None),
    "log out": (lambda api, alice: api.logout(alice["refresh_token"]), 2, None),
    "log out everywhere": (
        lambda api, alice: api.bearer("POST", "/auth/logout-all", alice["access_token"]),
        2,
        (409, "conflict"),
    ),
    "end a session": (
        lambda api, alice: api.bearer("DELETE", "/auth/sessions/some-session", alice["access_token"]),
        2,
        (404, "not_found"),
    ),
    "change the password": (change_password, 4, (409, "conflict")),
}

CONFLICT = refused("TransactionConflictException")


def nothing_but(reason, actions, position=0):
    reasons = ["None"] * actions
    reasons[position] = reason
    return cancelled(*reasons)


@pytest.mark.parametrize("reason", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
@pytest.mark.parametrize("transaction", TRANSACTIONS)
def test_what_may_pass_is_repeated_and_then_told_as_503(api, alice, database, wire, pauses, transaction, reason):
    request, actions, _ = TRANSACTIONS[transaction]
    before = database.items()
    wire.mend()
    wire.break_with(nothing_but(reason, actions), operation="TransactWriteItems")
    request(api, alice).assert_problem(503, "service_unavailable")
    assert wire.operations.count("TransactWriteItems") == len(pauses) == _ATTEMPTS
    tokens = {attempt.body.get("ClientRequestToken") for attempt in wire.attempts if "TransactItems" in attempt.body}
    assert len(tokens) == _ATTEMPTS, "a new transaction each time: DynamoDB remembers how the last one ended"
    wire.mend()
    assert database.items() == before


@pytest.mark.parametrize("reason", ["TransactionConflict", "ThrottlingError"])
def test_what_passes_in_time_is_not_noticed(api, alice, database, wire, reason):
    wire.break_with(nothing_but(reason, 4, position=1), operation="TransactWriteItems", times=_ATTEMPTS - 1)
    assert api.login().status == 200
    assert len(database.sessions()) == 2


@pytest.mark.parametrize("reason", ["ValidationError", "ItemCollectionSizeLimitExceeded", "AccessDenied"])
@pytest.mark.parametrize("transaction", TRANSACTIONS)
def test_what_is_our_mistake_is_told_as_one_and_not_repeated(api, alice, wire, transaction, reason):
    request, actions, _ = TRANSACTIONS[transaction]
    wire.break_with(nothing_but(reason, actions, position=1), operation="TransactWriteItems")
    request(api, alice).assert_problem(500, "internal_error")
    assert wire.operations.count("TransactWriteItems") == 1


@pytest.mark.parametrize("transaction", ["register", "log out everywhere", "end a session", "change the password"])
def test_a_failed_condition_is_the_domains_answer(api, alice, wire, transaction):
    request, actions, answer = TRANSACTIONS[transaction]
    wire.break_with(nothing_but("ConditionalCheckFailed", actions), operation="TransactWriteItems")
    request(api, alice).assert_problem(*answer)
    assert wire.operations.count("TransactWriteItems") == 1


def test_a_failed_condition_of_a_log_out_is_no_error(api, alice, wire):
    wire.break_with(nothing_but("ConditionalCheckFailed", 2))
    assert api.logout(alice["refresh_token"]).status == 204


@pytest.fixture
def another_log_in_came_between(database):
    """DynamoDB refuses a log-in because of the user, who is as the check of the password found it."""

    def refuse(deliver):
        met = {"Code": "ConditionalCheckFailed", "Item": database.users()[0]}
        reasons = [{"Code": "None"}, met, {"Code": "None"}, {"Code": "None"}]
        return refused("TransactionCanceledException", CancellationReasons=reasons)(deliver)

    return refuse


def test_a_log_in_that_another_came_before_is_decided_anew(api, alice, wire, another_log_in_came_between):
    wire.break_with(another_log_in_came_between, operation="TransactWriteItems", times=1)
    assert api.login().status == 200
    assert [operation for operation in wire.operations if operation != "Scan"] == [
        "UpdateItem",
        "UpdateItem",
        "TransactWriteItems",
        "TransactWriteItems",
    ]


def test_a_log_in_that_others_always_come_before_is_told_to_come_back(
    api, alice, database, wire, another_log_in_came_between
):
    wire.break_with(another_log_in_came_between, operation="TransactWriteItems")
    api.login().assert_problem(503, "service_unavailable")
    assert len(database.sessions()) == 1


@pytest.mark.parametrize(
    ("reasons", "status", "error"),
    [
        (["ConditionalCheckFailed", "TransactionConflict", "None", "None"], 409, "conflict"),
        (["TransactionConflict", "ConditionalCheckFailed", "ThrottlingError", "None"], 409, "conflict"),
        (["TransactionConflict", "None", "ThrottlingError", "None"], 503, "service_unavailable"),
        (["ValidationError", "TransactionConflict", "None", "None"], 500, "internal_error"),
        (["ThrottlingError", "None", "ValidationError", "None"], 500, "internal_error"),
    ],
)
def test_of_several_reasons_the_one_that_will_not_pass_decides(api, alice, database, wire, reasons, status, error):
    wire.break_with(cancelled(*reasons), operation="TransactWriteItems")
    change_password(api, alice).assert_problem(status, error)
    assert wire.operations.count("TransactWriteItems") == (_ATTEMPTS if status == 503 else 1)
    wire.mend()
    assert api.login().status == 200


def test_a_repetition_that_meets_its_own_transaction_under_way_waits_for_it(api, alice, database, wire):
    """The SDK repeats a call whose answer is late with the same token, while DynamoDB is still at the first."""
    wire.break_with(refused("TransactionInProgressException"), operation="TransactWriteItems", times=2)
    assert api.login().status == 200
    assert len(database.sessions()) == 2
    wire.mend()
    wire.break_with(refused("TransactionInProgressException"), operation="TransactWriteItems")
    api.login().assert_problem(503, "service_unavailable")


class TestConflictsOfSingleWrites:
    """A transaction has hold of the item: DynamoDB refuses other writes to it meanwhile."""

    def test_a_refresh_is_repeated(self, api, alice, database, wire):
        wire.break_with(CONFLICT, operation="UpdateItem", times=_ATTEMPTS - 1)
        successor = api.refresh(alice["refresh_token"]).json["refresh_token"]
        assert database.sessions()[0]["refresh_counter"] == {"N": "1"}
        assert api.refresh(successor).status == 200

    def test_a_refresh_whose_conflicts_do_not_pass_leaves_the_session_as_it_was(self, api, alice, database, wire):
        wire.break_with(CONFLICT, operation="UpdateItem")
        api.refresh(alice["refresh_token"]).assert_problem(503, "service_unavailable")
        assert wire.operations == ["UpdateItem"] * _ATTEMPTS
        wire.mend()
        assert database.sessions()[0]["refresh_counter"] == {"N": "0"}
        assert api.refresh(alice["refresh_token"]).status == 200

    def test_a_deletion_of_the_account_is_repeated(self, api, alice, database, wire):
        conflict = cancelled("None", "TransactionConflict")
        wire.break_with(conflict, operation="TransactWriteItems", times=_ATTEMPTS - 1)
        assert delete_account(api, alice).status == 204
        assert [item["type"]["S"] for item in database.left()] == ["account_deleted"]


class TestBatches:
    def test_a_live_check_that_read_only_half_is_told_as_503(self, api, alice, database, wire):
        users, sessions = database.tables.users, database.tables.sessions
        for answer in (
            {"Responses": {}, "UnprocessedKeys": {users: {"Keys": [{"username_key": {"S": "alice"}}]}}},
            {
                "Responses": {users: database.users()},
                "UnprocessedKeys": {sessions: {"Keys": [{"user_id": {"S": "u"}, "session_id": {"S": "s"}}]}},
            },
        ):
            wire.mend()
            wire.break_with(answered(answer), operation="BatchGetItem")
            change_password(api, alice).assert_problem(503, "service_unavailable")
            assert "TransactWriteItems" not in wire.operations
        wire.mend()
        assert change_password(api, alice).status == 200

    def test_what_a_batch_of_deletions_left_is_deleted_by_the_next(self, api, alice, database, wire):
        for _ in range(3):
            api.login()

        def half_done(deliver):
            requests = wire.attempts[-1].body["RequestItems"]
            ((table, deletions),) = requests.items()
            return answered({"UnprocessedItems": {table: deletions[1:]}})(deliver)

        sessions = [session["session_id"] for session in database.sessions()]
        wire.mend()
        wire.break_with(half_done, operation="BatchWriteItem", times=2)
        assert delete_account(api, alice).status == 204
        batches = [
            [deletion["DeleteRequest"]["Key"]["session_id"] for deletion in deletions]
            for attempt in wire.attempts
            if attempt.operation == "BatchWriteItem" and attempt.tables == (database.tables.sessions,)
            for deletions in attempt.body["RequestItems"].values()
        ]
        assert batches == [sessions, sessions[1:], sessions[2:]]
        assert database.events() == ["account_deleted"]

    def test_a_batch_that_is_never_done_does_not_undo_the_deletion(self, api, alice, database, wire, pauses):
        def not_done(deliver):
            return answered({"UnprocessedItems": wire.attempts[-1].body["RequestItems"]})(deliver)

        wire.break_with(not_done, operation="BatchWriteItem")
        assert delete_account(api, alice).status == 204
        limits = wire.client.meta.config
        slowest = len(wire.attempts) * (limits.connect_timeout + limits.read_timeout) + sum(pauses)
        assert slowest <= 21, "well before the gateway gives up, after 29 s"
        wire.mend()
        api.refresh(alice["refresh_token"]).assert_problem(401, "invalid_grant")
        api.login().assert_problem(401, "invalid_credentials")
        assert api.register("Alice").status == 201
