"""Binding to a device and renewing there while DynamoDB cannot be reached, or answers are lost."""

import itertools

import pytest

from tests.support.device_bound import REFRESH, DeviceBrowser
from tests.support.proofs import ClientKey
from tests.support.wire import lost_answer, read_timeout, refused, unreachable


@pytest.fixture
def settings(settings):
    return {**settings, "LYCHGATE_DBSC": "on"}


@pytest.fixture
def browser(api, wire):
    browser = DeviceBrowser(api)
    browser.sign_up()
    wire.mend()
    return browser


def test_while_the_database_is_away_a_renewal_is_503_which_ends_nothing_in_a_browser(browser, wire, pauses):
    browser.bind()
    challenge = browser.challenged()
    wire.break_with(unreachable)
    browser.renew(challenge).assert_problem(503, "service_unavailable")
    wire.mend()
    assert browser.renew(challenge).status == 200


def test_a_session_that_could_not_be_bound_goes_on_unbound(browser, wire, pauses):
    wire.break_with(unreachable)
    browser.bind().assert_problem(503, "service_unavailable")
    wire.mend()
    assert browser.refresh().status == 200


def test_a_binding_whose_answer_the_database_lost_is_bound_once(browser, wire, pauses):
    wire.break_with(lost_answer, operation="UpdateItem", times=1)
    assert browser.bind().status == 200
    wire.mend()
    assert browser.refresh().status == 200
    assert browser.renew().status == 200


def test_so_is_one_whose_repetition_meets_another_write(browser, wire, pauses):
    wire.break_with(lost_answer, operation="UpdateItem", times=1)
    wire.break_with(refused("TransactionConflictException"), operation="UpdateItem", times=1)
    assert browser.bind().status == 200
    wire.mend()
    assert browser.refresh().status == 200


def test_a_renewal_whose_answer_the_database_lost_is_one(browser, wire, pauses):
    browser.bind()
    challenge = browser.challenged()
    wire.break_with(lost_answer, operation="UpdateItem", times=1)
    assert browser.renew(challenge).status == 200
    wire.mend()
    browser.renew(challenge).assert_problem(403, "device_proof_required")


def test_a_proof_that_another_request_uses_meanwhile_does_not_count_for_a_repeated_write(browser, wire, pauses):
    browser.bind()
    proven = browser.proven(browser.challenged())

    def used_meanwhile(deliver):
        wire.mend()
        assert browser.send(REFRESH, headers=proven).status == 200
        return read_timeout(deliver)

    wire.break_with(used_meanwhile, operation="UpdateItem", times=1)
    browser.send(REFRESH, headers=proven).assert_problem(403, "device_proof_required")


@pytest.fixture
def with_key(api, wire, clock):
    """A browser whose session has a key of its client, and what refreshes it with a proof."""
    key, browser = ClientKey("https://site.example/api", clock), DeviceBrowser(api)
    body = {"username": "Bob", "password": "correct horse battery staple", "token_delivery": "cookie"}
    assert browser.send("/auth/register", body, headers=key.headers("/auth/register")).status == 201
    wire.mend()

    def refresh(**changes):
        clock.advance(1)
        return browser.refresh(headers=key.headers("/auth/refresh"), **changes)

    return browser, refresh


def test_a_device_that_waits_and_whose_answer_the_database_lost_is_noted_once(with_key, wire, pauses):
    browser, refresh = with_key
    wire.break_with(lost_answer, operation="UpdateItem", times=2)
    assert browser.bind().status == 200
    wire.mend()
    assert browser.renew().status == 200
    assert refresh().status == 200
    refresh(cookies=browser.without_short_cookie()).assert_problem(400, "not_on_device")


def test_a_device_that_another_one_precedes_does_not_take_its_place_for_its_own(api, with_key, wire, pauses):
    browser, _ = with_key
    other = DeviceBrowser(api)
    other.cookies, other.registration = dict(browser.cookies), browser.registration
    updates = itertools.count()

    def preceded(deliver):
        # The first update is that of a session without a key.
        if next(updates) == 0:
            return deliver()
        wire.mend()
        assert other.bind().status == 200
        return read_timeout(deliver)

    wire.break_with(preceded, operation="UpdateItem", times=2)
    browser.bind().assert_problem(400, "invalid_device_proof")
    assert other.renew().status == 200


def test_a_first_refresh_from_the_device_whose_answer_the_database_lost_makes_the_session_need_it(
    with_key, wire, pauses
):
    browser, refresh = with_key
    browser.bind()
    wire.break_with(lost_answer, operation="UpdateItem", times=1)
    assert refresh().status == 200
    wire.mend()
    refresh(cookies=browser.without_short_cookie()).assert_problem(400, "not_on_device")
    assert refresh().status == 200


def test_a_refresh_that_meets_another_write_asks_for_the_short_cookie_each_time(browser, wire, pauses):
    browser.bind()
    stolen = browser.without_short_cookie()
    wire.break_with(refused("TransactionConflictException"), operation="UpdateItem", times=1)
    browser.refresh(cookies=stolen).assert_problem(400, "not_on_device")
    wire.mend()
    wire.break_with(refused("TransactionConflictException"), operation="UpdateItem", times=1)
    assert browser.refresh().status == 200
