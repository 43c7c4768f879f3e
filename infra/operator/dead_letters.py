"""The queues of what a function of a stage has given up: SQS, and what Lambda writes into its messages."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from infra.operator.functions import Client

MARGIN = 60
"""Seconds around a dead letter's own times, which are approximate."""

_RECEIVED_AT_ONCE = 10
_HIDDEN_SECONDS = 900
_ASKS_ALL_SECONDS = 2
"""Without a time to wait SQS asks some of its servers only, and may say that a queue is empty which is not."""


@dataclass(frozen=True)
class Window:
    """A time in which items were written."""

    since: float
    until: float


@dataclass(frozen=True)
class Letter:
    """A message in the queue of dead letters."""

    handle: str
    window: Window | None
    """When its records were written, None if it is not about a stream."""
    event: Mapping[str, Any] | None
    """The event that the function failed at, None if it is not about one."""


class DeadLetters:
    """A queue of dead letters."""

    def __init__(self, client: Client, name: str) -> None:
        self._client = client
        self._url = client.get_queue_url(QueueName=name)["QueueUrl"]

    def read(self) -> list[Letter]:
        """Return all that is in the queue. Nobody else gets it for a quarter of an hour."""
        letters: list[Letter] = []
        while messages := self._client.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=_RECEIVED_AT_ONCE,
            VisibilityTimeout=_HIDDEN_SECONDS,
            WaitTimeSeconds=_ASKS_ALL_SECONDS,
        ).get("Messages"):
            letters += [
                Letter(message["ReceiptHandle"], window_of(message["Body"]), event_of(message["Body"]))
                for message in messages
            ]
        return letters

    def delete(self, letters: Iterable[Letter]) -> None:
        """Delete letters."""
        for letter in letters:
            self._client.delete_message(QueueUrl=self._url, ReceiptHandle=letter.handle)

    def put_back(self, letters: Iterable[Letter]) -> None:
        """Let others see letters at once."""
        for letter in letters:
            self._client.change_message_visibility(QueueUrl=self._url, ReceiptHandle=letter.handle, VisibilityTimeout=0)


def window_of(text: str) -> Window | None:
    """Return when the records of a dead letter were written, None if it is none of a stream's.

    Lambda says so in ``DDBStreamBatchInfo`` (AWS Lambda Developer Guide, "Retain discarded records for a DynamoDB event
    source in Lambda").
    """
    try:
        batch = json.loads(text)["DDBStreamBatchInfo"]
        first, last = (
            datetime.fromisoformat(batch[f"approximateArrivalOf{which}Record"]).timestamp()
            for which in ("First", "Last")
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return Window(first - MARGIN, last + MARGIN)


def event_of(text: str) -> Mapping[str, Any] | None:
    """Return the event that a function failed at which nobody waited for, None if a dead letter has none.

    Lambda says so in ``requestPayload`` (AWS Lambda Developer Guide, "Capturing records of Lambda asynchronous
    invocations").
    """
    try:
        event = json.loads(text)["requestPayload"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return event if isinstance(event, dict) else None
