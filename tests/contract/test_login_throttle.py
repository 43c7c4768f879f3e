"""What every ``LoginThrottle`` keeps, in memory and in DynamoDB."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from chalicelib.accounts.caller import Caller
from chalicelib.accounts.events import EventType
from chalicelib.credentials.throttling import Attempt, Known
from chalicelib.errors import ServiceUnavailable, TooManyAttempts, TooManyRegistrations
from tests.support.fakes import RULES
from tests.support.samples import ALICE, NOW, REGISTERED, SESSION

HERE = "203.0.113.7"
OTHER_USER = replace(ALICE, id="u2", username="Bob")
DEVICE = Known("device", "d1", ALICE.id)
OPEN_SESSION = Known("session", "s1", ALICE.id)
# Windows of an hour begin with the hour.
assert NOW % 3600 == 0
DAY = 24 * 3600


def by(username="Alice", ip=HERE, known=None, agent="test"):
    return Attempt(username, Caller(ip, agent), known)


def fail(throttle, times, attempt=None, now=NOW):
    for _ in range(times):
        throttle.admit(attempt or by(), now)


def refused(throttle, attempt=None, now=NOW):
    with pytest.raises(TooManyAttempts) as refusal:
        throttle.admit(attempt or by(), now)
    return refusal.value


@pytest.fixture
def alice(users):
    users.add(ALICE, SESSION, REGISTERED)
    return ALICE


class TestStrangers:
    def test_five_failures_pass_and_then_there_are_delays(self, throttle):
        fail(throttle, 5)
        assert refused(throttle).retry_after == 1

    def test_one_attempt_passes_after_each_delay_and_doubles_it(self, throttle):
        fail(throttle, 5)
        now = NOW
        for delay in (1, 2, 4, 8):
            assert refused(throttle, now=now).retry_after == delay
            now += delay
            throttle.admit(by(), now)
        assert refused(throttle, now=now).retry_after == 16

    def test_an_attempt_that_is_refused_is_not_counted(self, throttle):
        fail(throttle, 5)
        for _ in range(120):
            refused(throttle)
        throttle.admit(by(), NOW + 1)
        assert refused(throttle, now=NOW + 1).retry_after == 2
        throttle.admit(by("Bob"), NOW)

    def test_failures_are_forgotten_after_a_day_without_any(self, throttle):
        fail(throttle, 5)
        fail(throttle, 5, now=NOW + DAY)
        refused(throttle, now=NOW + DAY)

    def test_every_spelling_of_a_name_is_one(self, throttle):
        for spelling in ("alice", "ALICE", "Alice", "ａｌｉｃｅ", "aLiCe"):
            throttle.admit(by(spelling), NOW)
        refused(throttle)

    def test_another_address_is_not_delayed_by_the_failures_from_this_one(self, throttle):
        fail(throttle, 5)
        throttle.admit(by(ip="203.0.113.8"), NOW)

    def test_another_account_is_not_delayed_by_the_failures_of_this_one(self, throttle):
        fail(throttle, 5)
        throttle.admit(by("Bob"), NOW)

    def test_an_account_is_delayed_from_everywhere_after_too_many_failures_from_anywhere(self, throttle):
        for number in range(RULES.account_failures):
            throttle.admit(by(ip=f"198.51.{number}.1"), NOW)
        assert refused(throttle, by(ip="192.0.2.1")).retry_after == 1
        throttle.admit(by(ip="192.0.2.1"), NOW + 1)
        assert refused(throttle, by(ip="192.0.2.2"), NOW + 1).retry_after == 2
        throttle.admit(by("Bob", ip="192.0.2.1"), NOW)

    def test_guesses_made_at_once_are_no_more_than_guesses_made_in_a_row(self, throttle):
        def guess(_):
            try:
                throttle.admit(by(), NOW)
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


class TestAddresses:
    def test_one_waits_for_the_next_hour_after_too_many_failures_at_any_account(self, throttle):
        for number in range(RULES.address_failures):
            throttle.admit(by(f"user{number}"), NOW)
        assert refused(throttle, by("another"), NOW + 600).retry_after == 3000
        throttle.admit(by("another", ip="203.0.113.8"), NOW + 600)
        throttle.admit(by("another"), NOW + 3600)

    @pytest.mark.parametrize(
        ("factor", "form"), [(1, "2001:db8::{0:x}"), (2, "2001:db8:0:{0:x}::1"), (4, "2001:db8:0:{0:x}00::1")]
    )
    def test_a_subscriber_a_site_and_a_whole_prefix_of_ipv6_may_fail_once_twice_and_four_times_as_often(
        self, throttle, factor, form
    ):
        for number in range(factor * RULES.address_failures):
            throttle.admit(by(f"user{number}", ip=form.format(number)), NOW)
        refused(throttle, by("another", ip=form.format(201)))
        throttle.admit(by("another", ip="2001:db8:1::1"), NOW)


class TestSuccess:
    """By itself, with a log-in, and with a change of the password."""

    @pytest.fixture(params=["alone", "log-in", "new password"])
    def succeed(self, request, throttle, sessions, users, alice):
        def begin(admission):
            assert admission.user == alice
            session = replace(SESSION, id="s2")
            sessions.begin(admission.user, session, REGISTERED, if_ended=REGISTERED, admission=admission)

        def change(admission):
            successor = replace(SESSION, id="s2", epoch=1)
            users.change_password(admission, SESSION, successor, ALICE.password_hash, REGISTERED)

        return {"alone": throttle.succeeded, "log-in": begin, "new password": change}[request.param]

    def test_forgets_the_failures_of_the_account_from_there(self, throttle, succeed):
        fail(throttle, 5)
        succeed(throttle.admit(by(), NOW + 1))
        fail(throttle, 5, now=NOW + 1)
        refused(throttle, now=NOW + 1)

    def test_forgets_the_failures_of_the_account_from_everywhere(self, throttle, succeed):
        for number in range(RULES.account_failures - 1):
            throttle.admit(by(ip=f"198.51.{number}.1"), NOW)
        succeed(throttle.admit(by(), NOW))
        for number in range(RULES.account_failures):
            throttle.admit(by(ip=f"198.52.{number}.1"), NOW)
        refused(throttle)

    def test_uses_up_nothing_of_what_its_address_may_do(self, throttle, succeed):
        for number in range(RULES.address_failures - 1):
            throttle.admit(by(f"user{number}"), NOW)
        succeed(throttle.admit(by(), NOW))
        throttle.admit(by("one more"), NOW)
        refused(throttle, by("yet another"))

    def test_leaves_the_failures_from_elsewhere(self, throttle, succeed):
        fail(throttle, 5, by(ip="203.0.113.8"))
        succeed(throttle.admit(by(), NOW))
        refused(throttle, by(ip="203.0.113.8"))

    def test_leaves_the_days_failures_as_they_were(self, throttle, users, succeed):
        fail(throttle, 3, by(ip="203.0.113.8", agent="thief"))
        succeed(throttle.admit(by(), NOW + 5))
        failures = users.find("alice").failures
        assert (failures.type, failures.at, failures.count) == (EventType.LOGIN_FAILED, NOW, 3)
        assert failures.caller == Caller("203.0.113.8", "thief")

    def test_without_failures_leaves_none(self, throttle, users, succeed):
        succeed(throttle.admit(by(), NOW))
        assert users.find("alice").failures is None


@pytest.mark.parametrize("known", [DEVICE, OPEN_SESSION], ids=lambda known: known.kind)
class TestWhoIsKnown:
    @pytest.fixture(autouse=True)
    def _registered(self, alice):
        pass

    def test_counts_ten_failures_of_its_own_and_is_then_delayed(self, throttle, known):
        fail(throttle, 10, by(known=known))
        assert refused(throttle, by(known=known)).retry_after == 1
        throttle.admit(by(known=known), NOW + 1)
        assert refused(throttle, by(known=known), NOW + 1).retry_after == 2

    def test_is_not_delayed_by_a_stranger_at_the_same_address(self, throttle, known):
        fail(throttle, 5)
        refused(throttle)
        assert throttle.admit(by(known=known), NOW).user == ALICE

    def test_is_not_delayed_by_strangers_everywhere(self, throttle, known):
        for number in range(RULES.account_failures):
            throttle.admit(by(ip=f"198.51.{number}.1"), NOW)
        refused(throttle, by(ip="192.0.2.1"))
        assert throttle.admit(by(known=known), NOW).user == ALICE

    def test_is_not_delayed_by_failures_at_other_accounts_from_its_address(self, throttle, known):
        for number in range(RULES.address_failures):
            throttle.admit(by(f"user{number}"), NOW)
        refused(throttle)
        assert throttle.admit(by(known=known), NOW).user == ALICE

    def test_delays_nobody_else(self, throttle, known):
        fail(throttle, 10, by(known=known))
        fail(throttle, 10, by(known=known._replace(id="another")))
        throttle.admit(by(), NOW)

    def test_of_another_user_is_a_stranger(self, throttle, known, users):
        users.add(OTHER_USER, replace(SESSION, id="s9", user_id="u2", username="Bob"), REGISTERED)
        fail(throttle, 5, by("Bob", known=known))
        refused(throttle, by("Bob", known=known))
        refused(throttle, by("Bob"))

    def test_at_a_name_that_nobody_has_is_a_stranger(self, throttle, known):
        admission = throttle.admit(by("nobody", known=known), NOW)
        assert (admission.user, admission.attempt.known) == (None, None)

    def test_may_try_again_after_a_success(self, throttle, known):
        fail(throttle, 9, by(known=known))
        throttle.succeeded(throttle.admit(by(known=known), NOW))
        fail(throttle, 10, by(known=known))
        refused(throttle, by(known=known))

    def test_leaves_its_failures_in_the_history(self, throttle, known, users):
        fail(throttle, 2, by(known=known))
        assert users.find("alice").failures.count == 2


class TestHistory:
    """A stranger's guesses are one entry a day, so that they push nothing out of it."""

    def test_has_the_failures_of_a_day_as_one_with_the_last_ones_origin(self, throttle, users, events, alice):
        for number in range(20):
            throttle.admit(by(ip=f"198.51.{number}.1", agent=f"guesser {number}"), NOW + number)
        failures = users.find("alice").failures
        assert (failures.at, failures.count) == (NOW + 19, 20)
        assert failures.caller == Caller("198.51.19.1", "guesser 19")
        assert events.recent(ALICE.id, 20) == [REGISTERED]

    def test_keeps_the_failures_of_earlier_days(self, throttle, users, events, alice):
        fail(throttle, 3)
        fail(throttle, 2, now=NOW + 2 * DAY)
        fail(throttle, 1, now=NOW + 3 * DAY)
        found = [(event.type, event.at, event.count) for event in events.recent(ALICE.id, 20)]
        assert found == [
            (EventType.LOGIN_FAILED, NOW + 2 * DAY, 2),
            (EventType.LOGIN_FAILED, NOW, 3),
            (EventType.REGISTERED, NOW, 1),
        ]
        assert users.find("alice").failures.count == 1

    def test_has_nothing_of_a_day_on_which_nobody_failed(self, throttle, events, alice):
        throttle.succeeded(throttle.admit(by(), NOW))
        throttle.succeeded(throttle.admit(by(), NOW + DAY))
        assert events.recent(ALICE.id, 20) == [REGISTERED]

    def test_of_a_name_that_nobody_has_is_nobodys(self, throttle, users, events, alice):
        fail(throttle, 3, by("nobody"))
        fail(throttle, 1, by("nobody"), NOW + DAY)
        assert users.find("nobody") is None
        assert events.recent(ALICE.id, 20) == [REGISTERED]

    def test_begins_anew_for_who_takes_a_name_that_was_guessed_at(self, throttle, users):
        fail(throttle, 5)
        users.add(ALICE, SESSION, REGISTERED)
        assert users.find("alice").failures is None
        assert throttle.admit(by(), NOW).user == ALICE


class TestRegistrations:
    def test_of_one_address_are_limited_by_the_hour(self, throttle):
        for _ in range(RULES.registrations):
            throttle.register(HERE, NOW)
        with pytest.raises(TooManyRegistrations) as refusal:
            throttle.register(HERE, NOW + 60)
        assert refusal.value.retry_after == 3540
        throttle.register("203.0.113.8", NOW)
        throttle.register(HERE, NOW + 3600)

    def test_those_that_created_nothing_are_not_counted(self, throttle):
        for _ in range(2 * RULES.registrations):
            throttle.not_registered(throttle.register(HERE, NOW))

    def test_of_a_whole_ipv6_prefix_may_be_four_times_as_many(self, throttle):
        for number in range(4 * RULES.registrations):
            throttle.register(f"2001:db8:0:{number:x}00::1", NOW)
        with pytest.raises(TooManyRegistrations):
            throttle.register("2001:db8:0:ff00::1", NOW)

    def test_failed_log_ins_do_not_count_for_them(self, throttle):
        fail(throttle, 5)
        for _ in range(RULES.registrations):
            throttle.register(HERE, NOW)
        throttle.admit(by("Bob"), NOW)
