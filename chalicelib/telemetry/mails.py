"""What each mail, and what comes back, leaves in the log and in the metrics.

Owns the names of the metrics. No line has an address, a token or a code, nor the id of a mail: tokens begin with it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from chalicelib.telemetry.log import write

SENT = "mail_sent"
FAILED = "mail_failed"
OVER_BUDGET = "mail_over_budget"
SUPPRESSED = "mail_suppressed"
BOUNCED = "mail_bounced"
COMPLAINED = "mail_complained"

COUNTED_OUTCOMES: Mapping[str, str] = {
    "sent": SENT,
    "refused": FAILED,
    "late": FAILED,
    "budget": OVER_BUDGET,
    "suppressed": SUPPRESSED,
}
"""The metric that counts each outcome of a delivery. Nobody has the name that was asked for: that is no event."""

_LEVELS = {FAILED: logging.ERROR, OVER_BUDGET: logging.WARNING, SUPPRESSED: logging.WARNING}


def log_mail(
    *,
    outcome: str,
    kind: str | None,
    user_id: str | None = None,
    message_id: str | None = None,
    reason: str | None = None,
) -> None:
    """Write the log line of a mail whose delivery has ended. ``message_id`` is SES's."""
    members = {"mail": kind, "outcome": outcome, "user_id": user_id, "message_id": message_id, "reason": reason}
    metric = COUNTED_OUTCOMES.get(outcome)
    level = _LEVELS.get(metric or "", logging.INFO)
    write(level, f"mail {kind}: {outcome}", members, {} if metric is None else {metric: ()})


def log_failed_delivery(reason: str, unexpected: BaseException | None = None) -> None:
    """Write the log line of a delivery that is repeated. ``unexpected`` is an exception that nobody has thought of."""
    members = {"outcome": "failed", "reason": reason}
    write(logging.ERROR, f"a mail was not delivered: {reason}", members, {FAILED: ()}, unexpected)


def log_feedback(what: str, *, detail: str | None, message_id: str | None, is_suppressed: bool) -> None:
    """Write the log line of an address that bounced or whose reader complained. ``what`` is one of the metrics."""
    members = {"event": what, "detail": detail, "message_id": message_id, "suppressed": is_suppressed}
    counts: dict[str, tuple[str, ...]] = {what: ()} if is_suppressed else {}
    write(logging.WARNING if is_suppressed else logging.INFO, f"{what}: {detail}", members, counts)


def log_dropped_notification(problem: str) -> None:
    """Write the log line of a notification that cannot be read."""
    write(logging.ERROR, f"a notification was dropped: {problem}", {"reason": problem}, {})
