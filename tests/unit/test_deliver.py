"""What the mailer does with each kind of mail, and what a process that dies on the way leaves behind."""

import itertools
import re
from dataclasses import replace

import pytest

from chalicelib.accounts.mail import ASKED_FOR, HandedOver, Mail, MailKind
from chalicelib.accounts.user import Contact
from chalicelib.credentials.mailed import LIFETIMES, code_fits, token_digest
from chalicelib.errors import MailRefused, RefusalUnclear, ServiceUnavailable
from chalicelib.use_cases.deliver import MOST_UNCLEAR, Deliver
from chalicelib.use_cases.mailer_ports import Outcome
from tests.support.fake_deliveries import FakeDeliveries, FakeTransport, Mortal, ProcessDied, Steps, plain
from tests.support.fakes import Memory, fake_stores
from tests.support.samples import ALICE, DELETED, NOW, REGISTERED, SESSION

pytestmark = pytest.mark.usefixtures("hashes_are_cheap")

ADDRESS, NEW = "alice@example.org", "New@example.org"
CONFIRMED = replace(ALICE, contact=Contact(ADDRESS, verified=True, language="de"))
WAITING = replace(ALICE, contact=Contact(ADDRESS, language="de"))
CHANGING = replace(ALICE, contact=Contact(ADDRESS, verified=True, new_email=NEW, language="de"))
NAMES = itertools.count(1)

NOTICES = [kind for kind in MailKind if kind not in {*ASKED_FOR, MailKind.INVITATION}]
OF_AN_ACCOUNT = [kind for kind in NOTICES if kind is not MailKind.EMAIL_CHANGED]


def asked(kind=MailKind.RESET, **members):
    members = {"asked": "alice"} | members
    return Mail(f"{next(NAMES):022}", kind, NOW, "en", **members)


class Post:
    """A mailer over a memory."""

    def __init__(self, clock):
        self.memory = Memory()
        self.stores = fake_stores(self.memory)
        self.deliveries = FakeDeliveries(self.memory, mails_per_day=3)
        self.transport = FakeTransport()
        self.clock = clock

    def deliver(self, mail, *, steps=None, render=plain):
        deliveries, transport = self.deliveries, self.transport
        if steps is not None:
            deliveries, transport = Mortal(deliveries, steps), Mortal(transport, steps)
        mailer = Deliver(
            deliveries=deliveries,
            transport=transport,
            render=render,
            site_url="https://site.example",
            language="en",
            clock=self.clock,
        )
        return mailer.deliver(mail.id)

    def ask(self, mail):
        self.stores.outbox.ask(mail)
        return mail

    def add(self, user):
        session = replace(SESSION, user_id=user.id, username=user.username)
        self.stores.users.add(user, session, replace(REGISTERED, user_id=user.id))

    def sent(self):
        """Where the only mail went, and what it said."""
        ((to, content),) = self.transport.sent
        return to, content

    def posted(self, mail):
        return self.memory.mails.posted[mail.id]


@pytest.fixture
def post(clock):
    clock.now = NOW + 2
    return Post(clock)


def ends(post, mail, outcome):
    """Whether a mail that is delivered ends so: nothing is sent, and a repetition does nothing."""
    assert post.deliver(post.ask(mail)).outcome is outcome
    assert post.posted(mail).outcome == outcome
    assert post.deliver(mail).outcome is Outcome.DONE_BEFORE
    assert post.transport.sent == []


