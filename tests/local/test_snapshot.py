import json
import stat

import pytest

from infra.local.data_directory import DataDirectory
from infra.local.embedded_aws import EmbeddedAws
from infra.local.errors import LocalError
from infra.local.saved_tables import SavedTables
from infra.local.snapshot import CorruptSnapshotError, read_snapshot, write_snapshot
from infra.tables import create_tables
from tests.local.conftest import forget_everything

USERS = "lychgate-dev-users"
ALICE = {"username_key": {"S": "alice"}}
EVERY_TYPE = {
    "username_key": {"S": "bob"},
    "number": {"N": "12345678901234567890.5"},
    "binary": {"B": b"\x00\xff"},
    "null": {"NULL": True},
    "strings": {"SS": ["a", "b"]},
    "binaries": {"BS": [b"\x00", b"\x01"]},
    "nested": {"M": {"list": {"L": [{"B": b"\x02"}, {"BOOL": False}]}}},
}


@pytest.fixture
def restart(aws, tmp_path):
    """What a new process does with the data directory: no tables in memory, then those of the template, restored."""

    def restart(tables=None):
        forget_everything()
        fresh = EmbeddedAws({}, "")
        names = create_tables(fresh.dynamodb(), "dev")
        saved = SavedTables(DataDirectory(tmp_path), fresh)
        saved.restore(names if tables is None else tables)
        saved.start()
        return fresh.dynamodb(), saved

    return restart


def items(client):
    return client.scan(TableName=USERS)["Items"]


def test_items_of_every_type_survive_a_restart(restart):
    client, saved = restart()
    client.put_item(TableName=USERS, Item=EVERY_TYPE)
    saved.stop()

    client, saved = restart()

    assert items(client) == [EVERY_TYPE]
    saved.stop()


def test_more_items_than_a_page_or_a_batch_survive_a_restart(restart):
    client, saved = restart()
    names = {f"user-{number}" for number in range(60)}
    for name in names:
        client.put_item(TableName=USERS, Item={"username_key": {"S": name}, "padding": {"S": "x" * 30_000}})
    saved.stop()

    client, saved = restart()

    pages = client.get_paginator("scan").paginate(TableName=USERS)
    assert {item["username_key"]["S"] for page in pages for item in page["Items"]} == names
    saved.stop()


def test_a_write_is_saved_soon_without_anyone_asking(restart, eventually):
    client, saved = restart()

    client.put_item(TableName=USERS, Item=ALICE)

    eventually(lambda: saved.path.exists() and read_snapshot(saved.path)[USERS] == [ALICE])
    saved.stop()


def test_only_the_owner_can_read_what_is_kept(restart, tmp_path):
    _, saved = restart()
    saved.stop()

    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
    assert stat.S_IMODE(saved.path.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["snapshot.json"], "no temporary file is left"


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
def test_a_damaged_snapshot_is_set_aside_whole_and_said_to_be(restart, capsys, damage):
    client, saved = restart()
    client.put_item(TableName=USERS, Item=ALICE)
    saved.stop()
    damaged = damage(saved.path.read_text())
    saved.path.write_text(damaged)

    client, saved = restart()
    saved.stop()

    [kept] = saved.path.parent.glob("snapshot.corrupt-*.json")
    assert kept.read_text() == damaged
    assert str(kept) in capsys.readouterr().out
    assert items(client) == []
    assert read_snapshot(saved.path)[USERS] == []


def test_a_second_damaged_snapshot_does_not_replace_the_first(restart):
    for damaged in ("first", "second"):
        _, saved = restart()
        saved.stop()
        saved.path.write_text(damaged)
    _, saved = restart()
    saved.stop()
    saved.path.write_text("third")
    _, saved = restart()
    saved.stop()

    kept = saved.path.parent.glob("snapshot.corrupt-*.json")
    assert {path.read_text() for path in kept} == {"first", "second", "third"}


def test_items_of_a_table_that_is_gone_are_said_to_be_and_kept(restart, capsys, tmp_path):
    write_snapshot(tmp_path / "snapshot.json", {"lychgate-dev-gone": [ALICE]})

    _, saved = restart()
    saved.stop()

    assert "1 items of lychgate-dev-gone" in capsys.readouterr().out
    assert read_snapshot(saved.path)["lychgate-dev-gone"] == [ALICE]


def test_items_that_do_not_fit_their_table_stop_the_start_and_stay(restart, tmp_path):
    path = tmp_path / "snapshot.json"
    write_snapshot(path, {USERS: [{"other_key": {"S": "alice"}}]})
    before = path.read_bytes()

    with pytest.raises(LocalError, match=USERS):
        restart()

    assert path.read_bytes() == before


def test_a_save_that_fails_leaves_the_old_snapshot(tmp_path, monkeypatch):
    path = tmp_path / "snapshot.json"
    write_snapshot(path, {USERS: [ALICE]})

    def full_disk(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_snapshot(path, {USERS: []})

    assert read_snapshot(path) == {USERS: [ALICE]}
    assert list(tmp_path.iterdir()) == [path]


def test_the_checksum_covers_every_item(tmp_path):
    path = tmp_path / "snapshot.json"
    write_snapshot(path, {USERS: [ALICE, EVERY_TYPE]})
    document = json.loads(path.read_text())
    document["tables"][USERS].pop()
    path.write_text(json.dumps(document))

    with pytest.raises(CorruptSnapshotError, match="checksum"):
        read_snapshot(path)
