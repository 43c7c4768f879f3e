"""The wire between a DynamoDB client and its database: counts requests, and injects faults.

A fault replaces one attempt of the SDK, below its retries, so that the SDK retries as in production.
"""

import json
from contextlib import contextmanager
from dataclasses import dataclass, field

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from moto.core.botocore_stubber import MockRawResponse
from moto.core.models import botocore_stubber

from tests.support.consumption import tables_in

ENDPOINT = "https://dynamodb.us-east-1.amazonaws.com"


def lost_answer(deliver):
    """The database executes the request, but the connection breaks before the response arrives."""
    deliver()
    raise ReadTimeoutError(endpoint_url=ENDPOINT)


def unreachable(deliver):
    raise EndpointConnectionError(endpoint_url=ENDPOINT)


def connect_timeout(deliver):
    raise ConnectTimeoutError(endpoint_url=ENDPOINT)


def read_timeout(deliver):
    """There is no response, and the request was not executed."""
    raise ReadTimeoutError(endpoint_url=ENDPOINT)


def refused(code, status=400, **members):
    """DynamoDB answers with an error of its own and does nothing."""

    def refuse(deliver):
        return _answer(status, {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": code, **members})

    refuse.__name__ = code
    return refuse


def cancelled(*codes):
    """DynamoDB cancels a transaction for these reasons, one for each action."""
    return refused("TransactionCanceledException", CancellationReasons=[{"Code": code} for code in codes])


def answered(document):
    """DynamoDB answers with this and does nothing."""
    return lambda deliver: _answer(200, document)


class Crash(BaseException):
    """The process ends here: no code of the application sees it."""


def crash_after(deliver):
    """The database executes the request, and the Lambda ends before it can respond."""
    deliver()
    raise Crash


@dataclass
class Rule:
    """When a fault happens: at which operation (or any), after how many attempts, and how often."""

    act: object
    operation: str | None
    after: int
    times: float


@dataclass
class Attempt:
    operation: str
    body: dict
    tables: tuple[str, ...] = field(init=False)

    def __post_init__(self):
        self.tables = tuple(sorted(set(tables_in(self.body))))


class Wire:
    """Sees each attempt of one client. Behind it is moto while a test mocks AWS, and else the client's endpoint."""

    def __init__(self, client):
        self.client = client
        self.attempts = []
        self.latest = None
        self._rules = []
        # botocore calls every handler even when the first has an answer: moto is called from here alone.
        client.meta.events.unregister("before-send", botocore_stubber)
        client.meta.events.register("before-send.dynamodb", self._send)

    def take_away(self):
        """Leave the client as it was."""
        self.client.meta.events.unregister("before-send.dynamodb", self._send)
        self.client.meta.events.register("before-send", botocore_stubber)

    def break_with(self, act, *, operation=None, after=0, times=float("inf")):
        """Replace ``times`` attempts with a fault, after the first ``after`` attempts."""
        self._rules.append(Rule(act, operation, after, times))

    def mend(self):
        """Remove all faults, and reset the counts."""
        self._rules.clear()
        self.attempts.clear()

    @property
    def operations(self):
        return [attempt.operation for attempt in self.attempts]

    def _send(self, event_name, request, **_):
        operation = event_name.rpartition(".")[2]
        attempt = self.latest = Attempt(operation, json.loads(request.body))
        self.attempts.append(attempt)

        def deliver():
            if botocore_stubber.enabled:
                return botocore_stubber(event_name=event_name, request=request)
            return self.client._endpoint.http_session.send(request)

        for rule in self._rules:
            if rule.operation in {None, operation} and rule.times > 0:
                if rule.after > 0:
                    rule.after -= 1
                    continue
                rule.times -= 1
                return rule.act(deliver)
        return deliver()


def _answer(status, document):
    return AWSResponse(ENDPOINT, status, {}, MockRawResponse(json.dumps(document)))


@contextmanager
def raising_before(client, operation, raise_it):
    """Let each call of an operation of this client fail, before anything is sent."""
    event = f"before-call.{client.meta.service_model.endpoint_prefix}.{operation}"
    client.meta.events.register(event, raise_it)
    try:
        yield
    finally:
        client.meta.events.unregister(event, raise_it)
