"""The events of the mailer: which records of a batch are repeated, what comes back from readers, and the log."""

import io
import json

import pytest

from chalicelib.accounts.mail import MailKind
from chalicelib.errors import ConfigurationError, RefusalUnclear, ServiceUnavailable
from chalicelib.mailer import LEAST_MILLISECONDS, handle
from chalicelib.mails.rendering import BrokenTemplate
from chalicelib.telemetry import log, mails
from chalicelib.use_cases.deliver import Delivered
from chalicelib.use_cases.mailer_ports import Outcome
from tests.support.mailer import sns_event, stream_event

READER = "kim@home.example"
SENT = Delivered(Outcome.SENT, MailKind.RESET, "u1", "ses-1")


class Mailer:
    """A mailer whose deliveries end as it is told."""

    def __init__(self, **endings):
        self.endings = endings
        self.delivered = []
        self.suppressed = []
        self.unavailable = None
        self.deliver = self.feedback = Parts(self)


class Parts:
    def __init__(self, mailer):
        self._mailer = mailer

    def deliver(self, mail_id):
        self._mailer.delivered.append(mail_id)
        ending = self._mailer.endings.get(mail_id, SENT)
        if isinstance(ending, Exception):
            raise ending
        return ending

    def suppress(self, address, reason):
        if self._mailer.unavailable is not None:
            raise self._mailer.unavailable
        self._mailer.suppressed.append((address, reason))


class Context:
    """Lambda's, with so many milliseconds left at each question."""

    def __init__(self, *left):
        self._left = list(left)

    def get_remaining_time_in_millis(self):
        return self._left.pop(0)


def item(mail_id, **members):
    return {"mail_id": {"S": mail_id}, "kind": {"S": "reset"}} | members


def batch(*names):
    return stream_event(*(item(name) for name in names))


def repeated(answer):
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


@pytest.fixture
def lines(monkeypatch):
    """Return the lines since the last call, as Lambda would hand them to CloudWatch."""
    output = io.StringIO()
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdout", output)
        log.configure({"AWS_LAMBDA_FUNCTION_NAME": "lychgate-test-mailer"})
    yield lambda: [json.loads(line) for line in output.getvalue().split("\n") if line]
    log.configure({})


def counted(line):
    """Which metrics a line adds 1 to, without a dimension beside the function."""
    directives = line.get("_aws", {}).get("CloudWatchMetrics", [])
    assert all(directive["Dimensions"] == [["function"]] for directive in directives)
    return [metric["Name"] for directive in directives for metric in directive["Metrics"]]


class TestBatches:
    def test_each_record_is_delivered_in_order(self):
        mailer = Mailer()
        assert repeated(handle(batch("a", "b", "c"), None, mailer)) == []
        assert mailer.delivered == ["a", "b", "c"]

    def test_a_batch_without_records_is_no_failure(self):
        assert handle({"Records": []}, None, Mailer()) == {"batchItemFailures": []}

    def test_where_nothing_can_be_sent_the_stream_goes_on_from_there_and_the_rest_is_left_alone(self):
        mailer = Mailer(b=ServiceUnavailable("SES: TooManyRequestsException"))
        assert repeated(handle(batch("a", "b", "c", "d"), None, mailer)) == ["101", "102", "103"]
        assert mailer.delivered == ["a", "b"]

    def test_an_invalid_setting_is_repeated_too_until_somebody_corrects_it(self):
        mailer = Mailer(a=ConfigurationError("LYCHGATE_MAIL_FROM", "is not set"))
        assert repeated(handle(batch("a", "b"), None, mailer)) == ["100", "101"]
        assert mailer.delivered == ["a"]

    @pytest.mark.parametrize(
        "poison",
        [KeyError("kind"), ValueError("?"), BrokenTemplate("x.txt is missing"), RefusalUnclear("SES: BadRequest")],
    )
    def test_a_record_that_cannot_be_delivered_does_not_block_the_others(self, poison):
        mailer = Mailer(b=poison)
        assert repeated(handle(batch("a", "b", "c"), None, mailer)) == ["101", "102"]
        assert mailer.delivered == ["a", "b", "c"]

    def test_a_record_that_cannot_be_read_does_not_block_the_others(self):
        event = batch("a", "b", "c")
        del event["Records"][1]["dynamodb"]["Keys"]
        mailer = Mailer()
        assert repeated(handle(event, None, mailer)) == ["101", "102"]
        assert mailer.delivered == ["a", "c"]

    def test_of_several_failures_the_first_is_where_the_stream_goes_on(self):
        mailer = Mailer(b=KeyError(), c=ServiceUnavailable("SES"))
        assert repeated(handle(batch("a", "b", "c", "d"), None, mailer)) == ["101", "102", "103"]
        assert mailer.delivered == ["a", "b", "c"]

    @pytest.mark.parametrize("name", ["MODIFY", "REMOVE"])
    def test_only_new_items_are_mails_to_be_sent(self, name):
        mailer = Mailer()
        assert repeated(handle(stream_event(item("a"), event_name=name), None, mailer)) == []
        assert mailer.delivered == []

    def test_an_address_that_was_suppressed_is_no_mail(self):
        mailer = Mailer()
        assert repeated(handle(stream_event({"mail_id": {"S": "suppressed#1"}}), None, mailer)) == []
        assert mailer.delivered == []

    def test_no_mail_is_begun_that_the_functions_time_limit_might_cut_off(self):
        mailer = Mailer()
        context = Context(30_000, LEAST_MILLISECONDS, LEAST_MILLISECONDS - 1)
        assert repeated(handle(batch("a", "b", "c", "d"), context, mailer)) == ["102", "103"]
        assert mailer.delivered == ["a", "b"]

    def test_the_first_mail_is_begun_however_little_time_is_left_so_that_it_goes_on(self):
        mailer = Mailer()
        assert repeated(handle(batch("a", "b"), Context(1, 1), mailer)) == ["101"]


