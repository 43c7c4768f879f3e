"""Each request of the mailer to the database fails in turn: the mail arrives once all the same, charged once."""

import contextlib
import itertools
from dataclasses import dataclass, field

import pytest

from chalicelib.accounts.mail import Mail, MailKind
from chalicelib.accounts.user import Contact, User
from chalicelib.adapters.dynamodb.items import new_user_to_item, put_address
from chalicelib.adapters.dynamodb.mails import mail_key, mail_to_item
from chalicelib.credentials.mail_budgets import budget_key
from chalicelib.credentials.throttling import mails_of_day
from chalicelib.mailer import handle
from chalicelib.mailer_wiring import Mailer, MailerClients
from tests.support.mailer import stream_event
from tests.support.marks import each_third
from tests.support.wire import Crash, crash_after, lost_answer, read_timeout, refused

ADDRESS, NEW = "kim@home.example", "lee@home.example"
NAMES = itertools.count(1)


def crash_before(deliver):
    raise Crash


OUTAGES = [refused("ThrottlingException"), read_timeout]
FAULTS = [crash_before, crash_after, lost_answer, *OUTAGES]

# Each mail, with the requests of its delivery when all is well.
CHARGED = ("GetItem", "GetItem", "GetItem", "GetItem", "GetItem", "TransactWriteItems", "UpdateItem")
IN_DAY = (
    "GetItem",
    "GetItem",
    "GetItem",
    "TransactWriteItems",
    "GetItem",
    "GetItem",
    "TransactWriteItems",
    "UpdateItem",
)
NOTICE = ("GetItem", "GetItem", "GetItem", "UpdateItem", "UpdateItem")
FOR_AN_ADDRESS = ("GetItem", "GetItem", "GetItem", "GetItem", "GetItem", "TransactWriteItems", "UpdateItem")
GIVEN_UP = ("GetItem", "GetItem", "GetItem", "UpdateItem")
MAILS = {
    "a link by name": (MailKind.RESET, {"asked": "kim"}, CHARGED),
    "a link by address": (MailKind.RESET, {"asked": ADDRESS}, CHARGED),
    "a link by another's device": (MailKind.RESET, {"asked": "kim", "known_user_id": "u3"}, IN_DAY),
    "an address to confirm": (MailKind.REGISTER, {"asked": NEW, "to": NEW}, FOR_AN_ADDRESS),
    "a code": (MailKind.LOGIN_CODE, {"asked": "kim"}, CHARGED),
    "a notice": (MailKind.PASSWORD_CHANGED, {"asked": "kim", "user_id": "u1"}, NOTICE),
}


@dataclass
class SES:
    """Takes every mail."""

    sent: list = field(default_factory=list)

    def send_email(self, **request):
        self.sent.append(request)
        return {"MessageId": f"ses-{len(self.sent)}"}


@pytest.fixture(params=["moto", "dynamodb-local"])
def database_name(request):
    return request.param


@pytest.fixture(autouse=True)
def no_pauses(pauses):
    return pauses


@pytest.fixture
def kim(database, clock):
    """A user with a verified address, whose items were put without the wire's notice."""
    user = User("u1", "kim", "$2b$04$x", ("user",), clock(), contact=Contact(ADDRESS, verified=True))
    put = {"Put": {"TableName": database.tables.users, "Item": new_user_to_item(user)}}
    database.client.transact_write_items(TransactItems=[put, put_address(database.tables, ADDRESS, user)])
    database.wire.mend()


@pytest.fixture
def ses():
    return SES()


@pytest.fixture
def deliver(database, settings, ses, clock, no_pauses):
    """Deliver a mail in a process of its own. Return whether that has ended."""
    clients = MailerClients(dynamodb=lambda: database.client, ses=lambda region: ses, pause=no_pauses.append)

    def deliver(mail):
        answer = handle(stream_event(mail_to_item(mail)), None, Mailer(settings, clients=clients, clock=clock))
        return answer == {"batchItemFailures": []}

    return deliver


@pytest.fixture
def ask(database, clock):
    def ask(name):
        kind, members, _ = MAILS[name]
        mail = Mail(f"{next(NAMES):022}", kind, clock(), "en", **members)
        database.client.put_item(TableName=database.tables.mail, Item=mail_to_item(mail))
        database.wire.mend()
        return mail

    return ask


