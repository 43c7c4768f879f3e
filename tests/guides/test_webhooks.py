"""The page about webhooks: both of its receivers, which the real function sends to."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from chalicelib.accounts.caller import Caller
from chalicelib.accounts.events import EventType, SecurityEvent
from chalicelib.credentials.webhook_secrets import new_secret
from chalicelib.webhooks import handle
from tests.browser.development_server import eventually
from tests.client.find_node import node_folder
from tests.guides.markdown import Page
from tests.support.ports import free_port
from tests.support.webhooks import FakeParameters, batch_of, webhooks_with

PAGE = Page("docs/webhooks.md")
ORACLES = Path(__file__).parents[2] / ".tools" / "oracles"
EVENT = SecurityEvent(EventType.PASSWORD_CHANGED, "u1", 1_800_000_000, Caller("203.0.113.7", "browser"))


@contextmanager
def receiver(name, folder, secret):
    """Run a receiver of the page. Yields its URL, and what ends it and returns what it has printed."""
    (folder / name).write_text(PAGE.file(name))
    command = [sys.executable] if name.endswith(".py") else [node_folder() / "node"]
    port = free_port()
    process = subprocess.Popen(
        [*command, name],
        cwd=folder,
        env={**os.environ, "PORT": str(port), "WEBHOOK_SECRET": secret, "PYTHONPATH": str(ORACLES)},
        stdout=subprocess.PIPE,
        text=True,
    )

    def printed():
        process.send_signal(signal.SIGTERM)
        return process.communicate(timeout=60)[0].splitlines()

    try:
        yield f"http://127.0.0.1:{port}/hooks", printed
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(params=["receiver.py", "receiver.mjs"])
def name(request):
    if request.param.endswith(".py") and not ORACLES.exists() and not os.environ.get("CI"):
        pytest.skip("standardwebhooks is installed by `make test`")
    return request.param


def test_a_receiver_takes_what_is_signed_once_by_either_secret_and_nothing_else(name, tmp_path):
    old, new = new_secret(), new_secret()
    parameters = FakeParameters(new, old)
    with receiver(name, tmp_path, old) as (url, printed):
        ours = webhooks_with(None, parameters, LYCHGATE_WEBHOOK_URL=url)
        strangers = webhooks_with(None, FakeParameters(), LYCHGATE_WEBHOOK_URL=url)
        late = webhooks_with(None, parameters, clock=lambda: 1_700_000_000, LYCHGATE_WEBHOOK_URL=url)
        events = batch_of(EVENT)
        # Until it listens.
        eventually(lambda: handle(events, None, ours) == {"batchItemFailures": []})
        assert handle(events, None, ours) == {"batchItemFailures": []}
        for refused in (strangers, late):
            assert refused.sender.test().status == 401
        (tested,) = handle({"webhooks": "test"}, None, ours)["outcomes"]
        assert tested["status"] == 204
        lines = printed()
    assert lines[0] == "account.password_changed u1"
    assert [line.split()[0] for line in lines] == ["account.password_changed", "webhook.test"]
