"""The clock, which is passed to whatever asks for the time."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Returns the time now as a NumericDate in whole seconds."""


def system_clock() -> int:
    """Return the time now by this machine's clock, a ``Clock``."""
    return int(time.time())
