"""A log-in by a mailed code."""

import pytest

from tests.support.api_client import as_header
from tests.support.mail_flows import (
    ADDRESS,
    MINUTE,
    NEW_PASSWORD,
    OTHER_ADDRESS,
    PASSWORD,
    ask_for_code,
    confirm,
    forgot,
    reset,
    verify,
    with_address,
)

TEN_MINUTES = 600


@pytest.fixture
def alice(api, mailbox, clock):
    """The tokens of Alice, who has confirmed her address."""
    return with_address(api, mailbox, clock)


@pytest.fixture
def asked(api, alice, mailbox):
    """A challenge of Alice's, and its code."""
    return ask_for_code(api, "Alice").json["challenge"], mailbox.code(ADDRESS)


def wrong(code):
    """Five codes that are not this one."""
    return [f"{(int(code) + number) % 1_000_000:06d}" for number in range(1, 6)]


@pytest.mark.parametrize("name", ["Alice", "ALICE", ADDRESS, ADDRESS.lower()])
def test_a_username_or_a_verified_address_gets_a_code_that_logs_in(api, alice, mailbox, name):
    asked = ask_for_code(api, name)
    assert (asked.status, asked.json["expires_in"]) == (202, TEN_MINUTES)
    assert set(asked.json) == {"challenge", "expires_in"}
    assert asked.headers["cache-control"] == "no-store"
    answer = verify(api, asked.json["challenge"], mailbox.code(ADDRESS))
    assert answer.status == 200
    assert answer.json["user"]["username"] == "Alice"
    assert answer.json["refresh_token"]
    assert api.me(answer.json["access_token"]).status == 200
    assert api.me(alice["access_token"]).status == 200


def test_the_session_is_fresh_and_in_the_history(api, asked):
    access_token = verify(api, *asked).json["access_token"]
    events = api.bearer("GET", "/dashboard", access_token).json["recent_events"]
    assert events[0]["type"] == "login_succeeded"
    assert api.bearer("POST", "/auth/logout-all", access_token).status == 204


def test_the_refresh_token_goes_into_the_cookie_and_the_session_that_was_there_ends(api, asked):
    before = api.login(token_delivery="cookie")
    headers = {"Cookie": as_header(*before.cookies)}
    answer = verify(api, *asked, headers=headers, token_delivery="cookie")
    assert answer.status == 200
    assert "refresh_token" not in answer.json
    assert {cookie.key.removeprefix("__Host-") for cookie in answer.cookies} == {"refresh_token", "device"}
    api.me(before.json["access_token"]).assert_problem(401, "invalid_token")
    assert api.refresh(cookie=answer.cookie).status == 200


def test_a_page_of_another_origin_gets_no_cookie_and_uses_no_code(api, asked):
    headers = {"Origin": "https://evil.example"}
    verify(api, *asked, headers=headers, token_delivery="cookie").assert_problem(403, "origin_rejected")
    assert verify(api, *asked).status == 200


@pytest.mark.parametrize("name", ["nobody", "nobody@example.org", "no name!", "", "x" * 10_000])
def test_whoever_is_nobody_gets_a_challenge_and_no_mail_and_five_tries_too(api, alice, mailbox, name):
    sent = len(mailbox.all())
    answer = ask_for_code(api, name)
    assert (answer.status, answer.json["expires_in"]) == (202, TEN_MINUTES)
    assert len(mailbox.all()) == sent
    for code in wrong("000000"):
        verify(api, answer.json["challenge"], code).assert_problem(401, "invalid_code")
    verify(api, answer.json["challenge"], "000000").assert_problem(401, "invalid_challenge")


def test_a_code_is_used_once(api, asked):
    assert verify(api, *asked).status == 200
    verify(api, *asked).assert_problem(401, "invalid_challenge")


def test_after_five_wrong_codes_the_right_one_is_too_late(api, asked):
    challenge, code = asked
    for guess in wrong(code):
        verify(api, challenge, guess).assert_problem(401, "invalid_code")
    verify(api, challenge, code).assert_problem(401, "invalid_challenge")


def test_the_fifth_try_may_be_the_right_one(api, asked):
    challenge, code = asked
    for guess in wrong(code)[:4]:
        verify(api, challenge, guess)
    assert verify(api, challenge, code).status == 200


def test_a_code_is_good_for_ten_minutes(api, asked, mailbox, clock):
    clock.advance(TEN_MINUTES - 1)
    assert verify(api, *asked).status == 200
    clock.advance(1)
    challenge = ask_for_code(api, "Alice").json["challenge"]
    code = mailbox.code(ADDRESS)
    clock.advance(TEN_MINUTES)
    verify(api, challenge, code).assert_problem(401, "invalid_challenge")


