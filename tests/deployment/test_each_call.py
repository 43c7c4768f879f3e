"""Whatever call of AWS fails, and however: it is one message, and the same command goes on from there."""

import itertools

from botocore.client import BaseClient

from tests.deployment.operator_here import account, refusal

WAYS = {
    "denied": lambda operation: refusal(operation),
    "expired": lambda operation: refusal(
        operation, "ExpiredToken", "The security token included in the request is expired"
    ),
    "interrupted": lambda _operation: KeyboardInterrupt(),
}
SAID = {
    "denied": ("permission is missing: service:",),
    "expired": ("the AWS credentials have expired",),
    "interrupted": ("stopped at: ", "again to continue"),
}


def until_every_call_has_failed(monkeypatch, run, say):
    """Run a command until it succeeds, each time with the first call failing that has not failed before.

    Returns the operations that failed. ``say`` returns the message of the last run.
    """
    failed = {}
    ways = itertools.cycle(WAYS)
    original = BaseClient._make_api_call
    for way in ways:
        raised = []

        def call(client, name, arguments, way=way, raised=raised):
            if not raised and name not in failed:
                raised.append(name)
                failed[name] = way
                raise WAYS[way](name)
            return original(client, name, arguments)

        with monkeypatch.context() as patch:
            patch.setattr(BaseClient, "_make_api_call", call)
            code = run()
        if not raised:
            assert code == 0, say()
            return failed
        assert code == (130 if way == "interrupted" else 1) or (way, code) == ("denied", 0), (raised, say())
        if code:
            assert all(part in say() for part in SAID[way]), (raised, way, say())


def test_every_call_of_a_deployment_may_fail_and_the_next_run_goes_on(operator, monkeypatch):
    failed = until_every_call_has_failed(monkeypatch, operator.deploy, lambda: operator.errors)

    assert len(failed) > 25
    assert "Traceback" not in operator.log
    made = account()
    assert {name: len(found) for name, found in made.items()} == {
        "stacks": 1, "tables": 4, "buckets": 1, "functions": 2, "roles": 2, "apis": 1, "distributions": 1,
        "parameters": 1, "logs": 2,
    }  # fmt: skip

    failed = until_every_call_has_failed(monkeypatch, lambda: operator.destroy("--with-data"), lambda: operator.errors)

    assert len(failed) > 12
    assert "Traceback" not in operator.log
    assert not any(account().values())
