"""What is not a user's has a key that no item of a user can have, whatever id or name an import or a request has."""

import re

import pytest

from chalicelib.adapters.dynamodb import administrators, ended
from chalicelib.adapters.dynamodb.factor_uses import passkey_key
from chalicelib.adapters.dynamodb.items import address_key, registration_key, user_key
from chalicelib.adapters.dynamodb.mails import suppressed_key
from chalicelib.credentials.mail_budgets import budget_key, typed_key
from chalicelib.credentials.mailed import mail_id_of_challenge, new_mail_id, new_token, read_token
from chalicelib.credentials.second_factors import tries_window
from chalicelib.use_cases.administration import USER_ID
from tests.support.fakes import MAIL_RULES, RULES
from tests.support.samples import NOW

CHOSEN = ("administrators", "ended", "email#1", "passkey#1", "registration#1", "suppressed#1", "#ended", "", "\ud800")


def test_no_id_is_the_partition_of_the_feed_of_ended_sessions():
    assert USER_ID.fullmatch("ended")
    assert not USER_ID.fullmatch(ended.PARTITION)


@pytest.mark.parametrize("name", CHOSEN)
def test_no_username_has_the_key_of_anything_else_in_the_table_of_users(name):
    form = re.compile("[0-9a-f]{64}")
    assert form.fullmatch(user_key(name)["username_key"]["S"])
    others = (administrators.KEY, address_key(name), passkey_key(name), registration_key(new_mail_id()))
    for other in others:
        assert not form.fullmatch(other["username_key"]["S"])


@pytest.mark.parametrize("text", CHOSEN)
def test_no_token_or_challenge_leads_to_an_address_that_gets_no_mail(text):
    for mail_id in (new_mail_id(), mail_id_of_challenge(text)):
        assert re.fullmatch("[A-Za-z0-9_-]{22}|[0-9a-f]{32}", mail_id)
    assert suppressed_key(text)["mail_id"]["S"].startswith("suppressed#")
    assert read_token(new_token("suppressed#" + "0" * 11)) is None


@pytest.mark.parametrize("text", [*CHOSEN, "mails#all#1", "192.0.2.1", "2001:db8::1"])
def test_no_two_counters_share_a_key_whatever_is_counted(text):
    windows = [MAIL_RULES.day_window_of(NOW), *(rules.address_window_of(text, NOW) for rules in (MAIL_RULES, RULES))]
    budgets = [budget_key(text), budget_key(text, "ended"), typed_key(text, b"\x00")]
    windows += [tries_window("ended", None, NOW)]
    keys = [*(window.key for window in windows), RULES.registration_window_of(text, NOW).key, *budgets]
    assert len({*keys}) == len(keys)
