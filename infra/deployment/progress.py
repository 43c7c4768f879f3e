"""The line that each step leaves, with the time since the start."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Say = Callable[[str], None]


class Progress:
    """Says what is being done. Knows which step that is, for whoever has to tell where it ended."""

    def __init__(self, say: Say | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._say = say or _print
        self._clock = clock
        self._started = clock()
        self.step = "the start"
        """What is being done, or was done last."""

    def __call__(self, sentence: str) -> None:
        """Say a sentence below the step."""
        self._say(f"           {sentence}")

    @contextmanager
    def of(self, step: str) -> Iterator[Progress]:
        """Do a step."""
        self.step = step
        self._say(f"[{self._clock() - self._started:6.1f} s] {step}")
        yield self

    def end(self, sentence: str) -> None:
        """Say the last sentence."""
        self._say(f"[{self._clock() - self._started:6.1f} s] {sentence}")


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
