"""`python -m infra.operator webhooks`: over a fake of the stage's function, and over what a laptop has."""

import json
import time

import pytest
from click.testing import CliRunner

from chalicelib.accounts.caller import Caller
from chalicelib.accounts.events import EventType, SecurityEvent
from chalicelib.adapters.dynamodb.items import event_to_item
from chalicelib.credentials.webhook_secrets import new_secret, parse_secrets
from chalicelib.webhooks import handle
from infra.keys.webhook_secrets import FILE, FileSecrets
from infra.local.environment import PROJECT
from infra.operator.__main__ import operator
from infra.operator.accounts import Stage as StageNamed
from infra.operator.calls import Reach
from infra.operator.dead_letters import DeadLetters, window_of
from infra.operator.health.watched import ROTATION_SECONDS, of_laptop
from infra.operator.webhooks import Webhooks, moment
from tests.support.dead_letters import FakeQueue
from tests.support.webhooks import FakeEndpoint, receiving, webhooks_with

NOW = 1_800_000_000
CALLER = Caller("203.0.113.7", "browser")
LETTER = {
    "requestContext": {"condition": "RecordAgeExceeded"},
    "DDBStreamBatchInfo": {
        "shardId": "shardId-1",
        "approximateArrivalOfFirstRecord": "2027-01-14T08:00:00.000Z",
        "approximateArrivalOfLastRecord": "2027-01-14T09:00:00.000Z",
    },
}


def event(written_at, name="e"):
    """An event of the history that was written at a time."""
    item = event_to_item(SecurityEvent(EventType.LOGGED_OUT, "u1", written_at, CALLER))
    return item | {"event_id": {"S": f"{written_at:012d}-{written_at:011d}{0:09d}-{name}"}}


class Stage:
    """A stage with an endpoint, a history and a queue, and what runs commands about it."""

    def __init__(self, folder):
        self.endpoint = FakeEndpoint()
        self.history = []
        self.queue = FakeQueue()
        self.secrets = FileSecrets(folder)
        self._function = webhooks_with(self.endpoint)

    def run(self, *arguments):
        webhooks = Webhooks(
            "prod",
            "https://receiver.example/",
            self.secrets,
            lambda event: handle(event, None, self._function)["outcomes"],
            lambda: iter(self.history),
            DeadLetters(self.queue, "letters"),
        )
        reach = Reach(clock=lambda: NOW, webhooks=lambda _: webhooks)
        return CliRunner().invoke(operator, ["webhooks", *arguments], obj=reach)

    def sent(self):
        return [headers["webhook-id"].rpartition("-")[2] for _, headers in self.endpoint.requests]


@pytest.fixture
def stage(tmp_path):
    return Stage(tmp_path)


def test_a_test_says_what_the_endpoint_answers(stage):
    told = stage.run("test", "--stage", "prod")
    assert (told.exit_code, told.output.split()[1:]) == (0, ["webhook.test", "delivered", "(204)"])
    stage.endpoint.answers = [500]
    failed = stage.run("test", "--stage", "prod", "--json")
    assert failed.exit_code == 1
    assert json.loads(failed.output)["status"] == 500


def test_events_of_a_time_are_sent_again_in_their_order(stage):
    stage.history = [event(NOW - 60, "c"), event(NOW - 7200, "a"), event(NOW - 3600, "b"), event(NOW - 90_000, "old")]
    told = stage.run("resend", "--since", "3h", "--stage", "prod")
    assert told.exit_code == 0, told.output
    assert stage.sent() == ["a", "b", "c"]
    assert told.output.splitlines()[-1] == "3 events, 3 sent."
    stage.endpoint.requests.clear()
    stage.run("resend", "--since", "3h", "--until", "2027-01-15T07:30:00Z", "--stage", "prod")
    assert stage.sent() == ["a", "b"]


def test_a_dry_run_counts_and_sends_nothing(stage):
    stage.history = [event(NOW - 60)]
    told = stage.run("resend", "--since", "1d", "--dry-run", "--json", "--stage", "prod")
    assert json.loads(told.output)["events"] == 1
    assert stage.endpoint.requests == []


@pytest.mark.parametrize("text", ["yesterday", "", "12", "9999999999999d", "-1h"])
def test_a_time_that_is_none_is_refused(stage, text):
    told = stage.run("resend", "--since", text, "--stage", "prod")
    assert (told.exit_code, "2026-11-01T12:00:00Z" in told.output) == (2, True)


def test_times_are_in_utc_unless_they_say_otherwise():
    assert moment("2027-01-15T08:00:00", NOW) == moment("2027-01-15T09:00:00+01:00", NOW) == NOW
    assert moment("90m", NOW) == NOW - 5400