def test_a_code_is_good_with_its_own_challenge_only(api, asked, mailbox, clock):
    challenge, code = asked
    clock.advance(MINUTE)
    newer = ask_for_code(api, "Alice").json["challenge"]
    newer_code = mailbox.code(ADDRESS)
    if newer_code != code:  # one time in a million
        verify(api, newer, code).assert_problem(401, "invalid_code")
    assert verify(api, newer, newer_code).status == 200
    assert verify(api, challenge, code).status == 200


@pytest.mark.parametrize("challenge", ["", "x", "A" * 43, "A" * 10_000, "\u00fc"])
def test_a_challenge_that_is_none_is_refused(api, challenge):
    verify(api, challenge, "123456").assert_problem(401, "invalid_challenge")


def test_the_challenge_cut_or_doubled_is_none(api, asked):
    challenge, code = asked
    for spoilt in (challenge[:-1], challenge * 2, challenge + "A", challenge.upper(), f" {challenge}"):
        verify(api, spoilt, code).assert_problem(401, "invalid_challenge")
    assert verify(api, challenge, code).status == 200


@pytest.mark.parametrize(
    "code", ["", "12345", "1234567", "abcdef", "\u0661\u0662\u0663\u0664\u0665\u0666", "1" * 10_000]
)
def test_what_is_no_code_is_wrong_and_counts_as_a_try(api, asked, code):
    challenge, right = asked
    for _ in range(5):
        verify(api, challenge, code).assert_problem(401, "invalid_code")
    verify(api, challenge, right).assert_problem(401, "invalid_challenge")


def test_spaces_in_a_code_are_ignored(api, asked):
    challenge, code = asked
    assert verify(api, challenge, f" {code[:3]} {code[3:]} ").status == 200


@pytest.mark.parametrize("members", [{}, {"challenge": "x"}, {"code": "123456"}, {"challenge": "x", "code": 123456}])
def test_a_log_in_by_code_has_a_challenge_and_a_code_which_is_a_string(api, members):
    api.post("/auth/login/code/verify", members).assert_problem(422, "validation_failed")


@pytest.mark.parametrize("members", [{}, {"username": None}, {"email": ADDRESS}, {"username": 5}])
def test_a_request_for_a_code_has_a_username(api, members):
    api.post("/auth/login/code", members).assert_problem(422, "validation_failed")


def test_a_code_dies_when_the_password_is_changed(api, alice, asked):
    passwords = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert api.bearer("PUT", "/auth/password", alice["access_token"], passwords).status == 200
    verify(api, *asked).assert_problem(401, "invalid_challenge")


def test_a_code_dies_with_a_reset(api, asked, mailbox, clock):
    clock.advance(MINUTE)
    forgot(api, "Alice")
    assert reset(api, mailbox.token(ADDRESS, "reset")).status == 204
    verify(api, *asked).assert_problem(401, "invalid_challenge")


def test_a_code_dies_when_the_address_is_another_or_gone(api, alice, asked, mailbox, clock):
    bearer = alice["access_token"]
    assert api.bearer("PUT", "/auth/email", bearer, {"email": OTHER_ADDRESS}).status == 202
    assert confirm(api, mailbox.token(OTHER_ADDRESS, "email")).status == 204
    verify(api, *asked).assert_problem(401, "invalid_challenge")
    clock.advance(MINUTE)
    challenge = ask_for_code(api, "Alice").json["challenge"]
    code = mailbox.code(OTHER_ADDRESS)
    assert api.bearer("DELETE", "/auth/email", bearer).status == 204
    verify(api, challenge, code).assert_problem(401, "invalid_challenge")


def test_an_unconfirmed_address_gets_no_code(api, mailbox, clock):
    api.register("Alice", email=ADDRESS)
    mailbox.all()
    clock.advance(MINUTE)
    ask_for_code(api, "Alice")
    ask_for_code(api, ADDRESS)
    assert len(mailbox.all(ADDRESS)) == 1


def test_the_challenge_of_a_wrong_code_is_that_of_the_api_without_an_error_code(api, asked):
    challenge, code = asked
    refused = verify(api, challenge, wrong(code)[0])
    assert refused.challenge == 'Bearer realm="lychgate"'


def test_a_device_is_remembered_by_a_code_too_and_keeps_its_name(api, alice, asked, mailbox, clock):
    answer = verify(api, *asked, token_delivery="cookie")
    (device,) = [cookie for cookie in answer.cookies if cookie.key.endswith("device")]
    for _ in range(12):
        api.login(password="wrong horse battery staple")
    members = {"username": "Alice", "password": PASSWORD, "token_delivery": "cookie"}
    assert api.post("/auth/login", members, headers={"Cookie": as_header(device)}).status == 200
