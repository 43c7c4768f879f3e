"""HTTP for every local service: waitress under Werkzeug's requests and responses, on 127.0.0.1 only.

Owns what is the same for all of them: the port, how large a body may be, the shape of a refusal, the end.
"""

import errno
import json
import logging
import re
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

import waitress
import werkzeug
from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import BaseWSGIServer
from waitress.task import ErrorTask, WSGITask

from infra.local.errors import PortTakenError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

ADDRESS = "127.0.0.1"
HEADER_LIMIT = 64 * 1024
# For requests that are being answered when the server stops.
FINISH_SECONDS = 1
# So many requests may be slow before another one waits for them, of which waitress would warn each time.
_THREADS = 32
logging.getLogger("waitress.queue").setLevel(logging.ERROR)
# A body over the limit is read as far as this, because a client that is hung up on while it sends sees no answer.
_DISCARDED_BYTES = 64 * 1024 * 1024

# Names that reach this machine and nothing else. Any other one in `Host` means that a foreign name was made to
# resolve to 127.0.0.1 (DNS rebinding), which would let a page of that name read our answers.
_LOOPBACK_HOST = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)


class Response(werkzeug.Response):
    """A response that has a Content-Type only where it is given one."""

    default_mimetype = None


class Served(NamedTuple):
    """What may be logged about a request: no query, header or body."""

    method: str
    path: str
    status: int
    milliseconds: float


Application = Callable[[werkzeug.Request], werkzeug.Response]
Log = Callable[[Served], None]


def target(request: werkzeug.Request) -> str:
    """Return path and query as they were sent, still percent-encoded."""
    return str(request.environ["REQUEST_URI"])


def names_this_machine(request: werkzeug.Request) -> bool:
    """Tell whether `Host` is a loopback name, with any port."""
    return _LOOPBACK_HOST.fullmatch(request.headers.get("Host", "")) is not None


def problem(status: int, error: str, detail: str) -> Response:
    """Build an answer in the API's shape for errors, RFC 9457."""
    members = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "error": error,
        "detail": detail,
    }
    headers = {"Content-Type": "application/problem+json", "Cache-Control": "no-store"}
    return Response(json.dumps(members), status, headers)


def _no_log(_: Served) -> None:
    """Log nothing."""


class HttpServer:
    """Listens from the start, answers from `start` on, and leaves no thread or connection after `stop`.

    Raises PortTakenError.
    """

    def __init__(self, port: int, *, body_limit: int, log: Log = _no_log) -> None:
        try:
            self._listener = socket.create_server((ADDRESS, port), backlog=128)
        except PermissionError as error:
            raise PortTakenError(port, "is not allowed to this user") from error
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortTakenError(port) from error
            raise PortTakenError(port, f"cannot be used: {error.strerror}") from error
        self.port: int = self._listener.getsockname()[1]
        self._body_limit = body_limit
        self._log = log
        self._server: BaseWSGIServer | None = None
        self._stopping = threading.Event()

    def start(self, application: Application) -> None:
        """Begin to answer, in threads."""
        self._application = application
        server = waitress.create_server(
            self._serve,
            sockets=[self._listener],
            threads=_THREADS,
            backlog=128,
            max_request_header_size=HEADER_LIMIT,
            max_request_body_size=self._body_limit + _DISCARDED_BYTES,
            # What a client says of its address reaches the application, as it does behind API Gateway.
            clear_untrusted_proxy_headers=False,
            ident="",
        )
        server.channel_class = _channel(self._log)
        self._thread = threading.Thread(target=self._run, args=(server,), name=f"http-{self.port}", daemon=True)
        self._thread.start()
        self._server = server

    def stop(self) -> None:
        """Take no more requests, give those under way a moment to end, close every connection."""
        server, self._server = self._server, None
        if server is None:
            self._listener.close()
            return
        # The listener is the loop's own: the trigger wakes the loop up and has it run this.
        server.trigger.pull_trigger(lambda: wasyncore.dispatcher.close(server))
        server.task_dispatcher.shutdown(timeout=FINISH_SECONDS)
        self._stopping.set()
        server.pull_trigger()
        self._thread.join()
        for channel in list(server.active_channels.values()):
            channel.handle_write()
        wasyncore.close_all(server._map)  # noqa: SLF001 - it has no other name

    def _run(self, server: BaseWSGIServer) -> None:
        # Not `server.run`, which ends only when the trigger is closed, that is, under the hands of whoever pulls it.
        while not self._stopping.is_set():
            wasyncore.loop(timeout=1, use_poll=True, map=server._map, count=1)  # noqa: SLF001 - see above

    def _serve(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        started = time.monotonic()
        request = werkzeug.Request(environ)
        response = self._answer(request)
        milliseconds = (time.monotonic() - started) * 1000
        self._log(Served(request.method, target(request).partition("?")[0], response.status_code, milliseconds))
        return response(environ, start_response)

    def _answer(self, request: werkzeug.Request) -> werkzeug.Response:
        if not target(request).startswith("/"):
            return problem(400, "invalid_request", "The request target must be a path.")
        if (request.content_length or 0) > self._body_limit:
            return problem(413, "payload_too_large", f"The body may have {self._body_limit} bytes at most.")
        try:
            return self._application(request)
        except Exception:  # noqa: BLE001 - whatever it was, the client gets an answer and the developer the traceback
            traceback.print_exc()
            return problem(500, "internal_error", "The server failed; its terminal says why.")


class _Task(WSGITask):  # type: ignore[misc]
    def set_close_on_finish(self) -> None:
        # waitress hangs up after every answer without a body, a 304 say, which ends well with its headers.
        if self.has_body or self.request.connection_close:
            super().set_close_on_finish()


class _Parser(HTTPRequestParser):  # type: ignore[misc]
    def parse_header(self, header_plus: bytes) -> None:
        # waitress hangs up on a length of thousands of digits and on a target that is no URL.
        try:
            super().parse_header(_with_one_cookie_header(header_plus))
        except ValueError as error:
            raise ParsingError("Target or Content-Length is invalid") from error


def _with_one_cookie_header(head: bytes) -> bytes:
    """Join several ``Cookie`` headers with ``; ``, as RFC 9113 section 8.2.3 says. waitress would take a comma."""
    lines = head.split(b"\r\n")
    cookies = [line for line in lines if line[:7].lower() == b"cookie:"]
    if len(cookies) <= 1:
        return head
    joined = b"Cookie: " + b"; ".join(line[7:].strip(b" \t") for line in cookies)
    return b"\r\n".join([lines[0], joined, *(line for line in lines[1:] if line not in cookies)])


def _channel(log: Log) -> type[HTTPChannel]:
    """Return waitress's connection, with refusals in the shape of every other error."""
    names = {413: "payload_too_large", 500: "internal_error"}

    class Refusal(ErrorTask):  # type: ignore[misc]
        def execute(self) -> None:
            error = self.request.error
            answer = problem(error.code, names.get(error.code, "invalid_request"), f"{error.body}.")
            body = answer.get_data()
            self.version = "1.1"
            self.status = answer.status
            self.response_headers.extend(answer.headers)
            self.set_close_on_finish()
            self.content_length = len(body)
            log(Served("-", "-", error.code, 0.0))
            self.write(body)

    class Channel(HTTPChannel):  # type: ignore[misc]
        task_class = _Task
        error_task_class = Refusal
        parser_class = _Parser

    return Channel
