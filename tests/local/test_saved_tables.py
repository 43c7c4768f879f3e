import hashlib
import json
import sqlite3
import stat
import time
from contextlib import ExitStack, closing

import pytest
from botocore.exceptions import ClientError
from moto.dynamodb.models.dynamo_type import Item

from infra.local.data_directory import DataDirectory
from infra.local.embedded_aws import EmbeddedAws
from infra.local.errors import LocalError
from infra.local.item_store import Address, create, items_of
from infra.local.opened_store import open_store
from infra.local.saved_tables import SavedTables
from infra.tables import create_tables
from tests.local.conftest import forget_everything

USERS = "lychgate-dev-users"
SESSIONS = "lychgate-dev-sessions"
ALICE = {"username_key": {"S": "alice"}}
BOB = {"username_key": {"S": "bob"}}
SESSION = {"user_id": {"S": "1"}, "session_id": {"S": "2"}}
EVERY_TYPE = {
    "username_key": {"S": "bob"},
    "number": {"N": "12345678901234567890.5"},
    "binary": {"B": b"\x00\xff"},
    "null": {"NULL": True},
    "text": {"S": 'grüße "🔑"'},
    "empty": {"S": ""},
    "strings": {"SS": ["a", "b"]},
    "binaries": {"BS": [b"\x00", b"\x01"]},
    "nested": {"M": {"list": {"L": [{"B": b"\x02"}, {"BOOL": False}]}}},
}


class Restart:
    """What a new process does with the data directory: no tables in memory, then those of the template, restored.

    Nobody tells what ran before to end, as none is told by a kill.
    """

    def __init__(self, path):
        self._path = path
        self._started = []

    def __call__(self):
        forget_everything()
        fresh = EmbeddedAws({}, "")
        client = fresh.dynamodb()
        create_tables(client, "dev")
        with ExitStack() as stack:
            store = stack.enter_context(closing(open_store(DataDirectory(self._path))))
            saved = SavedTables(store, fresh)
            saved.restore()
            saved.start()
            stack.pop_all()
        self._started.append(saved)
        return client

    def stop(self):
        """End all of them in order."""
        while self._started:
            self._started.pop().stop()


@pytest.fixture
def restart(aws, tmp_path):
    restart = Restart(tmp_path)
    yield restart
    restart.stop()


@pytest.fixture
def file(tmp_path):
    return tmp_path / "database.sqlite3"


def items(client, table=USERS):
    return client.scan(TableName=table)["Items"]


def snapshot_of_an_earlier_version(tables):
    canonical = json.dumps(tables, sort_keys=True, separators=(",", ":"))
    checksum = hashlib.sha256(canonical.encode()).hexdigest()
    return json.dumps({"version": 1, "saved_at": "2026-11-01T00:00:00+00:00", "sha256": checksum, "tables": tables})


def put(client):
    client.put_item(TableName=USERS, Item=BOB)


def update(client):
    client.update_item(
        TableName=USERS,
        Key=BOB,
        UpdateExpression="SET failures = :one ADD marks :role",
        ExpressionAttributeValues={":one": {"N": "1"}, ":role": {"SS": ["admin"]}},
    )


def delete(client):
    client.delete_item(TableName=USERS, Key=ALICE)


def batch(client):
    requests = {USERS: [{"PutRequest": {"Item": BOB}}, {"DeleteRequest": {"Key": ALICE}}]}
    client.batch_write_item(RequestItems={**requests, SESSIONS: [{"PutRequest": {"Item": SESSION}}]})


def transaction(client):
    client.transact_write_items(
        TransactItems=[
            {
                "ConditionCheck": {
                    "TableName": USERS,
                    "Key": BOB,
                    "ConditionExpression": "attribute_not_exists(nothing)",
                }
            },
            {"Delete": {"TableName": USERS, "Key": ALICE}},
            {"Put": {"TableName": SESSIONS, "Item": SESSION}},
            {
                "Update": {
                    "TableName": SESSIONS,
                    "Key": {**SESSION, "session_id": {"S": "3"}},
                    "UpdateExpression": "SET counted = :one",
                    "ExpressionAttributeValues": {":one": {"N": "1"}},
                }
            },
        ]
    )


def by_the_tables_arn(client):
    client.put_item(TableName=client.describe_table(TableName=USERS)["Table"]["TableArn"], Item=BOB)


