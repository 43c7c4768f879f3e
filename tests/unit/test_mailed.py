"""Tokens and codes that are sent by mail, and the limits on asking for them."""

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.accounts.mail import ASKED_FOR, MailKind
from chalicelib.credentials import mail_budgets
from chalicelib.credentials.mail_budgets import PER_DAY, PER_HOUR, Sent, budget_key, charged
from chalicelib.credentials.mailed import (
    LIFETIMES,
    MailedProof,
    code_digest,
    code_fits,
    mail_id_of_challenge,
    new_challenge,
    new_code,
    new_mail_id,
    new_token,
    read_token,
)

NOW = 1_800_000_000


def proof(**members):
    kept = {"mail_id": "m1", "kind": MailKind.LOGIN_CODE, "expires_at": NOW + 600, "used": False}
    none = {"user_id": None, "username": None, "email": None, "password_version": 0, "session_id": None}
    return MailedProof(**(kept | none | members))


class TestTokens:
    def test_a_token_leads_to_its_mail_and_is_not_in_what_is_stored(self):
        mail_id = new_mail_id()
        token = new_token(mail_id)
        found, digest = read_token(token)
        assert found == mail_id
        assert digest not in token
        assert token[len(mail_id) :] not in digest

    def test_two_tokens_of_one_mail_differ_in_256_bits(self):
        one, other = new_token("m" * 22), new_token("m" * 22)
        assert one[22:] != other[22:]
        assert len(one[22:]) == 43

    @pytest.mark.parametrize("change", [lambda t: t[:-1], lambda t: t + "A", lambda t: t + t, lambda t: " " + t])
    def test_a_token_that_was_cut_or_doubled_is_none(self, change):
        assert read_token(change(new_token(new_mail_id()))) is None

    @pytest.mark.parametrize("text", ["", "a" * 64, "=" * 65, "ä" * 65, "a" * 64 + "\n", "a" * 100_000])
    def test_another_text_is_none(self, text):
        assert read_token(text) is None

    def test_a_token_with_another_last_character_has_another_digest(self):
        token = new_token(new_mail_id())
        other = token[:-1] + ("A" if token[-1] != "A" else "B")
        assert read_token(other)[1] != read_token(token)[1]


SENT = proof(code_digest=code_digest("012345", "m1"))


class TestCodes:
    def test_a_code_is_stored_as_a_hash_that_is_slow(self):
        slow = hashlib.scrypt(b"012345", salt=b"m1", n=2**14, r=8, p=1, dklen=32)
        assert SENT.code_digest == slow.hex()

    def test_a_code_has_six_digits_and_may_begin_with_zeros(self):
        assert re.fullmatch(r"[0-9]{6}", new_code())
        assert len({new_code() for _ in range(50)}) > 1

    def test_the_mailed_code_fits_with_spaces_around_and_in_it(self):
        assert code_fits("012345", SENT)
        assert code_fits(" 012 345\n", SENT)

    @pytest.mark.parametrize("code", ["", "012346", "12345", "0123450", "०१२३४५", "012345x", "x" * 10_000])
    def test_another_code_does_not_fit(self, code):
        assert not code_fits(code, SENT)

    def test_the_code_of_another_mail_does_not_fit(self):
        assert not code_fits("012345", proof(code_digest=code_digest("012345", "m2")))

    @pytest.mark.parametrize("code", ["", "000000", "0" * 64])
    def test_no_code_fits_where_none_was_sent(self, code):
        assert not code_fits(code, proof())

    def test_the_mail_of_a_challenge_does_not_tell_it(self):
        challenge = new_challenge()
        assert mail_id_of_challenge(challenge) == mail_id_of_challenge(challenge)
        assert challenge not in mail_id_of_challenge(challenge)
        assert mail_id_of_challenge("\ud800") != mail_id_of_challenge("a")


class TestProofs:
    def test_a_proof_is_good_for_its_own_kind_only(self):
        for kind in MailKind:
            assert (proof().problem((kind,), NOW) is None) == (kind is MailKind.LOGIN_CODE)

    def test_a_proof_is_good_until_it_expires_or_is_used(self):
        assert proof().problem((MailKind.LOGIN_CODE,), NOW + 599) is None
        assert proof().problem((MailKind.LOGIN_CODE,), NOW + 600) == "expired"
        assert proof(used=True).problem((MailKind.LOGIN_CODE,), NOW) == "used"

    def test_what_is_asked_for_ends_and_notices_carry_nothing(self):
        assert set(LIFETIMES) == {*ASKED_FOR, MailKind.INVITATION}


