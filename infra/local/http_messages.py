"""A request and a response, whole, and the checks that every local service makes of a request."""

import json
import re
from dataclasses import dataclass
from http import HTTPStatus

# Names that reach this machine and nothing else. Any other one in `Host` means that a foreign name was made to
# resolve to 127.0.0.1 (DNS rebinding), which would let a page of that name read our answers.
_LOOPBACK_HOST = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)


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

    def names_this_machine(self) -> bool:
        """Tell whether `Host` is a loopback name, with any port."""
        return _LOOPBACK_HOST.fullmatch(self.header("Host") or "") is not None


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


def problem(status: int, error: str, detail: str) -> Response:
    """Build an answer in the API's shape for errors, RFC 9457."""
    members = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "error": error,
        "detail": detail,
    }
    headers = (("Content-Type", "application/problem+json"), ("Cache-Control", "no-store"))
    return Response(status, headers, json.dumps(members).encode())
