"""What DynamoDB is to delete by itself: not before it is good for nothing, and then surely (time to live)."""

import pytest

from chalicelib.accounts.mail import MailKind
from chalicelib.adapters.dynamodb.ended import PARTITION
from chalicelib.config.api import ApiSettings
from chalicelib.credentials.mailed import LIFETIMES
from chalicelib.errors import ConfigurationError
from chalicelib.use_cases.ended_sessions import OVERLAP_SECONDS, SKEW_SECONDS
from tests.support.mail_flows import ADDRESS, MINUTE, OTHER_ADDRESS, PASSWORD, ask_for_code, forgot, with_address

DAY = 24 * 3600
LONGEST = 3600
"""Seconds for which access tokens may live at most."""


@pytest.fixture
def items(aws_clients, settings):
    """Return the items of a table, whose name in the settings is this."""
    dynamodb, _ = aws_clients
    return lambda name: dynamodb.scan(TableName=settings[f"LYCHGATE_{name}_TABLE"])["Items"]


def ttl_of(item):
    return int(item["ttl"]["N"])


@pytest.fixture
def asked(api, mailbox, clock):
    """Somebody has asked for each mail that carries something, a minute apart."""
    tokens = with_address(api, mailbox, clock)
    for ask in (forgot, ask_for_code):
        clock.advance(MINUTE)
        assert ask(api, "Alice").status == 202
    assert api.bearer("PUT", "/auth/email", tokens["access_token"], {"email": OTHER_ADDRESS}).status == 202
    mailbox.all()
    return clock()


@pytest.mark.usefixtures("asked")
def test_a_mail_is_kept_for_as_long_as_what_it_carries_is_good_and_forgotten_two_days_later(items):
    found = {item["kind"]["S"]: item for item in items("MAIL")}
    assert {MailKind.RESET, MailKind.LOGIN_CODE, MailKind.EMAIL} <= found.keys()
    for item in found.values():
        at = int(item["at"]["N"])
        assert at + LIFETIMES.get(MailKind(item["kind"]["S"]), 0) <= ttl_of(item) <= at + 2 * DAY
        # As long as the stream passes it on.
        assert ttl_of(item) >= at + DAY


def test_what_was_sent_to_an_address_is_remembered_for_the_day_that_its_limits_look_at(items, asked):
    found = [item for item in items("THROTTLE") if item["counter_key"]["S"].startswith("mail#")]
    assert found
    for item in found:
        newest = max(int(each.partition(":")[0]) for each in item["sent"]["S"].split())
        assert newest + DAY <= ttl_of(item) <= asked + 3 * DAY


def test_every_counter_is_forgotten_some_time(items, asked):
    for item in items("THROTTLE"):
        assert asked <= ttl_of(item) <= asked + 3 * DAY


def test_a_registration_that_nobody_confirms_leaves_nothing(api, settings, items, clock):
    """The hash and the address are those of somebody who has no account."""
    settings["LYCHGATE_IDENTIFIER"] = "email"
    assert api.post("/auth/register", {"email": ADDRESS, "password": PASSWORD}).status == 202
    (kept,) = items("USERS")
    assert ADDRESS in str(kept)
    lifetime = LIFETIMES[MailKind.REGISTER]
    assert clock() + lifetime <= ttl_of(kept) <= clock() + lifetime + DAY


def test_an_end_is_told_for_longer_than_the_longest_access_token_lives_and_no_longer_than_a_day(
    api, settings, items, clock
):
    settings["LYCHGATE_ACCESS_TOKEN_LIFETIME"] = str(LONGEST)
    tokens, others = api.register().json, api.login().json
    assert api.logout(tokens["refresh_token"]).status == 204
    assert api.bearer("POST", "/auth/logout-all", others["access_token"]).status == 204
    told = [item for item in items("SESSIONS") if item["user_id"]["S"] == PARTITION]
    assert len(told) == 2
    for item in told:
        assert clock() + LONGEST + OVERLAP_SECONDS + SKEW_SECONDS <= ttl_of(item) <= clock() + DAY
    with pytest.raises(ConfigurationError, match="LYCHGATE_ACCESS_TOKEN_LIFETIME"):
        ApiSettings.from_environment({**settings, "LYCHGATE_ACCESS_TOKEN_LIFETIME": str(LONGEST + 1)})
