"""What every ``SessionStore`` keeps, in memory and in DynamoDB."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from chalicelib.accounts.events import EventType
from chalicelib.accounts.key_proof import KeyProof
from chalicelib.accounts.session import MOST_PROOFS, WITHOUT_KEY_INTERVAL
from chalicelib.errors import Conflict, ServiceUnavailable
from chalicelib.use_cases.ports import Rotation
from tests.support.samples import ALICE, CHANGED, LOGGED_IN, NOW, REGISTERED, REVOKED, SESSION, admitted


@pytest.fixture
def alice(users):
    """Alice with one session, s1."""
    users.add(ALICE, SESSION, REGISTERED)
    return ALICE


SUCCESSOR = replace(SESSION, id="s9", epoch=1)


def rotate(sessions, counter=0, *, now=NOW + 10, user_id="u1", session_id="s1", key_proof=None, on_device=False):
    return sessions.rotate(
        user_id,
        session_id,
        counter,
        now=now,
        idle_expires_at=now + 100,
        used_from="somewhere",
        key_proof=key_proof,
        on_device=on_device,
    )


def bind_device(sessions, counter=0, *, device_key="x.y", now=NOW + 10, session_id="s1"):
    use = {"now": now, "idle_expires_at": now + 100, "used_from": "somewhere"}
    return sessions.bind_device("u1", session_id, counter, device_key, **use)


def rotated_once():
    return replace(
        SESSION, refresh_counter=1, last_used_at=NOW + 10, idle_expires_at=NOW + 110, last_used_from="somewhere"
    )


def begin(sessions, user, session_id, **changes):
    session = replace(SESSION, id=session_id, **changes)
    sessions.begin(user, session, LOGGED_IN, if_ended=REVOKED)
    return session


def ids(sessions):
    return sorted(session.id for session in sessions.of_user("u1"))


@pytest.mark.usefixtures("alice")
class TestRotation:
    def test_raises_the_counter_and_renews_the_idle_time(self, sessions):
        assert rotate(sessions) == Rotation(applied=True, session=rotated_once())

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

    def test_waits_for_the_device_where_the_client_has_a_key(self, sessions):
        begin(sessions, ALICE, "s2", key="k", key_proof_at=NOW, key_proofs=("p",))
        offered = replace(sessions.find("u1", "s2"), device_key="x.y", device_waits=True)
        assert bind_device(sessions, session_id="s2") == Rotation(applied=True, session=offered)
        assert sessions.find("u1", "s2") == offered

    def test_waits_with_any_token_of_a_live_session_and_for_one_device(self, sessions):
        begin(sessions, ALICE, "s2", key="k", key_proof_at=NOW, key_proofs=("p",))
        assert rotate(sessions, session_id="s2", key_proof=KeyProof("k", "q", NOW)).applied
        assert not bind_device(sessions, session_id="s2", now=NOW + 110).applied
        assert bind_device(sessions, session_id="s2").applied
        assert not bind_device(sessions, session_id="s2", device_key="another").applied
        assert sessions.find("u1", "s2").device_key == "x.y"

    def test_of_many_devices_at_once_it_waits_for_one(self, sessions):
        begin(sessions, ALICE, "s2", key="k", key_proof_at=NOW, key_proofs=("p",))
        with ThreadPoolExecutor(8) as pool:
            offered = list(
                pool.map(lambda number: bind_device(sessions, session_id="s2", device_key=f"k{number}"), range(8))
            )
        assert [binding.applied for binding in offered].count(True) == 1
        assert len({binding.session.device_key for binding in offered}) == 1

    def test_lets_the_key_alone_continue_and_end_it_while_it_waits(self, sessions):
        for session_id in ("s2", "s3"):
            begin(sessions, ALICE, session_id, key="k", key_proof_at=NOW, key_proofs=("p",))
            bind_device(sessions, session_id=session_id)
        assert not rotate(sessions, session_id="s2", on_device=True).applied
        assert rotate(sessions, session_id="s2", key_proof=KeyProof("k", "q", NOW + 10)).session.device_waits
        assert sessions.end_at("u1", "s3", 0, LOGGED_IN, key_proof=KeyProof("k", "q", NOW + 10)).applied

    def test_lets_only_the_device_go_on(self, sessions):
        bound = bind_device(sessions).session
        assert rotate(sessions, 1) == Rotation(applied=False, session=bound)
        assert rotate(sessions, 1, on_device=True).applied

    def test_asks_for_both_where_a_key_of_the_client_is_bound_too(self, sessions):
        begin(sessions, ALICE, "s2", key="k", key_proof_at=NOW, key_proofs=("p",))
        bind_device(sessions, session_id="s2")
        needed = rotate(sessions, session_id="s2", key_proof=KeyProof("k", "o", NOW), on_device=True)
        assert needed.applied
        assert not needed.session.device_waits
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


def next_device_turn(sessions, turn="", *, device_key="x.y", now=NOW + 20, session_id="s1"):
    return sessions.next_device_turn("u1", session_id, device_key, turn, now=now)


@pytest.mark.usefixtures("alice")
class TestTurnsOfADevice:
    @pytest.fixture
    def bound(self, sessions):
        return bind_device(sessions).session

    def test_each_ends_once_and_another_begins(self, sessions, bound):
        turns = [""]
        for _ in range(3):
            ended = next_device_turn(sessions, turns[-1])
            assert ended == Rotation(applied=True, session=replace(bound, device_turn=ended.session.device_turn))
            assert sessions.find("u1", "s1") == ended.session
            for used in turns:
                assert next_device_turn(sessions, used) == Rotation(applied=False, session=ended.session)
            turns.append(ended.session.device_turn)
        assert len(set(turns)) == 4

    def test_no_other_key_ends_one(self, sessions, bound):
        assert next_device_turn(sessions, device_key="another") == Rotation(applied=False, session=bound)

    def test_a_session_that_is_not_bound_or_not_there_has_none(self, sessions):
        assert next_device_turn(sessions) == Rotation(applied=False, session=SESSION)
        assert next_device_turn(sessions, session_id="s2") == Rotation(applied=False, session=None)

    def test_ends_until_the_second_before_the_idle_end_of_the_session(self, sessions, bound):
        assert not next_device_turn(sessions, now=bound.idle_expires_at).applied
        assert next_device_turn(sessions, now=bound.idle_expires_at - 1).applied

    def test_ends_until_the_second_before_the_absolute_end_of_the_session(self, sessions):
        begin(sessions, ALICE, "s2", expires_at=NOW + 60)
        bind_device(sessions, session_id="s2")
        assert not next_device_turn(sessions, session_id="s2", now=NOW + 60).applied
        assert next_device_turn(sessions, session_id="s2", now=NOW + 59).applied

    def test_of_many_at_once_with_one_turn_exactly_one_is_applied(self, sessions, bound):
        with ThreadPoolExecutor(8) as pool:
            ended = list(pool.map(lambda _: next_device_turn(sessions), range(8)))
        assert [turn.applied for turn in ended].count(True) == 1
        assert len({turn.session.device_turn for turn in ended}) == 1

    def test_a_refresh_leaves_it(self, sessions, bound):
        turn = next_device_turn(sessions).session.device_turn
        assert rotate(sessions, 1, on_device=True).session.device_turn == turn


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


def proof(name="p1", at=NOW + 10, key="k1"):
    return KeyProof(key, name, at)


BOUND = replace(SESSION, key="k1", key_proof_at=NOW, key_proofs=("p0",))
WITHOUT_KEY = replace(REVOKED, type=EventType.REFRESH_WITHOUT_KEY)


@pytest.fixture
def bound(users):
    """Alice with one session, s1, whose log-in came with the proof p0."""
    users.add(ALICE, BOUND, REGISTERED)
    return BOUND


class TestRotationOfABoundSession:
    def test_with_a_later_proof_keeps_that_proof_alone(self, sessions, bound):
        rotated = replace(
            bound,
            refresh_counter=1,
            last_used_at=NOW + 10,
            idle_expires_at=NOW + 110,
            last_used_from="somewhere",
            key_proof_at=NOW + 10,
            key_proofs=("p1",),
        )
        assert rotate(sessions, key_proof=proof()) == Rotation(applied=True, session=rotated)
        assert sessions.of_user("u1") == [rotated]

    def test_with_another_proof_of_the_same_second_keeps_both(self, sessions, bound):
        rotated = rotate(sessions, key_proof=proof(at=NOW)).session
        assert (rotated.key_proof_at, rotated.key_proofs) == (NOW, ("p0", "p1"))
        assert rotate(sessions, counter=1, key_proof=proof("p2", at=NOW)).session.key_proofs == ("p0", "p1", "p2")

    @pytest.mark.parametrize(
        "refused",
        [
            None,
            proof(key="k2"),
            proof(key=""),
            proof("p0", at=NOW),
            proof(at=NOW - 1),
            proof("p0", at=NOW - 1),
        ],
        ids=["none", "by another key", "by no key", "the last one", "older", "older and used"],
    )
    def test_with_what_proves_nothing_new_changes_nothing_and_shows_the_session(self, sessions, bound, refused):
        for _ in range(2):
            assert rotate(sessions, key_proof=refused) == Rotation(applied=False, session=bound)
        assert sessions.of_user("u1") == [bound]
        assert rotate(sessions, key_proof=proof()).applied

    def test_is_refused_each_proof_of_the_second_again(self, sessions, bound):
        used = ["p0"]
        for counter in range(3):
            used.append(f"p{counter + 1}")
            assert rotate(sessions, counter, key_proof=proof(used[-1], at=NOW)).applied
        for name in used:
            assert not rotate(sessions, counter=3, key_proof=proof(name, at=NOW)).applied

    def test_takes_so_many_proofs_of_one_second_and_the_next_one_of_the_next(self, sessions, bound):
        for counter in range(MOST_PROOFS - 1):
            assert rotate(sessions, counter, key_proof=proof(f"q{counter}", at=NOW)).applied
        full = sessions.of_user("u1")
        assert len(full[0].key_proofs) == MOST_PROOFS
        assert rotate(sessions, MOST_PROOFS - 1, key_proof=proof(at=NOW)) == Rotation(applied=False, session=full[0])
        assert sessions.of_user("u1") == full
        assert rotate(sessions, MOST_PROOFS - 1, key_proof=proof(at=NOW + 1)).session.key_proofs == ("p1",)

    def test_with_a_used_counter_does_not_use_up_the_proof(self, sessions, bound):
        rotated = rotate(sessions, key_proof=proof()).session
        for another in (proof("p2"), proof("p2", at=NOW + 11)):
            assert rotate(sessions, key_proof=another) == Rotation(applied=False, session=rotated)
        assert sessions.of_user("u1") == [rotated]

    @pytest.mark.parametrize("at", [NOW, NOW + 99])
    def test_of_one_that_is_over_changes_nothing(self, sessions, bound, at):
        rotation = rotate(sessions, now=NOW + 100, key_proof=proof(at=at))
        assert rotation == Rotation(applied=False, session=bound)

    def test_of_one_that_is_not_there_makes_none(self, sessions):
        assert rotate(sessions, session_id="s2", key_proof=proof()) == Rotation(applied=False, session=None)
        assert sessions.of_user("u1") == []

    @pytest.mark.usefixtures("alice")
    def test_leaves_a_plain_session_plain_whatever_comes_along(self, sessions):
        plain = rotate(sessions, key_proof=proof()).session
        assert plain == rotated_once()
        # Neither the proof nor its time is known: it may come again.
        assert rotate(sessions, counter=1, now=NOW + 10, key_proof=proof()).applied
        assert not sessions.of_user("u1")[0].is_bound

    @pytest.mark.parametrize("at", [NOW, NOW + 10], ids=["of the second of the last", "later"])
    @pytest.mark.parametrize("proofs", [1, 6], ids=["with one proof", "each with its own"])
    def test_of_many_at_once_with_one_counter_exactly_one_is_applied(self, sessions, bound, at, proofs):
        with ThreadPoolExecutor(6) as pool:
            rotations = list(pool.map(lambda n: rotate(sessions, key_proof=proof(f"q{n % proofs}", at=at)), range(6)))
        assert [rotation.applied for rotation in rotations].count(True) == 1
        (stored,) = sessions.of_user("u1")
        assert stored.refresh_counter == 1
        assert {rotation.session for rotation in rotations} == {stored}
        assert len(set(stored.key_proofs) - {"p0"}) == 1

    def test_of_many_at_once_with_one_proof_and_all_counters_at_most_one_is_applied(self, sessions, bound):
        with ThreadPoolExecutor(6) as pool:
            rotations = list(pool.map(lambda n: rotate(sessions, counter=n % 3, key_proof=proof()), range(12)))
        assert [rotation.applied for rotation in rotations].count(True) <= 1
        assert sessions.of_user("u1")[0].refresh_counter <= 1

    def test_is_not_hindered_by_a_stranger_who_tries_at_the_same_time(self, sessions, bound):
        strangers = [None, proof(key="k2"), proof("p0", at=NOW)]
        with ThreadPoolExecutor(6) as pool:
            refused = [pool.submit(rotate, sessions, key_proof=stranger) for stranger in strangers * 2]
            assert pool.submit(rotate, sessions, key_proof=proof()).result().applied
            assert not any(future.result().applied for future in refused)


class TestNotesOfProofs:
    """A retry in a bound session is noted by its proof."""

    def noted(self, sessions, before, another):
        return sessions.note_retry(before, before.after_proof(another), None)

    @pytest.mark.parametrize("at", [NOW + 10, NOW + 11], ids=["of the second of the last", "later"])
    def test_refuse_the_proof_the_second_time(self, sessions, events, bound, at):
        rotated = rotate(sessions, key_proof=proof()).session
        retry = proof("p2", at=at)
        after = rotated.after_proof(retry)
        assert self.noted(sessions, rotated, retry) == Rotation(applied=True, session=after)
        assert sessions.of_user("u1") == [after]
        assert events.recent("u1", 9) == [REGISTERED]
        assert not rotate(sessions, counter=1, key_proof=retry).applied
        assert not after.allows(retry)

    def test_that_another_one_came_before_are_refused_and_show_the_session(self, sessions, bound):
        rotated = rotate(sessions, key_proof=proof()).session
        first = self.noted(sessions, rotated, proof("p2")).session
        assert self.noted(sessions, rotated, proof("p3")) == Rotation(applied=False, session=first)
        assert self.noted(sessions, rotated, proof("p3", at=NOW + 11)) == Rotation(applied=False, session=first)
        assert sessions.of_user("u1") == [first]
        assert self.noted(sessions, first, proof("p3")).session.key_proofs == ("p1", "p2", "p3")

    def test_that_a_rotation_came_before_are_refused_and_show_the_session(self, sessions, bound):
        rotated = rotate(sessions, key_proof=proof()).session
        newest = rotate(sessions, counter=1, key_proof=proof("p2")).session
        assert self.noted(sessions, rotated, proof("p3")) == Rotation(applied=False, session=newest)
        assert sessions.of_user("u1") == [newest]

    def test_of_a_session_that_has_ended_bring_it_not_back(self, sessions, bound):
        rotated = rotate(sessions, key_proof=proof()).session
        sessions.end("u1", "s1", REVOKED)
        assert self.noted(sessions, rotated, proof("p2")) == Rotation(applied=False, session=None)
        assert sessions.of_user("u1") == []

    def test_of_one_proof_many_times_at_once_exactly_one_is_applied(self, sessions, bound):
        rotated = rotate(sessions, key_proof=proof()).session
        with ThreadPoolExecutor(6) as pool:
            noted = list(pool.map(lambda _: self.noted(sessions, rotated, proof("p2")), range(6)))
        assert [rotation.applied for rotation in noted].count(True) == 1


class TestNotesOfStrangers:
    """Somebody without its key has used a session's token."""

    def test_are_kept_and_recorded_in_the_same_step(self, sessions, events, bound):
        sessions.note_without_key(bound, WITHOUT_KEY)
        assert sessions.of_user("u1") == [replace(bound, without_key_at=WITHOUT_KEY.at)]
        assert events.recent("u1", 9) == [WITHOUT_KEY, REGISTERED]

    def test_are_recorded_once_a_day(self, sessions, events, bound):
        times = [WITHOUT_KEY.at + after for after in (0, 1, WITHOUT_KEY_INTERVAL - 1, WITHOUT_KEY_INTERVAL)]
        for at in times:
            sessions.note_without_key(bound, replace(WITHOUT_KEY, at=at))
        assert [event.at for event in events.recent("u1", 9)] == [times[-1], times[0], NOW]
        assert sessions.of_user("u1")[0].without_key_at == times[-1]

    def test_many_at_once_are_recorded_once(self, sessions, events, bound):
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda _: sessions.note_without_key(bound, WITHOUT_KEY), range(6)))
        assert events.recent("u1", 9) == [WITHOUT_KEY, REGISTERED]

    def test_of_a_session_that_has_ended_bring_it_not_back_and_are_not_recorded(self, sessions, events, bound):
        sessions.end("u1", "s1", REVOKED)
        sessions.note_without_key(bound, WITHOUT_KEY)
        assert sessions.of_user("u1") == []
        assert events.recent("u1", 9) == [REVOKED, REGISTERED]

    def test_leave_the_rotations_alone(self, sessions, bound):
        rotated = rotate(sessions, key_proof=proof()).session
        sessions.note_without_key(bound, WITHOUT_KEY)
        assert sessions.of_user("u1") == [replace(rotated, without_key_at=WITHOUT_KEY.at)]
        assert rotate(sessions, counter=1, key_proof=proof("p2")).session.without_key_at == WITHOUT_KEY.at


