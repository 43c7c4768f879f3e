"""What is told of the new items of a table: that which is on disk, once, and nothing else."""

from contextlib import closing

import pytest
from botocore.exceptions import ClientError

from infra.local.data_directory import DataDirectory
from infra.local.embedded_aws import EmbeddedAws
from infra.local.new_items import NewItems
from infra.local.opened_store import open_store
from infra.local.saved_tables import SavedTables
from infra.tables import create_tables
from tests.local.conftest import forget_everything

MAIL = "lychgate-dev-mail"
USERS = "lychgate-dev-users"


def item(name, **others):
    return {"mail_id": {"S": name}, **{key: {"S": value} for key, value in others.items()}}


@pytest.fixture
def directory(tmp_path):
    return DataDirectory(tmp_path)


@pytest.fixture
def client(aws):
    client = aws.dynamodb()
    create_tables(client, "dev")
    return client


@pytest.fixture
def new_mails(aws, client, directory):
    with closing(open_store(directory)) as store:
        saved = SavedTables(store, aws)
        saved.restore()
        saved.start()
        new_mails = NewItems(MAIL, "mail_id")
        saved.follow(new_mails)
        yield new_mails


def told(new_mails):
    return [record["dynamodb"]["NewImage"] for record in new_mails.take()]


def test_a_new_item_is_told_as_a_stream_tells_it(client, new_mails):
    client.put_item(TableName=MAIL, Item=item("a", kind="reset"))
    (record,) = new_mails.take()
    assert record["eventName"] == "INSERT"
    assert record["eventSource"] == "aws:dynamodb"
    assert record["dynamodb"]["Keys"] == {"mail_id": {"S": "a"}}
    assert record["dynamodb"]["NewImage"] == item("a", kind="reset")
    assert record["dynamodb"]["StreamViewType"] == "NEW_IMAGE"
    assert f":table/{MAIL}/stream/" in record["eventSourceARN"]


def test_items_are_told_once_and_in_order(client, new_mails):
    names = "abcdefghijkl"
    for name in names:
        client.put_item(TableName=MAIL, Item=item(name))
    records = new_mails.take()
    assert [record["dynamodb"]["NewImage"] for record in records] == [item(name) for name in names]
    numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
    assert numbers == sorted(set(numbers))
    assert len({record["eventID"] for record in records}) == len(names)
    assert new_mails.take() == []


def test_an_item_that_was_there_already_is_not_new(client, new_mails):
    client.put_item(TableName=MAIL, Item=item("a"))
    new_mails.take()
    client.put_item(TableName=MAIL, Item=item("a", kind="reset"))
    update = {"UpdateExpression": "SET sent_at = :now", "ExpressionAttributeValues": {":now": {"N": "1"}}}
    client.update_item(TableName=MAIL, Key=item("a"), **update)
    client.delete_item(TableName=MAIL, Key=item("a"))
    assert new_mails.take() == []


def test_an_item_that_comes_again_is_another_event(client, new_mails):
    client.put_item(TableName=MAIL, Item=item("a"))
    client.delete_item(TableName=MAIL, Key=item("a"))
    client.put_item(TableName=MAIL, Item=item("a"))
    assert len({record["eventID"] for record in new_mails.take()}) == 2


def test_an_update_that_makes_an_item_tells_of_it(client, new_mails):
    update = {"UpdateExpression": "SET kind = :kind", "ExpressionAttributeValues": {":kind": {"S": "reset"}}}
    client.update_item(TableName=MAIL, Key=item("a"), **update)
    assert told(new_mails) == [item("a", kind="reset")]


def test_items_of_other_tables_are_not_told(client, new_mails):
    client.put_item(TableName=USERS, Item={"username_key": {"S": "alice"}})
    assert new_mails.take() == []


def test_a_transaction_tells_of_its_item_if_all_of_it_is_done_and_else_of_none(client, new_mails):
    put = {"Put": {"TableName": MAIL, "Item": item("a")}}
    user = {"TableName": USERS, "Item": {"username_key": {"S": "alice"}}}
    missing = {"Put": {**user, "ConditionExpression": "attribute_exists(username_key)"}}
    with pytest.raises(ClientError):
        client.transact_write_items(TransactItems=[put, missing])
    assert new_mails.take() == []
    client.transact_write_items(TransactItems=[put, {"Put": user}])
    assert told(new_mails) == [item("a")]


def test_a_batch_tells_of_each_new_item(client, new_mails):
    client.put_item(TableName=MAIL, Item=item("a"))
    new_mails.take()
    client.batch_write_item(RequestItems={MAIL: [{"PutRequest": {"Item": item(name)}} for name in "ab"]})
    assert told(new_mails) == [item("b")]


def test_a_statement_that_does_not_say_what_it_changes_tells_of_it_all_the_same(client, new_mails):
    client.put_item(TableName=MAIL, Item=item("a"))
    new_mails.take()
    client.execute_statement(Statement=f"INSERT INTO \"{MAIL}\" value {{'mail_id': 'b'}}")
    assert told(new_mails) == [item("b")]


@pytest.mark.parametrize("statement", [False, True], ids=["put", "PartiQL"])
def test_what_the_disk_refuses_is_not_told_before_the_disk_has_it(client, new_mails, directory, disk_full, statement):
    def write(name):
        if statement:
            client.execute_statement(Statement=f"INSERT INTO \"{MAIL}\" value {{'mail_id': '{name}'}}")
        else:
            client.put_item(TableName=MAIL, Item=item(name))

    write("before")
    new_mails.take()
    with disk_full(directory.path / "database.sqlite3"), pytest.raises(ClientError):
        write("a")
    assert new_mails.take() == []
    write("b")
    # Nobody can take a statement back, so the next write keeps what it did.
    assert sorted(told(new_mails), key=str) == [item("a"), item("b")] if statement else [item("b")]


def test_after_a_start_everything_that_is_there_is_told_unless_only_news_are_wanted(client, directory, new_mails):
    client.put_item(TableName=MAIL, Item=item("a"))
    client.put_item(TableName=USERS, Item={"username_key": {"S": "alice"}})
    forget_everything()
    fresh = EmbeddedAws({}, "")
    create_tables(fresh.dynamodb(), "dev")
    with closing(open_store(directory)) as store:
        saved = SavedTables(store, fresh)
        saved.restore()
        saved.start()
        after = NewItems(MAIL, "mail_id")
        saved.follow(after)
        assert told(after) == [item("a")]
        from_now_on = NewItems(USERS, "username_key")
        saved.follow(from_now_on, from_now_on=True)
        assert told(from_now_on) == []


def test_whoever_waits_is_called_for_each_item(client, new_mails):
    calls = []
    new_mails.call_on_new(lambda: calls.append("called"))
    client.put_item(TableName=MAIL, Item=item("a"))
    assert calls == ["called"]
