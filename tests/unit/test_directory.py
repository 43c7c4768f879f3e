"""`python -m infra.operator users reindex`: everybody is listed, and the active administrators are counted right."""

import json
from dataclasses import replace

import pytest

from chalicelib.adapters.dynamodb.administrators import KEY
from chalicelib.adapters.dynamodb.attributes import from_item
from chalicelib.adapters.dynamodb.items import address_key, user_key
from chalicelib.adapters.dynamodb.transactions import Database
from infra import directory
from tests.support.databases import MOTO, new_stage
from tests.support.operating import Operating
from tests.support.samples import ALICE, REGISTERED, REVOKED, SESSION


@pytest.fixture(params=["moto", "dynamodb-local"])
def run(request):
    """Run commands about a database with nobody in it."""
    if request.param == "moto":
        request.getfixturevalue("atomic_moto")
        client, segments = MOTO, 1
    else:
        client, segments = request.getfixturevalue("dynamodb_local").client, 4
    return Operating(None, database=Database(client, new_stage(client)), segments=segments)


def add(run, name, *roles, is_earlier=True):
    """Add a user. One who ``is_earlier`` comes from a version that had no directory."""
    user = replace(ALICE, id=f"id-of-{name}", username=name, roles=tuple(roles) or ("user",))
    run.make_stores().users.add(user, replace(SESSION, user_id=user.id), replace(REGISTERED, user_id=user.id))
    if is_earlier:
        run.database.client.update_item(
            TableName=run.database.tables.users,
            Key=user_key(name),
            UpdateExpression="REMOVE directory, canonical_username",
        )
    return user


def names(run):
    return [line.split("\t")[0] for line in run("users", "list").stdout.splitlines()]


def counted(run):
    found = run.database.client.get_item(TableName=run.database.tables.users, Key=KEY, ConsistentRead=True)
    return set(from_item(found.get("Item", {})).get("members", ()))


def count(run, *user_ids):
    run.database.client.put_item(TableName=run.database.tables.users, Item=KEY | {"members": {"SS": list(user_ids)}})


def everything(run):
    items = run.database.client.scan(TableName=run.database.tables.users, ConsistentRead=True)["Items"]
    return {item["username_key"]["S"]: item for item in items}


def reindex(run, *options):
    done = run("users", "reindex", "--json", *options)
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    return answer["listed"], answer["joined"], answer["left"]


def test_accounts_of_an_earlier_version_are_listed_and_their_administrators_counted(run):
    add(run, "Kim")
    add(run, "Lee", "admin", "user")
    add(run, "Mia", is_earlier=False)
    assert names(run) == ["Mia"]
    assert reindex(run, "--dry-run") == (2, 1, 0)
    assert (names(run), counted(run)) == (["Mia"], set())
    assert reindex(run) == (2, 1, 0)
    assert (names(run), counted(run)) == (["Kim", "Lee", "Mia"], {"id-of-Lee"})
    assert reindex(run) == (0, 0, 0)


def test_nothing_but_that_is_changed(run):
    add(run, "Kim", "admin")
    client, tables = run.database.client, run.database.tables
    client.put_item(TableName=tables.users, Item=address_key("kim@example.org") | {"owner_id": {"S": "id-of-Kim"}})
    client.put_item(TableName=tables.users, Item=user_key("nobody") | {"failed_today": {"N": "3"}})
    before = everything(run)
    reindex(run)
    after = everything(run)
    listed = after[user_key("kim")["username_key"]["S"]]
    assert from_item({name: listed.pop(name) for name in ("directory", "canonical_username")}) == {
        "directory": "users",
        "canonical_username": "kim",
    }
    del after["administrators"]
    assert after == before


def test_who_is_no_active_administrator_is_no_longer_counted(run):
    add(run, "Kim", "admin")
    add(run, "Lee", "user")
    count(run, "id-of-Kim", "id-of-Lee", "id-of-nobody")
    assert reindex(run, "--dry-run")[1:] == (0, 2)
    assert counted(run) == {"id-of-Kim", "id-of-Lee", "id-of-nobody"}
    assert reindex(run)[1:] == (0, 2)
    assert counted(run) == {"id-of-Kim"}
    assert run("users", "disable", "kim").exit_code == 1


def test_two_at_a_time_make_it_right(run):
    for number in range(8):
        add(run, f"Kim{number}", "admin")
    first, second = (directory.reindex(run.database, segments=run.segments) for _ in range(2))
    assert (first.listed, second.listed, len(counted(run))) == (8, 0, 8)


@pytest.mark.parametrize("what", ["demoted", "deleted"])
def test_who_is_demoted_or_deleted_while_the_table_is_read_is_not_counted(run, what):
    kim = add(run, "Kim", "admin")
    add(run, "Lee", "admin", is_earlier=False)
    count(run, "id-of-Lee")
    stores = run.make_stores()

    class Overtaken:
        """Reads the table. Somebody changes Kim then, before what was read is used."""

        def __getattr__(self, name):
            return getattr(run.database.client, name)

        def scan(self, **arguments):
            response = run.database.client.scan(**arguments)
            if any(item["user_id"]["S"] == kim.id for item in response["Items"]):
                if what == "demoted":
                    stores.administration.change(kim, roles=("user",), disabled=False, events=[])
                else:
                    stores.administration.delete(kim, [REVOKED])
            return response

    directory.reindex(replace(run.database, client=Overtaken()), segments=run.segments)
    assert counted(run) == {"id-of-Lee"}


def test_the_last_administrator_is_who_is_left_whatever_was_counted(run):
    add(run, "Kim", "admin")
    add(run, "Lee", "admin")
    reindex(run)
    assert [run("users", "set-roles", name, "user").exit_code for name in ("kim", "lee")] == [0, 1]
