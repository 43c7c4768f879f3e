"""What SES is asked, and what its refusals mean. The client is AWS's own: it checks requests by AWS's model."""

from types import SimpleNamespace

import pytest
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
from botocore.stub import Stubber

from chalicelib.adapters.aws import ses_client
from chalicelib.adapters.ses import SESTransport
from chalicelib.errors import MailRefused, RefusalUnclear, ServiceUnavailable
from chalicelib.mailer import LEAST_MILLISECONDS, SECONDS

TO, SENDER = "kim@home.example", "no-reply@site.example"
CONTENT = SimpleNamespace(subject="Neues Paßwort", text="Grüße", html="<p>Grüße</p>")
UNVERIFIED = "Email address is not verified. The following identities failed the check in region EU-CENTRAL-1: {}"
REQUEST = {
    "FromEmailAddress": f"Site <{SENDER}>",
    "Destination": {"ToAddresses": [TO]},
    "Content": {
        "Simple": {
            "Subject": {"Data": "Neues Paßwort", "Charset": "UTF-8"},
            "Body": {
                "Text": {"Data": "Grüße", "Charset": "UTF-8"},
                "Html": {"Data": "<p>Grüße</p>", "Charset": "UTF-8"},
            },
        }
    },
}


@pytest.fixture(scope="module")
def client():
    return ses_client("eu-central-1")


@pytest.fixture
def stub(client):
    with Stubber(client) as stub:
        yield stub
        stub.assert_no_pending_responses()


@pytest.fixture
def waits():
    return []


@pytest.fixture
def transport(client, waits):
    return SESTransport(client, sender=f"Site <{SENDER}>", wait_a_second=lambda: waits.append(1))


def refuse(stub, code, message="", status=400):
    stub.add_client_error("send_email", code, message, http_status_code=status)


def test_a_mail_has_both_parts_in_utf8_and_nothing_that_follows_its_reader(transport, stub):
    stub.add_response("send_email", {"MessageId": "0100"}, REQUEST)
    assert transport.send(TO, CONTENT) == "0100"


def test_answers_and_bounces_go_where_the_settings_say(client, stub):
    transport = SESTransport(client, sender=SENDER, reply_to="help@site.example", configuration_set="lychgate-prod")
    settings = {"ReplyToAddresses": ["help@site.example"], "ConfigurationSetName": "lychgate-prod"}
    stub.add_response("send_email", {"MessageId": "0100"}, REQUEST | settings | {"FromEmailAddress": SENDER})
    transport.send(TO, CONTENT)


@pytest.mark.parametrize(
    ("code", "message", "reason"),
    [
        ("MessageRejected", UNVERIFIED.format(TO), "not verified: the account is in SES's sandbox"),
        ("MessageRejected", UNVERIFIED.format(TO.upper()), "not verified: the account is in SES's sandbox"),
        ("MessageRejected", "Address blacklisted.", "refused"),
        ("MessageRejected", "Message contains a virus.", "refused"),
        ("BadRequestException", f"Invalid email address<{TO}>.", "refused"),
    ],
)
def test_a_refusal_because_of_the_recipient_is_final_and_its_reason_has_no_address(
    transport, stub, code, message, reason
):
    refuse(stub, code, message)
    with pytest.raises(MailRefused) as refused:
        transport.send(TO, CONTENT)
    assert refused.value.reason == f"SES: {code}: {reason}"


@pytest.mark.parametrize(
    ("code", "message", "status"),
    [
        ("MessageRejected", UNVERIFIED.format(SENDER), 400),
        ("MessageRejected", UNVERIFIED.format(f"{TO}, {SENDER}"), 400),
        ("MessageRejected", UNVERIFIED.format("x" + TO), 400),
        ("MessageRejected", f"Email address not verified {SENDER}", 400),
        ("BadRequestException", f"Illegal address: {SENDER}", 400),
        ("AccountSuspendedException", "Account is suspended", 400),
        ("SendingPausedException", "Sending is paused", 400),
        ("MailFromDomainNotVerifiedException", "", 400),
        ("NotFoundException", "Configuration set <lychgate-prod> does not exist.", 404),
        ("AccessDeniedException", f"not authorized to perform ses:SendEmail on {TO}", 403),
        ("ThrottlingException", "Daily message quota exceeded", 400),
        ("TooManyRequestsException", "Daily message quota exceeded", 429),
        ("LimitExceededException", "", 400),
        ("InternalServiceErrorException", "", 500),
        ("ServiceUnavailable", "", 503),
    ],
)
def test_a_refusal_that_every_mail_would_get_is_not_final_and_its_reason_has_no_address(
    transport, stub, waits, code, message, status
):
    refuse(stub, code, message, status)
    with pytest.raises(ServiceUnavailable) as unavailable:
        transport.send(TO, CONTENT)
    assert code in unavailable.value.reason
    assert "@" not in unavailable.value.reason
    assert waits == []


