"""The clock. Code that needs the time takes a ``Clock`` as an argument."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Returns the current time as a NumericDate, an integer of seconds."""


def system_clock() -> int:
    """Return the current time of the system clock. This is a ``Clock``."""
    return int(time.time())
