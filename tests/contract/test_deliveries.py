"""What every ``Deliveries`` of the mailer finds and stores, in memory and in DynamoDB."""

import threading
from dataclasses import replace

import pytest

from chalicelib.accounts.caller import Caller
from chalicelib.accounts.mail import HandedOver, Mail, MailKind
from chalicelib.accounts.user import Contact
from chalicelib.adapters.dynamodb.deliveries import DynamoDBDeliveries
from chalicelib.errors import ServiceUnavailable, TooManyMails
from chalicelib.use_cases.mailer_ports import Addressed, Outcome
from tests.support.fake_deliveries import FakeDeliveries
from tests.support.fakes import MAIL_RULES, Memory
from tests.support.samples import ALICE, NOW, REGISTERED, SESSION

ADDRESS = "Alice@example.org"
CONFIRMED = replace(ALICE, contact=Contact(ADDRESS, verified=True, new_email="new@example.org", language="de"))
RESET = Mail("m1", MailKind.RESET, NOW, "en", asked="alice")


@pytest.fixture
def deliveries(place):
    kind = FakeDeliveries if isinstance(place, Memory) else DynamoDBDeliveries
    return kind(place, MAIL_RULES.per_day)


@pytest.fixture
def add(users):
    def add(user=CONFIRMED):
        users.add(user, replace(SESSION, user_id=user.id, username=user.username), replace(REGISTERED, user_id=user.id))
        return users.find(user.username)

    return add


@pytest.fixture
def found(outbox, deliveries):
    """Put a mail into the outbox, and return it as the mailer finds it."""

    def found(mail=RESET):
        outbox.ask(mail)
        return deliveries.find(mail.id)

    return found


def addressed(mail, recipient=None, *, email=ADDRESS, charged=False, **digests):
    return Addressed(mail, email, recipient, charged, **digests)


class TestFinding:
    def test_finds_a_mail_as_it_was_asked_for(self, found):
        mail = found(replace(RESET, known_user_id="u1", to="to@example.org", user_id="u2"))
        assert (mail.mail_id, mail.kind, mail.at, mail.language) == ("m1", MailKind.RESET, NOW, "en")
        assert (mail.to, mail.user_id, mail.known_user_id) == ("to@example.org", "u2", "u1")
        assert (mail.in_day, mail.counted) == (False, False)
        assert (mail.expires_at, mail.attempts, mail.is_done) == (NOW + 1800, 0, False)

    def test_finds_no_other_mail(self, found, deliveries):
        found()
        assert deliveries.find("m2") is None

    @pytest.mark.parametrize("is_mailed", [True, False])
    def test_finds_of_a_link_that_was_handed_over_its_version_and_whether_it_is_mailed(self, found, is_mailed):
        link = HandedOver("d0", "Alice", ADDRESS, 3, is_mailed)
        mail = found(replace(RESET, user_id="u1", handed_over=link))
        assert (mail.password_version, mail.is_handed_over, mail.is_done) == (3, True, not is_mailed)
        assert not found(replace(RESET, id="m2")).is_handed_over

    def test_a_notice_never_expires(self, found):
        assert found(Mail("m1", MailKind.PASSWORD_CHANGED, NOW, "", asked="alice", user_id="u1")).expires_at is None

    def test_finds_a_user_by_the_name_that_was_asked_for(self, found, add, deliveries):
        add()
        user = deliveries.user_with_name(found(replace(RESET, asked="ALICE")).name_key)
        assert (user.user_id, user.username, user.email, user.new_email) == ("u1", "Alice", ADDRESS, "new@example.org")
        assert (user.verified_email, user.language, user.disabled, user.password_version) == (ADDRESS, "de", False, 0)

    def test_finds_a_user_without_an_address(self, found, add, deliveries):
        add(ALICE)
        user = deliveries.user_with_name(found().name_key)
        assert (user.email, user.verified_email, user.unconfirmed, user.language) == (None, None, None, "")

    def test_finds_a_user_by_the_verified_address_whatever_its_case(self, found, add, deliveries):
        add()
        assert (
            deliveries.user_with_address(found(replace(RESET, asked="ALICE@example.org")).address_key).user_id == "u1"
        )

    @pytest.mark.parametrize(
        "contact", [Contact(ADDRESS, language="de"), Contact(ADDRESS, language="de", asked_by="s1")]
    )
    def test_finds_a_user_whose_first_address_waits_whoever_gave_it(self, found, add, deliveries, contact):
        add(replace(ALICE, contact=contact))
        user = deliveries.user_with_name(found().name_key)
        assert (user.email, user.verified_email, user.unconfirmed, user.language) == (ADDRESS, None, ADDRESS, "de")

    @pytest.mark.parametrize(
        "contact", [None, Contact(ADDRESS), Contact("b@example.org", verified=True, new_email=ADDRESS)]
    )
    def test_finds_nobody_by_an_address_that_is_not_verified(self, found, add, deliveries, contact):
        add(replace(ALICE, contact=contact))
        assert deliveries.user_with_address(found(replace(RESET, asked=ADDRESS)).address_key) is None

    def test_finds_nobody_by_a_name_that_nobody_has(self, found, deliveries):
        mail = found()
        assert deliveries.user_with_name(mail.name_key) is None
        assert deliveries.user_with_address(mail.address_key) is None


