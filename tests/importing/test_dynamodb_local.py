"""The transactions of an import at Amazon's own emulator, which takes expressions as DynamoDB does."""

import pytest

from chalicelib.accounts.user import User
from chalicelib.adapters.dynamodb.attributes import from_item
from chalicelib.adapters.dynamodb.transactions import Database
from chalicelib.wiring import dynamodb_administration_store, dynamodb_factor_store
from infra.operator.transfer.records import parse_record
from infra.operator.transfer.writing import Candidate, Fate, place
from tests.importing.passkeys import PASSKEY
from tests.support.databases import new_stage

NOW = 1_800_000_000


@pytest.fixture
def database(dynamodb_local):
    return Database(dynamodb_local.client, new_stage(dynamodb_local.client))


def candidate(number, **members):
    said = {"username": f"user{number}", "email": f"user{number}@example.org", "email_verified": True, **members}
    return Candidate(number, parse_record(said, now=NOW))


def passkey(number):
    return {**PASSKEY, "id": f"key-{number}"}


def test_users_with_addresses_passkeys_and_roles_are_added_each_at_most_once(database):
    batch = [
        candidate(
            number, roles=["admin", "user"], passkeys=[passkey(f"{number}-{each}") for each in range(number % 10)]
        )
        for number in range(25)
    ]
    # Somebody has registered meanwhile, and somebody else has an address of the file.
    store = dynamodb_administration_store(database)
    store.create(User("own", "user7", "!", ("user",), NOW), [], None)
    taken = candidate(99, email="user9@example.org")
    assert [each.fate for each in place(database, [taken], dry_run=False)] == [Fate.CREATED]
    fates = {each.line: each.fate for each in place(database, batch, dry_run=False)}
    assert fates == {**dict.fromkeys(range(25), Fate.CREATED), 7: Fate.DIFFERENT, 9: Fate.REFUSED}
    assert [each.fate for each in place(database, batch, dry_run=False)] == [
        {Fate.CREATED: Fate.SAME}.get(fate, fate) for fate in fates.values()
    ]
    page = store.page("user", None, 100)
    assert len(page.users) == 25
    assert dynamodb_factor_store(database).passkeys_of(store.with_id(batch[19].record.user.id))[0].id == "key-19-0"
    item = database.client.get_item(
        TableName=database.tables.users, Key={"username_key": {"S": "administrators"}}, ConsistentRead=True
    )["Item"]
    assert len(from_item(item)["members"]) == 23


def test_a_batch_of_which_one_was_taken_after_the_look_adds_all_others(database):
    store = dynamodb_administration_store(database)
    batch = [candidate(number) for number in range(5)]
    client, looked = database.client, []

    class TakesOne:
        def __getattr__(self, name):
            return getattr(client, name)

        def batch_get_item(self, **parameters):
            found = client.batch_get_item(**parameters)
            if not looked:
                looked.append(1)
                store.create(User("own", "USER3", "!", ("user",), NOW), [], None)
            return found

    placed = place(Database(TakesOne(), database.tables), batch, dry_run=False)
    assert [each.fate for each in placed] == [
        Fate.CREATED,
        Fate.CREATED,
        Fate.CREATED,
        Fate.DIFFERENT,
        Fate.CREATED,
    ]
    assert placed[3].problem == "is there already, with another email, email_verified, username"
    assert store.with_id("own").username == "USER3"