class TestWhomAMailIsFor:
    @pytest.mark.parametrize("name", ["alice", "ALICE", ADDRESS, ADDRESS.upper()])
    def test_a_link_goes_to_whoever_has_the_name_or_the_verified_address(self, post, name):
        post.add(CONFIRMED)
        assert post.deliver(post.ask(asked(asked=name))).outcome is Outcome.SENT
        assert post.sent()[0] == ADDRESS

    def test_a_link_goes_to_whoever_has_verified_an_address_and_not_to_who_is_called_so(self, post):
        post.add(CONFIRMED)
        post.add(replace(ALICE, id="u2", username=ADDRESS, contact=Contact("mallory@example.org", verified=True)))
        post.deliver(post.ask(asked(asked=ADDRESS)))
        assert post.sent()[0] == ADDRESS

    @pytest.mark.parametrize("kind", [MailKind.RESET, MailKind.LOGIN_CODE])
    @pytest.mark.parametrize("name", ["bob", "bob@example.org", ADDRESS, "a password, typed here by mistake"])
    @pytest.mark.parametrize("user", [ALICE, WAITING])
    def test_nobody_gets_a_mail_but_at_a_verified_address(self, post, kind, name, user):
        post.add(user)
        ends(post, asked(kind, asked=name), Outcome.NOBODY)

    @pytest.mark.parametrize("kind", [MailKind.RESET, MailKind.LOGIN_CODE, *OF_AN_ACCOUNT])
    def test_a_disabled_user_gets_no_mail(self, post, kind):
        post.add(replace(CONFIRMED, disabled=True))
        ends(post, asked(kind, user_id="u1" if kind in NOTICES else None), Outcome.NOBODY)

    @pytest.mark.parametrize("kind", OF_AN_ACCOUNT)
    def test_a_notice_goes_to_the_user_that_it_is_about(self, post, kind):
        post.add(CONFIRMED)
        post.deliver(post.ask(asked(kind, user_id="u1")))
        to, content = post.sent()
        assert (to, content.subject, content.language, content.values) == (ADDRESS, kind, "de", {})

    @pytest.mark.parametrize("contact", [WAITING.contact, CONFIRMED.contact])
    def test_an_invitation_goes_to_the_address_of_the_account_with_a_link_that_sets_a_password(self, post, contact):
        post.add(replace(WAITING, contact=contact))
        post.deliver(post.ask(asked(MailKind.INVITATION, user_id="u1", to=ADDRESS)))
        to, content = post.sent()
        assert (to, content.subject) == (ADDRESS, MailKind.INVITATION)
        assert content.values["hours"] == "24"
        assert "/account.html#reset=" in content.values["link"]

    def test_an_invitation_does_not_go_to_an_address_that_the_account_no_longer_has(self, post):
        post.add(CONFIRMED)
        ends(post, asked(MailKind.INVITATION, user_id="u1", to=NEW), Outcome.NOBODY)

    @pytest.mark.parametrize(("version", "outcome"), [(0, Outcome.SENT), (1, Outcome.NOBODY)])
    def test_a_link_that_was_handed_over_is_not_mailed_once_the_password_is_another(self, post, version, outcome):
        post.add(CONFIRMED)
        link = HandedOver("digest", "Alice", ADDRESS, version, is_mailed=True)
        assert post.deliver(post.ask(asked(user_id="u1", handed_over=link))).outcome is outcome

    def test_a_link_that_was_handed_over_does_not_go_to_another_address_and_stays_void(self, post):
        post.add(replace(CONFIRMED, contact=Contact(NEW, verified=True)))
        link = HandedOver("digest", "Alice", ADDRESS, 0, is_mailed=True)
        mail = asked(user_id="u1", to=ADDRESS, handed_over=link)
        ends(post, mail, Outcome.NOBODY)
        assert post.stores.outbox.find(mail.id).email == ADDRESS

    def test_a_link_that_was_handed_over_goes_to_its_user_also_if_the_name_is_anothers_address(self, post):
        post.add(replace(CONFIRMED, username=NEW))
        post.add(replace(ALICE, id="u2", username="Mallory", contact=Contact(NEW, verified=True)))
        link = HandedOver("digest", NEW, ADDRESS, 0, is_mailed=True)
        post.deliver(post.ask(asked(asked=NEW, user_id="u1", to=ADDRESS, handed_over=link)))
        assert post.sent()[0] == ADDRESS

    @pytest.mark.parametrize("kind", OF_AN_ACCOUNT)
    def test_a_notice_does_not_go_to_who_has_the_name_now(self, post, kind):
        post.add(CONFIRMED)
        ends(post, asked(kind, user_id="gone"), Outcome.NOBODY)

    @pytest.mark.parametrize("users", [[CONFIRMED], []], ids=["renamed since", "found"])
    def test_the_old_address_hears_of_a_change_whatever_the_user_is_called_by_now(self, post, users):
        for user in users:
            post.add(user)
        post.deliver(post.ask(asked(MailKind.EMAIL_CHANGED, user_id="u1", to="old@example.org")))
        assert post.sent()[0] == "old@example.org"

    def test_an_address_is_confirmed_while_it_waits_for_that(self, post):
        post.add(CHANGING)
        post.deliver(post.ask(asked(MailKind.EMAIL, user_id="u1", to=NEW)))
        assert post.sent()[0] == NEW

    def test_a_first_address_is_confirmed_too(self, post):
        post.add(WAITING)
        post.deliver(post.ask(asked(MailKind.EMAIL, user_id="u1", to=ADDRESS)))
        assert post.sent()[0] == ADDRESS

    @pytest.mark.parametrize("user", [CONFIRMED, WAITING, ALICE])
    def test_no_address_is_confirmed_that_waits_no_longer(self, post, user):
        post.add(user)
        ends(post, asked(MailKind.EMAIL, user_id="u1", to=NEW), Outcome.NOBODY)

    def test_a_registration_is_confirmed_at_its_address(self, post):
        mail = post.ask(asked(MailKind.REGISTER, asked=NEW, to=NEW))
        post.deliver(mail)
        to, content = post.sent()
        assert (to, content.subject, content.language) == (NEW, "register", "en")
        assert post.stores.outbox.find(mail.id).user_id is None

    @pytest.mark.parametrize(
        ("user", "template"),
        [
            (replace(CONFIRMED, username=ADDRESS), "register_known"),
            (CONFIRMED, "register_known"),
            (replace(ALICE, username=ADDRESS), "register_unconfirmed"),
            (replace(ALICE, username=ADDRESS, contact=Contact(ADDRESS)), "register_unconfirmed"),
            (replace(ALICE, username=ADDRESS, contact=Contact(NEW, verified=True)), "register_unconfirmed"),
        ],
    )
    def test_a_registration_of_an_address_that_has_an_account_gets_no_link(self, post, user, template):
        post.add(user)
        mail = post.ask(asked(MailKind.REGISTER, asked=ADDRESS, to=ADDRESS))
        post.deliver(mail)
        to, content = post.sent()
        assert (to, content.subject, content.values) == (ADDRESS, template, {})
        assert post.stores.outbox.find(mail.id).token_digests == ()

    def test_a_mail_that_is_gone_is_done(self, post):
        assert post.deliver(asked()).outcome is Outcome.DONE_BEFORE


