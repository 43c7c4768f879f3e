"""A forgotten password: a link by mail, and a new password by what is in it."""

import pytest

from tests.support.api_client import as_header
from tests.support.mail_flows import (
    ADDRESS,
    MINUTE,
    NEW_PASSWORD,
    OTHER_ADDRESS,
    PASSWORD,
    confirm,
    forgot,
    reset,
    spoilt,
    with_address,
)

HALF_AN_HOUR = 1800
HOUR = 3600
WRONG = "wrong horse battery staple"


@pytest.fixture
def alice(api, mailbox, clock):
    """The tokens of Alice, who has confirmed her address."""
    return with_address(api, mailbox, clock)


@pytest.fixture
def token(api, alice, mailbox):
    """What Alice was mailed to choose a new password with."""
    assert forgot(api, "Alice").status == 202
    return mailbox.token(ADDRESS, "reset")


@pytest.mark.parametrize("name", ["Alice", "ALICE", "alice", ADDRESS, ADDRESS.upper(), ADDRESS.lower()])
def test_a_username_or_a_verified_address_gets_a_link_and_that_a_new_password(api, alice, mailbox, name):
    answer = forgot(api, name)
    assert (answer.status, answer.json) == (202, {})
    assert answer.headers["cache-control"] == "no-store"
    assert reset(api, mailbox.token(ADDRESS, "reset")).status == 204
    api.login().assert_problem(401, "invalid_credentials")
    assert api.login(password=NEW_PASSWORD).status == 200


@pytest.mark.parametrize("name", ["nobody", "nobody@example.org", OTHER_ADDRESS, "no name!", "", "x" * 10_000])
def test_whoever_is_nobody_gets_the_same_answer_and_no_mail(api, alice, mailbox, name):
    sent = len(mailbox.all())
    answer = forgot(api, name)
    assert (answer.status, answer.json) == (202, {})
    assert len(mailbox.all()) == sent


def test_an_address_is_its_owners_also_if_somebody_else_is_called_so(api, alice, mailbox, clock):
    with_address(api, mailbox, clock, ADDRESS, OTHER_ADDRESS)
    sent = len(mailbox.all(OTHER_ADDRESS))
    assert forgot(api, ADDRESS).status == 202
    assert reset(api, mailbox.token(ADDRESS, "reset")).status == 204
    assert api.login("Alice", NEW_PASSWORD).status == 200
    assert api.login(ADDRESS, PASSWORD).status == 200
    assert len(mailbox.all(OTHER_ADDRESS)) == sent


def test_an_account_without_an_address_gets_no_mail(api, mailbox):
    api.register("Bobby")
    assert forgot(api, "Bobby").status == 202
    assert mailbox.all() == []


def test_all_sessions_end_and_nobody_is_logged_in(api, alice, token):
    other = api.login(token_delivery="cookie")
    answer = reset(api, token)
    assert (answer.status, answer.body, answer.cookies) == (204, b"", [])
    api.me(alice["access_token"]).assert_problem(401, "invalid_token")
    api.refresh(alice["refresh_token"]).assert_problem(401, "invalid_grant")
    api.refresh(cookie=other.cookie).assert_problem(401, "invalid_grant")
    api.refresh(other.cookie.value).assert_problem(401, "invalid_grant")


def test_the_owner_is_told_and_finds_it_in_the_history(api, token, mailbox):
    sent = len(mailbox.all(ADDRESS))
    reset(api, token)
    assert len(mailbox.all(ADDRESS)) == sent + 1
    assert token not in mailbox.newest(ADDRESS)["text"]
    access_token = api.login(password=NEW_PASSWORD).json["access_token"]
    events = api.bearer("GET", "/dashboard", access_token).json["recent_events"]
    assert [event["type"] for event in events][:2] == ["login_succeeded", "password_reset"]


@pytest.mark.parametrize("refused", ["short", "", "alice alice alice", "x" * 257, "password12345678"])
def test_a_password_that_is_refused_leaves_the_token_good_and_the_account_as_it_was(api, alice, token, refused):
    answer = reset(api, token, refused)
    answer.assert_problem(422, "validation_failed")
    assert [error["field"] for error in answer.json["errors"]] == ["new_password"]
    assert api.me(alice["access_token"]).status == 200
    assert reset(api, token).status == 204


@pytest.mark.parametrize("members", [{}, {"token": "x"}, {"new_password": NEW_PASSWORD}, {"token": 5, "password": "x"}])
def test_a_reset_has_a_token_and_a_password(api, members):
    api.post("/auth/password/reset", members).assert_problem(422, "validation_failed")


@pytest.mark.parametrize("members", [{}, {"username": None}, {"email": ADDRESS}, {"username": ["Alice"]}])
def test_a_forgotten_password_has_a_username(api, members):
    api.post("/auth/password/forgot", members).assert_problem(422, "validation_failed")


