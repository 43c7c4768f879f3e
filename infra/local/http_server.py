"""A small HTTP/1.1 server for 127.0.0.1: whole requests in, whole responses out, connections kept alive.

Owns sockets, threads and the wire. Werkzeug's server closes every connection (pallets/werkzeug#2399), so that a page
would open one for each file and each call.
"""

import re
import socket
import socketserver
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import NamedTuple

from infra.local.errors import LocalError, PortTakenError
from infra.local.http_messages import Request, Response, problem

ADDRESS = "127.0.0.1"
IDLE_SECONDS = 60.0
# For requests that are being answered when the server stops.
FINISH_SECONDS = 1.0
# How much of a refused body is read, and for how long, so that the client gets to see the refusal.
_DISCARDED_BYTES = 64 * 1024 * 1024
_DISCARD_SECONDS = 2.0


# RFC 9110 section 5.6.2, which a method is: nothing in it that a terminal would obey.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Served(NamedTuple):
    """What may be logged about a request: no query, header or body."""

    method: str
    path: str
    status: int
    milliseconds: float


Application = Callable[[Request], Response]
Log = Callable[[Served], None]


def _no_log(_: Served) -> None:
    """Log nothing."""


class HttpServer:
    """Listens from the start, answers from `start` on, and leaves no thread or connection after `stop`.

    Raises PortTakenError, or LocalError if the port cannot be had for another reason.
    """

    def __init__(self, port: int, *, body_limit: int, log: Log = _no_log) -> None:
        try:
            self._listener = _Listener(port, body_limit, log)
        except PermissionError as error:
            raise LocalError(f"port {port} is not allowed to this user") from error
        except OSError as error:
            raise PortTakenError(port) from error
        self.port: int = self._listener.server_address[1]
        self._thread: threading.Thread | None = None

    def start(self, application: Application) -> None:
        """Begin to answer, in threads."""
        self._listener.application = application
        # A short poll interval makes `shutdown` return soon.
        self._thread = threading.Thread(
            target=self._listener.serve_forever, kwargs={"poll_interval": 0.05}, name=f"http-{self.port}", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Take no more requests, give those under way a moment to end, close every connection."""
        if self._thread is not None:
            self._listener.shutdown()
            self._thread.join()
        self._listener.server_close()
        self._listener.finish(FINISH_SECONDS)


class _Listener(socketserver.ThreadingTCPServer):
    daemon_threads = True
    # Elsewhere than on POSIX it would let two programs share the port.
    allow_reuse_address = sys.platform != "win32"
    request_queue_size = 128
    application: Application

    def __init__(self, port: int, body_limit: int, log: Log) -> None:
        self.body_limit = body_limit
        self.log = log
        self._changed = threading.Condition()
        self._connections: set[socket.socket] = set()
        self._answering = 0
        super().__init__((ADDRESS, port), _Handler)

    @contextmanager
    def connected(self, connection: socket.socket) -> Iterator[None]:
        """Know the connection, so that `finish` can close it."""
        with self._changed:
            self._connections.add(connection)
        try:
            yield
        finally:
            with self._changed:
                self._connections.discard(connection)
                self._changed.notify_all()

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Count a request that is being answered, so that `finish` waits for it."""
        with self._changed:
            self._answering += 1
        try:
            yield
        finally:
            with self._changed:
                self._answering -= 1
                self._changed.notify_all()

    def finish(self, seconds: float) -> None:
        """Wait for the answers under way, then hang up and wait for the threads of the connections."""
        with self._changed:
            self._changed.wait_for(lambda: self._answering == 0, seconds)
            for connection in self._connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._changed.wait_for(lambda: not self._connections, seconds)

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - the base class's signature
        """Print what a handler did not expect, but not that a client hung up."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            traceback.print_exc()


class _RefusedError(Exception):
    """Raised if a request cannot be read; the connection is of no use afterwards."""

    def __init__(self, status: int, error: str, detail: str) -> None:
        super().__init__(detail)
        self.response = problem(status, error, detail)


class _Handler(BaseHTTPRequestHandler):
    server: _Listener
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    # Header and body leave in one packet, and no packet waits for the acknowledgement of the one before.
    wbufsize = -1
    disable_nagle_algorithm = True

    def handle(self) -> None:
        with self.server.connected(self.connection):
            super().handle()

    def handle_expect_100(self) -> bool:
        # `_read_body` asks for the body once its length is known to be acceptable.
        return True

    def _serve(self) -> None:
        started = time.monotonic()
        with self.server.answering():
            response = self._answer()
            milliseconds = (time.monotonic() - started) * 1000
            self.server.log(Served(self.command, self.path.partition("?")[0], response.status, milliseconds))
            self._send(response)
        if self.close_connection:
            self._discard_rest()

    def __getattr__(self, name: str) -> Callable[[], None]:
        # The base class looks for do_GET and the like. Which methods there are is for the application to say.
        if name.startswith("do_") and _TOKEN.fullmatch(name):
            return self._serve
        raise AttributeError(name)

    def _answer(self) -> Response:
        try:
            request = self._read_request()
        except _RefusedError as refused:
            self.close_connection = True
            return refused.response
        try:
            return self.server.application(request)
        except Exception:  # noqa: BLE001 - whatever it was, the client gets an answer and the developer the traceback
            traceback.print_exc()
            return problem(500, "internal_error", "The server failed; its terminal says why.")

    def _read_request(self) -> Request:
        if not self.path.startswith("/"):
            raise _RefusedError(400, "invalid_request", "The request target must be a path.")
        return Request(self.command, self.path, tuple(self.headers.items()), self._read_body())

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") is not None:
            raise _RefusedError(411, "length_required", "Send the body with Content-Length, not in chunks.")
        lengths = set(self.headers.get_all("Content-Length", ["0"]))
        length = lengths.pop().strip()
        if lengths or not (length.isascii() and length.isdigit()):
            raise _RefusedError(400, "invalid_request", "Content-Length must be one number.")
        # No limit has 19 digits, and int() refuses thousands of them.
        if len(length.lstrip("0")) > 18 or int(length) > self.server.body_limit:  # noqa: PLR2004 - explained above
            limit = self.server.body_limit
            raise _RefusedError(413, "payload_too_large", f"The body may have {limit} bytes at most.")
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.send_response_only(HTTPStatus.CONTINUE)
            self.end_headers()
            self.wfile.flush()
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise _RefusedError(400, "invalid_request", "The body is shorter than Content-Length.")
        return body

    def _send(self, response: Response) -> None:
        self.send_response_only(response.status)
        self.send_header("Date", self.date_time_string())
        for name, value in response.headers:
            self.send_header(name, value)
        bodiless = response.status in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}
        if not bodiless:
            self.send_header("Content-Length", str(len(response.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if not bodiless and self.command != "HEAD":
            self.wfile.write(response.body)
        self.wfile.flush()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what is not HTTP, or too long a line, in the shape of every other error."""
        self.close_connection = True
        self.request_version = self.protocol_version
        self.command = self.command or "-"
        self._send(problem(code, "invalid_request", explain or message or "The request cannot be read."))
        self.server.log(Served("-", "-", code, 0.0))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's signature
        """Say nothing: `Log` is told of every request."""

    def _discard_rest(self) -> None:
        # Closing a socket that holds unread data resets the connection, and the client would lose the answer.
        deadline = time.monotonic() + _DISCARD_SECONDS
        left = _DISCARDED_BYTES
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(0.2)
            while left > 0 and time.monotonic() < deadline and (data := self.connection.recv(1 << 16)):
                left -= len(data)
