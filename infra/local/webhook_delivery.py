"""Passes what is new in the events table to the webhooks' function, as the event source mapping of a deployment does.

Owns when it is tried again. One event at a time, in the order in which they happened: what an endpoint does not take
holds up those that follow. What was not sent when the process ended is not sent at its next start.
"""

import logging
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from infra.local.new_items import NewItems, Record
from infra.local.output import say, say_at

Deliver = Callable[[dict[str, Any]], Mapping[str, Any]]
"""Takes the event that Lambda's function gets, and returns what that returns."""

PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds before each further attempt."""

_THREAD = "webhook-delivery"

# For the event that is being sent when the process is to end.
_FINISH_SECONDS = 5.0


@contextmanager
def delivering(new_items: NewItems, deliver: Deliver, pauses: tuple[float, ...] = PAUSES) -> Iterator[None]:
    """Pass new events to the function until the block ends."""
    delivery = _Delivery(new_items, deliver, pauses)
    new_items.call_on_new(delivery.wake)
    thread = threading.Thread(target=delivery.run, name=_THREAD, daemon=True)
    with _told_of_outcomes():
        thread.start()
        try:
            yield
        finally:
            delivery.end()
            thread.join(_FINISH_SECONDS)


@contextmanager
def _told_of_outcomes() -> Iterator[None]:
    """Tell the developer what becomes of each event, as the function's log lines do on AWS."""
    log, handler = logging.getLogger("lychgate"), _Outcomes()
    level = log.level
    log.addHandler(handler)
    if not log.isEnabledFor(logging.INFO):
        log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)


class _Outcomes(logging.Handler):
    """Says a line for each attempt that the function has logged."""

    def emit(self, record: logging.LogRecord) -> None:
        members: Mapping[str, Any] = getattr(record, "members", {})
        if record.threadName != _THREAD or members.get("webhook") is None:
            return
        found = [str(members[name]) for name in ("answer", "reason") if members.get(name) is not None]
        said = f" ({', '.join(found)})" if found else ""
        say_at(f"WEBHOOK {members['webhook']} {members['outcome']}{said}")


class _Delivery:
    def __init__(self, new_items: NewItems, deliver: Deliver, pauses: tuple[float, ...]) -> None:
        self._new_items = new_items
        self._deliver = deliver
        self._pauses = pauses
        self._changed = threading.Condition()
        self._is_new = True
        self._ending = False

    def wake(self) -> None:
        with self._changed:
            self._is_new = True
            self._changed.notify()

    def end(self) -> None:
        with self._changed:
            self._ending = True
            self._changed.notify()

    def run(self) -> None:
        while self._wait():
            for record in self._new_items.take():
                self._send(record)

    def _wait(self) -> bool:
        """Return True when there may be something to do, False when it is time to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._ending or self._is_new)
            self._is_new = False
            return not self._ending

    def _send(self, record: Record) -> None:
        for pause in (*self._pauses, None):
            if self._ending or self._is_done(record):
                return
            if pause is None:
                say("A webhook was not taken. It is given up: a deployment would send it again for 23 hours.")
                return
            with self._changed:
                self._changed.wait_for(lambda: self._ending, pause)

    def _is_done(self, record: Record) -> bool:
        try:
            return not self._deliver({"Records": [record]})["batchItemFailures"]
        except Exception:  # noqa: BLE001 - whatever it was, the developer gets the traceback, and other events are sent
            traceback.print_exc()
            return False
