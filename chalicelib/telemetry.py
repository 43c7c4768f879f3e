"""What a request leaves behind for the operator: one line of JSON, which CloudWatch reads as log and as metrics.

Owns the form of log lines, the names of metrics and where lines go. An event that a use case announces is counted here
and nowhere else. A line holds what it is given by name and nothing
else: no message of an exception, no header, no body, no address. Imported by both Lambdas, so it costs them nothing
that they have not loaded already.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chalicelib.accounts.events import EventType, SecurityEvent

NAMESPACE = "Lychgate"
"""Of the metrics in CloudWatch."""

REQUESTS = "requests"
LOG_INS = "log_ins"
REFRESHES = "refreshes"
REFUSED_TOKENS = "refused_access_tokens"

COUNTED_EVENTS: Mapping[EventType, tuple[str, str]] = {
    EventType.LOGIN_SUCCEEDED: (LOG_INS, "ok"),
    EventType.LOGIN_FAILED: (LOG_INS, "failed"),
    EventType.ATTEMPT_DELAYED: (LOG_INS, "delayed"),
    EventType.ATTEMPT_NOT_COUNTED: (LOG_INS, "not_counted"),
    EventType.REFRESHED: (REFRESHES, "ok"),
    EventType.REFRESH_RETRIED: (REFRESHES, "retry"),
    EventType.REFRESH_TOKEN_REUSED: (REFRESHES, "reused"),
}
"""Which events are counted, in which metric and as which ``outcome``."""

_WARNED_OF = frozenset({EventType.LOGIN_FAILED, EventType.ATTEMPT_DELAYED, EventType.REFRESH_TOKEN_REUSED})

_log = logging.getLogger("lychgate")


_announced: ContextVar[SecurityEvent | None] = ContextVar("announced", default=None)
"""The last event of the request that this thread answers. None before the first."""


def announce(event: SecurityEvent) -> None:
    """Take an event from a use case. The log line of its request tells of it and counts it."""
    _announced.set(event)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of how a refusal came about, beside what the answer says."""

    error: str | None = None
    """The code on the wire."""
    reason: str | None = None
    """Why, in words for the operator: distinct where the answers are identical."""
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


def begin_request() -> None:
    """Forget what the request before announced."""
    _announced.set(None)


def log_request(
    *,
    request_id: str | None,
    method: str,
    route: str,
    status: int,
    milliseconds: float,
    evidence: Evidence,
    user_id: str | None = None,
    session_id: str | None = None,
) -> None:
    """Write the one line of a request, with the last event that it announced and what it adds to the metrics.

    ``user_id`` and ``session_id`` are those of the access token, for answers that know of no other.
    """
    event = _announced.get()
    members = {
        "request_id": request_id,
        "method": method,
        "route": f"{method} {route}",
        "status": status,
        "status_class": f"{status // 100}xx",
        "duration_ms": round(milliseconds, 1),
        "error": evidence.error,
        "reason": evidence.reason,
        "event": event.type if event else None,
        "user_id": (event and event.user_id) or evidence.user_id or user_id,
        "session_id": (event and event.session_id) or evidence.session_id or session_id,
    }
    counts: dict[str, tuple[str, ...]] = {REQUESTS: ("status_class",)}
    if event is not None and event.type in COUNTED_EVENTS:
        metric, members["outcome"] = COUNTED_EVENTS[event.type]
        counts[metric] = ("outcome",)
    level = logging.INFO
    if status >= 500:  # noqa: PLR2004 - a server error, RFC 9110 section 15.6
        level = logging.ERROR
    elif event is not None and event.type in _WARNED_OF:
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