NAMELESS = ["Domain contains illegal character", "Local address contains illegal character", "Missing final '@domain'"]


@pytest.mark.parametrize("message", NAMELESS)
def test_a_refusal_of_a_parameter_that_names_none_is_the_recipients_once_ses_has_taken_another(
    transport, stub, message
):
    refuse(stub, "BadRequestException", message)
    with pytest.raises(RefusalUnclear) as unclear:
        transport.send(TO, CONTENT)
    assert unclear.value.reason == "SES: BadRequestException"
    stub.add_response("send_email", {"MessageId": "0100"}, REQUEST)
    transport.send(TO, CONTENT)
    refuse(stub, "BadRequestException", message)
    with pytest.raises(MailRefused):
        transport.send(TO, CONTENT)
    refuse(stub, "BadRequestException", f"Illegal address: {SENDER}")
    with pytest.raises(ServiceUnavailable):
        transport.send(TO, CONTENT)


@pytest.mark.parametrize("code", ["TooManyRequestsException", "ThrottlingException", "Throttling"])
def test_a_mail_waits_until_ses_takes_mails_again(transport, stub, waits, code):
    for _ in range(3):
        refuse(stub, code, "Maximum sending rate exceeded.", 429)
    stub.add_response("send_email", {"MessageId": "0100"}, REQUEST)
    assert transport.send(TO, CONTENT) == "0100"
    assert len(waits) == 3


def test_a_mail_does_not_wait_for_ever(transport, stub, waits):
    for _ in range(4):
        refuse(stub, "TooManyRequestsException", "Maximum sending rate exceeded.", 429)
    with pytest.raises(ServiceUnavailable):
        transport.send(TO, CONTENT)
    assert len(waits) == 3


def test_a_recipient_who_is_also_the_sender_is_refused_as_the_sender(client, stub):
    transport = SESTransport(client, sender=TO)
    refuse(stub, "MessageRejected", UNVERIFIED.format(TO))
    with pytest.raises(ServiceUnavailable):
        transport.send(TO, CONTENT)


def test_the_sender_is_who_is_refused_however_ses_and_the_settings_write_it(client, stub):
    transport = SESTransport(client, sender=f"Site <{SENDER.title()}>")
    refuse(stub, "MessageRejected", UNVERIFIED.format(f"{TO}, {SENDER}"))
    with pytest.raises(ServiceUnavailable):
        transport.send(TO, CONTENT)


def test_a_recipient_at_the_end_of_a_sentence_is_named(transport, stub):
    refuse(stub, "BadRequestException", f"Illegal address: {TO}.")
    with pytest.raises(MailRefused):
        transport.send(TO, CONTENT)


@pytest.mark.parametrize("lost", [ConnectTimeoutError(endpoint_url="https://ses"), ReadTimeoutError(endpoint_url="")])
def test_a_mail_whose_answer_is_lost_is_not_sent_again_at_once(lost):
    calls = []

    def send_email(**request):
        calls.append(request)
        raise lost

    transport = SESTransport(SimpleNamespace(send_email=send_email), sender=SENDER)
    with pytest.raises(ServiceUnavailable):
        transport.send(TO, CONTENT)
    assert len(calls) == 1


def test_the_client_tries_once_and_its_limits_fit_into_the_functions(client):
    config = client.meta.config
    assert config.retries["total_max_attempts"] == 1
    slowest = config.connect_timeout + config.read_timeout
    waiting = 3 * 1.5
    assert slowest + waiting <= LEAST_MILLISECONDS / 1000 <= SECONDS / 2


def test_a_region_may_be_chosen(client):
    assert client.meta.region_name == "eu-central-1"
    assert client.meta.endpoint_url == "https://email.eu-central-1.amazonaws.com"
