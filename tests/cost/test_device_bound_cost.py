"""What a session that is bound to a device costs: a write when it is bound, a read and a write for each renewal."""

import pytest

from tests.support.consumption import NOTHING, Cost, Meter
from tests.support.device_bound import DeviceBrowser
from tests.support.proofs import ClientKey


@pytest.fixture
def database_name():
    return "dynamodb-local"


@pytest.fixture
def settings(settings):
    return {**settings, "LYCHGATE_DBSC": "on"}


@pytest.fixture
def browser(api):
    browser = DeviceBrowser(api)
    browser.sign_up("Bob")
    return browser


@pytest.fixture
def meter(database, browser):
    with Meter(database.client, database.tables) as meter:
        meter.reset()
        yield meter


def test_to_be_invited_costs_nothing(api, meter):
    DeviceBrowser(api).sign_up("Carol")
    assert meter.reading() == Cost(("UpdateItem throttle", "TransactWriteItems events+sessions+users"), 0, 1 + 3 * 2)


def test_to_bind_costs_one_write(browser, meter):
    assert browser.bind().status == 200
    assert meter.reading() == Cost(("UpdateItem sessions",), 0, 1)


def test_to_bind_a_session_that_has_a_key_of_its_client_costs_two(api, meter, clock):
    browser, key = DeviceBrowser(api), ClientKey("https://site.example/api", clock)
    body = {"username": "Carol", "password": "correct horse battery staple", "token_delivery": "cookie"}
    assert browser.send("/auth/register", body, headers=key.headers("/auth/register")).status == 201
    meter.reset()
    assert browser.bind().status == 200
    assert meter.reading() == Cost(("UpdateItem sessions", "UpdateItem sessions"), 0, 2)


def test_a_renewal_costs_a_read_for_the_challenge_and_a_write_for_the_proof(browser, meter):
    browser.bind()
    meter.reset()
    challenge = browser.challenged()
    assert meter.reading() == Cost(("BatchGetItem sessions",), 1, 0)
    meter.reset()
    for status in (200, 403):
        assert browser.renew(challenge).status == status
        assert meter.reading() == Cost(("UpdateItem sessions",), 0, 1)
        meter.reset()


def test_a_refresh_costs_what_any_refresh_does(browser, meter):
    browser.bind()
    meter.reset()
    assert browser.refresh().status == 200
    assert meter.reading() == Cost(("UpdateItem sessions", "GetItem users"), 1, 1)


def test_a_proof_that_is_wrong_never_reaches_the_database(browser, meter):
    assert browser.bind(header={"typ": "dpop+jwt"}).status == 400
    assert meter.reading() == NOTHING
    browser.bind()
    challenge = browser.challenged()
    meter.reset()
    browser.key = ClientKey()
    assert browser.renew(challenge).status == 400
    assert meter.reading() == NOTHING
