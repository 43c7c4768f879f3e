"""What every ``LoginThrottle`` keeps, in memory and in DynamoDB."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.credentials.throttling import Attempt
from chalicelib.errors import ServiceUnavailable, TooManyAttempts
from tests.support.samples import NOW

ALICE = Attempt("Alice", "203.0.113.7")


def fail(throttle, times, attempt=ALICE, now=NOW):
    for _ in range(times):
        throttle.admit(attempt, now)


def refused(throttle, attempt=ALICE, now=NOW):
    with pytest.raises(TooManyAttempts) as refusal:
        throttle.admit(attempt, now)
    return refusal.value


def test_lets_five_failures_through_and_then_asks_for_patience(throttle):
    fail(throttle, 5)
    assert refused(throttle).retry_after == 1


def test_lets_one_attempt_through_after_each_delay_and_doubles_it(throttle):
    fail(throttle, 5)
    now = NOW
    for delay in (1, 2, 4, 8):
        assert refused(throttle, now=now).retry_after == delay
        now += delay
        throttle.admit(ALICE, now)
    assert refused(throttle, now=now).retry_after == 16


def test_an_attempt_that_is_refused_is_not_counted(throttle):
    fail(throttle, 5)
    for _ in range(20):
        refused(throttle)
    throttle.admit(ALICE, NOW + 1)
    assert refused(throttle, now=NOW + 1).retry_after == 2


def test_a_success_forgets_the_failures_of_the_account(throttle):
    fail(throttle, 5)
    throttle.admit(ALICE, NOW + 1)
    throttle.succeeded(ALICE)
    fail(throttle, 5, now=NOW + 1)


def test_counts_every_spelling_of_a_name_as_one(throttle):
    for spelling in ("alice", "ALICE", "Alice", "ａｌｉｃｅ", "aLiCe"):
        throttle.admit(Attempt(spelling, "203.0.113.7"), NOW)
    refused(throttle)


def test_another_address_is_not_delayed_by_the_failures_from_this_one(throttle):
    fail(throttle, 5)
    throttle.admit(Attempt("Alice", "203.0.113.8"), NOW)


def test_another_account_is_not_delayed_by_the_failures_of_this_one(throttle):
    fail(throttle, 5)
    throttle.admit(Attempt("Bob", "203.0.113.7"), NOW)


def test_an_account_is_delayed_from_everywhere_after_a_hundred_failures_from_anywhere(throttle):
    for number in range(100):
        throttle.admit(Attempt("Alice", f"198.51.{number}.1"), NOW)
    assert refused(throttle, Attempt("Alice", "192.0.2.1")).retry_after == 1
    throttle.admit(Attempt("Alice", "192.0.2.1"), NOW + 1)
    assert refused(throttle, Attempt("Alice", "192.0.2.2"), NOW + 1).retry_after == 2
    throttle.admit(Attempt("Bob", "192.0.2.1"), NOW)


def test_an_address_waits_for_the_end_of_its_hour_after_a_hundred_failures_at_any_account(throttle):
    for number in range(100):
        throttle.admit(Attempt(f"user{number}", "203.0.113.7"), NOW)
    assert refused(throttle, Attempt("another", "203.0.113.7"), NOW + 600).retry_after == 3000
    throttle.admit(Attempt("another", "203.0.113.8"), NOW + 600)
    throttle.admit(Attempt("another", "203.0.113.7"), NOW + 3600)


def test_the_addresses_of_one_ipv6_subscriber_are_one(throttle):
    for number in range(5):
        throttle.admit(Attempt("Alice", f"2001:db8::{number}"), NOW)
    refused(throttle, Attempt("Alice", "2001:db8::ffff"))
    throttle.admit(Attempt("Alice", "2001:db8:0:1::1"), NOW)


def test_successes_do_not_use_up_what_an_address_may_fail(throttle):
    for number in range(105):
        attempt = Attempt(f"user{number % 7}", "203.0.113.7")
        throttle.admit(attempt, NOW)
        throttle.succeeded(attempt)


def test_a_success_after_the_addresss_hour_has_passed_is_no_error(throttle):
    throttle.succeeded(ALICE)
    fail(throttle, 5)
    refused(throttle)


def test_guesses_made_at_once_are_no_more_than_guesses_made_in_a_row(throttle):
    def guess(_):
        try:
            throttle.admit(ALICE, NOW)
        except (TooManyAttempts, ServiceUnavailable):
            return False
        return True

    with ThreadPoolExecutor(12) as pool:
        let_through = list(pool.map(guess, range(36))).count(True)
    assert 1 <= let_through <= 5
    while let_through < 5 and guess(None):
        let_through += 1
    assert let_through == 5
    refused(throttle)
