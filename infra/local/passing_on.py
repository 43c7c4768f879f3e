"""What passes a table's new items on to a function, in a thread beside the servers, as an event source mapping does.

Owns when the thread wakes and ends, and how the developer learns what the function has logged. Knows neither mails nor
webhooks.
"""

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from infra.local.new_items import NewItems

PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds before each further attempt."""

Say = Callable[[Mapping[str, Any]], None]
"""Takes the members of a line that the function has logged, and says what a developer has to know of it."""

# For the item that is being passed on when the process is to end.
_FINISH_SECONDS = 5.0


class PassingOn(ABC):
    """Takes new items and passes them on, in the thread that calls ``run``."""

    def __init__(self, new_items: NewItems) -> None:
        """Begin with what ``new_items`` has already."""
        self.new_items = new_items
        self.changed = threading.Condition()
        """Is notified when there is something new, and when it is time to end."""
        self.is_ending = False
        self._is_new = True

    def run(self) -> None:
        """Pass on what there is, until it is time to end."""
        while self._wait():
            self.pass_on()

    @abstractmethod
    def pass_on(self) -> None:
        """Pass on what is there and due."""

    def seconds_until_due(self) -> float | None:
        """Return when there is something to do though nothing is new, None for never."""
        return None

    def wake(self) -> None:
        """Say that there is something new."""
        with self.changed:
            self._is_new = True
            self.changed.notify()

    def end(self) -> None:
        """Say that it is time to end."""
        with self.changed:
            self.is_ending = True
            self.changed.notify()

    def _wait(self) -> bool:
        """Return True when there may be something to do, False when it is time to end."""
        with self.changed:
            while not self.is_ending and not self._is_new:
                pause = self.seconds_until_due()
                if pause is not None and pause <= 0:
                    break
                self.changed.wait(pause)
            self._is_new = False
            return not self.is_ending


@contextmanager
def passing_on(name: str, work: PassingOn, say: Say) -> Iterator[None]:
    """Run in a thread of this name until the block ends. ``say`` gets what the thread has logged, nothing of others."""
    work.new_items.call_on_new(work.wake)
    thread = threading.Thread(target=work.run, name=name, daemon=True)
    with _told(thread, say):
        thread.start()
        try:
            yield
        finally:
            work.end()
            thread.join(_FINISH_SECONDS)


@contextmanager
def _told(thread: threading.Thread, say: Say) -> Iterator[None]:
    log, handler = logging.getLogger("lychgate"), _Lines(thread, say)
    level = log.level
    log.addHandler(handler)
    if not log.isEnabledFor(logging.INFO):
        log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)


class _Lines(logging.Handler):
    """Takes the lines of one thread."""

    def __init__(self, thread: threading.Thread, say: Say) -> None:
        super().__init__()
        self._thread = thread
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread.ident:
            self._say(getattr(record, "members", {}))