class TestLines:
    @pytest.mark.parametrize(
        ("outcome", "metrics", "level"),
        [
            (Outcome.SENT, ["mail_sent"], "INFO"),
            (Outcome.REFUSED, ["mail_failed"], "ERROR"),
            (Outcome.LATE, ["mail_failed"], "ERROR"),
            (Outcome.BUDGET, ["mail_over_budget"], "WARNING"),
            (Outcome.SUPPRESSED, ["mail_suppressed"], "WARNING"),
            (Outcome.NOBODY, [], "INFO"),
            (Outcome.DONE_BEFORE, [], "INFO"),
        ],
    )
    def test_each_outcome_leaves_a_line_and_is_counted(self, lines, outcome, metrics, level):
        handle(batch("a"), None, Mailer(a=Delivered(outcome, MailKind.RESET, "u1", reason="why")))
        (line,) = lines()
        assert (line["outcome"], line["mail"], line["user_id"], line["reason"]) == (outcome, "reset", "u1", "why")
        assert (counted(line), line["level"]) == (metrics, level)

    def test_every_outcome_has_its_row_above(self):
        assert set(mails.COUNTED_OUTCOMES) == {*Outcome} - {Outcome.NOBODY, Outcome.DONE_BEFORE}

    def test_a_sent_mail_can_be_found_in_what_ses_says_of_it(self, lines):
        handle(batch("a"), None, Mailer())
        assert lines()[0]["message_id"] == "ses-1"

    def test_a_failure_says_why_and_quotes_no_exception(self, lines):
        endings = {"a": ValueError(READER), "b": BrokenTemplate("site/mails/en/reset.txt is missing")}
        handle(batch("a", "b", "c"), None, Mailer(**endings, c=ServiceUnavailable("SES: SendingPausedException")))
        first, second, third = lines()
        assert first["reason"] == "ValueError"
        assert first["exception"][0]["type"] == "ValueError"
        assert second["reason"] == "site/mails/en/reset.txt is missing"
        assert third["reason"] == "SES: SendingPausedException"
        assert [counted(line) for line in (first, second, third)] == [["mail_failed"]] * 3
        assert READER not in json.dumps([first, second, third])

    def test_no_line_has_the_id_of_a_mail_with_which_its_token_begins(self, lines):
        mailer = Mailer(Marked1=KeyError("Marked1"), Marked2=SENT, Marked3=ServiceUnavailable("SES"))
        handle(batch("Marked1", "Marked2", "Marked3"), None, mailer)
        assert len(lines()) == 3
        assert "Marked" not in json.dumps(lines())


def bounce(kind="Permanent", *addresses, name="eventType", subtype="General"):
    return {
        name: "Bounce",
        "bounce": {
            "bounceType": kind,
            "bounceSubType": subtype,
            "bouncedRecipients": [
                {"emailAddress": address, "diagnosticCode": f"smtp; 550 5.1.1 <{address}>"} for address in addresses
            ],
            "timestamp": "2026-11-28T12:00:00.000Z",
        },
        "mail": {"messageId": "ses-1", "destination": list(addresses)},
    }


def complaint(*addresses, feedback="abuse"):
    about = {} if feedback is None else {"complaintFeedbackType": feedback}
    return {
        "eventType": "Complaint",
        "complaint": {"complainedRecipients": [{"emailAddress": address} for address in addresses]} | about,
        "mail": {"messageId": "ses-1", "destination": list(addresses)},
    }


def reported(message, about):
    """A notification as a stranger's server may cause it: about another address than the mail went to."""
    (recipients,) = (message[of][name] for of, name in RECIPIENTS.items() if of in message)
    recipients[0]["emailAddress"] = about
    return message


RECIPIENTS = {"bounce": "bouncedRecipients", "complaint": "complainedRecipients"}


