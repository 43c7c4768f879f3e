"""Where tries of second factors are counted, and until when a full counter matters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.credentials.challenges import Challenge, Purpose
from chalicelib.credentials.second_factors import (
    MOST_TRIES,
    MOST_TRIES_A_DAY,
    MOST_TRIES_AN_HOUR,
    seconds_until_more,
    tries_window,
)
from tests.support.samples import NOW

HOUR, DAY = 3600, 86_400
START = DAY * (NOW // DAY)


def challenge(issued_at, id_="c1"):
    return Challenge(id_, Purpose.SECOND_FACTOR, issued_at, issued_at + 300, {})


def test_a_try_counts_for_its_challenge_its_hour_and_its_day():
    window = tries_window("u1", challenge(START + 5 * HOUR), START + 5 * HOUR + 10)
    assert sorted(window.limits.values()) == [MOST_TRIES, MOST_TRIES_AN_HOUR, MOST_TRIES_A_DAY] == [5, 20, 50]
    assert window.limits["challenge_c1"] == MOST_TRIES
    assert window.limits["day"] == MOST_TRIES_A_DAY


def test_a_try_without_a_challenge_counts_for_its_hour_and_its_day():
    assert sorted(tries_window("u1", None, NOW).limits.values()) == [MOST_TRIES_AN_HOUR, MOST_TRIES_A_DAY]


@pytest.mark.parametrize("border", [HOUR, DAY])
def test_the_tries_of_one_challenge_are_all_in_one_place(border):
    """Also past the full hour, and past midnight."""
    made = challenge(START + border - 1)
    before, after = tries_window("u1", made, made.issued_at), tries_window("u1", made, made.issued_at + 299)
    assert (before.key, before.limits, before.ends_at) == (after.key, after.limits, after.ends_at)


def test_each_challenge_hour_day_and_user_has_tries_of_its_own():
    first = tries_window("u1", challenge(START), START)
    assert tries_window("u1", challenge(START, "c2"), START).limits.keys() != first.limits.keys()
    assert tries_window("u1", challenge(START + HOUR), START).limits.keys() != first.limits.keys()
    assert tries_window("u1", challenge(START + HOUR), START).key == first.key
    assert len({first.key, tries_window("u2", None, START).key, tries_window("u1", None, START + DAY).key}) == 3


@given(st.integers(0, 2**33), st.integers(0, 299))
def test_what_is_counted_is_kept_until_no_try_of_that_day_can_come_any_more(issued_at, later):
    window = tries_window("u1", challenge(issued_at), issued_at + later)
    assert window.ends_at > issued_at + 300


@given(st.integers(0, 2**33))
def test_a_full_counter_matters_until_the_next_hour_or_day(now):
    assert (now + seconds_until_more("day", now)) % DAY == 0
    assert (now + seconds_until_more(f"hour_{now // HOUR}", now)) % HOUR == 0
    assert 0 < seconds_until_more("hour_1", now) <= HOUR
    assert 0 < seconds_until_more("day", now) <= DAY
