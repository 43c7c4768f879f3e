"""The reads and writes of a restore at Amazon's own emulator, which takes expressions as DynamoDB does."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from chalicelib.accounts.ended import digest_of
from chalicelib.accounts.user import User
from chalicelib.adapters.dynamodb.ended import PARTITION, DynamoDBEndedFeed
from chalicelib.adapters.dynamodb.items import new_user_to_item, user_from_item, user_key
from chalicelib.adapters.dynamodb.transactions import Database
from infra.restore import contents
from infra.restore.accounts import CHANGED, DONE, MISSING, NEWER, SAME, TAKEN, Comparison
from infra.restore.items import put_missing_events
from infra.restore.sessions import Sessions
from tests.support.consumption import Meter
from tests.support.databases import new_stage
from tests.support.samples import NOW

KIM = User(id="", username="", password_hash="$2b$12$hash", roles=("user",), created_at=NOW)

MANY = 230
"""More than two batches of any kind."""


def silent(_line):
    return None


@pytest.fixture
def client(dynamodb_local):
    return dynamodb_local.client


@pytest.fixture
def now(client):
    """The tables of a stage as they are now."""
    return new_stage(client)


@pytest.fixture
def then(client):
    """Tables that stand for copies of them."""
    return new_stage(client)


def put(client, table, number, **attributes):
    user = replace(KIM, id=f"id-{number}", username=f"user{number}")
    item = {**new_user_to_item(user), **attributes}
    client.put_item(TableName=table, Item=item)
    return item


def test_accounts_in_every_state_are_restored_as_they_were(client, now, then):
    for number in range(MANY):
        put(client, then.users, number)
        if number % 5 != 1:
            put(client, now.users, number, **of_now(number))
    put(client, now.users, MANY)
    client.put_item(TableName=now.users, Item={**user_key("user1"), "ttl": {"N": "1"}, "failures": {"N": "3"}})
    client.put_item(
        TableName=now.sessions,
        Item={"user_id": {"S": "id-1"}, "session_id": {"S": "s"}, "epoch": {"N": "1"}},
    )
    comparison = Comparison(client, now.users, then.users, silent)
    sessions = Sessions(client, now.sessions, lambda: NOW + 0.7)
    fifth = MANY // 5
    assert comparison.counted() == {SAME: 2 * fifth, DONE: 0, CHANGED: fifth, MISSING: fifth, TAKEN: fifth, NEWER: 1}

    with ThreadPoolExecutor(8) as pool:
        for batch in comparison.batches():
            list(pool.map(lambda account: comparison.restore(account, sessions, exactly=False), batch))

    counts = comparison.counted()
    assert counts == {SAME: 2 * fifth, DONE: 2 * fifth, CHANGED: 0, MISSING: 0, TAKEN: fifth, NEWER: 1}
    changed, deleted = (
        client.get_item(TableName=now.users, Key=user_key(f"user{number}"))["Item"] for number in (0, 1)
    )
    assert user_from_item(changed).roles == KIM.roles
    assert user_from_item(changed).session_epoch == 8
    assert "ttl" not in deleted
    assert deleted["failures"] == {"N": "3"}
    restored = {f"id-{number}" for number in range(MANY) if number % 5 in {0, 1}}
    assert told(client, now) == {digest_of(user_id) for user_id in restored}
    assert {item["user_id"]["S"] for item in client.scan(TableName=now.sessions)["Items"]} == {PARTITION}
    assert contents.users(client, now.users, silent).items == MANY + 1

    for account in comparison.accounts():
        comparison.restore(account, sessions, exactly=True)
    for account in comparison.newer():
        comparison.delete(account, sessions)
    assert comparison.counted() == {SAME: 2 * fifth, DONE: 3 * fifth, CHANGED: 0, MISSING: 0, TAKEN: 0, NEWER: 0}
    # Those that were replaced and deleted had sessions too.
    taken = {f"id-{number}" for number in range(MANY) if number % 5 == 2}
    assert told(client, now) == {digest_of(user_id) for user_id in restored | taken | {"another", f"id-{MANY}"}}


def told(client, tables):
    """The users whom the feed tells of."""
    return {entry.digest for entry in DynamoDBEndedFeed(Database(client, tables)).since(NOW) if entry.is_user}


def test_a_restore_of_more_users_than_the_feed_has_room_for_says_how_many_it_does_not_tell_of(client, now):
    sessions = Sessions(client, now.sessions, lambda: NOW + 0.7, most_told=3)
    for number in range(5):
        assert sessions.untold == max(0, number - 3)
        sessions.tell(f"id-{number}", f"id-{number}")
    assert told(client, now) == {digest_of(f"id-{number}") for number in range(3)}
    assert sessions.untold == 2


def test_all_sessions_end_and_the_feed_tells_of_them_and_of_those_before(client, now):
    sessions = Sessions(client, now.sessions, lambda: NOW + 0.7)
    sessions.tell("id-9")
    for number in range(3):
        item = {"user_id": {"S": f"id-{number}"}, "session_id": {"S": "s"}, "epoch": {"N": "1"}}
        client.put_item(TableName=now.sessions, Item=item)
    assert sessions.delete_all(silent) == 3
    assert {item["user_id"]["S"] for item in client.scan(TableName=now.sessions)["Items"]} == {PARTITION}
    assert told(client, now) == {digest_of(f"id-{number}") for number in (0, 1, 2, 9)}


def test_the_sessions_of_a_user_end_and_nobody_elses_and_none_that_has_just_begun_is_overlooked(client, now):
    for user_id, session_id in (("id-1", "a"), ("id-1", "b"), ("id-2", "a")):
        item = {"user_id": {"S": user_id}, "session_id": {"S": session_id}, "epoch": {"N": "1"}}
        client.put_item(TableName=now.sessions, Item=item)
    with Meter(client, now) as meter:
        Sessions(client, now.sessions, lambda: NOW).delete("id-1")
        # A consistent read: one that is not costs half as much.
        assert meter.reading().reads == 1
    [left] = client.scan(TableName=now.sessions)["Items"]
    assert left["user_id"] == {"S": "id-2"}


def of_now(number):
    """What of an account is different now."""
    if number % 5 == 0:
        return {"roles": {"SS": ["admin", "user"]}, "session_epoch": {"N": "7"}, "more": {"S": "x"}}
    if number % 5 == 2:
        return {"user_id": {"S": "another"}}
    return {"failures": {"N": "2"}, "session_bound": {"N": "9"}}


def test_events_are_put_back_that_are_missing_and_have_not_expired(client, now, then):
    for number in range(MANY):
        item = {
            "user_id": {"S": f"id-{number % 3}"},
            "event_id": {"S": f"{number:04}"},
            "ttl": {"N": str(NOW + number - 10)},
        }
        client.put_item(TableName=then.events, Item=item)
        if number % 2:
            client.put_item(TableName=now.events, Item=item)

    users = {"id-0", "id-1"}
    put_back = put_missing_events(client, now.events, then.events, users, NOW, silent)

    wanted = [number for number in range(0, MANY, 2) if number > 10 and number % 3 != 2]
    assert put_back == len(wanted)
    found = {item["event_id"]["S"] for item in contents.scanned(client, now.events, silent)}
    assert found == {f"{number:04}" for number in [*wanted, *range(1, MANY, 2)]}
    assert put_missing_events(client, now.events, then.events, users, NOW, silent) == 0
