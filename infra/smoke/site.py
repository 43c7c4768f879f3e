"""A site over HTTP: one request after another, through the proxy of this machine where it has one.

Owns connections, time limits, and the words for a network that does not do as it should. Knows no route.
"""

from __future__ import annotations

import base64
import http.client
import json
import socket
import ssl
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.parse import unquote, urlsplit

from infra.smoke.report import FailedError, UnreachableError

CONNECT_SECONDS = 10.0
"""For a connection. A host that takes longer is one behind a firewall that says nothing."""

ANSWER_SECONDS = 35.0
"""For an answer: API Gateway gives up after 29 seconds, and its answer says more than our own impatience."""

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True)
class Answer:
    """What came back, and to which question."""

    question: str
    status: int
    headers: Message
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the value of a header, None if it is not there."""
        value = self.headers.get(name)
        return None if value is None else str(value)

    def json(self) -> dict[str, Any]:
        """Return the JSON object in the body. Raises ValueError."""
        value = json.loads(self.body)
        if not isinstance(value, dict):
            raise ValueError("not an object")  # noqa: TRY004 - to the caller one more thing that is not wanted
        return value


@dataclass(frozen=True)
class Handshake:
    """What TLS agreed on."""

    version: str
    certificate: Mapping[str, Any]


class Site:
    """A site at an origin. Each request has a connection of its own."""

    def __init__(
        self, url: str, *, ca_file: str | None = None, http_port: int = 80, pause: Callable[[], None] = lambda: None
    ) -> None:
        """Take the site's URL, `https://example.org`; `pause` is called before each request, and may raise.

        Raises:
            ValueError: it is not the URL of a site.

        """
        parts = urlsplit(url.rstrip("/"))
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path or parts.query or parts.username:
            raise ValueError(f"{url!r} is not the URL of a site, such as https://d111111abcdef8.cloudfront.net")
        self.over_tls = parts.scheme == "https"
        self.host = parts.hostname
        self.port = parts.port or (443 if self.over_tls else 80)
        self.has_own_port = parts.port is not None and parts.port != (443 if self.over_tls else 80)
        self.http_port = http_port
        self.origin = f"{parts.scheme}://{parts.netloc.lower()}"
        self.is_this_machine = self.host in _LOOPBACK
        self.pause = pause
        if not self.over_tls and not self.is_this_machine:
            raise ValueError(f"{url!r}: passwords go over HTTPS. Only this machine is asked by http://")
        self._trust = ssl.create_default_context()
        if ca_file is not None:
            try:
                self._trust.load_verify_locations(ca_file)
            except (OSError, ssl.SSLError) as unusable:
                raise ValueError(f"--ca-file {ca_file} cannot be used: {unusable}") from None

    def ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        """Make a request and return its answer, whatever its status.

        Raises:
            FailedError: the connection broke, or what came was not HTTP.

        """
        self.pause()
        question = f"{method} {path}"
        sent = {"User-Agent": "lychgate-smoke", "Accept": "*/*", **(headers or {})}
        try:
            with closing(self._connect(self.over_tls, self.port, self._trust)) as connection:
                connection.request(method, self._target(path), body, sent)
                response = connection.getresponse()
                return Answer(question, response.status, response.headers, response.read())
        except (OSError, http.client.HTTPException) as broken:
            raise FailedError(
                f"{question} was not answered: {str(broken) or type(broken).__name__}",
                "Run this again. If it stays, see whether the distribution is enabled and its last change is deployed.",
            ) from broken

    def ask_without_tls(self) -> Answer:
        """Ask for the page by http://. Raises OSError or HTTPException if nobody answers there."""
        self.pause()
        with closing(self._connect(False, self.http_port, None)) as connection:
            connection.request("GET", "/", headers={"User-Agent": "lychgate-smoke"})
            response = connection.getresponse()
            return Answer(f"GET http://{self.host}/", response.status, response.headers, response.read())

    def reach(self) -> None:
        """Return if something listens where the site should be. Raises UnreachableError."""
        try:
            self._connect(False, self.port, None, tunnel=self.over_tls).close()
        except socket.gaierror:
            raise UnreachableError(
                f"the name {self.host} does not resolve. Look at the URL for a misprint. A new distribution's name, or "
                "a record of your own domain, can take some minutes"
            ) from None
        except ConnectionRefusedError:
            started = " `make dev` starts the development server" if self.is_this_machine else ""
            raise UnreachableError(f"nothing listens at {self.host}:{self.port}, or a proxy.{started}") from None
        except TimeoutError:
            raise UnreachableError(
                f"{self.host}:{self.port} did not take a connection within {CONNECT_SECONDS:.0f} s: a firewall, "
                "or a proxy that this shell has to be told of (HTTPS_PROXY)"
            ) from None
        except OSError as broken:
            raise UnreachableError(f"{self.host}:{self.port} cannot be reached: {broken}") from broken

    def shake_hands(self, context: ssl.SSLContext | None = None) -> Handshake:
        """Return what TLS agrees on. Raises OSError, of which SSLError is one."""
        self.pause()
        with closing(self._connect(True, self.port, context or self._trust)) as connection:
            stream = connection.sock
            assert isinstance(stream, ssl.SSLSocket)  # noqa: S101 - for mypy
            return Handshake(stream.version() or "", stream.getpeercert() or {})

    def _connect(
        self, over_tls: bool, port: int, context: ssl.SSLContext | None, *, tunnel: bool = False
    ) -> http.client.HTTPConnection:
        proxy = self._proxy("https" if over_tls or tunnel else "http")
        host, to_port, headers = proxy or (self.host, port, {})
        connection: http.client.HTTPConnection
        if over_tls:
            connection = http.client.HTTPSConnection(host, to_port, timeout=CONNECT_SECONDS, context=context)
        else:
            connection = http.client.HTTPConnection(host, to_port, timeout=CONNECT_SECONDS)
        if proxy is not None:
            connection.set_tunnel(self.host, port, headers)
        try:
            connection.connect()
        except BaseException:
            connection.close()
            raise
        connection.sock.settimeout(ANSWER_SECONDS)
        return connection

    def _proxy(self, scheme: str) -> tuple[str, int, dict[str, str]] | None:
        """Return host, port and headers of the proxy that the environment names for this site, if it does."""
        named = urllib.request.getproxies().get(scheme)
        if not named or self.is_this_machine or urllib.request.proxy_bypass(self.host):
            return None
        parts = urlsplit(named if "://" in named else f"http://{named}")
        headers = {}
        if parts.username is not None:
            credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            headers["Proxy-Authorization"] = f"Basic {base64.b64encode(credentials.encode()).decode()}"
        return parts.hostname or "", parts.port or 8080, headers

    @staticmethod
    def _target(path: str) -> str:
        return path if path.startswith("/") else f"/{path}"
