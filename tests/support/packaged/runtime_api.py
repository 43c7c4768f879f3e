"""An emulation of the Lambda Runtime API, from which a runtime gets its events and to which it sends its answers.

The paths and headers are those of "Using the Lambda runtime API for custom runtimes" in the AWS Lambda Developer Guide,
version 2018-06-01. It serves one execution environment, as on Lambda, where each has its own.
"""

import json
import threading
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from werkzeug import Request, Response

from infra.local.http_server import ADDRESS, HttpServer

PAYLOAD_LIMIT = 6 * 1024 * 1024
"""Bytes of a synchronous request or answer ("Lambda quotas")."""

_PREFIX = "/2018-06-01/runtime/"


@dataclass
class Invocation:
    """One event for the function, and its result once `done` is set."""

    event: Any
    arn: str
    deadline: float
    """Seconds since the epoch at which Lambda would end the function."""
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    answer: Any = None
    error: Mapping[str, Any] | None = None
    """What the runtime reported: `errorType`, `errorMessage`, `stackTrace`."""
    done: threading.Event = field(default_factory=threading.Event)


class RuntimeApi:
    """Hands one execution environment its invocations, one after the other."""

    def __init__(self) -> None:
        self._server = HttpServer(0, body_limit=2 * PAYLOAD_LIMIT)
        self._changed = threading.Condition()
        self._waiting: Invocation | None = None
        self._current: Invocation | None = None
        self._stopping = False
        self.initialized_at: float | None = None
        """`time.perf_counter()` at which the runtime first asked for an event: its initialisation was over."""
        self.init_error: Mapping[str, Any] | None = None
        """Why the initialisation failed, if it did."""
        self.restore_asked = threading.Event()
        """Set once the runtime asked whether it is restored ("Lambda SnapStart runtime hooks")."""
        self.restore_error: Mapping[str, Any] | None = None
        """Why a hook after the restore failed, if one did."""
        self._server.start(self._answer)

    @property
    def address(self) -> str:
        """The value of `AWS_LAMBDA_RUNTIME_API`."""
        return f"{ADDRESS}:{self._server.port}"

    def hand_over(self, invocation: Invocation) -> None:
        """Give the runtime its next invocation."""
        with self._changed:
            self._waiting = invocation
            self._changed.notify_all()

    def stop(self) -> None:
        """Release the waiting runtime, and close."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._server.stop()

    def _answer(self, request: Request) -> Response:
        if not request.path.startswith(_PREFIX):
            return _refusal(404, "NotFound", request.path)
        match request.method, request.path.removeprefix(_PREFIX).split("/"):
            case "GET", ["invocation", "next"]:
                return self._next()
            case "POST", [("init" | "restore") as phase, "error"]:
                setattr(self, f"{phase}_error", json.loads(request.get_data()))
                return _json(202, {"status": "OK"})
            case "GET", ["restore", "next"]:
                self.restore_asked.set()
                return _json(200, {})
            case "POST", ["invocation", request_id, ("response" | "error") as outcome]:
                return self._take(request_id, outcome, request.get_data())
        return _refusal(404, "NotFound", request.path)

    def _next(self) -> Response:
        with self._changed:
            self.initialized_at = self.initialized_at or time.perf_counter()
            self._changed.wait_for(lambda: self._waiting is not None or self._stopping)
            if self._waiting is None:
                return _refusal(500, "Stopping", "the environment is being shut down")
            self._current, self._waiting = self._waiting, None
            invocation = self._current
        headers = (
            ("Lambda-Runtime-Aws-Request-Id", invocation.request_id),
            ("Lambda-Runtime-Deadline-Ms", str(int(invocation.deadline * 1000))),
            ("Lambda-Runtime-Invoked-Function-Arn", invocation.arn),
            ("Lambda-Runtime-Trace-Id", f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]};Sampled=0"),
        )
        return _json(200, invocation.event, headers)

    def _take(self, request_id: str, outcome: str, body: bytes) -> Response:
        with self._changed:
            invocation, self._current = self._current, None
        if invocation is None or invocation.request_id != request_id:
            return _refusal(400, "InvalidRequestID", request_id)
        if outcome == "error":
            invocation.error = json.loads(body)
        elif len(body) > PAYLOAD_LIMIT:
            message = f"Response payload size exceeded maximum allowed payload size ({PAYLOAD_LIMIT} bytes)."
            invocation.error = {"errorType": "Function.ResponseSizeTooLarge", "errorMessage": message}
            invocation.done.set()
            return _refusal(413, "RequestEntityTooLarge", message)
        else:
            invocation.answer = json.loads(body)
        invocation.done.set()
        return _json(202, {"status": "OK"})


def _refusal(status: int, error_type: str, message: str) -> Response:
    return _json(status, {"errorType": error_type, "errorMessage": message})


def _json(status: int, document: object, headers: Iterable[tuple[str, str]] = ()) -> Response:
    return Response(json.dumps(document), status, headers, content_type="application/json")
