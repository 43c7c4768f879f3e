"""The mailer over moto's DynamoDB and SES: from the use cases of the API to a mail, and what is stored on the way."""

import re

import pytest

from chalicelib.accounts.mail import Mail, MailKind
from chalicelib.adapters.dynamodb.mails import mail_key, mail_to_item
from chalicelib.mailer import handle
from chalicelib.mailer_wiring import Mailer, MailerClients
from tests.support.mailer import RecordingSES, stream_event, verify

ADDRESS = "kim@home.example"


@pytest.fixture
def dynamodb(aws, aws_clients):
    return aws_clients[0]


@pytest.fixture
def ses(aws):
    verify("no-reply@lychgate.example")
    return RecordingSES()


@pytest.fixture
def mailer(dynamodb, ses, settings, clock):
    clients = MailerClients(dynamodb=lambda: dynamodb, ses=lambda region: ses, wait_a_second=lambda: clock.advance(1))
    return Mailer(settings, clients=clients, clock=clock)


@pytest.fixture
def put(dynamodb, settings):
    """Put a mail into the outbox, and return its item."""

    def put(mail):
        item = mail_to_item(mail)
        dynamodb.put_item(TableName=settings["LYCHGATE_MAIL_TABLE"], Item=item)
        return item

    return put


@pytest.fixture
def stored(dynamodb, settings):
    def stored(mail):
        return dynamodb.get_item(TableName=settings["LYCHGATE_MAIL_TABLE"], Key=mail_key(mail.id))["Item"]

    return stored


def registration(clock, mail_id="R" * 22, **members):
    members = {"asked": ADDRESS, "to": ADDRESS, "counted": True} | members
    return Mail(mail_id, MailKind.REGISTER, clock(), "de", **members)


def test_a_mail_goes_to_the_address_in_two_parts_and_its_link_leads_to_the_site(mailer, ses, put, stored, clock):
    mail = registration(clock)
    assert handle(stream_event(put(mail)), None, mailer) == {"batchItemFailures": []}
    (request,) = ses.sent
    assert request["Destination"] == {"ToAddresses": [ADDRESS]}
    assert request["FromEmailAddress"] == '"site.example" <no-reply@lychgate.example>'
    body = request["Content"]["Simple"]["Body"]
    assert body["Text"]["Charset"] == body["Html"]["Charset"] == "UTF-8"
    (link,) = re.findall(r"https://\S+", body["Text"]["Data"])
    assert link.startswith(f"https://site.example/account.html#register={mail.id}")
    item = stored(mail)
    assert item["sent_at"]["N"] == str(clock())
    assert item["email"]["S"] == ADDRESS
    assert len(item["token_digests"]["SS"]) == 1
    assert link.partition("=")[2] not in str(item)
