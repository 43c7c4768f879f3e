"""The log: lines of JSON, from which CloudWatch also takes the metrics.

Owns the form of log lines and where they go. A line has named members and nothing else: no exception message, no body,
no IP address, and no header except the origin of a page that was refused. Both Lambdas import this module, so it
imports nothing that they do not load anyway.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

NAMESPACE = "Lychgate"
"""The namespace of the metrics in CloudWatch."""

REFUSED_TOKENS = "refused_access_tokens"
TOKENS_REFUSED_FOR_NOW = "access_tokens_refused_for_now"

UNUSABLE_HASHES = "unusable_hashes"

UNREADABLE_FEED = "feed_unreadable"
"""The metric that counts looks at the feed of ended sessions that failed, and the ``error`` of a line about one."""

UNUSABLE_HASH = "unusable_hash"
"""The ``error`` of a line about a stored hash that cannot be checked."""

_log = logging.getLogger("lychgate")


def configure(environment: Mapping[str, str]) -> None:
    """Configure the ``lychgate`` logger.

    On Lambda every line is JSON on standard output, where CloudWatch finds metrics. Elsewhere errors and warnings are
    logged, as text on standard error, but of requests only errors: a development server prints a line for each itself.
    """
    function = environment.get("AWS_LAMBDA_FUNCTION_NAME")
    handler = logging.StreamHandler(sys.stdout if function else sys.stderr)
    handler.setFormatter(JsonFormatter(function) if function else logging.Formatter("%(name)s: %(message)s"))
    handler.setLevel(logging.INFO if function else logging.WARNING)
    if function is None:
        handler.addFilter(_is_of_no_refusal)
    _log.handlers = [handler]
    _log.setLevel(logging.INFO)
    # Lambda's handler on the root logger would write each line a second time.
    _log.propagate = function is None


def log_refused_token(reason: str | None, *, is_final: bool) -> None:
    """Write the log line of an access token that the authorizer refused. The request gets no other line.

    A refusal that is not final is counted once more: Lambda takes it for an error of the function.
    """
    members = {"error": "invalid_token", "reason": reason}
    counts: dict[str, tuple[str, ...]] = {REFUSED_TOKENS: ()}
    if not is_final:
        counts[TOKENS_REFUSED_FOR_NOW] = ()
    write(logging.INFO, f"access token refused: {reason}", members, counts)


def log_unusable_hash(problem: str) -> None:
    """Write the log line of a stored hash that cannot be checked, before the line of its request, a failed log-in."""
    members = {"error": UNUSABLE_HASH, "reason": f"the hash {problem}"}
    write(logging.ERROR, f"a password's hash {problem}: docs/keys.md says what to do", members, {UNUSABLE_HASHES: ()})


def log_unreadable_feed(reason: str | None) -> None:
    """Write the log line of a look at the feed of ended sessions that failed, before the line of its request."""
    members = {"error": UNREADABLE_FEED, "reason": reason}
    write(logging.ERROR, f"the feed of ended sessions: {reason}", members, {UNREADABLE_FEED: ()})


def write(
    level: int,
    message: str,
    members: Mapping[str, object],
    counts: Mapping[str, tuple[str, ...]],
    unexpected: BaseException | None = None,
) -> None:
    """Write a line of a level with these members. ``counts`` has the dimensions of each metric that it adds 1 to."""
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


def _is_of_no_refusal(record: logging.LogRecord) -> bool:
    """Return whether a record is an error, or not about a request."""
    return record.levelno >= logging.ERROR or "route" not in getattr(record, "members", {})


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
