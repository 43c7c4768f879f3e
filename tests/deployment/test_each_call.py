"""Whatever call of AWS fails, and however: it is one message, and the same command goes on from there."""

import contextlib
import itertools
import re
from pathlib import Path

import pytest
from botocore.client import BaseClient

from infra.deployment.observation import ACCOUNT_ROLE
from tests.deployment.operator_here import account, refusal
from tests.deployment.recording import recorder

WAYS = {
    "denied": refusal,
    "expired": lambda operation: refusal(
        operation, "ExpiredToken", "The security token included in the request is expired"
    ),
    "interrupted": lambda _operation: KeyboardInterrupt(),
}
SAID = {
    "denied": ("permission is missing: ",),
    "expired": ("the AWS credentials have expired",),
    "interrupted": ("stopped at: ", "again to continue"),
}


def until_every_call_has_failed(monkeypatch, run, say):
    """Run a command until it succeeds, each time with each call failing that has not failed in a run before.

    Returns the operations that failed. ``say`` returns the message of the last run.
    """
    failed = set()
    for way in itertools.cycle(WAYS):
        before = len(failed)
        with failing(monkeypatch, failed, way):
            code = run()
        if len(failed) == before:
            break
        assert code == (130 if way == "interrupted" else 1), (failed, say())
        assert all(part in say() for part in SAID[way]), (failed, way, say())
    assert code == 0, say()
    return failed


@contextlib.contextmanager
def failing(monkeypatch, failed, way):
    """Make each operation fail the first time that it is called. A check that may not look does not stop a run."""
    original = BaseClient._make_api_call

    def call(client, name, arguments):
        if name not in failed:
            failed.add(name)
            raise WAYS[way](name)
        return original(client, name, arguments)

    with monkeypatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", call)
        yield


@pytest.mark.exhaustive  # ``test_resumption`` lets each step fail.
def test_every_call_of_a_deployment_may_fail_and_the_next_run_goes_on(operator, monkeypatch):
    failed = until_every_call_has_failed(monkeypatch, operator.deploy, lambda: operator.errors)

    assert len(failed) > 25
    assert "Traceback" not in operator.log
    made = account()
    assert {name: len(found) for name, found in made.items()} == {
        "stacks": 1, "tables": 5, "buckets": 1, "functions": 5, "roles": 6, "apis": 1, "distributions": 1,
        "parameters": 1, "logs": 6,
    }  # fmt: skip

    failed = until_every_call_has_failed(monkeypatch, lambda: operator.destroy("--with-data"), lambda: operator.errors)

    assert len(failed) > 12
    assert "Traceback" not in operator.log
    assert left() == {"roles": [ACCOUNT_ROLE]}


@pytest.mark.exhaustive
def test_every_call_of_chalice_may_be_refused_and_the_next_run_goes_on(operator, monkeypatch, tmp_path):
    path = tmp_path / "refused"
    path.touch()
    monkeypatch.setenv("PYTHONPATH", str(Path(recorder.__file__).parent))
    monkeypatch.setenv(recorder.FAILING, str(path))

    for command in (operator.deploy, lambda: operator.destroy("--with-data")):
        before = len(path.read_text().split())
        while command() != 0:
            refused = path.read_text().split()
            assert re.search(rf"chalice \w+: permission is missing: \w+:{refused[-1]}\. Grant it", operator.errors)
        assert len(path.read_text().split()) > before + 3
        assert "Traceback" not in operator.log
        assert len(account()["apis"]) == (1 if command == operator.deploy else 0)
    assert left() == {"roles": [ACCOUNT_ROLE]}


def left():
    """What is in the account."""
    return {name: found for name, found in account().items() if found}
