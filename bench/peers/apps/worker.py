"""What every peer's process does: set itself up, say so, and take samples when it is asked.

Speaks lines of JSON on standard input and output. Asked `{"operation": …, "calls": …}` it answers `{"seconds": …}`, the
mean of so many calls. Uses nothing but the standard library: each peer has an environment of its own.
"""

import hashlib
import hmac
import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

USERNAME = "alice@example.org"
PASSWORD = "correct horse battery staple"

Operation = Callable[[int], None]
"""Does the same request so many times, and fails if one of them does."""


def cheap_hash(password: str) -> str:
    """Return what stands in for a password's hash in every peer and in Lychgate: its SHA-256."""
    return hashlib.sha256(password.encode()).hexdigest()


def cheap_verify(password: str, hashed: str) -> bool:
    """Return whether the password has this hash, in constant time."""
    return hmac.compare_digest(cheap_hash(password), hashed)


def repeated(request: Callable[[], object]) -> Operation:
    """Return the operation that makes one request over and over."""

    def operation(calls: int) -> None:
        for _ in range(calls):
            request()

    return operation


def serve(operations: Mapping[str, Operation]) -> None:
    """Say which operations there are, and answer until there is nothing more to read."""
    channel, sys.stdout = sys.stdout, sys.stderr
    _say(channel, {"operations": list(operations)})
    for line in sys.stdin:
        asked = json.loads(line)
        started = time.perf_counter()
        operations[asked["operation"]](asked["calls"])
        _say(channel, {"seconds": (time.perf_counter() - started) / asked["calls"]})


class Wsgi:
    """Calls a WSGI application as a server would, without the server (PEP 3333)."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application

    def request(self, method: str, path: str, members: object = None, token: str | None = None) -> Any:
        """Return the JSON of the answer. Raises AssertionError unless it is a 200."""
        import io

        body = b"" if members is None else json.dumps(members).encode()
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "SCRIPT_NAME": "",
            "QUERY_STRING": "",
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": "127.0.0.1",
            "CONTENT_LENGTH": str(len(body)),
            "CONTENT_TYPE": "application/json",
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": False,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        if token is not None:
            environ["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        statuses: list[str] = []
        chunks = self._application(environ, lambda status, _headers, _error=None: statuses.append(status))
        answered = b"".join(chunks)
        if hasattr(chunks, "close"):
            chunks.close()
        if not statuses[0].startswith("200"):
            raise AssertionError(f"{method} {path} answered {statuses[0]}: {answered!r}")
        return json.loads(answered)


def _say(channel: Any, message: object) -> None:
    channel.write(json.dumps(message) + "\n")
    channel.flush()
