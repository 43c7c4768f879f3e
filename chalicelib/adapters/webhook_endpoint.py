"""The site's endpoint for webhooks: one POST by HTTP, to an address that was looked at before.

Owns where requests may go. A name is resolved once, and the connection goes to the address that was checked, so that no
answer of a name server leads elsewhere in between. Inside a function the addresses of a machine and of its network have
Lambda's own interfaces and credentials behind them. A redirect is an answer like any other, and a body is not read.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from urllib.parse import urlsplit

from chalicelib.errors import ServiceUnavailable

TIME_LIMIT = 10.0
"""Seconds from the connection to the status of the answer."""

Resolve = Callable[[str, int], list[str]]
Connect = Callable[[str, int, float], socket.socket]

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""IPv4 addresses in IPv6 (RFC 6052)."""
_UNICAST = ipaddress.IPv6Network("2000::/3")
"""What IANA has assigned addresses of the internet from (RFC 4291 section 2.4)."""
_PORTS = {"https": 443, "http": 80}


def resolved(host: str, port: int) -> list[str]:
    """Return the addresses of a host, in the order in which to try them. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def connected(address: str, port: int, seconds: float) -> socket.socket:
    """Return a connection to an address. Raises OSError."""
    return socket.create_connection((address, port), timeout=seconds)


def is_public(address: str) -> bool:
    """Return whether an address is one of the internet: of no machine, link or network of its own."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    inside = _inside(ip)
    if inside is None:
        return ip.is_global and not ip.is_multicast and (ip.version == 4 or ip in _UNICAST)  # noqa: PLR2004 - IPv4
    return is_public(str(inside))


def _inside(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that an IPv6 address stands for, to whoever translates it, None for none."""
    if not isinstance(ip, ipaddress.IPv6Address):
        return None
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour


class WebhookEndpoint:
    """An ``Endpoint`` at a URL."""

    def __init__(
        self,
        url: str,
        *,
        on_this_machine: bool = False,
        resolve: Resolve = resolved,
        connect: Connect = connected,
        tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
        time_limit: float = TIME_LIMIT,
    ) -> None:
        """Take a URL that the settings have checked. ``on_this_machine`` allows loopback addresses, and no others.

        The other arguments replace what reaches outside.
        """
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._authority = parts.netloc
        self._port = parts.port or _PORTS[parts.scheme]
        self._is_encrypted = parts.scheme == "https"
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._on_this_machine = on_this_machine
        self._resolve = resolve
        self._connect = connect
        self._make_tls = tls
        self._tls: ssl.SSLContext | None = None
        self._time_limit = time_limit

    def post(self, body: bytes, headers: Mapping[str, str]) -> int:
        """See ``Endpoint.post``. A reason is one of a few words: what a stranger's server says gets into no log."""
        try:
            return self._post(body, headers)
        except ssl.SSLError as refused:
            raise ServiceUnavailable("no TLS") from refused
        except socket.gaierror as unknown:
            raise ServiceUnavailable("the name has no address") from unknown
        except TimeoutError as slow:
            raise ServiceUnavailable("no answer in time") from slow
        except (OSError, http.client.HTTPException) as broken:
            raise ServiceUnavailable("no connection") from broken

    def _post(self, body: bytes, headers: Mapping[str, str]) -> int:
        connection = http.client.HTTPConnection(self._host, self._port)
        connection.sock = self._connect(self._address(), self._port, self._time_limit)
        with closing(connection), self._limited(connection.sock):
            if self._is_encrypted:
                connection.sock = self._encryption().wrap_socket(connection.sock, server_hostname=self._host)
            whole = {"Host": self._authority, **headers, "Connection": "close"}
            connection.request("POST", self._target, body=body, headers=whole)
            return connection.getresponse().status

    @contextmanager
    def _limited(self, connection: socket.socket) -> Iterator[None]:
        """End a connection when its time is over. Raises TimeoutError then.

        The limit of a socket is for each read. This is for all of them together.
        """
        is_over = threading.Event()
        # TLS takes the socket over, and leaves the one that it was given without a connection.
        with connection.dup() as same:

            def end() -> None:
                is_over.set()
                with suppress(OSError):
                    same.shutdown(socket.SHUT_RDWR)

            limit = threading.Timer(self._time_limit, end)
            limit.daemon = True
            limit.start()
            try:
                yield
                if is_over.is_set():  # the answer may have ended with the connection
                    raise TimeoutError
            except (OSError, http.client.HTTPException) as broken:
                if is_over.is_set():
                    raise TimeoutError from broken
                raise
            finally:
                limit.cancel()
                limit.join()

    def _address(self) -> str:
        """Return an address of the host. Raises ServiceUnavailable if one of them is none to connect to."""
        addresses = self._resolve(self._host, self._port)
        is_allowed = _is_loopback if self._on_this_machine else is_public
        if not addresses or not all(map(is_allowed, addresses)):
            raise ServiceUnavailable("the address is none of the internet")
        return addresses[0]

    def _encryption(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = self._make_tls()
        return self._tls


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address).is_loopback
