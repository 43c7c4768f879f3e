"""The results of a section of the benchmark: figures with their spread, and the aim of each.

Owns the form in which figures are stored and compared. Knows nothing of how they were measured.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

Progress = Callable[[str], None]
"""Takes a short description of what is being measured now."""


class LeftOut(Exception):
    """Raised by a section that cannot run on this machine. The message says what is missing and how to get it."""


@dataclass(frozen=True)
class Figure:
    """One measured value: the median of its samples, with the smallest and the largest."""

    name: str
    """What was measured, for people, such as ``authorizer, warm / jwt.decode``."""
    unit: str
    """``x`` for a ratio of two things measured in one run, else such as ``ms``, ``us``, ``MB``, ``calls``, ``1/s``."""
    median: float
    least: float
    greatest: float
    at_most: float | None = None
    """The aim, None for a figure without one."""
    headline: bool = False
    """Whether docs/performance.md shows it even without an aim."""

    @property
    def meets_aim(self) -> bool | None:
        """Whether the median meets the aim, None if there is no aim."""
        return None if self.at_most is None else self.median <= self.at_most


class Section(Protocol):
    """A module of the benchmark."""

    TITLE: str

    measure: Callable[..., list[Figure]]
    """Takes a ``Progress`` and, if it supports fewer samples, ``quick=True`` by name. Raises LeftOut."""


def figure(
    name: str, unit: str, samples: Sequence[float], *, at_most: float | None = None, headline: bool = False
) -> Figure:
    """Return the figure of at least one sample."""
    return Figure(name, unit, statistics.median(samples), min(samples), max(samples), at_most, headline)


def ratios(numerators: Sequence[float], denominators: Sequence[float]) -> list[float]:
    """Return the ratio of each pair of samples, which were measured one after the other in the same run."""
    return [numerator / denominator for numerator, denominator in zip(numerators, denominators, strict=True)]


def differences(minuends: Sequence[float], subtrahends: Sequence[float]) -> list[float]:
    """Return the difference of each pair of samples, which were measured one after the other in the same run."""
    return [minuend - subtrahend for minuend, subtrahend in zip(minuends, subtrahends, strict=True)]
