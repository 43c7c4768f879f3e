"""What each webhook leaves in the log and in the metrics.

Owns the names of the metrics. No line has an endpoint's URL or a body, and of an answer its status alone.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from chalicelib.telemetry.log import write

DELIVERED = "webhook_delivered"
FAILED = "webhook_failed"
REFUSED = "webhook_refused"

COUNTED_OUTCOMES: Mapping[str, str] = {"delivered": DELIVERED, "failed": FAILED, "refused": REFUSED}
"""The metric that counts each outcome. What is not sent at all is no event."""

_LEVELS = {FAILED: logging.WARNING, REFUSED: logging.ERROR}


def log_webhook(
    *, outcome: str, kind: str, webhook_id: str, status: int | None = None, reason: str | None = None
) -> None:
    """Write the log line of an attempt. ``webhook_id`` is what the receiver knows the event by."""
    members = {"webhook": kind, "outcome": outcome, "webhook_id": webhook_id, "answer": status, "reason": reason}
    metric = COUNTED_OUTCOMES.get(outcome)
    level = _LEVELS.get(metric or "", logging.INFO)
    write(level, f"webhook {kind}: {outcome}", members, {} if metric is None else {metric: ()})


def log_unsent_webhooks(reason: str, unexpected: BaseException | None = None) -> None:
    """Write the log line of events that are sent again later. ``unexpected`` is what nobody has thought of."""
    members = {"outcome": "failed", "reason": reason}
    write(logging.ERROR, f"a webhook was not sent: {reason}", members, {FAILED: ()}, unexpected)


def log_unreadable_event(problem: str) -> None:
    """Write the log line of a record of the stream that is no event. It would be none the next time either."""
    members = {"outcome": "refused", "reason": problem}
    write(logging.ERROR, f"a record was passed over: {problem}", members, {REFUSED: ()})