@pytest.fixture
def stored(database):
    def stored(mail):
        return database.client.get_item(TableName=database.tables.mail, Key=mail_key(mail.id))["Item"]

    return stored


@pytest.fixture
def counter(database):
    """Return the item of a counter, {} if there is none."""

    def counter(key):
        found = database.client.get_item(TableName=database.tables.throttle, Key={"counter_key": {"S": key}})
        return found.get("Item", {})

    return counter


@pytest.fixture
def charged(counter):
    """Return how many mails were counted for the addresses."""
    return lambda: sum(len(counter(budget_key(to)).get("sent", {"S": ""})["S"].split()) for to in (ADDRESS, NEW))


@pytest.fixture
def in_day(counter, clock):
    """Return how many mails of today the mailer has counted."""
    return lambda: int(counter(mails_of_day(1, clock()).key).get("all", {"N": "0"})["N"])


@pytest.fixture
def break_delivery(ask, deliver, wire):
    """Ask for a mail, and deliver it while a request fails. Return the mail, and whether its delivery has ended."""

    def break_delivery(name, position, fault):
        mail = ask(name)
        wire.break_with(fault, after=position, times=float("inf") if fault in OUTAGES else 1)
        ended = False
        with contextlib.suppress(Crash):
            ended = deliver(mail)
        wire.mend()
        return mail, ended

    return break_delivery


@pytest.mark.usefixtures("kim")
class TestWhatFails:
    @pytest.mark.parametrize("name", MAILS)
    def test_a_delivery_makes_these_requests(self, wire, ask, deliver, ses, name):
        assert deliver(ask(name))
        assert tuple(wire.operations) == MAILS[name][2]
        assert len(ses.sent) == 1

    @pytest.mark.parametrize(("name", "fault"), each_third([(name, fault) for name in MAILS for fault in FAULTS]))
    def test_a_mail_arrives_once_and_is_charged_once_whatever_fails_before_that_it_was_sent_is_stored(
        self, break_delivery, deliver, ses, stored, charged, in_day, clock, name, fault
    ):
        for position in range(len(MAILS[name][2]) - 1):
            clock.advance(3600)
            already_sent, already_charged, already_in_day = len(ses.sent), charged(), in_day()
            mail, ended = break_delivery(name, position, fault)
            # The second delivery may find that the first got further than it knows.
            assert ended or deliver(mail) or deliver(mail)
            assert len(ses.sent) == already_sent + 1
            assert charged() == already_charged + (MAILS[name][0] is not MailKind.PASSWORD_CHANGED)
            assert in_day() == already_in_day + (name == "a link by another's device")
            assert "sent_at" in stored(mail)
            assert "outcome" not in stored(mail)

    @pytest.mark.parametrize("name", MAILS)
    def test_a_mail_goes_twice_if_the_process_dies_before_that_it_was_sent_is_stored_and_never_more_often(
        self, break_delivery, deliver, ses, charged, name
    ):
        mail, _ = break_delivery(name, len(MAILS[name][2]) - 1, crash_before)
        before = charged()
        assert deliver(mail)
        assert deliver(mail)
        assert len(ses.sent) == 2
        assert charged() == before

    @pytest.mark.parametrize("name", MAILS)
    @pytest.mark.parametrize("fault", [crash_after, lost_answer, *OUTAGES])
    def test_a_mail_goes_once_if_storing_that_it_was_sent_fails_in_any_other_way(
        self, break_delivery, deliver, ses, name, fault
    ):
        mail, ended = break_delivery(name, len(MAILS[name][2]) - 1, fault)
        assert ended is (fault is not crash_after)
        if fault not in OUTAGES:
            assert deliver(mail)
        assert len(ses.sent) == 1


@pytest.mark.parametrize("fault", FAULTS)
def test_a_mail_for_nobody_is_given_up_whatever_fails(break_delivery, deliver, ses, stored, fault):
    for position in range(len(GIVEN_UP)):
        mail, _ = break_delivery("a link by name", position, fault)
        assert deliver(mail)
        assert stored(mail)["outcome"]["S"] == "nobody"
    assert ses.sent == []
