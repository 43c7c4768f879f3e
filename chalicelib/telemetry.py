"""What a request leaves behind for the operator: one line of JSON, which CloudWatch reads as log and as metrics.

Owns the form of log lines, the names of metrics and where lines go. A line holds what it is given by name and nothing
else: no message of an exception, no header, no body, no address. Imported by both Lambdas, so it costs them nothing
that they have not loaded already.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

NAMESPACE = "Lychgate"
"""Of the metrics in CloudWatch."""

REQUESTS = "requests"
LOG_INS = "log_ins"
REFRESHES = "refreshes"
REFUSED_TOKENS = "refused_access_tokens"

COUNTED_EVENTS: Mapping[str, tuple[str, str]] = {
    "login_succeeded": (LOG_INS, "ok"),
    "login_failed": (LOG_INS, "failed"),
    "attempt_delayed": (LOG_INS, "delayed"),
    "attempt_not_counted": (LOG_INS, "not_counted"),
    "refreshed": (REFRESHES, "ok"),
    "refresh_retried": (REFRESHES, "retry"),
    "refresh_token_reused": (REFRESHES, "reused"),
}
"""Which events are counted, in which metric and as which ``outcome``."""

_WARNED_OF = frozenset({"login_failed", "attempt_delayed", "refresh_token_reused"})

_log = logging.getLogger("lychgate")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of how an answer came about, beside what the answer says."""

    error: str | None = None
    """The code on the wire."""
    reason: str | None = None
    """Why, in words for the operator: distinct where the answers are identical."""
    event: str | None = None
    """What happened to an account: an ``EventType``, or what only the log knows."""
    user_id: str | None = None
    session_id: str | None = None
    unexpected: BaseException | None = None
    """The bug behind an ``internal_error``."""


NOTHING = Evidence()
"""The evidence of an answer that says all there is to say."""


def configure(environment: Mapping[str, str]) -> None:
    """Send what is logged below ``lychgate`` where it belongs.

    On Lambda every line is JSON on standard output, which is where CloudWatch finds metrics. Elsewhere a developer
    reads along, whose server prints a line a request itself: only errors are shown, as text, on standard error.
    """
    function = environment.get("AWS_LAMBDA_FUNCTION_NAME")
    handler = logging.StreamHandler(sys.stdout if function else sys.stderr)
    handler.setFormatter(JsonFormatter(function) if function else logging.Formatter("%(name)s: %(message)s"))
    handler.setLevel(logging.INFO if function else logging.ERROR)
    _log.handlers = [handler]
    _log.setLevel(logging.INFO)
    # Lambda's own handler of the root logger would write each line once more.
    _log.propagate = function is None


def log_request(
    *, request_id: str | None, method: str, route: str, status: int, milliseconds: float, evidence: Evidence
) -> None:
    """Write the one line of a request, with what it adds to the metrics."""
    members = {
        "request_id": request_id,
        "method": method,
        "route": f"{method} {route}",
        "status": status,
        "status_class": f"{status // 100}xx",
        "duration_ms": round(milliseconds, 1),
        "error": evidence.error,
        "reason": evidence.reason,
        "event": evidence.event,
        "user_id": evidence.user_id,
        "session_id": evidence.session_id,
    }
    counts: dict[str, tuple[str, ...]] = {REQUESTS: ("status_class",)}
    if evidence.event is not None and evidence.event in COUNTED_EVENTS:
        metric, members["outcome"] = COUNTED_EVENTS[evidence.event]
        counts[metric] = ("outcome",)
    level = logging.INFO
    if status >= 500:  # noqa: PLR2004 - a server error, RFC 9110 section 15.6
        level = logging.ERROR
    elif evidence.event in _WARNED_OF:
        level = logging.WARNING
    because = ": ".join(filter(None, (evidence.error, evidence.reason)))
    _write(level, f"{method} {route} {status} {because}".rstrip(), members, counts, evidence.unexpected)


def log_refused_token(reason: str | None) -> None:
    """Write that the authorizer refused an access token: the request gets no further and leaves no other line."""
    members = {"error": "invalid_token", "reason": reason}
    _write(logging.INFO, f"access token refused: {reason}", members, {REFUSED_TOKENS: ()})


def _write(
    level: int,
    message: str,
    members: Mapping[str, object],
    counts: Mapping[str, tuple[str, ...]],
    unexpected: BaseException | None = None,
) -> None:
    if not _log.isEnabledFor(level):
        return
    raised = (type(unexpected), unexpected, unexpected.__traceback__) if unexpected is not None else None
    extra = {"members": members, "counts": counts}
    # `Logger.log` would look for its caller up the stack, which is always this module.
    _log.handle(_log.makeRecord(_log.name, level, __file__, 0, message, (), raised, extra=extra))


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON, in CloudWatch's embedded metric format where it counts something."""

    def __init__(self, function: str) -> None:
        super().__init__()
        self._function = function

    def format(self, record: logging.LogRecord) -> str:
        """Return the line. ASCII only, with every control character escaped: nothing in it can begin a line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "message": record.getMessage(),
            "function": self._function,
        }
        members: Mapping[str, object] = getattr(record, "members", {})
        line.update((name, value) for name, value in members.items() if value is not None)
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = list(_without_messages(record.exc_info[1]))
        counts: Mapping[str, tuple[str, ...]] = getattr(record, "counts", {})
        if counts:
            line.update(dict.fromkeys(counts, 1))
            line["_aws"] = _embedded_metrics(counts, milliseconds=int(record.created * 1000))
        return json.dumps(line)


def _embedded_metrics(counts: Mapping[str, tuple[str, ...]], *, milliseconds: int) -> dict[str, object]:
    """Return the member ``_aws`` of CloudWatch's embedded metric format."""
    return {
        "Timestamp": milliseconds,
        "CloudWatchMetrics": [
            {
                "Namespace": NAMESPACE,
                "Dimensions": [["function", *dimensions]],
                "Metrics": [{"Name": metric, "Unit": "Count"}],
            }
            for metric, dimensions in counts.items()
        ],
    }


def _without_messages(raised: BaseException) -> Iterator[dict[str, object]]:
    """Yield an exception and its causes by type and place. A message may quote what was being worked on."""
    error: BaseException | None = raised
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        frames = traceback.extract_tb(error.__traceback__)
        yield {
            "type": type(error).__qualname__,
            "frames": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
        }
        error = error.__cause__ or error.__context__
