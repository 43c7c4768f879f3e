"""What every ``SessionStore`` keeps, in memory and in DynamoDB."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from chalicelib.models import Client, Session
from chalicelib.ports import Rotation

NOW = 1_800_000_000
SESSION = Session(
    id="s1",
    user_id="u1",
    username="Alice",
    created_at=NOW,
    last_used_at=NOW,
    idle_expires_at=NOW + 100,
    expires_at=NOW + 1000,
    refresh_counter=0,
    client=Client(ip="203.0.113.7", user_agent="Mozilla/5.0 (ümlaut)"),
)


def rotate(sessions, counter=0, *, now=NOW + 10, user_id="u1", session_id="s1"):
    return sessions.rotate(user_id, session_id, counter, now=now, idle_expires_at=now + 100)


def test_rotation_raises_the_counter_and_renews_the_idle_time(sessions):
    sessions.add(SESSION)
    rotated = replace(SESSION, refresh_counter=1, last_used_at=NOW + 10, idle_expires_at=NOW + 110)
    assert rotate(sessions) == Rotation(applied=True, session=rotated)


def test_rotation_with_a_used_counter_changes_nothing_and_shows_the_session(sessions):
    sessions.add(SESSION)
    after_first = rotate(sessions).session
    assert rotate(sessions, now=NOW + 20) == Rotation(applied=False, session=after_first)
    assert rotate(sessions, counter=1, now=NOW + 30).applied


def test_rotation_with_a_counter_that_is_yet_to_come_changes_nothing(sessions):
    sessions.add(SESSION)
    assert rotate(sessions, counter=1) == Rotation(applied=False, session=SESSION)


@pytest.mark.parametrize(("user_id", "session_id"), [("u1", "s2"), ("u2", "s1")])
def test_rotation_of_a_session_that_is_not_there_makes_none(sessions, user_id, session_id):
    sessions.add(SESSION)
    for _ in range(2):
        assert rotate(sessions, user_id=user_id, session_id=session_id) == Rotation(applied=False, session=None)


def test_an_idle_session_rotates_until_the_second_before_its_idle_end(sessions):
    sessions.add(SESSION)
    assert not rotate(sessions, now=NOW + 100).applied
    assert rotate(sessions, now=NOW + 99).applied


def test_a_session_rotates_until_the_second_before_its_absolute_end(sessions):
    sessions.add(replace(SESSION, idle_expires_at=NOW + 5000))
    assert not rotate(sessions, now=NOW + 1000).applied
    assert rotate(sessions, now=NOW + 999).applied


def test_an_ended_session_does_not_rotate_and_says_why_it_ended(sessions):
    sessions.add(SESSION)
    assert sessions.end("u1", "s1", now=NOW + 5, reason="logged_out") is True
    rotation = rotate(sessions)
    assert rotation == Rotation(applied=False, session=replace(SESSION, ended_at=NOW + 5, end_reason="logged_out"))


def test_a_session_ends_once_and_keeps_the_first_reason(sessions):
    sessions.add(SESSION)
    sessions.end("u1", "s1", now=NOW + 5, reason="logged_out")
    assert sessions.end("u1", "s1", now=NOW + 6, reason="refresh_token_reused") is False
    assert rotate(sessions).session.end_reason == "logged_out"


def test_ending_a_session_that_is_not_there_makes_none(sessions):
    assert sessions.end("u1", "s1", now=NOW, reason="logged_out") is False
    assert rotate(sessions).session is None


def test_ending_one_session_leaves_the_users_others(sessions):
    sessions.add(SESSION)
    sessions.add(replace(SESSION, id="s2"))
    sessions.end("u1", "s1", now=NOW, reason="logged_out")
    assert rotate(sessions, session_id="s2").applied


def test_of_many_refreshes_with_one_counter_exactly_one_is_applied(sessions):
    sessions.add(SESSION)
    for counter in range(5):
        with ThreadPoolExecutor(8) as pool:
            rotations = list(pool.map(lambda _, c=counter: rotate(sessions, counter=c), range(8)))
        assert [rotation.applied for rotation in rotations].count(True) == 1
        assert {rotation.session.refresh_counter for rotation in rotations} == {counter + 1}
