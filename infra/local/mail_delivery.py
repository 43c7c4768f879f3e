"""Passes what is new in the mail table to the mailer, as the event source mapping of a deployment does.

Owns what is passed on, and when it is tried again. What was not sent when the process ended is sent at its next start.
"""

import heapq
import itertools
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from infra.local.new_items import Item, NewItems, Record
from infra.local.output import say, say_at
from infra.local.passing_on import PAUSES, PassingOn, passing_on

Mailer = Callable[[dict[str, Any]], Mapping[str, Any] | None]
"""Takes the event that Lambda's function gets, and returns what that returns."""

_NOT_SENT = {
    "nobody": "nobody who gets mail has this name or address",
    "budget": "its address has had one of this kind in the last minute, five in the last hour, or ten in the last day",
    "suppressed": "its address takes no mail",
    "late": "what it carries is no longer good",
    "refused": "its address was refused",
}
"""What a developer reads who waits for a mail, by the outcome of its delivery. The API tells nobody."""


@contextmanager
def delivering(new_items: NewItems, mailer: Mailer, pauses: tuple[float, ...] = PAUSES) -> Iterator[None]:
    """Pass new mails to the mailer until the block ends, and tell the developer what becomes of each."""
    with passing_on("mail-delivery", _Delivery(new_items, mailer, pauses), _say):
        yield


def _say(members: Mapping[str, Any]) -> None:
    if members.get("mail") is not None:
        say_at(f"MAIL    {members['mail']} {_outcome(members['outcome'])}")


def _outcome(outcome: str) -> str:
    return f"was not sent: {_NOT_SENT[outcome]}" if outcome in _NOT_SENT else outcome


def is_waiting(item: Item, now: float) -> bool:
    """Tell whether the mailer has yet to do something for an item of the mail table.

    It has a day for that, as with a stream, whose records live as long (Developer Guide, "DynamoDB Streams").
    """
    is_over = "sent_at" in item or "outcome" in item or "used_at" in item
    return "kind" in item and not is_over and float(item.get("ttl", {}).get("N", "inf")) > now


class _Delivery(PassingOn):
    """One record at a time, so that a mail that cannot be sent holds up no other."""

    def __init__(self, new_items: NewItems, mailer: Mailer, pauses: tuple[float, ...]) -> None:
        super().__init__(new_items)
        self._mailer = mailer
        self._pauses = pauses
        self._due: list[tuple[float, int, int, Record]] = []
        self._numbers = itertools.count()

    def pass_on(self) -> None:
        for record in self.new_items.take():
            if is_waiting(record["dynamodb"]["NewImage"], time.time()):
                self._plan(record, failures=0, pause=0)
        if self._due and self._due[0][0] <= time.monotonic():
            _, _, failures, record = heapq.heappop(self._due)
            self._attempt(record, failures)

    def seconds_until_due(self) -> float | None:
        return self._due[0][0] - time.monotonic() if self._due else None

    def _plan(self, record: Record, *, failures: int, pause: float) -> None:
        heapq.heappush(self._due, (time.monotonic() + pause, next(self._numbers), failures, record))

    def _attempt(self, record: Record, failures: int) -> None:
        try:
            answer = self._mailer({"Records": [record]}) or {}
            is_done = not answer.get("batchItemFailures")
        except Exception:  # noqa: BLE001 - whatever it was, the developer gets the traceback, and other mails are sent
            traceback.print_exc()
            is_done = False
        if is_done:
            return
        if failures == len(self._pauses):
            say("A mail could not be sent. It stays in the outbox, and is tried again at the next start.")
            return
        pause = self._pauses[failures]
        say(f"A mail could not be sent. It is tried again in {pause:g} s.")
        self._plan(record, failures=failures + 1, pause=pause)
