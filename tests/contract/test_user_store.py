"""What every ``UserStore`` keeps, in memory and in DynamoDB."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from chalicelib.errors import UsernameTaken
from chalicelib.models import User

ALICE = User(id="u1", username="Alice", password_hash="$2b$10$old", roles=("admin", "user"), created_at=1_800_000_000)


def test_finds_a_user_exactly_as_added(users):
    users.add(ALICE)
    assert users.find("Alice") == ALICE


def test_knows_nobody_who_was_not_added(users):
    users.add(ALICE)
    assert users.find("alic") is None


@pytest.mark.parametrize("spelling", ["alice", "ALICE", "Ａｌｉｃｅ"])
def test_finds_a_user_under_every_spelling_of_the_name(users, spelling):
    users.add(ALICE)
    assert users.find(spelling) == ALICE


@pytest.mark.parametrize("spelling", ["Alice", "aLICE", "Ａｌｉｃｅ"])
def test_refuses_a_second_user_of_one_name_and_keeps_the_first(users, spelling):
    users.add(ALICE)
    with pytest.raises(UsernameTaken):
        users.add(replace(ALICE, id="u2", username=spelling))
    assert users.find("alice") == ALICE


def test_keeps_a_disabled_user_disabled(users):
    users.add(replace(ALICE, disabled=True))
    assert users.find("alice").disabled


def test_of_many_who_register_one_name_at_once_one_gets_it(users):
    def register(number):
        try:
            users.add(replace(ALICE, id=f"u{number}"))
        except UsernameTaken:
            return None
        return f"u{number}"

    with ThreadPoolExecutor(8) as pool:
        winners = [user_id for user_id in pool.map(register, range(8)) if user_id]
    assert winners == [users.find("alice").id]


def test_replaces_a_password_hash_and_nothing_else(users):
    users.add(ALICE)
    users.replace_password_hash(ALICE, "$2b$12$new")
    assert users.find("alice") == replace(ALICE, password_hash="$2b$12$new")


def test_does_not_replace_a_hash_that_was_changed_meanwhile(users):
    users.add(replace(ALICE, password_hash="$2b$10$changed"))
    users.replace_password_hash(ALICE, "$2b$12$new")
    assert users.find("alice").password_hash == "$2b$10$changed"


def test_does_not_bring_back_a_user_who_is_gone(users):
    users.replace_password_hash(ALICE, "$2b$12$new")
    assert users.find("alice") is None
