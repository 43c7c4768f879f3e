"""Accounts of an earlier time come back into the table that there is, and nothing else changes."""

from datetime import UTC, datetime

import pytest

from chalicelib.accounts.ended import digest_of
from chalicelib.adapters.dynamodb.transactions import Database
from chalicelib.wiring import dynamodb_administration_store, dynamodb_ended_feed
from tests.deployment.operator_here import raising, refusal
from tests.restore.conftest import ALL, EVENTS, USERS
from tests.support.databases import tables_of

PASSWORD = "correct horse battery staple"
OTHER = "seven old oak boards and a latch"


def to(moment):
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def restore(operator):
    """Restore the users to a moment."""

    def run(moment, *arguments):
        return operator.run("users", "--to", to(moment), *arguments)

    return run


def change_password(api, tokens, new=OTHER):
    answer = api.bearer(
        "PUT",
        "/auth/password",
        tokens["access_token"],
        {"current_password": PASSWORD, "new_password": new},
    )
    assert answer.status == 200, answer.body
    return answer.json


def delete_account(api, tokens):
    answer = api.bearer("POST", "/auth/delete-account", tokens["access_token"], {"password": PASSWORD})
    assert answer.status == 204, answer.body


def test_a_changed_account_is_again_what_it_was_and_none_of_its_sessions_goes_on(operator, api, remember, restore):
    api.register("Kim")
    other = api.register("Lee").json
    moment = remember()
    tokens = change_password(api, api.login("Kim").json)

    assert restore(moment) == 0, operator.errors

    assert "1 have changed since: restored" in operator.said
    assert "1 accounts are as they were" in operator.said
    assert "feed of ended sessions does not tell" not in operator.said
    assert api.login("Kim").status == 200
    assert api.login("Kim", OTHER).status == 401
    assert api.me(tokens["access_token"]).status == 401
    assert api.refresh(tokens["refresh_token"]).status == 401
    # Whoever is as he was notices nothing.
    assert api.refresh(other["refresh_token"]).status == 200


def test_sessions_of_before_the_restored_time_do_not_go_on_either(operator, api, remember, restore):
    tokens = api.register("Kim").json
    moment = remember()
    change_password(api, api.login("Kim").json)

    assert restore(moment) == 0, operator.errors

    assert api.refresh(tokens["refresh_token"]).status == 401


def test_a_deleted_account_is_there_again_also_where_failures_were_counted_at_its_name(
    operator, api, remember, restore, items
):
    tokens = api.register("Kim").json
    moment = remember()
    delete_account(api, api.login("Kim").json)
    assert api.login("Kim").status == 401
    (counter,) = items(USERS, "username_key").values()
    assert "N" in counter["ttl"]

    assert restore(moment) == 0, operator.errors

    assert "1 were deleted since: restored" in operator.said
    # An account never expires.
    (kim,) = items(USERS, "username_key").values()
    assert "ttl" not in kim
    assert api.login("Kim").status == 200
    assert api.refresh(tokens["refresh_token"]).status == 401


def test_newer_accounts_stay_also_under_a_name_of_then(operator, api, remember, restore):
    api.register("Kim")
    moment = remember()
    delete_account(api, api.login("Kim").json)
    api.register("Kim", OTHER)
    api.register("Lee", OTHER)

    assert restore(moment) == 0, operator.errors

    assert "1 names have another account now: kept" in operator.said
    assert "1 accounts are newer: kept" in operator.said
    assert api.login("Kim", OTHER).status == 200
    assert api.login("Lee", OTHER).status == 200


def test_an_exact_restore_replaces_and_deletes_what_is_newer(operator, api, remember, restore):
    api.register("Kim")
    moment = remember()
    delete_account(api, api.login("Kim").json)
    kim = api.register("Kim", OTHER).json
    lee = api.register("Lee", OTHER).json

    assert restore(moment, "--exactly") == 0, operator.errors

    assert api.login("Kim").status == 200
    assert api.login("Lee", OTHER).status == 401
    assert [api.refresh(each["refresh_token"]).status for each in (kim, lee)] == [401, 401]


def test_roles_are_those_of_then_and_counters_those_of_now(operator, api, remember, restore, dynamodb, items):
    api.register("Kim")
    moment = remember()
    (kim,) = items(USERS, "username_key").values()
    dynamodb.put_item(TableName=USERS, Item={**kim, "roles": {"SS": ["admin", "user"]}, "later": {"S": "x"}})
    api.login("Kim", "wrong wrong wrong wrong")

    assert restore(moment) == 0, operator.errors

    (after,) = items(USERS, "username_key").values()
    assert after["roles"] == {"SS": ["user"]}
    assert "later" not in after
    assert after["failed_today"] == {"N": "1"}


def test_a_dry_run_says_what_would_change_and_changes_no_account(operator, api, remember, restore, items, tables):
    api.register("Kim")
    moment = remember()
    change_password(api, api.login("Kim").json)
    before = items(USERS, "username_key")

    assert restore(moment, "--dry-run") == 0, operator.errors

    assert "1 have changed since" in operator.said
    assert "no account was changed" in operator.said
    assert items(USERS, "username_key") == before
    (copy,) = set(tables()) - set(ALL)
    assert operator.run("clean") == 0, operator.errors
    assert f"deleted {copy}" in operator.said
    assert tables() == ALL
    assert operator.run("clean") == 0
    assert "There is no copy." in operator.said