class TestBudgets:
    def ask(self, times, kind=MailKind.EMAIL):
        """The times at which a mail was sent, of those at which one was asked for."""
        sent, sent_at = (), []
        for now in times:
            sent, wait = charged(sent, kind, now)
            if wait == 0:
                sent_at.append(now)
        return sent_at

    def test_one_a_minute(self):
        assert self.ask([0, 1, 59, 60]) == [0, 60]

    def test_five_an_hour_and_ten_a_day(self):
        assert len(self.ask(range(0, 3600, 60))) == PER_HOUR
        assert len(self.ask(range(0, 24 * 3600, 60))) == PER_DAY
        assert len(self.ask(range(0, 48 * 3600, 60))) == 2 * PER_DAY

    def test_it_says_how_long_to_wait(self):
        sent, _ = charged((), MailKind.EMAIL, 100)
        assert charged(sent, MailKind.EMAIL, 110) == ((Sent(100, "email"),), 50)

    def test_it_is_as_long_if_the_mailer_sees_an_older_mail_late(self):
        in_order, late = (0, 600, 1200, 1800, 2400), (600, 1200, 1800, 2400, 0)
        waits = []
        for times in (in_order, late):
            sent = ()
            for now in times:
                sent, _ = charged(sent, MailKind.EMAIL, now)
            waits.append(charged(sent, MailKind.EMAIL, 3000)[1])
        assert waits == [600, 600]

    def test_another_kind_of_mail_is_not_kept_waiting_for_a_minute(self):
        sent, _ = charged((), MailKind.EMAIL, 100)
        sent, wait = charged(sent, MailKind.RESET, 101)
        assert (wait, [mail.at for mail in sent]) == (0, [100, 101])

    def test_all_kinds_together_are_limited_by_the_hour_and_the_day(self):
        sent, sent_at = (), []
        for now in range(0, 24 * 3600, 30):
            kind = (MailKind.EMAIL, MailKind.LOGIN_CODE)[now // 30 % 2]
            sent, wait = charged(sent, kind, now)
            sent_at += [now] * (wait == 0)
        assert len(sent_at) == PER_DAY
        assert len([at for at in sent_at if at < 3600]) == PER_HOUR

    def test_no_other_mails_keep_a_new_password_away(self):
        sent = ()
        for now in range(0, 3600, 60):
            sent, _ = charged(sent, MailKind.LOGIN_CODE, now)
        assert charged(sent, MailKind.RESET, 3600 - 1)[1] == 0

    def test_a_new_password_is_never_kept_away_for_more_than_an_hour(self):
        flood = self.ask(range(0, 24 * 3600, 60), MailKind.RESET)
        gaps = [later - earlier for earlier, later in zip(flood, [*flood[1:], 24 * 3600], strict=True)]
        assert max(gaps) <= 3600
        assert len(flood) <= PER_DAY + 24

    @given(st.lists(st.integers(0, 3 * 24 * 3600), max_size=120), st.sampled_from(ASKED_FOR))
    def test_no_hour_has_more_than_five_and_no_minute_more_than_one(self, times, kind):
        sent = self.ask(sorted(times), kind)
        for first in sent:
            assert sum(first <= at < first + 60 for at in sent) <= 1
            assert sum(first <= at < first + 3600 for at in sent) <= PER_HOUR

    def test_the_address_is_not_in_the_name_of_its_budget(self):
        assert "alice" not in budget_key("alice@example.org")
        assert budget_key("Alice@Example.org") == budget_key("alice@example.org")
        assert budget_key("alice@example.org", "u1") != budget_key("alice@example.org")

    def test_what_is_remembered_stays_small(self):
        sent = ()
        for now in range(0, 10 * 24 * 3600, 600):
            sent, _ = charged(sent, MailKind.RESET, now)
        assert len(sent) <= 4 * mail_budgets.PER_DAY