class TestWhatAMailCarries:
    @pytest.mark.parametrize("kind", [MailKind.REGISTER, MailKind.EMAIL, MailKind.RESET])
    def test_a_link_has_the_token_in_its_fragment_and_the_outbox_its_digest(self, post, kind):
        post.add(CHANGING)
        members = {"to": NEW, "user_id": "u1"} if kind is MailKind.EMAIL else {}
        members |= {"to": NEW, "asked": NEW} if kind is MailKind.REGISTER else {}
        mail = post.ask(asked(kind, **members))
        post.deliver(mail)
        _, content = post.sent()
        link = re.fullmatch(
            rf"https://site\.example/account\.html#{kind}=([A-Za-z0-9_-]{{65}})", content.values["link"]
        )
        assert link[1].startswith(mail.id)
        assert post.stores.outbox.find(mail.id).token_digests == (token_digest(link[1]),)
        assert content.values["minutes"] == str(LIFETIMES[kind] // 60)

    def test_a_code_fits_what_is_stored_and_no_other_does(self, post):
        post.add(CONFIRMED)
        mail = post.ask(asked(MailKind.LOGIN_CODE))
        post.deliver(mail)
        _, content = post.sent()
        proof = post.stores.outbox.find(mail.id)
        assert code_fits(content.values["code"], proof)
        assert not code_fits(f"{(int(content.values['code']) + 1) % 10**6:06}", proof)
        assert content.values["minutes"] == "10"
        assert content.values.keys() == {"code", "minutes"}

    @pytest.mark.parametrize(("waited", "minutes"), [(0, "30"), (29, "30"), (600, "20"), (1799, "1")])
    def test_a_mail_says_for_how_long_its_link_is_still_good(self, post, waited, minutes):
        post.add(CONFIRMED)
        post.clock.now = NOW + waited
        post.deliver(post.ask(asked()))
        assert post.sent()[1].values["minutes"] == minutes

    @pytest.mark.parametrize(
        ("account", "request_", "language"), [("de", "en", "de"), ("", "de", "de"), ("", "", "en"), ("de", "", "de")]
    )
    def test_the_account_says_which_language_then_the_request_then_the_site(self, post, account, request_, language):
        post.add(replace(ALICE, contact=Contact(ADDRESS, verified=True, language=account)))
        post.deliver(post.ask(replace(asked(), language=request_)))
        assert post.sent()[1].language == language


class TestWhatIsNotSent:
    @pytest.mark.parametrize("kind", ASKED_FOR)
    def test_a_mail_whose_lifetime_is_over_is_late(self, post, kind):
        post.add(CONFIRMED)
        post.clock.now = NOW + LIFETIMES[kind]
        ends(post, asked(kind), Outcome.LATE)

    def test_a_notice_is_never_late(self, post):
        post.add(CONFIRMED)
        post.clock.now = NOW + 23 * 3600
        assert post.deliver(post.ask(asked(MailKind.PASSWORD_RESET, user_id="u1"))).outcome is Outcome.SENT

    @pytest.mark.parametrize("kind", [MailKind.RESET, MailKind.PASSWORD_CHANGED])
    def test_a_suppressed_address_gets_no_mail_and_its_budget_stays(self, post, kind):
        post.add(CONFIRMED)
        post.deliveries.suppress(ADDRESS, "bounce", NOW)
        ends(post, asked(kind, user_id="u1"), Outcome.SUPPRESSED)
        assert post.memory.mails.sent == {}

    def test_an_address_gets_one_code_a_minute(self, post):
        post.add(CONFIRMED)
        assert post.deliver(post.ask(asked(MailKind.LOGIN_CODE))).outcome is Outcome.SENT
        second = post.ask(asked(MailKind.LOGIN_CODE))
        assert post.deliver(second).outcome is Outcome.BUDGET
        assert post.posted(second).outcome == "budget"
        assert post.stores.outbox.find(second.id).code_digest is None

    def test_nobody_who_guesses_gets_a_challenge_to_guess_at_over_the_budget(self, post):
        post.add(CONFIRMED)
        mails = [post.ask(asked(MailKind.LOGIN_CODE)) for _ in range(6)]
        for mail in mails:
            post.deliver(mail)
        assert sum(post.stores.outbox.find(mail.id).code_digest is not None for mail in mails) == 1

    def test_the_users_device_gets_a_mail_whatever_strangers_have_asked_for(self, post):
        post.add(CONFIRMED)
        post.deliver(post.ask(asked()))
        assert post.deliver(post.ask(asked(known_user_id="u2"))).outcome is Outcome.BUDGET
        assert post.deliver(post.ask(asked(known_user_id="u1"))).outcome is Outcome.SENT

    def test_notices_are_sent_whatever_was_asked_for_and_use_up_nothing(self, post):
        post.add(CONFIRMED)
        for kind in OF_AN_ACCOUNT * 4:
            assert post.deliver(post.ask(asked(kind, user_id="u1"))).outcome is Outcome.SENT
        assert post.deliver(post.ask(asked())).outcome is Outcome.SENT

    def test_a_registration_and_an_address_to_confirm_are_charged_too(self, post):
        post.add(CHANGING)
        for members in ({"kind": MailKind.REGISTER, "asked": NEW}, {"kind": MailKind.EMAIL, "user_id": "u1"}):
            assert post.deliver(post.ask(asked(to=NEW, **members))).outcome is Outcome.SENT
            assert post.deliver(post.ask(asked(to=NEW, **members))).outcome is Outcome.BUDGET

    def test_a_link_that_was_handed_over_is_mailed_whatever_was_asked_for(self, post):
        post.add(CONFIRMED)
        assert post.deliver(post.ask(asked())).outcome is Outcome.SENT
        link = HandedOver("digest", "Alice", ADDRESS, 0, is_mailed=True)
        for _ in range(2):
            assert post.deliver(post.ask(asked(user_id="u1", handed_over=link))).outcome is Outcome.SENT

    @pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
    def test_who_asks_again_after_a_minute_each_time_gets_each_mail_in_whatever_order_they_are_delivered(
        self, post, order
    ):
        mails = [post.ask(replace(asked(MailKind.REGISTER, asked=NEW, to=NEW), at=NOW + 60 * n)) for n in range(3)]
        post.clock.now = NOW + 200
        assert [post.deliver(mails[number]).outcome for number in order] == [Outcome.SENT] * 3

    def test_the_mails_of_a_day_are_not_those_that_a_device_asks_for_its_own_account(self, post):
        post.add(CONFIRMED)
        for minute in range(5):
            mail = replace(asked(known_user_id="u1"), at=NOW + 60 * minute)
            post.deliver(post.ask(mail))
            assert not post.posted(mail).in_day

    @pytest.mark.parametrize("name", ["alice", ADDRESS, "nobody", "dora"])
    def test_the_mails_of_a_day_are_those_that_a_device_asks_for_anybody_else(self, post, name):
        """Also for nobody: what is left of a day must not tell who has an account."""
        post.add(CONFIRMED)
        post.add(replace(ALICE, id="u2", username="dora", disabled=True))
        for _ in range(3):
            mail = post.ask(asked(asked=name, known_user_id="u3"))
            post.deliver(mail)
            assert post.posted(mail).in_day
        ends_for_the_day = post.ask(asked(asked=name, known_user_id="u3"))
        done = post.deliver(ends_for_the_day)
        assert (done.outcome, done.reason) == (Outcome.BUDGET, "the mails of the day have been asked for")
        assert post.posted(ends_for_the_day).outcome == "budget"

    def test_a_mail_that_is_refused_for_its_recipient_is_given_up_with_the_reason(self, post):
        post.add(CONFIRMED)
        post.transport.refusal = MailRefused("SES: MessageRejected: refused")
        mail = post.ask(asked())
        done = post.deliver(mail)
        assert (done.outcome, done.reason, done.user_id) == (Outcome.REFUSED, "SES: MessageRejected: refused", "u1")
        assert post.deliver(mail).outcome is Outcome.DONE_BEFORE

    def test_a_mail_that_is_refused_without_a_reason_is_tried_a_few_times_and_then_given_up(self, post):
        post.add(CONFIRMED)
        post.transport.refusal = RefusalUnclear("SES: BadRequestException")
        mail = post.ask(asked())
        for _ in range(MOST_UNCLEAR - 1):
            with pytest.raises(RefusalUnclear):
                post.deliver(mail)
        done = post.deliver(mail)
        assert (done.outcome, done.reason) == (Outcome.REFUSED, "SES: BadRequestException")
        assert post.deliver(mail).outcome is Outcome.DONE_BEFORE

    def test_a_mail_that_cannot_be_sent_for_now_is_sent_later(self, post):
        post.add(CONFIRMED)
        post.transport.refusal = ServiceUnavailable("SES: TooManyRequestsException")
        mail = post.ask(asked())
        for _ in range(3):
            with pytest.raises(ServiceUnavailable):
                post.deliver(mail)
        post.transport.refusal = None
        assert post.deliver(mail).outcome is Outcome.SENT
        assert len(post.stores.outbox.find(mail.id).token_digests) == 4

    def test_a_mail_that_cannot_be_written_leaves_nothing_behind(self, post):
        post.add(CONFIRMED)
        mail = post.ask(asked())

        def broken(*_):
            raise ValueError

        with pytest.raises(ValueError):
            post.deliver(mail, render=broken)
        assert post.stores.outbox.find(mail.id).token_digests == ()
        assert post.deliver(mail).outcome is Outcome.SENT


class Forgetful:
    """Deliveries that cannot store that a mail was sent."""

    def __init__(self, deliveries, failure):
        self._deliveries = deliveries
        self._failure = failure

    def __getattr__(self, name):
        return getattr(self._deliveries, name)

    def sent(self, *_):
        raise self._failure


@pytest.mark.parametrize("failure", [ServiceUnavailable("UpdateItem: Throttling"), KeyError(ADDRESS)])
def test_a_mail_that_was_sent_is_not_repeated_because_that_could_not_be_stored(post, failure):
    post.add(CONFIRMED)
    post.deliveries = Forgetful(post.deliveries, failure)
    done = post.deliver(post.ask(asked()))
    assert done.outcome is Outcome.SENT
    assert "could not be stored" in done.reason
    assert ADDRESS not in done.reason


SCENES = {
    "a link": (CONFIRMED, {"kind": MailKind.RESET}),
    "a link by address": (CONFIRMED, {"kind": MailKind.RESET, "asked": ADDRESS}),
    "a link by another's device": (CONFIRMED, {"kind": MailKind.RESET, "known_user_id": "u3"}),
    "a code": (CONFIRMED, {"kind": MailKind.LOGIN_CODE}),
    "a notice": (CONFIRMED, {"kind": MailKind.PASSWORD_CHANGED, "user_id": "u1"}),
    "an address to confirm": (CHANGING, {"kind": MailKind.EMAIL, "user_id": "u1", "to": NEW}),
    "a registration": (CONFIRMED, {"kind": MailKind.REGISTER, "asked": NEW, "to": NEW}),
}


def steps_of(scene, clock):
    """The steps of a delivery in which nothing fails."""
    user, members = SCENES[scene]
    post, steps = Post(clock), Steps()
    post.add(user)
    post.deliver(post.ask(asked(**members)), steps=steps)
    return steps.taken


@pytest.mark.parametrize(
    "scene", [pytest.param(scene, marks=pytest.mark.slow if scene == "a code" else ()) for scene in SCENES]
)
def test_a_mail_arrives_wherever_the_process_dies_and_twice_only_after_it_was_sent(scene, clock):
    clock.now = NOW
    taken = steps_of(scene, clock)
    user, members = SCENES[scene]
    twice = []
    for last, step in enumerate(taken):
        post = Post(clock)
        post.add(user)
        mail = post.ask(asked(**members))
        with pytest.raises(ProcessDied):
            post.deliver(mail, steps=Steps(last))
        post.deliver(mail)
        assert post.posted(mail).sent_at == NOW
        assert post.deliver(mail).outcome is Outcome.DONE_BEFORE
        if len(post.transport.sent) == 2:
            twice.append(step)
            continue
        assert len(post.transport.sent) == 1
    assert twice == [("after", "send"), ("before", "sent")]


def test_a_mail_that_was_written_for_one_user_never_becomes_that_of_another(post):
    """The first token is out already, perhaps. It must not open the account of who has the address by now."""
    post.add(CONFIRMED)
    mail = post.ask(asked(asked=ADDRESS))
    with pytest.raises(ProcessDied):
        post.deliver(mail, steps=Steps(steps_of("a link by address", post.clock).index(("after", "send"))))
    post.stores.users.delete(post.stores.users.find("alice"), DELETED)
    post.add(replace(CONFIRMED, id="u2", username="bob"))
    assert post.deliver(mail).outcome is Outcome.NOBODY
    assert post.stores.outbox.find(mail.id).user_id == "u1"


def test_of_two_mails_because_of_a_death_both_links_are_good(post):
    post.add(CONFIRMED)
    mail = post.ask(asked())
    with pytest.raises(ProcessDied):
        post.deliver(mail, steps=Steps(steps_of("a link", post.clock).index(("after", "send"))))
    post.deliver(mail)
    tokens = [content.values["link"].partition("=")[2] for _, content in post.transport.sent]
    assert len(set(tokens)) == 2
    assert {token_digest(token) for token in tokens} == set(post.stores.outbox.find(mail.id).token_digests)


def test_of_two_codes_because_of_a_death_the_second_is_good(post):
    post.add(CONFIRMED)
    mail = post.ask(asked(MailKind.LOGIN_CODE))
    with pytest.raises(ProcessDied):
        post.deliver(mail, steps=Steps(steps_of("a code", post.clock).index(("after", "send"))))
    post.deliver(mail)
    _, (_, second) = post.transport.sent
    assert code_fits(second.values["code"], post.stores.outbox.find(mail.id))
