"""What every ``Outbox`` keeps and counts, in memory and in DynamoDB."""

from dataclasses import replace

import pytest

from chalicelib.accounts.caller import Caller
from chalicelib.accounts.mail import Mail, MailKind
from chalicelib.accounts.user import Contact
from chalicelib.errors import Conflict, TooManyMails, TooManyMailsToAddress
from tests.support.samples import ALICE, NOW, REGISTERED, REVOKED, SESSION

IP, ADDRESS = "203.0.113.7", "alice@example.org"
HERE, ELSEWHERE = Caller(IP, "browser"), Caller("198.51.100.9", "browser")
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
        outbox.count_typed(ADDRESS, HERE, MailKind.EMAIL, NOW)
        with pytest.raises(TooManyMailsToAddress) as refused:
            outbox.count_typed(ADDRESS.upper(), HERE, MailKind.EMAIL, NOW + 20)
        assert refused.value.retry_after == 40
        outbox.count_typed(ADDRESS, HERE, MailKind.EMAIL, NOW + 60)

    def test_another_network_may_type_it_too(self, outbox):
        outbox.count_typed(ADDRESS, HERE, MailKind.EMAIL, NOW)
        outbox.count_typed(ADDRESS, ELSEWHERE, MailKind.EMAIL, NOW)

    def test_what_was_typed_counts_among_the_requests_of_its_network_and_of_the_day(self, outbox):
        typed = [outbox.count_typed(f"{n}@example.org", HERE, MailKind.EMAIL, NOW) for n in range(30)]
        assert all(each.in_day for each in typed)
        with pytest.raises(TooManyMails):
            outbox.count_typed(ADDRESS, HERE, MailKind.EMAIL, NOW)
        typed = [outbox.count_typed(f"{n}@example.org", ELSEWHERE, MailKind.EMAIL, NOW) for n in range(21)]
        assert [each.in_day for each in typed] == [True] * 20 + [False]

    def test_one_that_has_to_wait_is_counted_nowhere(self, outbox):
        outbox.count_typed(ADDRESS, HERE, MailKind.EMAIL, NOW)
        for _ in range(60):
            with pytest.raises(TooManyMailsToAddress):
                outbox.count_typed(ADDRESS, HERE, MailKind.EMAIL, NOW)
        typed = [outbox.count_typed(f"{n}@example.org", HERE, MailKind.EMAIL, NOW) for n in range(29)]
        assert all(each.in_day for each in typed)

    def test_one_of_which_no_mail_is_made_is_counted_nowhere(self, outbox):
        for _ in range(60):
            typed = outbox.count_typed(ADDRESS, HERE, MailKind.EMAIL, NOW)
            assert typed.in_day
            outbox.not_asked(typed)
        typed = [outbox.count_typed(f"{n}@example.org", HERE, MailKind.EMAIL, NOW) for n in range(30)]
        assert all(each.in_day for each in typed)

    def test_one_that_the_day_has_no_room_for_takes_nothing_from_others_by_not_being_made(self, outbox):
        callers = [Caller(f"198.51.{number}.7", "browser") for number in range(2)]
        for n in range(50):
            outbox.count_typed(f"{n}@example.org", callers[n // 25], MailKind.EMAIL, NOW)
        beyond = outbox.count_typed(ADDRESS, HERE, MailKind.EMAIL, NOW)
        assert not beyond.in_day
        outbox.not_asked(beyond)
        assert not outbox.count_typed(ADDRESS, HERE, MailKind.EMAIL, NOW).in_day

    def test_what_is_uncounted_of_an_address_is_the_one_mail_and_no_other(self, outbox):
        outbox.count_typed(ADDRESS, HERE, MailKind.EMAIL, NOW)
        outbox.not_asked(outbox.count_typed(ADDRESS, HERE, MailKind.REGISTER, NOW))
        outbox.count_typed(ADDRESS, HERE, MailKind.REGISTER, NOW)
        with pytest.raises(TooManyMailsToAddress):
            outbox.count_typed(ADDRESS, HERE, MailKind.EMAIL, NOW)

    def test_to_uncount_what_is_forgotten_by_now_changes_nothing(self, outbox):
        typed = outbox.count_typed(ADDRESS, HERE, MailKind.EMAIL, NOW)
        outbox.count_typed(ADDRESS, HERE, MailKind.EMAIL, NOW + 25 * 3600)
        outbox.not_asked(typed)
        with pytest.raises(TooManyMailsToAddress):
            outbox.count_typed(ADDRESS, HERE, MailKind.EMAIL, NOW + 25 * 3600 + 1)