def test_what_is_in_the_queue_is_sent_from_the_history_and_deleted(stage):
    of_letter = NOW - 86_400
    stage.queue.messages = {str(number): json.dumps(LETTER) for number in range(3)}
    stage.history = [event(of_letter + 1800, "lost"), event(NOW, "later")]
    told = stage.run("redrive", "--stage", "prod")
    assert told.exit_code == 0, told.output
    assert stage.sent() == ["lost"]
    assert stage.queue.messages == {}
    assert "3 dead letters, 1 event, 1 sent." in told.output


def test_while_the_endpoint_is_down_the_queue_keeps_what_it_has_for_the_next_time(stage):
    stage.queue.messages = {"1": json.dumps(LETTER)}
    stage.history = [event(NOW - 86_400, "lost"), event(NOW - 86_300, "next")]
    stage.endpoint.answers = [204, 503]
    told = stage.run("redrive", "--stage", "prod")
    assert told.exit_code == 1
    assert "did not take all" in told.output
    assert (len(stage.queue.messages), stage.queue.hidden) == (1, set())
    assert stage.run("redrive", "--stage", "prod").exit_code == 0
    assert stage.queue.messages == {}


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "[" * 100_000, '{"DDBStreamBatchInfo": {}}', '{"DDBStreamBatchInfo": 1}']
)
def test_a_message_of_somebody_else_stays_in_the_queue(stage, text):
    assert window_of(text) is None
    stage.queue.messages = {"1": text}
    told = stage.run("redrive", "--stage", "prod")
    assert (told.exit_code, stage.queue.messages, stage.queue.hidden) == (0, {"1": text}, set())
    assert "1 message says nothing of the stream" in told.output


def test_a_secret_is_replaced_in_two_steps_and_both_sign_meanwhile(stage):
    first = new_secret()
    stage.secrets.write((first,))
    rotated = stage.run("rotate", "--stage", "prod")
    new, before = rotated.stdout.split()
    assert (before, stage.secrets.read()) == (first, (new, first))
    again = stage.run("rotate", "--stage", "prod")
    assert (again.exit_code, "Retire the older one first" in again.output) == (1, True)
    assert stage.secrets.read() == (new, first)
    unasked = stage.run("retire", "--stage", "prod")
    assert (unasked.exit_code, "--yes" in unasked.output) == (2, True)
    assert stage.secrets.read() == (new, first)
    assert stage.run("retire", "--yes", "--stage", "prod").exit_code == 0
    assert stage.secrets.read() == (new,)
    assert "Nothing was changed" in stage.run("retire", "--yes", "--stage", "prod").output
    assert stage.run("secrets", "--stage", "prod").stdout.split() == [new]


def test_damaged_secrets_are_named_and_not_shown(stage, tmp_path):
    (tmp_path / FILE).write_text('["whsec_short"]')
    told = stage.run("secrets", "--stage", "prod")
    assert told.exit_code == 1
    assert FILE in told.output
    assert "whsec_short" not in told.output


def test_on_a_laptop_an_endpoint_is_tested_with_the_laptops_secret(tmp_path, monkeypatch):
    def run(*arguments):
        return CliRunner().invoke(operator, ["webhooks", *arguments, "--data-dir", str(tmp_path)], obj=Reach())

    monkeypatch.delenv("LYCHGATE_WEBHOOK_URL", raising=False)
    assert "sends no webhooks: LYCHGATE_WEBHOOK_URL is not set" in run("test").output
    with receiving() as received:
        monkeypatch.setenv("LYCHGATE_WEBHOOK_URL", f"http://127.0.0.1:{received.port}/hooks")
        assert "Start `make dev`" in run("test").output
        FileSecrets(tmp_path).write((new_secret(),))
        told = run("test")
    assert (told.exit_code, len(received.requests)) == (0, 1), told.output
    assert parse_secrets((tmp_path / FILE).read_text())
    for command in (["resend", "--since", "1h"], ["redrive"]):
        told = run(*command)
        assert (told.exit_code, "this machine's" in told.output) == (1, True)


def test_the_doctor_of_a_laptop_looks_at_the_endpoint_and_at_the_secrets(tmp_path, monkeypatch):
    here = StageNamed("dev", PROJECT, tmp_path)

    def found():
        return [(each.name, each.grade.value) for each in of_laptop(here, lambda: time.time() + 2 * ROTATION_SECONDS)]

    monkeypatch.delenv("LYCHGATE_WEBHOOK_URL", raising=False)
    assert found() == []
    monkeypatch.setenv("LYCHGATE_WEBHOOK_URL", "http://127.0.0.1:9000/hooks")
    assert found() == [("webhooks", "ok"), ("webhook secrets", "WRONG")]
    FileSecrets(tmp_path).write((new_secret(),))
    assert found()[1] == ("webhook secrets", "ok")
    FileSecrets(tmp_path).write((new_secret(), new_secret()))
    assert found()[1] == ("webhook secrets", "advice")