class TestPreparing:
    def test_stores_for_whom_the_token_is_and_where_it_goes(self, found, add, deliveries, outbox):
        add()
        mail = found()
        deliveries.prepare(addressed(mail, deliveries.user_with_name(mail.name_key), token_digest="d1"))
        proof = outbox.find("m1")
        assert (proof.user_id, proof.username, proof.email) == ("u1", "Alice", ADDRESS)
        assert (proof.password_version, proof.token_digests) == (0, ("d1",))
        assert deliveries.find("m1").attempts == 1

    def test_stores_that_nobody_has_an_account_yet(self, found, deliveries, outbox):
        deliveries.prepare(addressed(found(), token_digest="d1"))
        assert (outbox.find("m1").user_id, outbox.find("m1").email) == (None, ADDRESS)

    def test_keeps_the_token_of_each_time(self, found, deliveries, outbox):
        deliveries.prepare(addressed(found(), token_digest="d1"))
        deliveries.prepare(addressed(deliveries.find("m1"), token_digest="d2"))
        assert sorted(outbox.find("m1").token_digests) == ["d1", "d2"]

    def test_keeps_the_last_code(self, found, deliveries, outbox):
        deliveries.prepare(
            addressed(found(Mail("m1", MailKind.LOGIN_CODE, NOW, "en", asked="alice")), code_digest="c1")
        )
        deliveries.prepare(addressed(deliveries.find("m1"), code_digest="c2"))
        assert outbox.find("m1").code_digest == "c2"

    @pytest.mark.parametrize("charged", [True, False])
    def test_of_deliveries_that_have_read_the_same_one_goes_on_and_none_gives_up(self, found, deliveries, charged):
        mail = found()
        outcomes = []

        def deliver(number):
            try:
                deliveries.prepare(addressed(mail, token_digest=f"d{number}", charged=charged))
                outcomes.append("goes on")
            except ServiceUnavailable:
                outcomes.append("later")
            except TooManyMails:
                # The other one has used up the budget, for this very mail.
                with pytest.raises(ServiceUnavailable):
                    deliveries.give_up("m1", mail.attempts, Outcome.BUDGET)
                outcomes.append("later")

        threads = [threading.Thread(target=deliver, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["goes on", "later", "later", "later"]
        assert not deliveries.find("m1").is_done

    @pytest.mark.parametrize("charged", [True, False])
    @pytest.mark.parametrize(
        "end",
        [
            lambda deliveries: deliveries.sent("m1", "ses-1", NOW),
            lambda deliveries: deliveries.give_up("m1", 0, Outcome.NOBODY),
        ],
    )
    def test_prepares_no_mail_that_has_ended_meanwhile(self, found, deliveries, outbox, end, charged):
        mail = found()
        end(deliveries)
        with pytest.raises(ServiceUnavailable):
            deliveries.prepare(addressed(mail, token_digest="d1", charged=charged))
        assert outbox.find("m1").token_digests == ()


class TestBudgets:
    def test_charges_the_address_once_however_often_a_mail_is_delivered(self, found, deliveries):
        deliveries.prepare(addressed(found(), charged=True))
        again = deliveries.find("m1")
        assert again.counted
        deliveries.prepare(addressed(again, charged=not again.counted))
        with pytest.raises(TooManyMails):
            deliveries.prepare(addressed(found(replace(RESET, id="m2", at=NOW + 59)), charged=True))
        deliveries.prepare(addressed(found(replace(RESET, id="m3", at=NOW + 60)), charged=True))

    def test_stores_nothing_of_a_mail_over_the_budget(self, found, deliveries, outbox):
        deliveries.prepare(addressed(found(), charged=True, token_digest="d1"))
        second = found(replace(RESET, id="m2"))
        with pytest.raises(TooManyMails):
            deliveries.prepare(addressed(second, charged=True, token_digest="d2"))
        assert outbox.find("m2").token_digests == ()
        assert deliveries.find("m2").attempts == 0

    def test_charges_when_a_mail_was_asked_for_not_when_it_is_sent(self, found, deliveries):
        deliveries.prepare(addressed(found(), charged=True))
        deliveries.prepare(addressed(found(replace(RESET, id="m2", at=NOW + 60)), charged=True))

    def test_what_somebody_has_typed_an_address_for_is_not_what_it_has_got(self, found, deliveries, outbox):
        outbox.count_typed(ADDRESS, Caller("203.0.113.7", "browser"), MailKind.RESET, NOW)
        deliveries.prepare(addressed(found(), charged=True))

    def test_a_device_of_the_user_has_a_budget_of_its_own(self, found, add, deliveries):
        add()
        deliveries.prepare(addressed(found(), charged=True))
        mail = found(replace(RESET, id="m2", known_user_id="u1"))
        deliveries.prepare(addressed(mail, deliveries.user_with_name(mail.name_key), charged=True))

    def test_a_device_of_somebody_else_has_not(self, found, add, deliveries):
        add()
        deliveries.prepare(addressed(found(), charged=True))
        mail = found(replace(RESET, id="m2", known_user_id="u2"))
        with pytest.raises(TooManyMails):
            deliveries.prepare(addressed(mail, deliveries.user_with_name(mail.name_key), charged=True))

    def test_of_mails_that_are_prepared_at_once_one_is_in_the_budget(self, found, deliveries):
        mails = [found(replace(RESET, id=f"m{number}")) for number in range(4)]
        outcomes = []

        def deliver(mail):
            try:
                deliveries.prepare(addressed(mail, charged=True))
                outcomes.append("goes on")
            except TooManyMails:
                outcomes.append("too many")

        threads = [threading.Thread(target=deliver, args=(mail,)) for mail in mails]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["goes on", "too many", "too many", "too many"]


class TestTheMailsOfADay:
    def test_a_mail_is_counted_once_however_often_it_is_delivered(self, found, deliveries, outbox):
        mail = found()
        for _ in range(3):
            assert deliveries.count_in_day(mail)
        assert deliveries.find("m1").in_day
        assert [outbox.count_request(f"198.51.100.{n // 25}", known=False, now=NOW) for n in range(50)] == [
            *[True] * 49,
            False,
        ]

    def test_a_mail_of_a_day_that_is_used_up_is_not_counted(self, found, deliveries):
        for number in range(50):
            assert deliveries.count_in_day(found(replace(RESET, id=f"m{number}")))
        late = found(replace(RESET, id="late"))
        assert not deliveries.count_in_day(late)
        assert not deliveries.find("late").in_day
        # What was counted before stays so, and another day has its own.
        assert deliveries.count_in_day(deliveries.find("m0"))
        assert deliveries.count_in_day(found(replace(RESET, id="tomorrow", at=NOW + 24 * 3600)))


class TestEnding:
    def test_a_mail_that_was_sent_is_done(self, found, deliveries):
        found()
        deliveries.sent("m1", "ses-1", NOW)
        assert deliveries.find("m1").is_done

    def test_a_mail_that_was_given_up_is_done(self, found, deliveries):
        found()
        deliveries.give_up("m1", 0, Outcome.BUDGET)
        assert deliveries.find("m1").is_done

    def test_a_mail_that_has_ended_cannot_be_given_up_and_that_is_no_failure(self, found, deliveries):
        found()
        assert deliveries.give_up("m1", 0, Outcome.BUDGET) is True
        assert deliveries.give_up("m1", 0, Outcome.LATE) is False
        deliveries.give_up("m2", 0, Outcome.LATE)

    def test_of_a_mail_that_is_gone_nothing_is_stored(self, deliveries):
        deliveries.sent("gone", "ses-1", NOW)
        assert deliveries.find("gone") is None
        deliveries.give_up("gone", 0, Outcome.LATE)
        assert deliveries.find("gone") is None

    def test_an_address_is_suppressed_whatever_its_case(self, deliveries):
        assert not deliveries.is_suppressed(ADDRESS)
        deliveries.suppress(ADDRESS, "bounce", NOW)
        deliveries.suppress(ADDRESS, "complaint", NOW + 1)
        assert deliveries.is_suppressed("alice@EXAMPLE.org")
        assert not deliveries.is_suppressed("bob@example.org")
