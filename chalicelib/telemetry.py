"""Logs and metrics: one line of JSON for each request, from which CloudWatch also takes the metrics.

Owns the form of log lines, the names of metrics, and where lines go. Events that use cases announce are counted here
only. A line has named members and nothing else: no exception message, no header, no body, no IP address. Both Lambdas
import this module, so it imports nothing that they do not load anyway.
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
"""The namespace of the metrics in CloudWatch."""

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
"""The metric and the ``outcome`` that count each event."""

_WARNED_OF = frozenset({EventType.LOGIN_FAILED, EventType.ATTEMPT_DELAYED, EventType.REFRESH_TOKEN_REUSED})

_log = logging.getLogger("lychgate")


_announced: ContextVar[SecurityEvent | None] = ContextVar("announced", default=None)
"""The last event of the request that this thread handles. None before the first."""


def announce(event: SecurityEvent) -> None:
    """Note an event for the log line of its request, which names and counts it."""
    _announced.set(event)


@dataclass(frozen=True, slots=True)
class Evidence:
    """The cause of an error response, for the log line."""

    error: str | None = None
    """The code on the wire."""
    reason: str | None = None
    """The cause, in words for the operator. It differs where the responses are identical."""
    user_id: str | None = None
    session_id: str | None = None
    unexpected: BaseException | None = None
    """The exception behind an ``internal_error``."""


NOTHING = Evidence()
"""The evidence of a response that has nothing to add in the log."""


def configure(environment: Mapping[str, str]) -> None:
    """Configure the ``lychgate`` logger.

    On Lambda every line is JSON on standard output, where CloudWatch finds metrics. Elsewhere only errors are logged,
    as text on standard error, because a development server prints a line for each request itself.
    """
    function = environment.get("AWS_LAMBDA_FUNCTION_NAME")
    handler = logging.StreamHandler(sys.stdout if function else sys.stderr)
    handler.setFormatter(JsonFormatter(function) if function else logging.Formatter("%(name)s: %(message)s"))
    handler.setLevel(logging.INFO if function else logging.ERROR)
    _log.handlers = [handler]
    _log.setLevel(logging.INFO)
    # Lambda's handler on the root logger would write each line a second time.
    _log.propagate = function is None


def begin_request() -> None:
    """Forget the event of the previous request."""
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
    """Write the one log line of a request, with its last event and its metrics.

    ``user_id`` and ``session_id`` come from the access token. Those of the event and the evidence take precedence.
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
    """Write the log line of an access token that the authorizer refused. The request gets no other line."""
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
    # `Logger.log` would search the stack for its caller, which is always this module.
    _log.handle(_log.makeRecord(_log.name, level, __file__, 0, message, (), raised, extra=extra))


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON, in CloudWatch's embedded metric format if it has counts."""

    def __init__(self, function: str) -> None:
        super().__init__()
        self._function = function

    def format(self, record: logging.LogRecord) -> str:
        """Return the line: ASCII with all control characters escaped, so no value can begin a new line."""
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
    """Return the ``_aws`` member of CloudWatch's embedded metric format."""
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
    """Yield the type and the frames of an exception and of its causes. Messages are left out: they may quote input."""
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
