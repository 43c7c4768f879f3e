"""Ctrl-C and SIGTERM: the first asks for an orderly end, the second ends at once."""

import os
import signal
import threading
from types import FrameType

# What a shell reports for a program that SIGINT ended.
_INTERRUPTED = 130


class Interruption:
    """Takes the process's signals over from its creation on. Only the main thread may create one."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)

    def wait(self) -> None:
        """Return when someone has asked for the end."""
        # In slices, because on Windows a wait without an end is deaf to Ctrl-C.
        while not self._asked.wait(0.5):
            pass

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        if self._asked.is_set():
            os._exit(_INTERRUPTED)
        self._asked.set()
