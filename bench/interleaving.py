"""How two ways of doing something are compared: in turns, so that whatever else the machine does meets both.

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
    """Return for each action the seconds that one call took, a sample a round.

    A sample is the mean of ``calls`` calls in a row. Every round samples each action once, in an order that turns round
    from round to round, so that a sample's neighbours in time are samples of the others. The first ``warm_up`` rounds
    are not counted.

    The clock is by default the CPU time of this thread, which is what a Lambda has a share of. The garbage collector
    runs as it does there; what was allocated before the first sample is kept out of its sight.
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
