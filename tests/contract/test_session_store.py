"""What every ``SessionStore`` keeps, in memory and in DynamoDB."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from chalicelib.accounts.events import EventType
from chalicelib.accounts.key_proof import KeyProof
from chalicelib.errors import Conflict, ServiceUnavailable
from chalicelib.use_cases.ports import Rotation
from tests.support.samples import ALICE, CHANGED, LOGGED_IN, NOW, REGISTERED, REVOKED, SESSION, admitted


@pytest.fixture
def alice(users):
    """Alice with one session, s1."""
    users.add(ALICE, SESSION, REGISTERED)
    return ALICE


SUCCESSOR = replace(SESSION, id="s9", epoch=1)


def rotate(sessions, counter=0, *, now=NOW + 10, user_id="u1", session_id="s1", **changes):
    use = {"now": now, "idle_expires_at": now + 100, "used_from": "somewhere"}
    return sessions.rotate(user_id, session_id, counter, **use, **changes)


def bind_device(sessions, counter=0, *, device_key="x.y", now=NOW + 10, session_id="s1"):
    use = {"now": now, "idle_expires_at": now + 100, "used_from": "somewhere"}
    return sessions.bind_device("u1", session_id, counter, device_key, **use)


def begin(sessions, user, session_id, **changes):
    session = replace(SESSION, id=session_id, **changes)
    sessions.begin(user, session, LOGGED_IN, if_ended=REVOKED)
    return session


def ids(sessions):
    return sorted(session.id for session in sessions.of_user("u1"))


@pytest.mark.usefixtures("alice")
class TestRotation:
    def test_raises_the_counter_and_renews_the_idle_time(self, sessions):
        rotated = replace(
            SESSION, refresh_counter=1, last_used_at=NOW + 10, idle_expires_at=NOW + 110, last_used_from="somewhere"
        )
        assert rotate(sessions) == Rotation(applied=True, session=rotated)

    def test_with_a_used_counter_changes_nothing_and_shows_the_session(self, sessions):
        after_first = rotate(sessions).session
        assert rotate(sessions, now=NOW + 20) == Rotation(applied=False, session=after_first)
        assert rotate(sessions, counter=1, now=NOW + 30).applied

    def test_with_a_counter_that_is_yet_to_come_changes_nothing(self, sessions):
        assert rotate(sessions, counter=1) == Rotation(applied=False, session=SESSION)

    @pytest.mark.parametrize(("user_id", "session_id"), [("u1", "s2"), ("u2", "s1")])
    def test_of_a_session_that_is_not_there_makes_none(self, sessions, user_id, session_id):
        for _ in range(2):
            rotation = rotate(sessions, user_id=user_id, session_id=session_id)
            assert rotation == Rotation(applied=False, session=None)

    def test_works_until_the_second_before_the_idle_end(self, sessions):
        assert not rotate(sessions, now=NOW + 100).applied
        assert rotate(sessions, now=NOW + 99).applied

    def test_works_until_the_second_before_the_absolute_end(self, sessions):
        begin(sessions, ALICE, "s2", idle_expires_at=NOW + 5000)
        assert not rotate(sessions, session_id="s2", now=NOW + 1000).applied
        assert rotate(sessions, session_id="s2", now=NOW + 999).applied

    def test_of_many_at_once_with_one_counter_exactly_one_is_applied(self, sessions):
        for counter in range(5):
            with ThreadPoolExecutor(8) as pool:
                rotations = list(pool.map(lambda _, c=counter: rotate(sessions, counter=c), range(8)))
            assert [rotation.applied for rotation in rotations].count(True) == 1
            assert {rotation.session.refresh_counter for rotation in rotations} == {counter + 1}


@pytest.mark.usefixtures("alice")
class TestBindingToADevice:
    def test_stores_the_key_and_uses_the_token_up(self, sessions):
        bound = replace(
            SESSION,
            device_key="x.y",
            refresh_counter=1,
            last_used_at=NOW + 10,
            idle_expires_at=NOW + 110,
            last_used_from="somewhere",
        )
        assert bind_device(sessions) == Rotation(applied=True, session=bound)
        assert sessions.find("u1", "s1") == bound

    def test_happens_once(self, sessions):
        bound = bind_device(sessions).session
        for counter in (0, 1):
            assert bind_device(sessions, counter, device_key="another") == Rotation(applied=False, session=bound)

    def test_needs_the_newest_token_of_a_live_session(self, sessions):
        rotated = rotate(sessions).session
        assert bind_device(sessions) == Rotation(applied=False, session=rotated)
        assert not bind_device(sessions, 1, now=NOW + 1000).applied
        assert bind_device(sessions, session_id="s2") == Rotation(applied=False, session=None)

    def test_of_many_at_once_exactly_one_is_applied(self, sessions):
        with ThreadPoolExecutor(8) as pool:
            bound = list(pool.map(lambda number: bind_device(sessions, device_key=f"k{number}"), range(8)))
        assert [binding.applied for binding in bound].count(True) == 1
        assert len({binding.session.device_key for binding in bound}) == 1

    def test_leaves_the_key_of_the_client_and_its_proofs(self, sessions):
        begin(sessions, ALICE, "s2", key="k", key_proof_at=NOW, key_proofs=("p",))
        bound = bind_device(sessions, session_id="s2").session
        assert (bound.device_key, bound.key, bound.key_proof_at, bound.key_proofs) == ("x.y", "k", NOW, ("p",))

    def test_lets_only_the_device_go_on(self, sessions):
        bound = bind_device(sessions).session
        assert rotate(sessions, 1) == Rotation(applied=False, session=bound)
        assert rotate(sessions, 1, on_device=True).applied

    def test_asks_for_both_where_a_key_of_the_client_is_bound_too(self, sessions):
        begin(sessions, ALICE, "s2", key="k", key_proof_at=NOW, key_proofs=("p",))
        bind_device(sessions, session_id="s2")
        for at in (NOW, NOW + 10):
            proof = KeyProof("k", "q", at)
            assert not rotate(sessions, 1, session_id="s2", on_device=True).applied
            assert not rotate(sessions, 1, session_id="s2", key_proof=proof).applied
        assert rotate(sessions, 1, session_id="s2", key_proof=KeyProof("k", "q", NOW), on_device=True).applied

    def test_lets_only_the_device_end_it(self, sessions):
        bound = bind_device(sessions).session
        assert sessions.end_at("u1", "s1", 1, LOGGED_IN) == Rotation(applied=False, session=bound)
        assert sessions.end_at("u1", "s1", 1, LOGGED_IN, on_device=True).applied
        assert sessions.find("u1", "s1") is None


CONFIRMED = replace(REVOKED, type=EventType.REAUTHENTICATED, at=NOW + 50)


def reauthenticate(sessions, user_id="u1", session_id="s1", **changes):
    session = replace(SESSION, id=session_id, user_id=user_id, authenticated_at=NOW + 50, **changes)
    return sessions.reauthenticate(replace(ALICE, id=user_id), session, replace(CONFIRMED, user_id=user_id))


NOTED = {"retried_counter": 0, "retried_in_a_row": 1}


@pytest.mark.usefixtures("alice")
class TestNotesOfRetries:
    def test_are_kept_beside_the_session_and_record_nothing_by_themselves(self, sessions, events):
        rotated = rotate(sessions).session
        after = replace(rotated, **NOTED)
        assert sessions.note_retry(rotated, after, None) == Rotation(applied=True, session=after)
        assert sessions.of_user("u1") == [after]
        assert events.recent("u1", 9) == [REGISTERED]

    def test_record_an_event_in_the_same_step(self, sessions, events):
        rotated = rotate(sessions).session
        after = replace(rotated, **NOTED, elsewhere_counter=0, elsewhere_at=NOW + 12)
        elsewhere = replace(REVOKED, type=EventType.REFRESH_RETRIED_ELSEWHERE)
        assert sessions.note_retry(rotated, after, elsewhere).applied
        assert sessions.of_user("u1") == [after]
        assert events.recent("u1", 1) == [elsewhere]

    @pytest.mark.parametrize("event", [None, REVOKED])
    def test_that_another_one_came_before_are_refused_and_show_the_session(self, sessions, events, event):
        rotated = rotate(sessions).session
        first = replace(rotated, **NOTED)
        sessions.note_retry(rotated, first, None)
        second = replace(rotated, retried_counter=0, retried_in_a_row=2)
        assert sessions.note_retry(rotated, second, event) == Rotation(applied=False, session=first)
        assert sessions.of_user("u1") == [first]
        assert events.recent("u1", 9) == [REGISTERED]

    @pytest.mark.parametrize("event", [None, REVOKED])
    def test_of_a_session_that_has_ended_bring_it_not_back(self, sessions, event):
        rotated = rotate(sessions).session
        sessions.end("u1", "s1", REVOKED)
        assert sessions.note_retry(rotated, replace(rotated, **NOTED), event) == Rotation(applied=False, session=None)
        assert sessions.of_user("u1") == []

    def test_do_not_depend_on_a_rotation_that_came_between(self, sessions):
        rotated = rotate(sessions).session
        newest = rotate(sessions, counter=1).session
        assert sessions.note_retry(rotated, replace(rotated, **NOTED), None).applied
        assert sessions.of_user("u1") == [replace(newest, **NOTED)]

    def test_of_many_at_once_exactly_one_is_applied(self, sessions):
        rotated = rotate(sessions).session
        after = replace(rotated, **NOTED)
        with ThreadPoolExecutor(6) as pool:
            noted = list(pool.map(lambda _: sessions.note_retry(rotated, after, None), range(6)))
        assert [rotation.applied for rotation in noted].count(True) == 1


@pytest.mark.usefixtures("alice")
class TestReauthentication:
    def test_is_kept_with_the_session_and_recorded_in_the_same_step(self, sessions, events):
        assert reauthenticate(sessions) is True
        assert sessions.of_user("u1") == [replace(SESSION, authenticated_at=NOW + 50)]
        assert events.recent("u1", 1) == [CONFIRMED]

    def test_stays_through_a_rotation_and_leaves_the_rotation(self, sessions):
        rotated = rotate(sessions).session
        assert reauthenticate(sessions)
        assert sessions.of_user("u1") == [replace(rotated, authenticated_at=NOW + 50)]
        assert rotate(sessions, counter=1).session.authenticated_at == NOW + 50

    @pytest.mark.parametrize(("user_id", "session_id"), [("u1", "s2"), ("u2", "s1")])
    def test_of_a_session_that_is_not_there_makes_none_and_records_nothing(self, sessions, events, user_id, session_id):
        assert reauthenticate(sessions, user_id, session_id) is False
        assert sessions.of_user(user_id) == ([SESSION] if user_id == "u1" else [])
        assert CONFIRMED.type not in {event.type for event in events.recent(user_id, 9)}

    def test_of_a_session_that_has_ended_brings_it_not_back(self, sessions, events):
        sessions.end("u1", "s1", REVOKED)
        assert reauthenticate(sessions) is False
        assert sessions.of_user("u1") == []
        assert events.recent("u1", 1) == [REVOKED]

    def test_against_the_end_of_the_session_leaves_it_ended(self, sessions):
        with ThreadPoolExecutor(5) as pool:
            confirmed = [pool.submit(reauthenticate, sessions) for _ in range(4)]
            assert pool.submit(sessions.end, "u1", "s1", REVOKED).result() is True
            assert {future.result() for future in confirmed} <= {True, False}
        assert sessions.of_user("u1") == []


@pytest.mark.usefixtures("alice")
class TestEnding:
    def test_a_session_takes_it_away_and_records_why(self, sessions, events):
        assert sessions.end("u1", "s1", REVOKED) is True
        assert rotate(sessions) == Rotation(applied=False, session=None)
        assert events.recent("u1", 1) == [REVOKED]

    def test_a_session_twice_is_said_and_recorded_once(self, sessions, events):
        sessions.end("u1", "s1", REVOKED)
        assert sessions.end("u1", "s1", REVOKED) is False
        assert events.recent("u1", 9) == [REVOKED, REGISTERED]

    @pytest.mark.parametrize(("user_id", "session_id"), [("u1", "s2"), ("u2", "s1"), ("u1", "x" * 500)])
    def test_a_session_that_is_not_there_changes_nothing(self, sessions, events, user_id, session_id):
        assert sessions.end(user_id, session_id, replace(REVOKED, user_id=user_id)) is False
        assert sessions.of_user("u1") == [SESSION]
        assert REVOKED.type not in {event.type for event in events.recent(user_id, 9)}

    def test_one_session_leaves_the_users_others(self, sessions):
        begin(sessions, ALICE, "s2")
        sessions.end("u1", "s1", REVOKED)
        assert rotate(sessions, session_id="s2").applied

    def test_a_session_at_its_counter_takes_it_away_and_records_why(self, sessions, events):
        rotate(sessions)
        assert sessions.end_at("u1", "s1", 1, REVOKED) == Rotation(applied=True, session=None)
        assert sessions.of_user("u1") == []
        assert events.recent("u1", 1) == [REVOKED]

    @pytest.mark.parametrize("counter", [0, 2])
    def test_a_session_at_another_counter_changes_nothing_and_shows_the_session(self, sessions, events, counter):
        rotated = rotate(sessions).session
        assert sessions.end_at("u1", "s1", counter, REVOKED) == Rotation(applied=False, session=rotated)
        assert sessions.of_user("u1") == [rotated]
        assert events.recent("u1", 9) == [REGISTERED]

    @pytest.mark.parametrize(("user_id", "session_id"), [("u1", "s2"), ("u2", "s1")])
    def test_a_session_that_is_not_there_at_any_counter_changes_nothing(self, sessions, events, user_id, session_id):
        assert sessions.end_at(user_id, session_id, 0, REVOKED) == Rotation(applied=False, session=None)
        assert sessions.of_user("u1") == [SESSION]
        assert events.recent("u1", 9) == [REGISTERED]

    def test_a_session_at_its_counter_many_times_at_once_is_said_and_recorded_once(self, sessions, events):
        with ThreadPoolExecutor(6) as pool:
            endings = list(pool.map(lambda _: sessions.end_at("u1", "s1", 0, REVOKED), range(6)))
        assert [ending.applied for ending in endings].count(True) == 1
        assert events.recent("u1", 9) == [REVOKED, REGISTERED]

    @pytest.mark.parametrize("first", ["rotate", "end"])
    def test_against_a_refresh_in_either_order_leaves_the_session_ended(self, sessions, first):
        if first == "rotate":
            assert rotate(sessions).applied
            assert sessions.end("u1", "s1", REVOKED)
        else:
            assert sessions.end("u1", "s1", REVOKED)
            assert not rotate(sessions).applied
        assert rotate(sessions, counter=1) == Rotation(applied=False, session=None)

    def test_at_the_same_time_as_refreshes_leaves_the_session_ended(self, sessions):
        with ThreadPoolExecutor(6) as pool:
            refreshes = [pool.submit(rotate, sessions) for _ in range(5)]
            assert pool.submit(sessions.end, "u1", "s1", REVOKED).result() is True
            assert [refresh.result().applied for refresh in refreshes].count(True) <= 1
        assert sessions.of_user("u1") == []


class TestBeginning:
    def test_keeps_the_session_and_records_it(self, sessions, users, events, alice):
        session = begin(sessions, alice, "s2")
        assert ids(sessions) == ["s1", "s2"]
        assert session in sessions.of_user("u1")
        assert users.find("alice") == alice
        assert events.recent("u1", 1) == [LOGGED_IN]

    def test_may_replace_the_hash_in_the_same_step(self, sessions, users, alice):
        session = replace(SESSION, id="s2")
        sessions.begin(alice, session, LOGGED_IN, if_ended=REVOKED, password_hash="$2b$12$new")
        assert users.find("alice") == replace(alice, password_hash="$2b$12$new")

    @pytest.mark.parametrize(
        "stale",
        [{"password_hash": "$2b$10$other"}, {"session_epoch": 1}, {"id": "u2"}, {"username": "nobody"}],
        ids=["another hash", "another epoch", "another user", "no user"],
    )
    def test_is_refused_to_whoever_saw_the_account_before_it_changed(self, sessions, users, events, alice, stale):
        with pytest.raises(Conflict):
            begin(sessions, replace(alice, **stale), "s2")
        assert sessions.of_user("u1") == [SESSION]
        assert users.find("alice") == alice
        assert users.find("nobody") is None
        assert events.recent("u1", 9) == [REGISTERED]

    def test_is_refused_to_a_disabled_user(self, sessions, users):
        disabled = replace(ALICE, disabled=True)
        users.add(disabled, SESSION, REGISTERED)
        with pytest.raises(Conflict):
            begin(sessions, disabled, "s2")
        assert sessions.of_user("u1") == [SESSION]

    @pytest.mark.parametrize("read", ["before", "after"])
    def test_at_the_limit_ends_the_oldest_and_records_that(self, make_stores, users, events, alice, read):
        sessions = make_stores(2).sessions
        begin(sessions, alice, "s2", created_at=NOW + 1)
        user = alice if read == "before" else users.find("alice")
        assert sessions.begin(user, replace(SESSION, id="s3", created_at=NOW + 2), LOGGED_IN, if_ended=REVOKED)
        assert ids(sessions) == ["s2", "s3"]
        assert {event.type for event in events.recent("u1", 2)} == {LOGGED_IN.type, REVOKED.type}
        assert sessions.begin(user, replace(SESSION, id="s4", created_at=NOW + 3), LOGGED_IN, if_ended=REVOKED)
        assert ids(sessions) == ["s3", "s4"]

    def test_at_the_limit_sessions_that_are_over_make_room_and_end_nothing(self, make_stores, events, alice):
        sessions = make_stores(2).sessions
        begin(sessions, alice, "s2", created_at=NOW + 1)
        later = replace(SESSION, id="s3", created_at=NOW + 500, idle_expires_at=NOW + 600)
        assert not sessions.begin(alice, later, LOGGED_IN, if_ended=REVOKED)
        assert ids(sessions) == ["s3"]
        assert REVOKED.type not in {event.type for event in events.recent("u1", 9)}

    def test_at_the_limit_sessions_that_were_ended_make_room(self, make_stores, events, alice):
        sessions = make_stores(2).sessions
        for number in range(5):
            begin(sessions, alice, f"n{number}", created_at=NOW + number)
            sessions.end("u1", f"n{number}", REVOKED)
        assert ids(sessions) == ["s1"]

    def test_of_many_at_once_never_passes_the_limit(self, make_stores, alice):
        sessions = make_stores(4).sessions

        def attempt(number):
            try:
                begin(sessions, alice, f"n{number}", created_at=NOW + number)
            except ServiceUnavailable:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            begun = list(pool.map(attempt, range(8)))
        assert begun.count(True) >= 3
        assert len(sessions.of_user("u1")) == 4

    def test_with_a_lowered_limit_ends_all_that_are_too_many(self, make_stores, sessions, alice):
        for number in range(49):
            begin(sessions, alice, f"n{number:02}")
        assert len(sessions.of_user("u1")) == 50
        begin(make_stores(1).sessions, alice, "last", created_at=NOW + 1)
        assert ids(sessions) == ["last"]

    def test_against_a_change_of_the_password_leaves_no_session_of_the_old_one(self, sessions, users, alice):
        with ThreadPoolExecutor(4) as pool:
            begun = [pool.submit(begin, sessions, alice, f"n{number}") for number in range(3)]
            changed = pool.submit(users.change_password, admitted(alice), SESSION, SUCCESSOR, "$2b$10$new", CHANGED)
            assert all(isinstance(future.exception(), Conflict | None) for future in [*begun, changed])
        user = users.find("alice")
        assert changed.exception() is None
        assert [session.id for session in sessions.of_user("u1") if session.belongs_to(user)] == ["s9"]


class TestReading:
    def test_a_session_comes_with_its_user(self, sessions, alice):
        assert sessions.with_user("ALICE", "u1", "s1") == (alice, SESSION)

    def test_what_is_not_there_is_none(self, sessions, alice):
        assert sessions.with_user("alice", "u1", "s2") == (alice, None)
        assert sessions.with_user("bob", "u1", "s1") == (None, SESSION)
        assert sessions.with_user("bob", "u2", "s2") == (None, None)

    def test_all_sessions_are_those_of_the_one_user(self, sessions, users, alice):
        users.add(
            replace(alice, id="u2", username="Bob"),
            replace(SESSION, user_id="u2", username="Bob"),
            replace(REGISTERED, user_id="u2"),
        )
        assert sessions.of_user("u1") == [SESSION]
        assert sessions.of_user("u3") == []