class TestFeedback:
    @pytest.mark.parametrize("name", ["eventType", "notificationType"])
    def test_an_address_that_bounces_for_good_gets_no_mail_any_more(self, lines, name):
        mailer = Mailer()
        assert handle(sns_event(bounce("Permanent", READER, name=name)), None, mailer) is None
        assert mailer.suppressed == [(READER, "bounce")]
        (line,) = lines()
        assert counted(line) == ["mail_bounced"]
        assert (line["detail"], line["message_id"]) == ("Permanent General", "ses-1")
        assert READER not in json.dumps(line)

    @pytest.mark.parametrize("kind", ["Transient", "Undetermined"])
    def test_a_full_mailbox_is_no_reason_to_send_no_more(self, lines, kind):
        mailer = Mailer()
        handle(sns_event(bounce(kind, READER, subtype="MailboxFull")), None, mailer)
        assert mailer.suppressed == []
        assert [counted(line) for line in lines()] == [[]]

    @pytest.mark.parametrize("feedback", ["abuse", None, "fraud"])
    def test_whoever_complains_gets_no_mail_any_more(self, lines, feedback):
        mailer = Mailer()
        handle(sns_event(complaint(READER, feedback=feedback)), None, mailer)
        assert mailer.suppressed == [(READER, "complaint")]
        assert [counted(line) for line in lines()] == [["mail_complained"]]
        assert READER not in json.dumps(lines())

    def test_whoever_says_that_it_was_no_spam_gets_mail(self):
        mailer = Mailer()
        handle(sns_event(complaint(READER, feedback="not-spam")), None, mailer)
        assert mailer.suppressed == []

    @pytest.mark.parametrize("about", ["victim@other.example", f"Lee <{READER}>", f"rfc822; {READER}", "", "@"])
    @pytest.mark.parametrize("make", [lambda: bounce("Permanent", READER), lambda: complaint(READER)])
    def test_whatever_a_server_reports_is_about_the_address_that_the_mail_went_to(self, lines, make, about):
        """A report names its recipient itself (RFC 3464 section 2.3.2), so whoever runs a server could name anybody."""
        mailer = Mailer()
        handle(sns_event(reported(make(), about)), None, mailer)
        assert [address for address, _ in mailer.suppressed] == [READER]
        assert "example" not in json.dumps(lines())

    def test_a_report_of_several_recipients_suppresses_once(self):
        mailer = Mailer()
        message = bounce("Permanent", READER, "inner@home.example")
        message["mail"]["destination"] = [f"Kim <{READER}>"]
        handle(sns_event(message), None, mailer)
        assert mailer.suppressed == [(READER, "bounce")]

    def test_of_a_mail_to_several_which_none_of_ours_is_nobody_is_suppressed(self):
        mailer = Mailer()
        handle(sns_event(bounce("Permanent", READER, "lee@home.example")), None, mailer)
        assert mailer.suppressed == []

    @pytest.mark.parametrize("kind", ["Delivery", "Send", "Open", "DeliveryDelay", "AmazonSnsSubscriptionSucceeded"])
    def test_what_is_neither_is_no_reason_for_anything(self, lines, kind):
        mailer = Mailer()
        handle(sns_event({"eventType": kind, "mail": {"messageId": "ses-1"}}), None, mailer)
        assert (mailer.suppressed, lines()) == ([], [])

    @pytest.mark.parametrize(
        "message",
        [
            "Successfully validated SNS topic for Amazon SES event publishing.",
            "",
            "[]",
            "null",
            '"text"',
            "7",
            "{}",
            "[" * 100_000,
            {"eventType": "Bounce"},
            {"eventType": "Bounce", "bounce": None, "mail": {"messageId": "ses-1", "destination": [READER]}},
            {"eventType": "Bounce", "bounce": {}, "mail": {"messageId": "ses-1", "destination": [READER]}},
            bounce("Permanent", None),
            bounce("Permanent", 7),
            bounce("Permanent", READER) | {"mail": {}},
            bounce("Permanent", READER) | {"mail": {"messageId": "ses-1"}},
            bounce("Permanent", READER) | {"mail": {"messageId": "ses-1", "destination": [7]}},
            bounce("Permanent", READER) | {"mail": {"messageId": "ses-1", "destination": READER}},
            complaint(READER) | {"complaint": READER},
        ],
    )
    def test_what_cannot_be_read_is_logged_and_dropped(self, lines, message):
        mailer = Mailer()
        assert handle(sns_event(message), None, mailer) is None
        assert mailer.suppressed == []
        assert [line["level"] for line in lines()] == ["ERROR"]
        assert READER not in json.dumps(lines())

    def test_what_a_strangers_server_said_does_not_get_into_the_log(self, lines):
        handle(sns_event(complaint(READER, feedback=f"call {READER}")), None, Mailer())
        handle(sns_event(bounce("Permanent", READER, subtype=READER)), None, Mailer())
        assert [line["detail"] for line in lines()] == ["other", "Permanent other"]

    def test_what_cannot_be_stored_for_now_comes_again(self):
        mailer = Mailer()
        mailer.unavailable = ServiceUnavailable("PutItem: Throttling")
        with pytest.raises(ServiceUnavailable):
            handle(sns_event(bounce("Permanent", READER)), None, mailer)
