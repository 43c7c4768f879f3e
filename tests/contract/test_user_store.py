"""What every ``UserStore`` keeps, in memory and in DynamoDB."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from chalicelib.accounts.events import EventType
from chalicelib.errors import Conflict, UsernameTaken
from tests.support.samples import ALICE, CHANGED, DELETED, NOW, REGISTERED, REVOKED, SESSION, admitted


def add(users, user=ALICE, session=SESSION, event=REGISTERED):
    users.add(user, replace(session, user_id=user.id), replace(event, user_id=user.id))


def test_finds_a_user_exactly_as_added(users):
    add(users)
    assert users.find("Alice") == ALICE


def test_knows_nobody_who_was_not_added(users):
    add(users)
    assert users.find("alic") is None


@pytest.mark.parametrize("spelling", ["alice", "ALICE", "Ａｌｉｃｅ"])
def test_finds_a_user_under_every_spelling_of_the_name(users, spelling):
    add(users)
    assert users.find(spelling) == ALICE


def test_adds_the_first_session_and_the_event_with_the_user(users, sessions, events):
    add(users)
    assert sessions.of_user("u1") == [SESSION]
    assert events.recent("u1", 9) == [REGISTERED]


@pytest.mark.parametrize("spelling", ["Alice", "aLICE", "Ａｌｉｃｅ", "ALI\N{LATIN SMALL LETTER C}E"])
def test_refuses_a_second_user_of_one_name_and_keeps_nothing_of_it(users, sessions, events, spelling):
    add(users)
    with pytest.raises(UsernameTaken):
        add(users, replace(ALICE, id="u2", username=spelling))
    assert users.find("alice") == ALICE
    assert sessions.of_user("u2") == []
    assert events.recent("u2", 9) == []


def test_composed_and_decomposed_spellings_are_one_name(users):
    add(users, replace(ALICE, username="\u00c5lice"))
    with pytest.raises(UsernameTaken):
        add(users, replace(ALICE, id="u2", username="A\u030alice"))


def test_keeps_a_disabled_user_disabled(users):
    add(users, replace(ALICE, disabled=True))
    assert users.find("alice").disabled


def test_of_many_who_register_one_name_at_once_one_gets_it(users, sessions):
    spellings = ["alice", "Alice", "ALICE", "Ａｌｉｃｅ"]

    def register(number):
        try:
            add(users, replace(ALICE, id=f"u{number}", username=spellings[number % 4]))
        except UsernameTaken:
            return None
        return f"u{number}"

    with ThreadPoolExecutor(8) as pool:
        winners = [user_id for user_id in pool.map(register, range(8)) if user_id]
    assert winners == [users.find("alice").id]
    assert [bool(sessions.of_user(f"u{number}")) for number in range(8)].count(True) == 1


SUCCESSOR = replace(SESSION, id="s9", epoch=1)


class TestChangingThePassword:
    def test_replaces_the_hash_and_the_session_and_ends_the_others(self, users, sessions, events):
        add(users)
        other = replace(SESSION, id="s2")
        sessions.begin(ALICE, other, REGISTERED, if_ended=REGISTERED)
        before = users.find("alice")
        users.change_password(admitted(before), SESSION, SUCCESSOR, "$2b$10$new", CHANGED)
        changed = users.find("alice")
        assert changed == replace(before, password_hash="$2b$10$new", session_epoch=1)
        assert sessions.of_user("u1") == [SUCCESSOR]
        assert events.recent("u1", 1) == [CHANGED]

    @pytest.mark.parametrize(
        "stale",
        [{"password_hash": "$2b$10$other"}, {"session_epoch": 1}, {"id": "u2"}],
        ids=["another hash", "another epoch", "another user"],
    )
    def test_is_refused_to_whoever_saw_the_account_before_it_changed(self, users, sessions, events, stale):
        add(users)
        with pytest.raises(Conflict):
            users.change_password(admitted(replace(ALICE, **stale)), SESSION, SUCCESSOR, "$2b$10$new", CHANGED)
        assert users.find("alice") == ALICE
        assert sessions.of_user("u1") == [SESSION]
        assert events.recent("u1", 9) == [REGISTERED]

    @pytest.mark.parametrize(
        "seen",
        [{"key_proofs": ("p0", "p1")}, {"key_proof_at": NOW + 1}, {"key_proof_at": NOW + 1, "key_proofs": ("p1",)}],
        ids=["another proof of the second", "a later one of the same name", "a later one"],
    )
    def test_of_a_bound_session_that_has_seen_another_proof_changes_nothing_and_shows_it(
        self, users, sessions, events, seen
    ):
        read = replace(SESSION, key="k1", key_proof_at=NOW, key_proofs=("p0",))
        stored = replace(read, **seen)
        users.add(ALICE, stored, REGISTERED)
        assert users.change_password(admitted(ALICE), read, SUCCESSOR, "$2b$10$new", CHANGED) == stored
        assert users.find("alice") == ALICE
        assert sessions.of_user("u1") == [stored]
        assert events.recent("u1", 9) == [REGISTERED]
        successor = replace(stored, id="s9", epoch=1)
        assert users.change_password(admitted(ALICE), stored, successor, "$2b$10$new", CHANGED) is None
        assert sessions.of_user("u1") == [successor]

    def test_of_a_bound_session_is_not_hindered_by_strangers_without_its_key(self, users, sessions):
        read = replace(SESSION, key="k1", key_proof_at=NOW, key_proofs=("p0",))
        users.add(ALICE, read, REGISTERED)
        sessions.note_without_key(read, replace(REVOKED, type=EventType.REFRESH_WITHOUT_KEY))
        assert users.change_password(admitted(ALICE), read, SUCCESSOR, "$2b$10$new", CHANGED) is None
        assert sessions.of_user("u1") == [SUCCESSOR]

    def test_of_a_bound_session_is_refused_to_whoever_saw_another_account_and_other_proofs(self, users, sessions):
        read = replace(SESSION, key="k1", key_proof_at=NOW, key_proofs=("p0",))
        stored = replace(read, key_proofs=("p0", "p1"))
        users.add(ALICE, stored, REGISTERED)
        stale = replace(ALICE, password_hash="$2b$10$other")
        with pytest.raises(Conflict):
            users.change_password(admitted(stale), read, SUCCESSOR, "$2b$10$new", CHANGED)
        assert sessions.of_user("u1") == [stored]

    def test_is_refused_when_the_session_has_ended(self, users, sessions):
        add(users)
        sessions.end("u1", "s1", REVOKED)
        with pytest.raises(Conflict):
            users.change_password(admitted(ALICE), SESSION, SUCCESSOR, "$2b$10$new", CHANGED)
        assert users.find("alice") == ALICE
        assert sessions.of_user("u1") == []

    def test_of_two_at_once_one_is_done(self, users):
        add(users)

        def change(number):
            try:
                users.change_password(
                    admitted(ALICE), SESSION, replace(SUCCESSOR, id=f"n{number}"), f"$2b$10$new{number}", CHANGED
                )
            except Conflict:
                return None
            return f"$2b$10$new{number}"

        with ThreadPoolExecutor(4) as pool:
            done = [password_hash for password_hash in pool.map(change, range(4)) if password_hash]
        assert done == [users.find("alice").password_hash]


class TestEndingAllSessions:
    def test_puts_the_sessions_of_today_behind_the_user(self, users, sessions, events):
        add(users)
        users.end_all_sessions(ALICE, REVOKED)
        user = users.find("alice")
        assert user == replace(ALICE, session_epoch=1)
        assert sessions.of_user("u1") == []
        assert events.recent("u1", 1) == [REVOKED]

    def test_leaves_the_sessions_that_began_since(self, users, sessions):
        add(users)
        users.end_all_sessions(ALICE, REVOKED)
        since = replace(SESSION, id="s2", epoch=1)
        sessions.begin(users.find("alice"), since, REGISTERED, if_ended=REGISTERED)
        users.end_all_sessions(ALICE, REVOKED)
        assert sessions.of_user("u1") == [since]
        assert not since.belongs_to(users.find("alice"))

    def test_of_a_user_who_is_gone_is_refused_and_makes_none(self, users):
        with pytest.raises(Conflict):
            users.end_all_sessions(ALICE, REVOKED)
        assert users.find("alice") is None

    def test_of_the_last_owner_of_a_name_leaves_the_next_alone(self, users):
        add(users, replace(ALICE, id="u2"))
        with pytest.raises(Conflict):
            users.end_all_sessions(ALICE, REVOKED)
        assert users.find("alice").session_epoch == 0


class TestDeletion:
    def test_forgets_the_user_the_sessions_and_the_history(self, users, sessions, events):
        add(users)
        for number in range(30):
            users.end_all_sessions(ALICE, replace(REVOKED, at=NOW + number))
        users.delete(ALICE, DELETED)
        assert users.find("alice") is None
        assert sessions.of_user("u1") == []
        assert events.recent("u1", 50) == []

    def test_leaves_everybody_else(self, users, sessions, events):
        add(users)
        add(users, replace(ALICE, id="u2", username="Bob"))
        users.delete(ALICE, DELETED)
        assert users.find("bob").id == "u2"
        assert len(sessions.of_user("u2")) == len(events.recent("u2", 9)) == 1

    def test_frees_the_name(self, users):
        add(users)
        users.delete(ALICE, DELETED)
        add(users, replace(ALICE, id="u2"))
        assert users.find("alice").id == "u2"

    def test_twice_is_as_good_as_once(self, users):
        add(users)
        users.delete(ALICE, DELETED)
        users.delete(ALICE, DELETED)
        assert users.find("alice") is None

    @pytest.mark.parametrize(
        "stale", [{"password_hash": "$2b$10$other"}, {"id": "u2"}, {"roles": ("user",)}, {"disabled": True}]
    )
    def test_is_refused_to_whoever_saw_the_account_before_it_changed(self, users, sessions, stale):
        add(users)
        with pytest.raises(Conflict):
            users.delete(replace(ALICE, **stale), DELETED)
        assert users.find("alice") == ALICE
        assert sessions.of_user("u1") == [SESSION]

    def test_is_told_in_the_history_of_nobody(self, users, events):
        add(users)
        users.delete(ALICE, DELETED)
        assert events.recent("u1", 9) == []
