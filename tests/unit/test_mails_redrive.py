"""`python -m infra.operator mails redrive`: over a queue, a table and a mailer in memory."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from chalicelib.adapters.dynamodb.attributes import to_item
from chalicelib.mailer import LEAST_MILLISECONDS, SECONDS, handle
from infra.operator.__main__ import operator
from infra.operator.accounts import Stage as StageNamed
from infra.operator.calls import Reach
from infra.operator.dead_letters import DeadLetters, event_of
from infra.operator.undelivered import REPEATED_SECONDS, Undelivered, open_undelivered
from infra.operator.users import RefusedError
from tests.support.dead_letters import FakeQueue
from tests.support.places import ROOT

NOW = 1_800_000_000
LOST_AT = NOW - 2 * REPEATED_SECONDS
NOTICE = {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": "{}"}}]}
OF_NOTICE = json.dumps({"version": "1.0", "requestContext": {}, "requestPayload": NOTICE})


def of_stream(first, last):
    """A dead letter of mails that were asked for between two times."""
    at = [datetime.fromtimestamp(each, UTC).isoformat() for each in (first, last)]
    return json.dumps(
        {"DDBStreamBatchInfo": {"approximateArrivalOfFirstRecord": at[0], "approximateArrivalOfLastRecord": at[1]}}
    )


class Stage:
    """A stage whose mailer sends what it is given, but for the mails of ``stuck``, and notes what else it is given."""

    def __init__(self):
        self.queue = FakeQueue()
        self.items = {}
        self.stuck = set()
        self.sent = []
        self.noted = []
        self.scans = 0

    def lose(self, mail_id, at=LOST_AT, **members):
        self.items[mail_id] = {"mail_id": mail_id, "kind": "password_changed", "at": at} | members

    def get_paginator(self, _):
        return self

    def paginate(self, FilterExpression, **_):  # noqa: N803 - as DynamoDB has it
        self.scans += 1
        assert "attribute_not_exists(sent_at) AND attribute_not_exists(outcome)" in FilterExpression
        found = [item for item in self.items.values() if "kind" in item and not {"sent_at", "outcome"} & item.keys()]
        return [{"Items": [to_item(item)]} for item in found]

    def get_item(self, Key, **_):  # noqa: N803 - as DynamoDB has it
        return {"Item": to_item(self.items[Key["mail_id"]["S"]])}

    def invoke(self, event):
        if event == NOTICE:
            self.noted.append(event)
            return None
        for record in event["Records"]:
            assert record["eventName"] == "INSERT"
            assert "kind" in record["dynamodb"]["NewImage"]
            mail_id = record["dynamodb"]["Keys"]["mail_id"]["S"]
            if mail_id not in self.stuck:
                self.sent.append(mail_id)
                late = self.items[mail_id]["kind"] == "reset"
                self.items[mail_id] |= {"outcome": "late"} if late else {"sent_at": NOW}
        return {"batchItemFailures": []}

    def run(self, *arguments):
        undelivered = Undelivered(self, "mail", DeadLetters(self.queue, "letters"), self.invoke)
        reach = Reach(clock=lambda: NOW, undelivered=lambda _: undelivered)
        return CliRunner().invoke(operator, ["mails", "redrive", "--stage", "prod", *arguments], obj=reach)


@pytest.fixture
def stage():
    return Stage()


def test_what_was_given_up_is_sent_the_oldest_first_and_the_queue_is_empty_then(stage):
    stage.queue.messages = {"1": of_stream(LOST_AT, LOST_AT + 9), "2": of_stream(LOST_AT + 300, LOST_AT + 300)}
    stage.lose("second", LOST_AT + 300, kind="reset")
    stage.lose("first")
    stage.lose("sent before", sent_at=LOST_AT)
    stage.lose("given up", outcome="nobody")
    stage.lose("of another time", NOW - 3 * REPEATED_SECONDS)
    told = stage.run()
    assert told.exit_code == 0, told.output
    assert stage.sent == ["first", "second"]
    assert [line.split()[1:] for line in told.stdout.splitlines()[:2]] == [
        ["password_changed", "sent"],
        ["reset", "late"],
    ]
    assert "2 dead letters: 2 mails not sent, 0 notices of SES." in told.stdout
    assert stage.queue.messages == {}
    again = stage.run()
    assert (again.exit_code, stage.sent) == (0, ["first", "second"])
    assert "0 dead letters: 0 mails not sent" in again.stdout
    assert stage.scans == 1, "the table was read for nothing"


def test_nothing_is_sent_that_the_stream_may_send_too(stage):
    stage.queue.messages = {"1": of_stream(NOW - REPEATED_SECONDS + 240, NOW - REPEATED_SECONDS + 240)}
    stage.lose("a", NOW - REPEATED_SECONDS + 240)
    told = stage.run()
    assert (told.exit_code, stage.sent, stage.queue.hidden) == (0, [], set())
    assert "1 message stays in the queue" in told.stderr
    assert "in 5 minutes" in told.stderr
    assert len(stage.queue.messages) == 1


def test_while_the_mailer_cannot_send_the_queue_keeps_what_it_has(stage):
    stage.queue.messages = {"1": of_stream(LOST_AT, LOST_AT), "2": OF_NOTICE}
    stage.lose("a")
    stage.lose("b")
    stage.lose("c")
    stage.stuck = {"b"}
    told = stage.run()
    assert told.exit_code == 1
    assert "Put right what its log says" in told.stderr
    assert stage.sent == ["a", "c"]
    assert (stage.queue.messages.keys(), stage.queue.hidden) == ({"1"}, set()), "the notice of SES has ended"
    stage.stuck = set()
    assert stage.run().exit_code == 0
    assert (stage.sent, stage.queue.messages) == (["a", "c", "b"], {})


def test_all_are_sent_although_ses_takes_its_whole_time_for_each(stage):
    stage.queue.messages = {"1": of_stream(LOST_AT, LOST_AT)}
    for mail_id in "abcde":
        stage.lose(mail_id)

    def invoke(event):
        left = [SECONDS * 1000]

        def deliver(mail_id):
            left[0] -= LEAST_MILLISECONDS
            stage.items[mail_id] |= {"sent_at": NOW}
            return SimpleNamespace(outcome="sent", kind="password_changed", user_id=None, message_id="", reason=None)

        mailer = SimpleNamespace(deliver=SimpleNamespace(deliver=deliver))
        return handle(event, SimpleNamespace(get_remaining_time_in_millis=lambda: left[0]), mailer)

    stage.invoke = invoke
    told = stage.run()
    assert (told.exit_code, stage.queue.messages) == (0, {}), told.output
    assert all("sent_at" in item for item in stage.items.values())


def test_a_notice_of_ses_is_noted_again(stage):
    stage.queue.messages = {"1": OF_NOTICE}
    assert stage.run().exit_code == 0
    assert (stage.noted, stage.queue.messages, stage.scans) == ([NOTICE], {}, 0)


def test_a_mailer_that_fails_at_a_notice_leaves_it_in_the_queue(stage):
    def fail(_):
        raise RefusedError("lychgate-prod-mailer ended with ServiceUnavailable")

    stage.queue.messages = {"1": OF_NOTICE}
    stage.invoke = fail
    told = stage.run()
    assert (told.exit_code, "ServiceUnavailable" in told.stderr) == (1, True)
    assert (stage.queue.messages.keys(), stage.queue.hidden) == ({"1"}, set())


def test_a_dry_run_says_what_waits_and_changes_nothing(stage):
    stage.queue.messages = {"1": of_stream(LOST_AT, LOST_AT), "2": OF_NOTICE}
    stage.lose("a")
    told = stage.run("--dry-run", "--json")
    assert json.loads(told.stdout) == {
        "stage": "prod",
        "early": 0,
        "of_mails": 1,
        "of_notices": 1,
        "unknown": 0,
        "mails": [{"kind": "password_changed", "at": "2027-01-15T06:00:00Z", "outcome": None}],
        "dry_run": True,
    }
    assert "nothing was changed" in stage.run("--dry-run").stdout
    assert (stage.sent, stage.noted, len(stage.queue.messages), stage.queue.hidden) == ([], [], 2, set())


@pytest.mark.parametrize("text", ["", "[]", "[" * 100_000, '{"requestPayload": "text"}', '{"DDBStreamBatchInfo": {}}'])
def test_a_message_of_somebody_else_stays_in_the_queue(stage, text):
    assert event_of(text) is None
    stage.queue.messages = {"1": text}
    told = stage.run()
    assert (told.exit_code, stage.queue.messages, stage.queue.hidden) == (0, {"1": text}, set())
    assert "1 message stays in the queue: nothing in there is about a mail." in told.stderr


@pytest.mark.parametrize(("named", "why"), [("dev", "this machine's"), ("prod", "sends no mail")])
def test_a_stage_without_a_queue_is_told_so(named, why, tmp_path):
    (tmp_path / ".chalice").mkdir()
    (tmp_path / ".chalice" / "config.json").write_text(json.dumps({"version": "2.0", "stages": {"prod": {}}}))
    with pytest.raises(RefusedError, match=why):
        open_undelivered(StageNamed(named, tmp_path, ROOT / "nowhere"))