def partiql(client):
    client.execute_statement(Statement=f"INSERT INTO \"{USERS}\" VALUE {{'username_key': 'carol'}}")


def another_table(client):
    client.delete_table(TableName=USERS)
    key = {"AttributeName": "username_key"}
    client.create_table(
        TableName=USERS,
        KeySchema=[{**key, "KeyType": "HASH"}],
        AttributeDefinitions=[{**key, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


@pytest.mark.parametrize("write", [put, update, delete, batch, transaction, by_the_tables_arn, partiql, another_table])
def test_what_was_answered_survives_a_kill(restart, write):
    client = restart()
    client.put_item(TableName=USERS, Item=ALICE)
    before = items(client)
    write(client)
    users, sessions = items(client), items(client, SESSIONS)
    assert (users, sessions) != (before, [])

    client = restart()

    def as_set(found):
        return {json.dumps(item, sort_keys=True) for item in found}

    assert as_set(items(client)) == as_set(users)
    assert as_set(items(client, SESSIONS)) == as_set(sessions)


def test_items_of_every_type_survive_a_restart(restart):
    restart().put_item(TableName=USERS, Item=EVERY_TYPE)

    assert items(restart()) == [EVERY_TYPE]


def test_more_items_than_a_page_or_a_batch_survive_a_restart(restart):
    client = restart()
    names = {f"user-{number}" for number in range(60)}
    for name in names:
        client.put_item(TableName=USERS, Item={"username_key": {"S": name}, "padding": {"S": "x" * 30_000}})

    pages = restart().get_paginator("scan").paginate(TableName=USERS)
    assert {item["username_key"]["S"] for page in pages for item in page["Items"]} == names


def test_an_item_goes_on_as_if_it_had_never_been_away(restart):
    client = restart()
    update(client)

    client = restart()
    update(client)
    client.update_item(
        TableName=USERS,
        Key=BOB,
        UpdateExpression="SET failures = failures + :one",
        ConditionExpression="failures = :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )

    [bob] = items(restart())
    assert bob == {**BOB, "failures": {"N": "2"}, "marks": {"SS": ["admin"]}}


def test_items_whose_time_to_live_is_over_are_kept_until_someone_deletes_them_as_on_aws(restart):
    over = {**ALICE, "ttl": {"N": str(int(time.time()) - 3600)}}
    restart().put_item(TableName=USERS, Item=over)

    assert items(restart()) == [over]


def test_a_transaction_that_is_cancelled_leaves_nothing_in_memory_or_on_disk(restart):
    client = restart()
    client.put_item(TableName=USERS, Item=ALICE)

    def transact(*actions):
        with pytest.raises(ClientError) as refused:
            client.transact_write_items(TransactItems=list(actions))
        return refused.value.response["Error"]["Code"]

    in_vain = {"Put": {"TableName": USERS, "Item": {**ALICE, "x": {"S": "x"}}}}
    gone = {"Delete": {"TableName": SESSIONS, "Key": SESSION, "ConditionExpression": "attribute_exists(user_id)"}}
    assert transact({"Put": {"TableName": SESSIONS, "Item": {**SESSION, "user_id": {"S": "9"}}}}, in_vain, gone) == (
        "TransactionCanceledException"
    )
    assert transact(in_vain, {"Delete": {"TableName": USERS, "Key": ALICE}}) == "ValidationException"

    assert (items(client), items(client, SESSIONS)) == ([ALICE], [])
    client = restart()
    assert (items(client), items(client, SESSIONS)) == ([ALICE], [])


def test_a_transaction_copies_only_the_items_that_it_is_about(restart, monkeypatch):
    client = restart()
    for number in range(25):
        client.put_item(TableName=USERS, Item={"username_key": {"S": f"{number}"}})
    copied = []
    copy = Item.__deepcopy__
    monkeypatch.setattr(Item, "__deepcopy__", lambda item, memo: copied.append(item.hash_key.value) or copy(item, memo))

    transaction(client)

    assert set(copied) <= {"alice", "bob", "1"}
    restore = client.create_backup(TableName=USERS, BackupName="whole")["BackupDetails"]
    assert {f"{number}" for number in range(25)} <= set(copied), "outside of transactions moto copies as ever"
    assert restore["BackupStatus"] == "AVAILABLE"


def test_a_number_in_a_key_is_one_number_however_it_is_written(restart, file):
    client = restart()
    name = {"AttributeName": "number"}
    client.create_table(
        TableName="numbers",
        KeySchema=[{**name, "KeyType": "HASH"}],
        AttributeDefinitions=[{**name, "AttributeType": "N"}],
        BillingMode="PAY_PER_REQUEST",
    )
    client.put_item(TableName="numbers", Item={"number": {"N": "10"}})
    client.delete_item(TableName="numbers", Key={"number": {"N": "10.0"}})
    assert items(client, "numbers") == []
    client.put_item(TableName="numbers", Item={"number": {"N": "7"}})

    assert [json.loads(item) for item in items_of(file, "numbers")] == [{"number": {"N": "7"}}]


@pytest.mark.parametrize("write", [put, update, delete, batch, transaction])
def test_a_write_that_a_full_disk_refuses_is_answered_so_and_changes_nothing(restart, file, disk_full, capsys, write):
    client = restart()
    client.put_item(TableName=USERS, Item=ALICE)

    with disk_full(file), pytest.raises(ClientError) as refused:
        write(client)

    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert refused.value.response["Error"]["Code"] == "ServiceUnavailable"
    assert f"A write is refused, as {file} could not be written" in capsys.readouterr().out
    assert (items(client), items(client, SESSIONS)) == ([ALICE], [])
    client = restart()
    assert (items(client), items(client, SESSIONS)) == ([ALICE], [])


def test_writes_go_on_when_the_disk_has_room_again(restart, file, disk_full):
    client = restart()
    client.put_item(TableName=USERS, Item=ALICE)
    with disk_full(file), pytest.raises(ClientError):
        put(client)

    put(client)

    assert items(restart()) == [ALICE, BOB]


def test_what_is_refused_of_a_statement_is_kept_with_the_next_write(restart, file, disk_full):
    client = restart()
    client.put_item(TableName=USERS, Item=ALICE)
    with disk_full(file), pytest.raises(ClientError):
        partiql(client)

    put(client)

    names = {item["username_key"]["S"] for item in items(client)}
    assert {item["username_key"]["S"] for item in items(restart())} == names


def test_only_the_owner_can_read_what_is_kept(restart, tmp_path):
    put(restart())

    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600}
    assert {"database.sqlite3", "database.sqlite3-wal"} <= modes.keys()


def test_nothing_but_the_file_is_left_at_the_end(restart, tmp_path):
    put(restart())
    restart.stop()

    assert [path.name for path in tmp_path.iterdir()] == ["database.sqlite3"]


def test_of_what_was_deleted_nothing_is_left_in_the_file(restart, file):
    client = restart()
    client.put_item(TableName=USERS, Item={**BOB, "password_hash": {"S": "very-secret-hash"}})
    client.delete_item(TableName=USERS, Key=BOB)
    restart.stop()

    assert b"very-secret-hash" not in file.read_bytes()


def test_a_torn_last_write_is_lost_as_a_whole_and_no_other(restart, file):
    client = restart()
    client.put_item(TableName=USERS, Item=ALICE)
    log = file.with_name(f"{file.name}-wal")
    whole = log.stat().st_size
    transaction(client)
    kept = {path: path.read_bytes() for path in (file, log)}
    restart.stop()

    for torn in (whole + 100, (whole + len(kept[log])) // 2, len(kept[log]) - 1):
        file.write_bytes(kept[file])
        log.write_bytes(kept[log][:torn])

        client = restart()

        assert (items(client), items(client, SESSIONS)) == ([ALICE], [])
        restart.stop()


@pytest.mark.parametrize(
    "damage",
    [
        lambda octets: b"",
        lambda octets: octets[: len(octets) // 2],
        lambda octets: b"\0" * len(octets),
        lambda octets: b"x" + octets[1:],
        lambda octets: octets[:4096] + b"\xff" * (len(octets) - 4096),
        lambda octets: b"{}",
    ],
    ids=["empty", "truncated", "zeros", "another kind of file", "overwritten", "short"],
)
def test_a_damaged_file_stops_the_start_and_stays_as_it_is(restart, file, damage):
    client = restart()
    for number in range(50):
        client.put_item(TableName=USERS, Item={"username_key": {"S": f"{number}"}, "x": {"S": "x" * 500}})
    restart.stop()
    damaged = damage(file.read_bytes())
    file.write_bytes(damaged)

    with pytest.raises(LocalError, match=f"{file} is damaged: .*Restore it, or move it away"):
        restart()

    assert file.read_bytes() == damaged


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("PRAGMA user_version = 2", "of version 2"),
        ("PRAGMA application_id = 1", "not a database of Lychgate"),
        ("UPDATE items SET item = '{'", "Expecting property name"),
        ("UPDATE items SET item = 'null'", "NoneType"),
    ],
)
def test_a_file_of_something_else_or_edited_by_mistake_stops_the_start(restart, file, statement, why):
    put(restart())
    restart.stop()
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(statement)

    with pytest.raises(LocalError, match=f"{file} is damaged: .*{why}"):
        restart()


def test_a_log_without_its_file_stops_the_start_as_its_writes_would_be_lost(restart, file):
    put(restart())
    file.unlink()
    log = file.with_name(f"{file.name}-wal")

    with pytest.raises(LocalError, match=f"{file} is missing, but database.sqlite3-wal is left of it"):
        restart()
    assert not file.exists()

    log.unlink()
    assert items(restart()) == []


def test_items_of_a_table_that_is_gone_are_said_to_be_and_kept(restart, file, capsys):
    create(file, [(Address("lychgate-dev-gone", "1"), json.dumps(ALICE))])

    client = restart()

    assert "1 items of lychgate-dev-gone" in capsys.readouterr().out
    put(client)
    partiql(client)
    assert [json.loads(item) for item in items_of(file, "lychgate-dev-gone")] == [ALICE]


def test_items_that_do_not_fit_their_table_stop_the_start_and_stay(restart, file):
    create(file, [(Address(USERS, "1"), '{"other_key": {"S": "alice"}}')])

    with pytest.raises(LocalError, match=f"{USERS} in {file} does not fit .*: it has no attribute username_key"):
        restart()

    assert items_of(file, USERS) == ['{"other_key": {"S": "alice"}}']


def test_a_file_that_cannot_be_made_leaves_nothing(file, tmp_path):
    def broken():
        yield Address(USERS, "1"), "{}"
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        create(file, broken())

    assert list(tmp_path.iterdir()) == []


class TestWhatAnEarlierVersionKept:
    @pytest.fixture
    def snapshot(self, tmp_path):
        def snapshot(tables):
            path = tmp_path / "snapshot.json"
            path.write_text(snapshot_of_an_earlier_version(tables))
            return path

        return snapshot

    def test_is_taken_over_once_and_kept_aside(self, restart, snapshot, capsys):
        earlier = snapshot({USERS: [ALICE, {**BOB, "binary": {"B": "AP8="}}], "lychgate-dev-gone": [ALICE]})
        text = earlier.read_text()

        client = restart()

        assert items(client) == [ALICE, {**BOB, "binary": {"B": b"\x00\xff"}}]
        [aside] = earlier.parent.glob("snapshot.taken-over-*.json")
        assert (earlier.exists(), aside.read_text(), str(aside) in capsys.readouterr().out) == (False, text, True)
        client.delete_item(TableName=USERS, Key=ALICE)
        update(client)
        [bob] = items(restart())
        assert bob["failures"] == {"N": "1"}

    def test_is_taken_over_whole_if_the_first_attempt_was_killed(self, restart, snapshot, tmp_path):
        snapshot({USERS: [ALICE]})
        (tmp_path / ".database.sqlite3.new-abc").write_text("half")

        assert items(restart()) == [ALICE]

    def test_does_not_replace_what_is_there(self, restart, snapshot):
        put(restart())
        snapshot({USERS: [ALICE]})

        assert items(restart()) == [BOB]

    @pytest.mark.parametrize(
        "damage",
        [
            lambda text: text[: len(text) // 2],
            lambda text: "",
            lambda text: text.replace("alice", "mallo"),
            lambda text: text.replace('"version": 1', '"version": 2'),
            lambda text: "[" * 200_000,
            lambda text: "null",
            lambda text: '{"version": 1}',
        ],
        ids=["truncated", "empty", "edited", "of another version", "deeply nested", "null", "without tables"],
    )
    def test_stops_the_start_if_it_is_damaged_and_stays(self, restart, snapshot, file, damage):
        earlier = snapshot({USERS: [ALICE]})
        damaged = damage(earlier.read_text())
        earlier.write_text(damaged)

        with pytest.raises(LocalError, match=f"{earlier} is damaged: .*move it away to start without accounts"):
            restart()

        assert (earlier.read_text(), file.exists()) == (damaged, False)
