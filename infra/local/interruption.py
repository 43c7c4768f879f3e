"""Ctrl-C and SIGTERM: the first signal requests an orderly end, the second ends the process at once."""

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

# The exit code of a program that SIGINT ended: 128 + 2.
_INTERRUPTED = 130


class Interruption:
    """Handles the signals of the process. Only the main thread may create one.

    ``at_once`` is done before the second signal ends the process.
    """

    def __init__(self, at_once: Callable[[], None] = lambda: None) -> None:
        self._asked = False
        self._at_once = at_once
        # Not an event: a signal handler runs in the midst of the main thread's code, also while that waits with the
        # lock that an event has inside, and setting the event would then wait for that lock for ever.
        self._until_asked = threading.Lock()
        self._until_asked.acquire()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)

    def wait(self) -> None:
        """Return after the first signal."""
        # With a timeout, because on Windows Ctrl-C does not interrupt a wait without one.
        while not self.comes_within(0.5):
            pass

    def comes_within(self, seconds: float) -> bool:
        """Wait so long at most, and tell whether there was a signal. Once there was, do not ask again."""
        return self._until_asked.acquire(timeout=seconds)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        if self._asked:
            self._at_once()
            os._exit(_INTERRUPTED)
        self._asked = True
        self._until_asked.release()
