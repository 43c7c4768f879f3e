"""Requests and responses as API Gateway sees them: headers with their names as sent, and as often as they came.

Owns the way from and to what a server on this machine hands over.
"""

from collections.abc import Callable
from dataclasses import dataclass

import werkzeug

from infra.local.http_server import Application, target
from infra.local.http_server import Response as HttpResponse


@dataclass(frozen=True)
class Request:
    """A request whose body has been read."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    @property
    def path(self) -> str:
        """The path as it was sent, still percent-encoded, without the query."""
        return self.target.partition("?")[0]

    def header(self, name: str) -> str | None:
        """Return the first value of a header, whatever the case of its name."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass(frozen=True)
class Response:
    """A response whose body is known. Raises ValueError if a header could not be sent as it stands."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def __post_init__(self) -> None:
        for name, value in self.headers:
            if not f"{name}{value}".isprintable() or not f"{name}{value}".isascii():
                raise ValueError(f"not to be sent in a header: {name}: {value!r}")


def served(answer: Callable[[Request], Response]) -> Application:
    """Return what a server on this machine can answer with."""

    def application(request: werkzeug.Request) -> werkzeug.Response:
        headers = tuple(request.headers.items())
        response = answer(Request(request.method, target(request), headers, request.get_data()))
        return HttpResponse(response.body, response.status, response.headers)

    return application