def test_nothing_is_changed_without_the_name_of_the_stage(operator, api, remember, restore, items):
    api.register("Kim")
    moment = remember()
    change_password(api, api.login("Kim").json)
    before = items(USERS, "username_key")

    for answer in ("", "prod", "TEST", EOFError()):
        operator.answers = [answer]
        assert restore(moment) == 1
        assert "confirm" in operator.errors
    assert restore(moment, "--yes", "prod") == 1
    assert items(USERS, "username_key") == before


@pytest.mark.parametrize(
    ("operation", "after", "how"),
    [
        ("RestoreTableToPointInTime", 0, "refused"),
        ("DescribeTable", 2, "stopped"),
        ("BatchGetItem", 0, "refused"),
        ("Scan", 3, "stopped"),
        ("UpdateItem", 0, "refused"),
        ("UpdateItem", 1, "stopped"),
        ("BatchGetItem", 4, "refused"),
    ],
)
def test_a_restore_that_ends_anywhere_is_gone_on_with_by_the_same_command(
    operator, api, remember, restore, monkeypatch, operation, after, how
):
    for name in ("Kim", "Lee", "Sam"):
        api.register(name)
    moment = remember()
    for name in ("Kim", "Lee"):
        change_password(api, api.login(name).json)
    delete_account(api, api.login("Sam").json)

    with raising(monkeypatch, operation, KeyboardInterrupt() if how == "stopped" else refusal(operation), after=after):
        assert restore(moment) == (130 if how == "stopped" else 1)
    if how == "stopped":
        assert f"python -m infra.restore users --to {to(moment)}" in operator.errors

    assert restore(moment) == 0, operator.errors
    assert [api.login(name).status for name in ("Kim", "Lee", "Sam")] == [200, 200, 200]


@pytest.mark.parametrize("after", [0, 1])
def test_a_restore_that_ends_before_it_has_told_the_feed_of_ended_sessions_tells_it_by_the_same_command(
    operator, api, remember, restore, monkeypatch, dynamodb, clock, after
):
    kim = api.register("Kim").json["user"]["id"]
    moment = remember()
    change_password(api, api.login("Kim").json)
    newer = api.register("Lee").json["user"]["id"]
    clock.advance(60)

    with raising(monkeypatch, "PutItem", refusal("PutItem"), after=after):
        assert restore(moment, "--exactly") == 1
    assert restore(moment, "--exactly") == 0, operator.errors

    told = dynamodb_ended_feed(Database(dynamodb, tables_of("test"))).since(clock())
    assert {entry.digest for entry in told} == {digest_of(kim), digest_of(newer)}


@pytest.mark.parametrize("seconds_ahead", [-25, 25])
def test_the_feed_of_ended_sessions_is_told_the_time_of_aws_whatever_the_operators_clock_says(
    operator, api, remember, restore, dynamodb, clock, seconds_ahead
):
    api.register("Kim")
    moment = remember()
    change_password(api, api.login("Kim").json)
    clock.advance(60)
    operator.seconds_ahead = seconds_ahead

    assert restore(moment) == 0, operator.errors

    (told,) = dynamodb_ended_feed(Database(dynamodb, tables_of("test"))).since(clock() - 30)
    assert clock() <= told.at <= clock() + 1


def test_what_a_user_did_after_his_restore_outlives_the_next_run(operator, api, remember, restore):
    api.register("Kim")
    moment = remember()
    change_password(api, api.login("Kim").json)
    assert restore(moment) == 0, operator.errors
    change_password(api, api.login("Kim").json, "an entirely new phrase here")

    assert restore(moment) == 0, operator.errors

    assert "1 were restored by an earlier run, and are left alone" in operator.said
    assert api.login("Kim", "an entirely new phrase here").status == 200


def test_an_account_that_changes_between_reading_and_writing_is_read_again(
    operator, api, remember, restore, monkeypatch, dynamodb
):
    api.register("Kim")
    moment = remember()
    tokens = change_password(api, api.login("Kim").json)
    original = operator._answer

    def logs_out_everywhere_meanwhile(question):
        assert api.bearer("POST", "/auth/logout-all", tokens["access_token"]).status == 204
        return original(question)

    monkeypatch.setattr(operator, "_answer", logs_out_everywhere_meanwhile)

    assert restore(moment) == 0, operator.errors
    assert api.login("Kim").status == 200


def test_a_restore_can_be_taken_back(operator, api, remember, restore):
    api.register("Kim")
    moment = remember()
    change_password(api, api.login("Kim").json)
    before = remember()
    assert restore(moment) == 0, operator.errors
    assert api.login("Kim").status == 200

    assert restore(before) == 0, operator.errors

    assert api.login("Kim", OTHER).status == 200


