"""Passes what is new in the events table to the webhooks' function, as the event source mapping of a deployment does.

Owns when it is tried again. One event at a time, in the order in which they happened: what an endpoint does not take
holds up those that follow. What was not sent when the process ended is not sent at its next start.
"""

import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from infra.local.new_items import NewItems, Record
from infra.local.output import say, say_at
from infra.local.passing_on import PAUSES, PassingOn, passing_on

Deliver = Callable[[dict[str, Any]], Mapping[str, Any]]
"""Takes the event that Lambda's function gets, and returns what that returns."""


@contextmanager
def delivering(new_items: NewItems, deliver: Deliver, pauses: tuple[float, ...] = PAUSES) -> Iterator[None]:
    """Pass new events to the function until the block ends, and tell the developer what becomes of each attempt."""
    with passing_on("webhook-delivery", _Delivery(new_items, deliver, pauses), _say):
        yield


def _say(members: Mapping[str, Any]) -> None:
    if members.get("webhook") is None:
        return
    found = [str(members[name]) for name in ("answer", "reason") if members.get(name) is not None]
    said = f" ({', '.join(found)})" if found else ""
    say_at(f"WEBHOOK {members['webhook']} {members['outcome']}{said}")


class _Delivery(PassingOn):
    def __init__(self, new_items: NewItems, deliver: Deliver, pauses: tuple[float, ...]) -> None:
        super().__init__(new_items)
        self._deliver = deliver
        self._pauses = pauses

    def pass_on(self) -> None:
        for record in self.new_items.take():
            self._send(record)

    def _send(self, record: Record) -> None:
        for pause in (*self._pauses, None):
            if self.is_ending or self._is_done(record):
                return
            if pause is None:
                say("A webhook was not taken. It is given up: a deployment would send it again for 23 hours.")
                return
            with self.changed:
                self.changed.wait_for(lambda: self.is_ending, pause)

    def _is_done(self, record: Record) -> bool:
        try:
            return not self._deliver({"Records": [record]})["batchItemFailures"]
        except Exception:  # noqa: BLE001 - whatever it was, the developer gets the traceback, and other events are sent
            traceback.print_exc()
            return False
