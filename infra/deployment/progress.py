"""Progress messages: a line for each step, with the time since the start."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Say = Callable[[str], None]


class Progress:
    """Prints progress messages. Remembers the current step, so that an error message can name it."""

    def __init__(self, say: Say | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._say = say or _print
        self._clock = clock
        self._started = clock()
        self.step = "the start"
        """The current step, or the last one."""

    def __call__(self, sentence: str) -> None:
        """Print a sentence below the step."""
        self._say(f"           {sentence}")

    @contextmanager
    def of(self, step: str) -> Iterator[Progress]:
        """Print a step's line. The body of the ``with`` statement does the step."""
        self.step = step
        self._say(f"[{self._clock() - self._started:6.1f} s] {step}")
        yield self

    def output(self, line: str) -> None:
        """Print a line for a program to read."""
        self._say(line)

    def end(self, sentence: str) -> None:
        """Print the last sentence."""
        self._say(f"[{self._clock() - self._started:6.1f} s] {sentence}")


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
