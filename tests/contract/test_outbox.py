"""What every ``Outbox`` keeps and counts, in memory and in DynamoDB."""

from dataclasses import replace

import pytest

from chalicelib.accounts.mail import Mail, MailKind
from chalicelib.accounts.user import Contact
from chalicelib.errors import Conflict, TooManyMails, TooManyMailsToAddress
from tests.support.samples import ALICE, NOW, REGISTERED, REVOKED, SESSION

IP, ADDRESS = "203.0.113.7", "alice@example.org"
CODE = Mail("c1", MailKind.LOGIN_CODE, NOW, "en", asked="alice")


@pytest.fixture
def known(users):
    users.add(ALICE, SESSION, REGISTERED)
    return users.find("alice")


class TestMails:
    def test_a_mail_that_was_asked_for_is_found(self, outbox):
        outbox.ask(Mail("m1", MailKind.RESET, NOW, "en", asked="alice"))
        found = outbox.find("m1")
        assert (found.kind, found.expires_at, found.used) == (MailKind.RESET, NOW + 1800, False)
        assert (found.username, found.token_digests, found.code_digest) == (None, (), None)

    def test_there_is_no_other_mail(self, outbox):
        outbox.ask(Mail("m1", MailKind.RESET, NOW, "en", asked="alice"))
        assert outbox.find("m2") is None

    def test_what_the_mailer_adds_is_found(self, outbox, post):
        mail = Mail("m1", MailKind.RESET, NOW, "en", asked="alice")
        outbox.ask(mail)
        found = post(mail, username="alice", user_id="u1", token_digests=("d1", "d2"), password_version=3)
        assert (found.username, found.user_id, found.password_version) == ("alice", "u1", 3)
        assert set(found.token_digests) == {"d1", "d2"}


class TestCodes:
    def test_five_tries_are_counted_and_a_sixth_is_not_allowed(self, outbox):
        outbox.ask(CODE)
        assert [outbox.try_code("c1", NOW).tries for _ in range(5)] == [1, 2, 3, 4, 5]
        assert outbox.try_code("c1", NOW) is None

    def test_a_challenge_ends_after_ten_minutes(self, outbox):
        outbox.ask(CODE)
        assert outbox.try_code("c1", NOW + 599) is not None
        assert outbox.try_code("c1", NOW + 600) is None

    def test_the_id_of_another_mail_is_no_challenge(self, outbox):
        outbox.ask(Mail("m1", MailKind.RESET, NOW, "en", asked="alice"))
        assert outbox.try_code("m1", NOW) is None
        assert outbox.try_code("m2", NOW) is None

    def test_a_code_begins_one_session(self, outbox, sessions, known, post):
        outbox.ask(CODE)
        proof = post(CODE, username="alice", user_id="u1")
        sessions.begin(known, replace(SESSION, id="s2"), REGISTERED, if_ended=REVOKED, proof=proof)
        with pytest.raises(Conflict):
            sessions.begin(known, replace(SESSION, id="s3"), REGISTERED, if_ended=REVOKED, proof=proof)
        assert {session.id for session in sessions.of_user("u1")} == {"s1", "s2"}
        assert outbox.try_code("c1", NOW) is None

    def test_a_code_begins_no_session_after_a_change_of_the_password(self, outbox, sessions, known, post):
        outbox.ask(CODE)
        proof = post(CODE, username="alice", user_id="u1", password_version=1)
        with pytest.raises(Conflict):
            sessions.begin(known, replace(SESSION, id="s2"), REGISTERED, if_ended=REVOKED, proof=proof)
        assert {session.id for session in sessions.of_user("u1")} == {"s1"}


class TestNotices:
    @pytest.mark.parametrize("gave", [False, True], ids=["that gave no address", "that gave an address"])
    def test_the_end_of_a_reused_session_puts_its_mail_into_the_outbox(self, outbox, sessions, addresses, known, gave):
        if gave:
            asking = Mail("m0", MailKind.EMAIL, NOW, "", asked="alice", user_id="u1")
            addresses.set_email(known, Contact("kim@example.org", asked_by="s1"), asking)
        mail = Mail("m1", MailKind.REFRESH_TOKEN_REUSED, NOW, "", asked="alice", user_id="u1")
        assert sessions.end_reused(SESSION, REVOKED, mail)
        assert outbox.find("m1").user_id == "u1"

    def test_a_session_that_had_ended_before_sends_none(self, outbox, sessions, known):
        sessions.end("u1", "s1", REVOKED)
        mail = Mail("m1", MailKind.REFRESH_TOKEN_REUSED, NOW, "", asked="alice", user_id="u1")
        assert not sessions.end_reused(SESSION, REVOKED, mail)
        assert outbox.find("m1") is None


class TestBudgets:
    def test_a_network_asks_for_thirty_mails_an_hour(self, outbox):
        for _ in range(30):
            assert outbox.count_request(IP, known=False, now=NOW)
        with pytest.raises(TooManyMails) as refused:
            outbox.count_request(IP, known=True, now=NOW)
        assert 0 < refused.value.retry_after <= 3600
        assert outbox.count_request("203.0.113.8", known=False, now=NOW)
        assert outbox.count_request(IP, known=False, now=NOW + 3600)

    def test_strangers_have_a_number_of_mails_a_day_and_known_devices_are_not_in_it(self, outbox):
        networks = [f"198.51.100.{number}" for number in range(2)]
        allowed = [outbox.count_request(networks[n // 25], known=False, now=NOW) for n in range(50)]
        assert all(allowed)
        assert not outbox.count_request("203.0.113.9", known=False, now=NOW)
        assert outbox.count_request("203.0.113.9", known=True, now=NOW)
        assert outbox.count_request("203.0.113.9", known=False, now=NOW + 24 * 3600)

    def test_a_network_types_an_address_once_a_minute_however_it_is_written(self, outbox):
        outbox.count_typed(ADDRESS, b"one", MailKind.EMAIL, NOW)
        with pytest.raises(TooManyMailsToAddress) as refused:
            outbox.count_typed(ADDRESS.upper(), b"one", MailKind.EMAIL, NOW + 20)
        assert refused.value.retry_after == 40
        outbox.count_typed(ADDRESS, b"one", MailKind.EMAIL, NOW + 60)

    def test_another_network_may_type_it_too(self, outbox):
        outbox.count_typed(ADDRESS, b"one", MailKind.EMAIL, NOW)
        outbox.count_typed(ADDRESS, b"another", MailKind.EMAIL, NOW)
