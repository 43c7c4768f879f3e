"""How many mails may be asked for: by address on the network, by mail address, and in all."""

import pytest

from tests.support.api_client import as_header
from tests.support.mail_flows import (
    ADDRESS,
    MINUTE,
    OTHER_ADDRESS,
    PASSWORD,
    ask_for_code,
    confirm,
    forgot,
    reset,
    with_address,
)

HOUR = 3600


@pytest.fixture
def alice(api, mailbox, clock):
    """The tokens of Alice, who has confirmed her address."""
    return with_address(api, mailbox, clock)


def device_of(answer):
    (cookie,) = [cookie for cookie in answer.cookies if cookie.key.endswith("device")]
    return {"Cookie": as_header(cookie)}


def test_one_network_may_ask_for_so_many_mails_an_hour(api, settings, clock):
    settings["LYCHGATE_MAILS_PER_IP"] = "3"
    statuses = [request(api, "nobody").status for request in (forgot, ask_for_code, forgot, ask_for_code)]
    assert statuses == [202, 202, 202, 429]
    refused = forgot(api, "nobody")
    refused.assert_problem(429, "too_many_attempts")
    clock.advance(int(refused.headers["retry-after"]))
    assert forgot(api, "nobody").status == 202


def test_the_default_is_thirty(api):
    assert [forgot(api, "nobody").status for _ in range(31)] == [202] * 30 + [429]


def test_registrations_and_changes_count_there_too(api, settings):
    settings["LYCHGATE_MAILS_PER_IP"] = "2"
    tokens = api.register("Alice", email=ADDRESS).json
    assert forgot(api, "nobody").status == 202
    refused = api.bearer("PUT", "/auth/email", tokens["access_token"], {"email": OTHER_ADDRESS})
    refused.assert_problem(429, "too_many_attempts")
    api.bearer("POST", "/auth/email/resend", tokens["access_token"]).assert_problem(429, "too_many_attempts")
    api.register("Bobby", email=OTHER_ADDRESS).assert_problem(429, "too_many_attempts")
    # No account was made, and none is refused that asks for no mail.
    assert api.register("Bobby").status == 201


def test_over_the_limit_of_an_address_a_link_is_not_sent_and_the_answer_does_not_tell(api, alice, mailbox):
    sent = len(mailbox.all(ADDRESS))
    for _ in range(3):
        answer = forgot(api, "Alice")
        assert (answer.status, answer.body) == (202, b"{}")
        assert len(mailbox.all(ADDRESS)) == sent + 1


def test_one_address_gets_five_mails_an_hour_and_ten_a_day(api, alice, mailbox, clock):
    clock.advance(24 * HOUR)
    before, counts = len(mailbox.all(ADDRESS)), []
    for _ in range(4):
        for _ in range(10):
            clock.advance(MINUTE)
            ask_for_code(api, "Alice")
            mailbox.all()
        counts.append(len(mailbox.all(ADDRESS)) - before)
        clock.advance(HOUR)
    assert counts == [5, 10, 10, 10]


def test_an_address_that_somebody_enters_again_and_again_is_mailed_once_a_minute(api, mailbox, clock):
    tokens = api.register("Alice", email=ADDRESS).json
    other = api.register("Bobby").json
    for bearer in (tokens, other):
        refused = api.bearer("PUT", "/auth/email", bearer["access_token"], {"email": ADDRESS.upper()})
        refused.assert_problem(429, "too_many_attempts")
        assert refused.headers["retry-after"] == str(MINUTE)
    assert len(mailbox.all()) == 1
    assert api.me(other["access_token"]).json["user"]["email"] is None


def test_no_strangers_keep_a_device_of_the_owner_from_a_new_password(api, settings, mailbox, clock):
    settings["LYCHGATE_MAILS_PER_DAY"] = "5"
    device = device_of(api.register("Alice", email=ADDRESS, token_delivery="cookie"))
    confirm(api, mailbox.token(ADDRESS, "email"))
    clock.advance(MINUTE)
    for _ in range(8):
        assert forgot(api, "Alice").status == 202
        mailbox.all()
        clock.advance(MINUTE)
    sent = len(mailbox.all(ADDRESS))
    assert forgot(api, "Alice").status == 202
    assert len(mailbox.all(ADDRESS)) == sent
    assert forgot(api, "Alice", **device).status == 202
    assert len(mailbox.all(ADDRESS)) == sent + 1
    assert reset(api, mailbox.token(ADDRESS, "reset")).status == 204


def test_strangers_cause_so_many_mails_a_day_in_all_and_are_told_nothing(api, settings, mailbox, clock):
    settings["LYCHGATE_MAILS_PER_DAY"] = "3"
    with_address(api, mailbox, clock)
    answers = [forgot(api, "nobody") for _ in range(2)]
    answers.append(forgot(api, "Alice"))
    challenge = ask_for_code(api, "Alice")
    assert challenge.json["challenge"]
    assert len({(answer.status, answer.body, str(answer.headers)) for answer in answers}) == 1
    # Who registers gets an account, and asks for the mail again when the day is over.
    bobby = api.register("Bobby", email=OTHER_ADDRESS).json
    assert len(mailbox.all()) == 1
    # A user who is logged in is no stranger.
    clock.advance(MINUTE)
    assert api.bearer("POST", "/auth/email/resend", bobby["access_token"]).status == 202
    assert len(mailbox.all(OTHER_ADDRESS)) == 1
    clock.advance(24 * HOUR)
    assert forgot(api, "Alice").status == 202
    assert len(mailbox.all(ADDRESS)) == 2


def test_the_device_of_somebody_else_is_a_stranger(api, alice, mailbox, clock):
    mallory = device_of(api.register("Mallory", token_delivery="cookie"))
    assert forgot(api, "Alice").status == 202
    sent = len(mailbox.all(ADDRESS))
    assert forgot(api, "Alice", **mallory).status == 202
    assert len(mailbox.all(ADDRESS)) == sent


def test_notices_are_sent_however_many_there_are(api, alice, mailbox):
    token = alice["access_token"]
    password = PASSWORD
    for number in range(12):
        passwords = {"current_password": password, "new_password": f"a quite different passphrase {number}"}
        changed = api.bearer("PUT", "/auth/password", token, passwords)
        token, password = changed.json["access_token"], passwords["new_password"]
    assert len(mailbox.all(ADDRESS)) == 1 + 12
