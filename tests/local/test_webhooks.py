"""Webhooks on a laptop: `make dev` sends what happens, and the operator's command tests the endpoint."""

import json
import os
import sys
import threading
from pathlib import Path

import pytest

from infra.keys.webhook_secrets import FILE, FileSecrets
from infra.local.application import load_webhooks
from infra.local.errors import LocalError
from infra.local.new_items import NewItems
from infra.local.webhook_delivery import delivering
from tests.support.webhooks import receiving

ORACLES = Path(__file__).parents[2] / ".tools" / "oracles"
REGISTRATION = json.dumps({"username": "alice", "password": "seven old oak boards and a latch"}).encode()
AS_JSON = {"Content-Type": "application/json"}


def verified(secret, body, headers):
    """The message, as the specification's own library reads it."""
    if not ORACLES.exists() and not os.environ.get("CI"):
        pytest.skip("standardwebhooks is installed by `make test`")
    sys.path.append(str(ORACLES))
    try:
        from standardwebhooks import Webhook
    finally:
        sys.path.remove(str(ORACLES))
    return Webhook(secret).verify(body, headers)


def item(name):
    return {"user_id": {"S": "u1"}, "event_id": {"S": name}}


def test_what_happens_is_sent_with_a_signature_that_the_specifications_library_takes(
    run_until_ready, tmp_path, ask, eventually
):
    def failing_once(handler):
        handler.send_response(503 if len(received.requests) == 1 else 204)
        handler.end_headers()

    with receiving(failing_once) as received:
        url = f"http://127.0.0.1:{received.port}/hooks"
        running = run_until_ready("--data-dir", tmp_path, LYCHGATE_WEBHOOK_URL=url)
        answer = ask(running.port_of("Page"), "POST", "/api/auth/register", AS_JSON, REGISTRATION)
        assert answer.status == 201
        eventually(lambda: len(received.requests) == 2)
        eventually(lambda: "WEBHOOK account.registered delivered (204)" in running.output)
    (secret,) = FileSecrets(tmp_path).read()
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0
    (_, first, before), (_, second, after) = received.requests
    assert (first, before["webhook-id"]) == (second, after["webhook-id"])
    message = verified(secret, second, after)
    assert message["type"] == "account.registered"
    assert message["data"]["user_id"] == json.loads(answer.body)["user"]["id"]
    assert f"Webhooks  {url}" in running.output


def test_events_are_passed_on_one_by_one_and_none_overtakes_one_that_fails(eventually):
    new_events, passed, failures = NewItems("lychgate-dev-events", "user_id", "event_id"), [], {"a": 2}

    def deliver(event):
        (record,) = event["Records"]
        name = record["dynamodb"]["Keys"]["event_id"]["S"]
        passed.append(name)
        failures[name] = failures.get(name, 0) - 1
        if failures[name] == 1:
            raise RuntimeError("the function has failed")
        return {"batchItemFailures": [{"itemIdentifier": "1"}] if failures[name] >= 0 else []}

    with delivering(new_events, deliver, pauses=(0.01,) * 5):
        for name in "abc":
            new_events.add(item(name))
        eventually(lambda: len(passed) == 5)
    assert passed == ["a", "a", "a", "b", "c"]


def test_what_an_endpoint_never_takes_is_given_up_and_said(eventually, capfd):
    new_events, passed = NewItems("lychgate-dev-events", "user_id", "event_id"), []

    def deliver(event):
        passed.append(event)
        return {"batchItemFailures": [{"itemIdentifier": "1"}] if len(passed) <= 2 else []}

    with delivering(new_events, deliver, pauses=(0.01,)):
        new_events.add(item("a"))
        new_events.add(item("b"))
        eventually(lambda: len(passed) == 3)
    assert "It is given up" in capfd.readouterr().out


def test_an_event_that_waits_does_not_hold_up_the_end(eventually):
    new_events, tried = NewItems("lychgate-dev-events", "user_id", "event_id"), threading.Event()

    def deliver(_):
        tried.set()
        return {"batchItemFailures": [{"itemIdentifier": "1"}]}

    with delivering(new_events, deliver, pauses=(3600.0,)):
        new_events.add(item("a"))
        assert tried.wait(60)
    eventually(lambda: not any(thread.name == "webhook-delivery" for thread in threading.enumerate()))


def test_an_endpoint_that_is_none_is_refused_at_the_start(monkeypatch):
    monkeypatch.setenv("LYCHGATE_WEBHOOK_SECRETS_PARAMETER", "/lychgate/dev/webhook-secrets")
    monkeypatch.setenv("LYCHGATE_WEBHOOK_URL", "http://example.org/hooks")
    with pytest.raises(LocalError, match="LYCHGATE_WEBHOOK_URL must begin with https://"):
        load_webhooks()
