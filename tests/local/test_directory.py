"""Accounts from an earlier version, when the laptop's database begins: they are in the list of users."""

import json

import pytest

from chalicelib.adapters.dynamodb.administrators import KEY
from chalicelib.adapters.dynamodb.items import new_user_to_item
from infra.local.directory import list_users
from infra.local.item_store import Address, ItemStore, create
from tests.support.samples import ALICE

TABLE = "lychgate-dev-users"
EARLIER = ("directory", "canonical_username")


def item(name, *, roles=("user",), disabled=False, is_earlier=True):
    user = type(ALICE)(f"id-of-{name}", name, "$2b$10$x", tuple(roles), 1, disabled=disabled)
    found = new_user_to_item(user)
    return {name: value for name, value in found.items() if not (is_earlier and name in EARLIER)}


def text(members):
    return json.dumps(members, ensure_ascii=False, separators=(",", ":"))


def address(members):
    return Address(TABLE, text({"username_key": members["username_key"]}))


@pytest.fixture
def keeping(tmp_path):
    """Return the items that are in a file, once it was begun with these."""
    path = tmp_path / "database.sqlite3"

    def keeping(*items):
        create(path, [(address(each), text(each)) for each in items])
        store = ItemStore(path)
        list_users(store, TABLE)
        found = {address: json.loads(text) for address, text in store.items()}
        list_users(store, TABLE)
        assert {address: json.loads(text) for address, text in store.items()} == found
        store.close()
        return found

    return keeping


def test_each_user_is_listed_and_nothing_else_is_touched(keeping):
    address_of_kim = {"username_key": {"S": "email#1"}, "owner_id": {"S": "id-of-Kim"}}
    waiting = {"username_key": {"S": "registration#1"}, "password_hash": {"S": "$2b$10$x"}}
    found = keeping(item("Kim"), item("Lée"), address_of_kim, waiting)
    assert found == {
        address(each): each
        for each in (item("Kim", is_earlier=False), item("Lée", is_earlier=False), address_of_kim, waiting)
    }


def test_active_administrators_are_counted_once(keeping):
    users = [item("Kim", roles=("admin",)), item("Lee", roles=("admin",), disabled=True), item("admin")]
    assert keeping(*users)[address(KEY)] == KEY | {"members": {"SS": ["id-of-Kim"]}}


def test_a_count_that_there_is_stays(keeping):
    counted = KEY | {"members": {"SS": ["id-of-Lee"]}}
    assert keeping(item("Kim", roles=("admin",), is_earlier=False), counted)[address(KEY)] == counted


def test_an_item_that_cannot_be_read_is_left_to_who_restores_it(tmp_path):
    path = tmp_path / "database.sqlite3"
    create(path, [(Address(TABLE, "{}"), '{"password_hash":'), (address(item("Kim")), text(item("Kim")))])
    store = ItemStore(path)
    list_users(store, TABLE)
    assert len(list(store.items())) == 2
    store.close()