class TestEndingABoundSession:
    @pytest.mark.parametrize("counter", [0, None], ids=["at its counter", "at any"])
    @pytest.mark.parametrize(
        "refused",
        [
            None,
            proof(key="k2"),
            proof(key="k2", at=NOW),
            proof(key="k"),
            proof(key=""),
            proof("p0", at=NOW),
            proof(at=NOW - 1),
        ],
        ids=["none", "another key", "another key of the second", "a part of it", "no key", "the last one", "older"],
    )
    def test_with_what_proves_nothing_new_changes_nothing_and_shows_the_session(
        self, sessions, events, bound, counter, refused
    ):
        unchanged = Rotation(applied=False, session=bound)
        assert sessions.end_at("u1", "s1", counter, REVOKED, key_proof=refused) == unchanged
        assert sessions.of_user("u1") == [bound]
        assert events.recent("u1", 9) == [REGISTERED]

    def test_with_one_proof_too_many_of_its_second_changes_nothing(self, sessions, bound):
        for counter in range(MOST_PROOFS - 1):
            full = rotate(sessions, counter, key_proof=proof(f"q{counter}", at=NOW)).session
        refused = Rotation(applied=False, session=full)
        assert sessions.end_at("u1", "s1", None, REVOKED, key_proof=proof(at=NOW)) == refused
        assert sessions.end_at("u1", "s1", None, REVOKED, key_proof=proof(at=NOW + 1)).applied

    @pytest.mark.parametrize("counter", [0, None], ids=["at its counter", "at any"])
    @pytest.mark.parametrize("at", [NOW, NOW + 1], ids=["of the second of the last", "later"])
    def test_with_a_new_proof_takes_it_away_and_records_why(self, sessions, events, bound, at, counter):
        ended = sessions.end_at("u1", "s1", counter, REVOKED, key_proof=proof(at=at))
        assert ended == Rotation(applied=True, session=None)
        assert sessions.of_user("u1") == []
        assert events.recent("u1", 1) == [REVOKED]

    @pytest.mark.parametrize("counter", [-1, 1])
    def test_at_another_counter_with_a_new_proof_changes_nothing(self, sessions, bound, counter):
        ended = sessions.end_at("u1", "s1", counter, REVOKED, key_proof=proof())
        assert ended == Rotation(applied=False, session=bound)

    @pytest.mark.usefixtures("alice")
    @pytest.mark.parametrize("counter", [0, None], ids=["at its counter", "at any"])
    def test_that_is_plain_needs_no_proof_and_minds_none(self, sessions, counter):
        assert sessions.end_at("u1", "s1", counter, REVOKED, key_proof=proof()).applied

    def test_by_its_user_needs_no_key(self, sessions, bound):
        assert sessions.end("u1", "s1", REVOKED) is True
        assert sessions.of_user("u1") == []


