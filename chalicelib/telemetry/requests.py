"""What each request leaves in the log and in the metrics.

Owns the names of the metrics, and which events are counted. Events that use cases announce are counted here only.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass

from chalicelib.accounts.events import EventType, SecurityEvent
from chalicelib.telemetry.log import write

REQUESTS = "requests"
LOG_INS = "log_ins"
REFRESHES = "refreshes"

COUNTED_EVENTS: Mapping[EventType, tuple[str, str]] = {
    EventType.LOGIN_SUCCEEDED: (LOG_INS, "ok"),
    EventType.LOGIN_FAILED: (LOG_INS, "failed"),
    EventType.ATTEMPT_DELAYED: (LOG_INS, "delayed"),
    EventType.ATTEMPT_NOT_COUNTED: (LOG_INS, "not_counted"),
    EventType.REFRESHED: (REFRESHES, "ok"),
    EventType.REFRESH_RETRIED: (REFRESHES, "retry"),
    EventType.REFRESH_RETRIED_ELSEWHERE: (REFRESHES, "retry"),
    EventType.REFRESH_TOKEN_REUSED: (REFRESHES, "reused"),
    EventType.REFRESH_WITHOUT_KEY: (REFRESHES, "without_key"),
}
"""The metric and the ``outcome`` that count each event."""

_WARNED_OF = frozenset(
    {
        EventType.LOGIN_FAILED,
        EventType.SECOND_FACTOR_FAILED,
        EventType.ATTEMPT_DELAYED,
        EventType.REFRESH_TOKEN_REUSED,
        EventType.REFRESH_WITHOUT_KEY,
    }
)

_announced: ContextVar[SecurityEvent | None] = ContextVar("announced", default=None)
"""The last event of the request that this thread handles. None before the first."""


def announce(event: SecurityEvent) -> None:
    """Note an event for the log line of its request, which names and counts it."""
    _announced.set(event)


@dataclass(frozen=True, slots=True, eq=False)
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
        "status_class": _class_of(status, event),
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
    if members["status_class"] == "5xx":
        level = logging.ERROR
    elif event is not None and event.type in _WARNED_OF:
        level = logging.WARNING
    because = ": ".join(filter(None, (evidence.error, evidence.reason)))
    write(level, f"{method} {route} {status} {because}".rstrip(), members, counts, evidence.unexpected)


def _class_of(status: int, event: SecurityEvent | None) -> str:
    """Return the class under which a response is counted (RFC 9110 section 15).

    Whoever has a bound session can have 503 for refreshes without its key. That is not an error of ours.
    """
    if event is not None and event.type is EventType.REFRESH_WITHOUT_KEY:
        return f"{min(status // 100, 4)}xx"
    return f"{status // 100}xx"
