"""What events of the mailer cost at DynamoDB, beside the deliveries of ``test_mail_cost``. Reading a stream is free."""

import json
from types import SimpleNamespace

import pytest

from chalicelib.accounts.mail import Mail, MailKind
from chalicelib.accounts.user import Contact, User
from chalicelib.adapters.dynamodb.items import new_user_to_item, put_address
from chalicelib.adapters.dynamodb.mails import mail_to_item
from chalicelib.mailer import handle
from chalicelib.mailer_wiring import Mailer, MailerClients
from tests.support.consumption import Cost, Meter
from tests.support.mailer import sns_event, stream_event

ADDRESS = "kim@home.example"
COSTS = {
    "a notice": Cost(("GetItem mail", "GetItem users", "GetItem mail", "UpdateItem mail", "UpdateItem mail"), 3, 2),
    "a mail that was sent before": Cost(("GetItem mail",), 1, 0),
    "a bounce": Cost(("PutItem mail",), 0, 1),
}
MAILS = {
    "a link or a code, by username": Mail("m1", MailKind.RESET, 0, "en", asked="kim"),
    "the same, by address": Mail("m1", MailKind.LOGIN_CODE, 0, "en", asked=ADDRESS),
    "a notice": Mail("m1", MailKind.PASSWORD_CHANGED, 0, "", asked="kim", user_id="u1"),
    "a mail that was sent before": Mail("m1", MailKind.RESET, 0, "en", asked="kim"),
}


@pytest.fixture
def database_name():
    return "dynamodb-local"


@pytest.fixture
def mailer(database, settings, clock):
    user = User("u1", "kim", "$2b$04$x", ("user",), 0, contact=Contact(ADDRESS, verified=True))
    put = {"Put": {"TableName": database.tables.users, "Item": new_user_to_item(user)}}
    database.client.transact_write_items(TransactItems=[put, put_address(database.tables, ADDRESS, user)])
    ses = SimpleNamespace(send_email=lambda **request: {"MessageId": "ses-1"})
    clock.now = 1
    return Mailer(settings, clients=MailerClients(lambda: database.client, lambda region: ses), clock=clock)


@pytest.fixture
def events(database, mailer):
    """Return the event of a row."""

    def event(name):
        if name not in MAILS:
            bounced = {"bounceType": "Permanent", "bouncedRecipients": [{"emailAddress": ADDRESS}]}
            mail = {"messageId": "ses-1", "destination": [ADDRESS]}
            return sns_event({"eventType": "Bounce", "bounce": bounced, "mail": mail})
        item = mail_to_item(MAILS[name])
        database.client.put_item(TableName=database.tables.mail, Item=item)
        event = stream_event(item)
        if name == "a mail that was sent before":
            handle(event, None, mailer)
        return event

    return event


@pytest.mark.parametrize("name", COSTS)
def test_an_event_costs_exactly(database, mailer, events, name):
    event = events(name)
    with Meter(database.client, database.tables) as meter:
        assert handle(event, None, mailer) in ({"batchItemFailures": []}, None)
        assert meter.reading() == COSTS[name]


@pytest.mark.parametrize("name", MAILS)
def test_a_mail_fits_into_one_unit_to_its_end(database, mailer, events, name):
    handle(events(name), None, mailer)
    (item,) = database.scanned(database.tables.mail)
    assert len(json.dumps(item)) < 1024
