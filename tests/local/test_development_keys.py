import base64
import json
import stat
from contextlib import closing

import pytest

from infra.keys.ring import new_ring
from infra.local.data_directory import DataDirectory
from infra.local.development_keys import development_keys, keys_in_use
from infra.local.errors import LocalError
from infra.local.item_store import Address
from infra.local.opened_store import open_store

ALICE = {"username_key": {"S": "alice"}, "password_hash": {"S": "$2b$12$abc"}}
COUNTER = {"username_key": {"S": "nobody"}, "failures": {"N": "3"}}


@pytest.fixture
def directory(tmp_path):
    return DataDirectory(tmp_path / "data")


@pytest.fixture
def store(directory):
    with closing(open_store(directory)) as store:
        yield store


@pytest.fixture
def keep(store):
    def keep(item):
        store.change({Address("users", json.dumps(item["username_key"])): json.dumps(item)})

    return keep


@pytest.fixture
def path(directory):
    return directory.path / "signing-keys.json"


def test_keys_are_made_once_and_used_again(directory, store):
    first = development_keys(directory, store)

    assert development_keys(directory, store) == first
    assert first.signing_keys == (directory.path / "signing-keys.json").read_text()
    assert first.public_keys == (directory.path / "public-keys.json").read_text()
    assert keys_in_use(directory) == first


def test_only_the_owner_can_read_the_private_keys(directory, store, path):
    development_keys(directory, store)

    assert stat.S_IMODE(directory.path.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_keys_have_the_form_that_the_application_reads(directory, store):
    keys = development_keys(directory, store)

    private = json.loads(keys.signing_keys)
    [signing_key] = private["keys"]
    [public_key] = json.loads(keys.public_keys)["keys"]
    assert {name: value for name, value in signing_key.items() if name != "d"} == public_key
    assert (signing_key["kty"], signing_key["crv"], signing_key["alg"]) == ("EC", "P-256", "ES256")
    assert len(base64.urlsafe_b64decode(private["pepper"] + "=")) == 32


@pytest.mark.parametrize("spoil", [lambda path: path.write_text('{"keys": []}'), lambda path: path.unlink()])
def test_the_public_set_follows_the_private_one(directory, store, spoil):
    first = development_keys(directory, store)
    spoil(directory.path / "public-keys.json")

    assert development_keys(directory, store).public_keys == first.public_keys
    assert (directory.path / "public-keys.json").read_text() == first.public_keys


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:50],
        lambda text: "",
        lambda text: "[]",
        lambda text: "[" * 200_000,
        lambda text: json.dumps({**json.loads(text), "keys": []}),
        lambda text: json.dumps({**json.loads(text), "keys": [{"kid": "x"}]}),
        lambda text: json.dumps({**json.loads(text), "pepper": "short"}),
        lambda text: json.dumps({"keys": json.loads(text)["keys"]}),
    ],
)
def test_a_damaged_key_file_is_an_error_that_names_it_and_not_replaced(directory, store, path, damage):
    development_keys(directory, store)
    damaged = damage(path.read_text())
    path.write_text(damaged)

    for read in (lambda: development_keys(directory, store), lambda: keys_in_use(directory)):
        with pytest.raises(LocalError, match=f"{path} is damaged: .*delete it and database.sqlite3 beside it"):
            read()

    assert path.read_text() == damaged


def test_a_key_file_that_is_not_text_is_damaged(directory, store, path):
    path.write_bytes(b"\xff")

    with pytest.raises(LocalError, match="is damaged"):
        development_keys(directory, store)


def test_a_key_file_that_cannot_be_read_is_not_said_to_be_damaged(directory, store, path):
    path.mkdir()

    with pytest.raises(LocalError, match=f"{path} cannot be read: Is a directory"):
        development_keys(directory, store)


def test_no_keys_are_made_for_accounts_that_need_the_lost_ones(directory, store, path, keep):
    development_keys(directory, store)
    keep(ALICE)
    path.unlink()

    with pytest.raises(LocalError) as refused:
        development_keys(directory, store)

    assert str(refused.value) == (
        f"{path} is missing. Without it no password of the account in {store.path} can be verified. Restore it, or "
        "delete database.sqlite3 beside it to start with new keys and without accounts"
    )
    assert not path.exists()


def test_no_other_keys_are_taken_for_accounts_that_need_the_lost_ones(directory, store, path, keep):
    development_keys(directory, store)
    own = path.read_text()
    keep(ALICE)
    keep({**ALICE, "username_key": {"S": "bob"}})
    path.write_text(json.dumps(new_ring()))

    with pytest.raises(LocalError, match=f"{path} is not the one with which the 2 accounts in {store.path} began"):
        development_keys(directory, store)

    path.write_text(own)
    assert development_keys(directory, store).signing_keys == own


@pytest.mark.parametrize("lose", [lambda path: path.unlink(), lambda path: path.write_text(json.dumps(new_ring()))])
def test_without_accounts_new_keys_are_as_good_as_the_lost_ones(directory, store, path, keep, lose):
    first = development_keys(directory, store)
    keep(COUNTER)
    lose(path)

    second = development_keys(directory, store)
    keep(ALICE)

    assert second.signing_keys != first.signing_keys
    assert development_keys(directory, store) == second


def test_keys_and_peppers_may_come_and_go_as_the_command_makes_them(directory, store, path, keep):
    development_keys(directory, store)
    keep(ALICE)
    ring = json.loads(path.read_text())
    later = [{"id": "p1", "pepper": new_ring()["pepper"], "nbf": 1}]
    added = {**ring, "keys": new_ring()["keys"], "peppers": later}
    retired = {"keys": added["keys"], "peppers": later}

    for changed in (added, retired):
        path.write_text(json.dumps(changed))
        assert json.loads(development_keys(directory, store).signing_keys) == changed


def test_of_a_pepper_only_a_digest_is_kept_beside_the_accounts(directory, store, path):
    development_keys(directory, store)
    pepper = json.loads(path.read_text())["pepper"]
    store.close()

    kept = store.path.read_bytes()
    assert pepper.encode() not in kept
    assert base64.urlsafe_b64decode(pepper + "=") not in kept


def test_the_keys_of_a_running_database_are_not_made_anew(directory):
    with pytest.raises(LocalError, match="end that database and start it again"):
        keys_in_use(directory)

    assert not (directory.path / "signing-keys.json").exists()
