"""What the hooks of a site leave in the log. Loaded where there are hooks."""

from __future__ import annotations

import logging

from chalicelib.telemetry.log import write

SLOW_MILLISECONDS = 1000.0
"""A hook that takes longer leaves a line."""


def log_hook(
    hook: str, milliseconds: float, *, problem: str | None = None, failure: BaseException | None = None
) -> None:
    """Write the log line of a hook that has failed or was slow, before the line of its request.

    ``problem`` says what was wrong, in words that hold nothing of a user.
    """
    members = {"hook": hook, "duration_ms": round(milliseconds, 1), "reason": problem}
    if problem is None:
        write(logging.WARNING, f"the hook {hook} took {milliseconds / 1000:.1f} s", members, {})
        return
    write(logging.ERROR, f"the hook {hook} failed: {problem}", members, {}, failure)
