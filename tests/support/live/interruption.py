"""Ctrl-C and SIGTERM end a run between two requests, never within one: a registration may make an account yet."""

import signal
from contextlib import contextmanager

import pytest

INTERRUPTED = 130
"""What a shell reports for a program that SIGINT ended."""


class Interruption:
    def __init__(self, say):
        self._say = say
        self.asked = False

    @contextmanager
    def heeded(self):
        """Take the signals over for a while. Only the main thread may."""
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, self._ask) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def check(self):
        """End the run if somebody asked for it. What the fixtures clear away they still do."""
        if self.asked:
            pytest.exit("interrupted", returncode=INTERRUPTED)

    def _ask(self, *_):
        if not self.asked:
            self._say("Ending, after the throw-away accounts are deleted ...")
        self.asked = True