def test_missing_events_are_put_back_once(operator, api, remember, restore, items, dynamodb):
    api.register("Kim")
    api.register("Lee")
    moment = remember()
    before = items(EVENTS, "event_id")
    delete_account(api, api.login("Lee").json)
    for item in items(EVENTS, "event_id").values():
        key = {name: item[name] for name in ("user_id", "event_id")}
        dynamodb.delete_item(TableName=EVENTS, Key=key)

    assert restore(moment, "--with-events") == 0, operator.errors

    assert "2 events put back" in operator.said
    assert items(EVENTS, "event_id").items() >= before.items()
    assert restore(moment, "--with-events") == 0, operator.errors
    assert "0 events put back" in operator.said


def test_accounts_whose_pepper_is_lost_are_not_restored_by_mistake(operator, api, remember, restore, dynamodb, items):
    api.register("Kim")
    (kim,) = items(USERS, "username_key").values()
    hashed = {"S": "p12345678" + kim["password_hash"]["S"]}
    dynamodb.put_item(TableName=USERS, Item={**kim, "password_hash": hashed})
    moment = remember()
    dynamodb.put_item(TableName=USERS, Item=kim)

    assert restore(moment) == 1
    assert "lacks peppers that passwords and second factors need: p12345678 (1 accounts)" in operator.errors
    assert api.login("Kim").status == 200

    assert restore(moment, "--losing-passwords") == 0, operator.errors
    assert items(USERS, "username_key")[kim["username_key"]["S"]]["password_hash"] == hashed


def test_a_time_that_cannot_be_restored_is_a_sentence(operator, api, remember, restore, clock, tables):
    api.register("Kim")
    remember()
    assert restore(clock.now) == 1
    assert "can be restored to a time from" in operator.errors
    assert restore(clock.now - 36 * 24 * 3600) == 1
    assert restore(1_700_000_000) == 1
    assert tables() == ALL
    # Before the first account there is nothing to restore.
    assert restore(1_800_000_000 - 24 * 3600) == 1
    assert "there were no accounts at" in operator.errors
    for text in ("yesterday", "2026-11-28T10:00:00", "", "2026-13-01T00:00:00Z"):
        with pytest.raises(SystemExit):
            operator.run("users", "--to", text)


def test_a_table_with_the_name_of_the_copy_is_left_alone(operator, api, remember, restore, dynamodb, items):
    api.register("Kim")
    moment = remember()
    change_password(api, api.login("Kim").json)
    name = f"{USERS}-copy-{datetime.fromtimestamp(moment, UTC):%Y%m%dT%H%M%SZ}"
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "username_key", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "username_key", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    before = items(USERS, "username_key")

    assert restore(moment) == 1

    assert f"the table {name} exists already and is no copy of {USERS}" in operator.errors
    assert items(USERS, "username_key") == before


def test_a_copy_that_aws_is_still_making_is_removed_later(operator, api, remember, restore, backups, monkeypatch):
    api.register("Kim")
    moment = remember()
    with raising(monkeypatch, "DescribeTable", KeyboardInterrupt(), after=1):
        assert restore(moment) == 130

    assert operator.run("clean") == 1
    assert "AWS is still making" in operator.errors


def test_a_users_table_that_is_gone_names_the_command_for_it(operator, api, remember, restore, dynamodb):
    api.register("Kim")
    moment = remember()
    dynamodb.delete_table(TableName=USERS)

    assert restore(moment) == 1

    assert "`python -m infra.restore tables` brings back" in operator.errors


def administrators(items):
    (item,) = [item for item in items(USERS, "username_key").values() if "members" in item]
    return set(item["members"]["SS"])


def give_roles(dynamodb, username, *roles):
    """Give somebody roles, as `python -m infra.operator users set-roles` does."""
    store = dynamodb_administration_store(Database(dynamodb, tables_of("test")))
    (user,) = store.page(username, None, 1).users
    store.change(user, roles=roles, disabled=False, events=[])
    return user.id


def test_the_administrators_are_again_those_of_then_and_are_counted_so(
    operator, api, remember, restore, items, dynamodb
):
    for name in ("Kim", "Lee", "Max"):
        api.register(name)
    give_roles(dynamodb, "max", "admin")
    kim = give_roles(dynamodb, "kim", "admin", "user")
    moment = remember()
    lee = give_roles(dynamodb, "lee", "admin")
    give_roles(dynamodb, "kim", "user")

    assert restore(moment) == 0, operator.errors

    assert kim in administrators(items)
    assert lee not in administrators(items)
    assert "2 are active" in operator.said


def test_an_account_that_was_never_listed_is_listed_when_it_comes_back(
    operator, api, remember, restore, dynamodb, items
):
    api.register("Kim")
    (key,) = [item["username_key"] for item in items(USERS, "username_key").values() if "user_id" in item]
    dynamodb.update_item(
        TableName=USERS, Key={"username_key": key}, UpdateExpression="REMOVE directory, canonical_username"
    )
    moment = remember()
    delete_account(api, api.login("Kim").json)

    assert restore(moment) == 0, operator.errors

    store = dynamodb_administration_store(Database(dynamodb, tables_of("test")))
    assert [user.username for user in store.page("", None, 9).users] == ["Kim"]
