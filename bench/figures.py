"""What a section of the benchmark hands back: figures with their spread, and the aim that each has to meet.

Owns the form in which figures are kept and compared. Knows nothing of how any of them was measured.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

Progress = Callable[[str], None]
"""Is told, in a few words, what is being measured now."""


class LeftOut(Exception):
    """Raised by a section that cannot run on this machine; says what it lacks and how to get it."""


@dataclass(frozen=True)
class Figure:
    """One measured value: the median of its samples, with the least and the greatest."""

    name: str
    """What was measured, for people, such as ``authorizer, warm / jwt.decode``."""
    unit: str
    """``x`` for a ratio of two things measured in one run, else such as ``ms``, ``us``, ``MB``, ``calls``, ``1/s``."""
    median: float
    least: float
    greatest: float
    at_most: float | None = None
    """The aim; None for a figure that is there to be read."""
    headline: bool = False
    """Whether it stands in docs/performance.md even without an aim."""

    @property
    def meets_aim(self) -> bool | None:
        """Whether the median meets the aim; None if there is none."""
        return None if self.at_most is None else self.median <= self.at_most


class Section(Protocol):
    """A module of the benchmark."""

    TITLE: str

    measure: Callable[..., list[Figure]]
    """Takes a ``Progress`` and, if it can do with fewer samples, ``quick=True`` by name. Raises LeftOut."""


def figure(
    name: str, unit: str, samples: Sequence[float], *, at_most: float | None = None, headline: bool = False
) -> Figure:
    """Return the figure of at least one sample."""
    return Figure(name, unit, statistics.median(samples), min(samples), max(samples), at_most, headline)


def ratios(numerators: Sequence[float], denominators: Sequence[float]) -> list[float]:
    """Return the ratio of each pair, taken one after the other in the same run."""
    return [numerator / denominator for numerator, denominator in zip(numerators, denominators, strict=True)]
