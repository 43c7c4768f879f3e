"""Compares alternatives by alternating calls, so that other load on the machine affects all of them.

Owns the order of calls and the clock. Knows nothing of what is called.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

Action = Callable[[], object]
Seconds = Callable[[], float]


def interleaved(
    actions: Mapping[str, Action], *, rounds: int, calls: int, clock: Seconds = time.thread_time, warm_up: int = 1
) -> dict[str, list[float]]:
    """Return the seconds per call of each action, one sample for each round.

    A sample is the mean of ``calls`` consecutive calls. Every round samples each action once. The order rotates from
    round to round, so that a sample's neighbours in time are samples of the others. The first ``warm_up`` rounds are
    not counted.

    The default clock is the CPU time of this thread, because a Lambda has a share of a CPU. The garbage collector runs
    as on Lambda. Objects allocated before the first sample are frozen.
    """
    names = list(actions)
    samples: dict[str, list[float]] = {name: [] for name in names}
    with _earlier_objects_set_aside():
        for number in range(warm_up + rounds):
            for name in names if number % 2 else reversed(names):
                seconds = _mean(actions[name], calls, clock)
                if number >= warm_up:
                    samples[name].append(seconds)
    return samples


def _mean(action: Action, calls: int, clock: Seconds) -> float:
    started = clock()
    for _ in range(calls):
        action()
    return (clock() - started) / calls


@contextmanager
def _earlier_objects_set_aside() -> Iterator[None]:
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
