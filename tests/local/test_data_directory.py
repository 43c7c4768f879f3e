"""`make dev` after something has happened to its data directory: it goes on, or one line says what to do."""

import json
import os
import shutil
import signal

import pytest

from infra.keys.ring import new_ring
from tests.local.conftest import ROOT

ALICE = {"username": "alice", "password": "correct horse battery staple"}
QUICK = {"LYCHGATE_BCRYPT_COST": "10"}


@pytest.fixture(scope="module")
def of_alice(tmp_path_factory):
    """A data directory with her account, filled by whoever asks for it first."""
    return tmp_path_factory.mktemp("alice") / "data"


@pytest.fixture
def start(run, run_until_ready):
    def start(data, *, until_ready=True):
        return (run_until_ready if until_ready else run)("--data-dir", data, **QUICK)

    return start


@pytest.fixture
def post(ask):
    def post(running, route):
        headers = {"Content-Type": "application/json"}
        return ask(running.port_of("Page"), "POST", f"/api/auth/{route}", headers, json.dumps(ALICE).encode()).status

    return post


@pytest.fixture
def data(of_alice, start, post, tmp_path):
    """A copy of the data directory, and what a killed run leaves beside its files."""
    if not of_alice.exists():
        running = start(of_alice)
        assert post(running, "register") == 201
        running.send(signal.SIGINT)
    copy = shutil.copytree(of_alice, tmp_path / "data")
    copy.chmod(0o700)
    (copy / "credentials").write_text("[default]\naws_access_key_id = local\naws_secret_access_key = of-yesterday\n")
    return copy


def gone(path):
    path.unlink()


def empty(path):
    path.write_bytes(b"")


def garbage(path):
    path.write_bytes(b"\xff{garbage" * 100)


@pytest.mark.parametrize(
    "damages",
    [
        (gone, empty, garbage),
        pytest.param((empty, garbage, gone), marks=pytest.mark.exhaustive),
        pytest.param((garbage, gone, empty), marks=pytest.mark.exhaustive),
    ],
)
def test_what_can_be_made_again_is(start, post, data, damages):
    for name, damage in zip(("credentials", "lock", "public-keys.json"), damages, strict=True):
        damage(data / name)

    running = start(data)

    assert post(running, "login") == 200


def contents(data, damaged):
    """Each file, and the names only of those that count how often they were opened."""
    counting = {"lock", "database.sqlite3"} - {damaged}
    return {path.name: path.name in counting or path.read_bytes() for path in data.iterdir()}


def another_ring(path):
    path.write_text(json.dumps(new_ring()))


@pytest.mark.parametrize(
    ("name", "damage", "says"),
    [
        ("signing-keys.json", gone, "is missing. Without it no password of the account in"),
        ("signing-keys.json", another_ring, "is not the one with which the account in"),
        ("signing-keys.json", empty, "is damaged"),
        ("signing-keys.json", garbage, "is damaged"),
        ("database.sqlite3", empty, "is damaged"),
        ("database.sqlite3", garbage, "is damaged"),
    ],
)
def test_a_start_that_would_lose_accounts_is_refused_in_one_line_and_changes_nothing(start, data, name, damage, says):
    damage(data / name)
    before = contents(data, name)

    running = start(data, until_ready=False)

    assert running.ended() == 1
    [line] = running.output.splitlines()
    assert line.startswith(f"lychgate: {data / name} {says}")
    assert "Restore it, or" in line
    assert contents(data, name) == before


@pytest.mark.parametrize(
    ("lost", "told"), [("signing-keys.json", "or delete database.sqlite3 beside it"), ("database.sqlite3", "move it")]
)
def test_who_does_what_the_line_says_starts_without_accounts(start, post, data, lost, told):
    damage = {"signing-keys.json": gone, "database.sqlite3": garbage}[lost]
    damage(data / lost)
    refused = start(data, until_ready=False)
    assert refused.ended() == 1
    assert told in refused.output

    (data / "database.sqlite3").unlink()
    running = start(data)

    assert [post(running, route) for route in ("login", "register", "login")] == [401, 201, 200]


def test_who_restores_the_lost_file_has_all_accounts_again(start, post, data):
    keys = (data / "signing-keys.json").read_text()
    (data / "signing-keys.json").unlink()
    assert start(data, until_ready=False).ended() == 1

    (data / "signing-keys.json").write_text(keys)

    assert post(start(data), "login") == 200


def test_without_accounts_the_keys_stay(start, post, data):
    keys = (data / "signing-keys.json").read_text()
    (data / "database.sqlite3").unlink()

    running = start(data)

    assert post(running, "login") == 401
    assert (data / "signing-keys.json").read_text() == keys


def test_a_relative_path_is_one_below_the_current_folder(start, post, data):
    running = start(os.path.relpath(data, ROOT))

    assert f"kept in {data}" in running.output
    assert post(running, "login") == 200


@pytest.mark.parametrize("name", ["lock", "database.sqlite3", "signing-keys.json"])
def test_a_file_that_cannot_be_opened_is_one_line_that_names_it(start, data, name):
    (data / name).unlink()
    (data / name).mkdir()

    running = start(data, until_ready=False)

    assert running.ended() == 1
    [line] = running.output.splitlines()
    assert line.startswith("lychgate: ")
    assert str(data) in line
    assert "cannot be" in line