def test_a_token_is_used_once(api, token):
    assert reset(api, token).status == 204
    reset(api, token, WRONG).assert_problem(410, "link_expired")
    assert api.login(password=NEW_PASSWORD).status == 200


def test_a_token_is_good_for_half_an_hour(api, token, clock, mailbox):
    clock.advance(HALF_AN_HOUR)
    reset(api, token).assert_problem(410, "link_expired")
    clock.advance(HOUR)
    forgot(api, "Alice")
    token = mailbox.token(ADDRESS, "reset")
    clock.advance(HALF_AN_HOUR - 1)
    assert reset(api, token).status == 204


@pytest.mark.parametrize("what", list(spoilt("x")))
def test_a_spoilt_token_changes_nothing_and_the_whole_one_stays_good(api, alice, token, what):
    reset(api, spoilt(token)[what]).assert_problem(410, "link_expired")
    assert api.me(alice["access_token"]).status == 200
    assert reset(api, token).status == 204


def test_a_token_that_confirms_an_address_chooses_no_password(api, mailbox):
    api.register("Alice", email=ADDRESS)
    token = mailbox.token(ADDRESS, "email")
    reset(api, token).assert_problem(410, "link_expired")
    assert confirm(api, token).status == 204
    assert api.login().status == 200


def test_every_link_dies_when_the_password_is_changed(api, alice, token, mailbox, clock):
    clock.advance(MINUTE)
    forgot(api, ADDRESS)
    newer = mailbox.token(ADDRESS, "reset")
    assert newer != token
    passwords = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert api.bearer("PUT", "/auth/password", alice["access_token"], passwords).status == 200
    for dead in (token, newer):
        reset(api, dead, WRONG).assert_problem(410, "link_expired")
    assert api.login(password=NEW_PASSWORD).status == 200


def test_every_other_link_dies_with_a_reset(api, token, mailbox, clock):
    clock.advance(MINUTE)
    forgot(api, ADDRESS)
    newer = mailbox.token(ADDRESS, "reset")
    assert reset(api, token).status == 204
    reset(api, newer, WRONG).assert_problem(410, "link_expired")


def test_a_link_dies_with_its_account_whoever_has_the_name_afterwards(api, alice, token):
    api.bearer("POST", "/auth/delete-account", alice["access_token"], {"password": PASSWORD})
    api.register("Alice")
    reset(api, token, WRONG).assert_problem(410, "link_expired")
    assert api.login().status == 200


def test_whoever_has_guessed_the_own_password_too_often_logs_in_with_a_new_one_at_once(api, token):
    statuses = [api.login(password=WRONG).status for _ in range(6)]
    assert statuses[-1] == 429
    assert reset(api, token).status == 204
    assert api.login(password=NEW_PASSWORD).status == 200


def test_so_does_a_device_that_has_logged_in_before(api, token, alice):
    first = api.login(token_delivery="cookie")
    (device,) = [cookie for cookie in first.cookies if cookie.key.endswith("device")]
    headers = {"Cookie": as_header(device)}
    statuses = [login_over_cookie(api, WRONG, headers).status for _ in range(11)]
    assert statuses[-1] == 429
    members = {"token": token, "new_password": NEW_PASSWORD}
    assert api.post("/auth/password/reset", members, headers=headers).status == 204
    assert login_over_cookie(api, NEW_PASSWORD, headers).status == 200


def login_over_cookie(api, password, headers):
    members = {"username": "Alice", "password": password, "token_delivery": "cookie"}
    return api.post("/auth/login", members, headers=headers)


def test_looking_at_a_link_uses_nothing(api, token):
    for path in ("/auth/password/reset", f"/auth/password/reset?token={token}"):
        assert api.request("GET", path).status == 405
    assert reset(api, token).status == 204


def test_strangers_who_use_up_the_mails_of_an_address_leave_its_owner_a_way(api, mailbox, clock):
    answer = api.register("Alice", PASSWORD, email=ADDRESS, token_delivery="cookie")
    (device,) = [cookie for cookie in answer.cookies if cookie.key.endswith("device")]
    confirm(api, mailbox.token(ADDRESS, "email"))
    for _ in range(12):
        clock.advance(2 * MINUTE)
        assert forgot(api, "Alice").status == 202
        mailbox.all()
    strangers = len(mailbox.all(ADDRESS))
    assert strangers < 12
    # The device that she has logged in with has mails of its own.
    assert forgot(api, "Alice", Cookie=as_header(device)).status == 202
    assert len(mailbox.all(ADDRESS)) == strangers + 1
    assert reset(api, mailbox.token(ADDRESS, "reset")).status == 204


def test_an_hour_after_the_last_mail_there_is_one_more_however_many_were_sent(api, alice, mailbox, clock):
    for _ in range(14):
        clock.advance(HOUR)
        sent = len(mailbox.all(ADDRESS))
        assert forgot(api, "Alice").status == 202
        assert len(mailbox.all(ADDRESS)) == sent + 1
