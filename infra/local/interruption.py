"""Ctrl-C and SIGTERM: the first signal requests an orderly end, the second ends the process at once."""

import os
import signal
import threading
from types import FrameType

# The exit code of a program that SIGINT ended: 128 + 2.
_INTERRUPTED = 130


class Interruption:
    """Handles the signals of the process. Only the main thread may create one."""

    def __init__(self) -> None:
        self._asked = False
        # Not an event: a signal handler runs in the midst of the main thread's code, also while that waits with the
        # lock that an event has inside, and setting the event would then wait for that lock for ever.
        self._until_asked = threading.Lock()
        self._until_asked.acquire()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)

    def wait(self) -> None:
        """Return after the first signal."""
        # With a timeout, because on Windows Ctrl-C does not interrupt a wait without one.
        while not self._until_asked.acquire(timeout=0.5):
            pass

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        if self._asked:
            os._exit(_INTERRUPTED)
        self._asked = True
        self._until_asked.release()
