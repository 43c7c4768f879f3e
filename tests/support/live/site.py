"""A site at an URL: whether it is one that may be asked, and connections to it, through a proxy where there is one."""

import base64
import functools
import http.client
import socket
import ssl
import urllib.request
from urllib.parse import unquote, urlsplit

from tests.support.api_client import AnyPath

CONNECT_SECONDS = 10.0
"""For a connection. A host that takes longer is one behind a firewall that says nothing."""

ANSWER_SECONDS = 35.0
"""For an answer: API Gateway gives up after 29 seconds, and its answer says more than our own impatience."""


class UnusableSiteError(Exception):
    """Raised with a message for the operator: this is not the URL of a site, or nobody answers there."""


class OverTls(AnyPath, http.client.HTTPSConnection):
    """Sends every path and every header as it is told to, encrypted."""


class Site:
    """Where a site is. The certificates that are trusted are this machine's and those of SSL_CERT_FILE."""

    def __init__(self, url):
        """Take the site's URL, `https://example.org`. Raises UnusableSiteError."""
        try:
            parts = urlsplit(url.rstrip("/"))
            self.host, port = parts.hostname, parts.port
        except ValueError:
            raise UnusableSiteError(_not_an_url(url)) from None
        if parts.scheme not in {"http", "https"} or not self.host or parts.path or parts.query or parts.username:
            raise UnusableSiteError(_not_an_url(url))
        self.over_tls = parts.scheme == "https"
        self.port = port or (443 if self.over_tls else 80)
        self.origin = f"{parts.scheme}://{parts.netloc.lower()}"
        self.is_this_machine = self.host in {"127.0.0.1", "localhost", "::1"}
        if not self.over_tls and not self.is_this_machine:
            raise UnusableSiteError(f"{url}: passwords go over HTTPS. Only this machine is asked by http://")

    def connect(self, *, over_tls=None, port=None, context=None):
        """Return an open connection. Raises OSError, of which ssl.SSLError is one."""
        over_tls = self.over_tls if over_tls is None else over_tls
        port = port or self.port
        host, to_port, headers = self._proxy("https" if over_tls else "http") or (self.host, port, None)
        if over_tls:
            context = context or self._trusting
            connection = OverTls(host, to_port, timeout=CONNECT_SECONDS, context=context)
        else:
            connection = AnyPath(host, to_port, timeout=CONNECT_SECONDS)
        if headers is not None:
            connection.set_tunnel(self.host, port, headers)
        try:
            connection.connect()
        except BaseException:
            connection.close()
            raise
        connection.sock.settimeout(ANSWER_SECONDS)
        return connection

    @functools.cached_property
    def _trusting(self):
        # One for all connections: it reads the certificates of every authority.
        return ssl.create_default_context()

    def reach(self):
        """Return if something listens there. Raises UnusableSiteError."""
        try:
            self.connect().close()
        except ssl.SSLError:
            pass  # Somebody listens; what is wrong with the connection is for a check to say.
        except socket.gaierror:
            raise UnusableSiteError(
                f"the name {self.host} does not resolve. Look at the URL for a misprint. A new distribution's name, or "
                "a record of your own domain, can take some minutes"
            ) from None
        except ConnectionRefusedError:
            started = " `make dev` starts the development server" if self.is_this_machine else ""
            raise UnusableSiteError(f"nothing listens at {self.host}:{self.port}, or a proxy.{started}") from None
        except TimeoutError:
            raise UnusableSiteError(
                f"{self.host}:{self.port} did not take a connection within {CONNECT_SECONDS:.0f} s: a firewall, or a "
                "proxy that this shell has to be told of (HTTPS_PROXY)"
            ) from None
        except OSError as broken:
            raise UnusableSiteError(f"{self.host}:{self.port} cannot be reached: {broken}") from None

    def _proxy(self, scheme):
        """Host, port and headers of the proxy that the environment names for this site, if it names one."""
        named = urllib.request.getproxies().get(scheme)
        if not named or self.is_this_machine or urllib.request.proxy_bypass(self.host):
            return None
        parts = urlsplit(named if "://" in named else f"http://{named}")
        headers = {}
        if parts.username is not None:
            credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            headers["Proxy-Authorization"] = f"Basic {base64.b64encode(credentials.encode()).decode()}"
        return parts.hostname, parts.port or 8080, headers


def _not_an_url(url):
    return f"{url!r} is not the URL of a site, such as https://d111111abcdef8.cloudfront.net"
