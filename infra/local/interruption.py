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
        self._asked = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)

    def wait(self) -> None:
        """Return after the first signal."""
        # With a timeout, because on Windows Ctrl-C does not interrupt a wait without one.
        while not self._asked.wait(0.5):
            pass

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        if self._asked.is_set():
            os._exit(_INTERRUPTED)
        self._asked.set()