class TestBoundSessions:
    """What is stored is what is read, whoever stores it and however it is read."""

    def test_come_as_they_were_begun(self, sessions, alice):
        session = begin(sessions, alice, "s2", key="k1", key_proof_at=NOW, key_proofs=("p0",))
        assert sessions.with_user("alice", "u1", "s2") == (alice, session)
        assert sorted(sessions.of_user("u1"), key=lambda each: each.id) == [SESSION, session]

    def test_come_as_they_took_the_place_of_another_at_a_change_of_the_password(self, sessions, users, alice):
        successor = replace(SUCCESSOR, key="k1", key_proof_at=NOW, key_proofs=("p0", "p1"))
        users.change_password(admitted(alice), SESSION, successor, "$2b$10$new", CHANGED)
        assert sessions.with_user("alice", "u1", "s9")[1] == successor

    def test_stay_bound_when_their_user_authenticates_again(self, sessions, bound):
        assert reauthenticate(sessions)
        assert sessions.of_user("u1") == [replace(bound, authenticated_at=NOW + 50)]


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

    @pytest.mark.parametrize("counter", [1, None], ids=["its", "any"])
    def test_a_session_at_a_counter_takes_it_away_and_records_why(self, sessions, events, counter):
        rotate(sessions)
        assert sessions.end_at("u1", "s1", counter, REVOKED) == Rotation(applied=True, session=None)
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
        for counter in (0, None):
            assert sessions.end_at(user_id, session_id, counter, REVOKED) == Rotation(applied=False, session=None)
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
