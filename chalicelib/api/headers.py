"""What the headers of a request say: who calls, with which cookies and proofs, from which page, through what.

Owns every limit on what is read of them.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Mapping

from chalice.app import Request

from chalicelib.accounts.caller import Caller
from chalicelib.config.http import HttpSettings
from chalicelib.errors import OriginRejected

MAX_USER_AGENT_LENGTH = 256
MAX_ADDRESS_LENGTH = 45
"""The longest text form of an IP address (RFC 4291 section 2.2)."""

DISTRIBUTION_HEADER = "x-lychgate-distribution"
"""Carries the distribution's secret to the API, which knows its hash."""

MOST_COOKIES = 8
"""Cookies of one name that are looked at. A browser has one of ours, and a second one at most if it was planted."""

# Viewer, then distribution: each hop appends the address that it was called from.
_HOPS = 2


def may_come_in(headers: Mapping[str, str], settings: HttpSettings) -> bool:
    """Return whether a request with these headers came through the distribution, or the stage has none.

    The hashes are not compared in constant time: their inputs are random, so a time says nothing of a secret.
    """
    if not settings.distribution_secrets_sha256:
        return True
    return _sha256(headers.get(DISTRIBUTION_HEADER, "")) in settings.distribution_secrets_sha256


@functools.lru_cache(maxsize=8)
def _sha256(secret: str) -> str:
    """Return the SHA-256 in hex. The same distribution sends the same secret again and again."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def read_caller(request: Request, settings: HttpSettings) -> Caller:
    """Return where the request came from.

    The address is API Gateway's word. Behind the distribution that is the distribution's own address; the viewer's is
    then the one that the distribution saw, second from the right in ``X-Forwarded-For``. Further left stands what the
    client wrote. Where there is a distribution, the middleware lets no other request come this far.
    """
    ip: str = request.context["identity"]["sourceIp"]
    if settings.distribution_secrets_sha256:
        forwarded = request.headers.get("x-forwarded-for", "").split(",")
        if len(forwarded) >= _HOPS:
            ip = forwarded[-_HOPS].strip()
    user_agent: str = request.headers.get("user-agent", "")
    if not user_agent.isprintable():
        user_agent = "".join(character for character in user_agent if character.isprintable())
    return Caller(ip=ip[:MAX_ADDRESS_LENGTH], user_agent=user_agent[:MAX_USER_AGENT_LENGTH])


def read_cookies(request: Request, name: str) -> list[str]:
    """Return the values of the cookies of one name, in their order; of many, the last ``MOST_COOKIES``.

    Browsers put a cookie with a longer path first (RFC 6265 section 5.4), so that ours, for all paths, is among the
    last. Only a space and a tab are taken off a name (section 5.2): with any other white space before it, a name has
    no prefix to a browser, and a sibling subdomain may set it.
    """
    values = []
    for header in _cookie_headers(request):
        for pair in header.split(";"):
            key, _, value = pair.partition("=")
            if key.strip(" \t") == name:
                values.append(value.strip(" \t"))
    return values[-MOST_COOKIES:]


def _cookie_headers(request: Request) -> list[str]:
    """Return every ``Cookie`` header: HTTP/2 allows several (RFC 9113 section 8.2.3), and Chalice keeps the last."""
    headers = request.to_original_event().get("multiValueHeaders") or {}
    found: list[str] | None = headers.get("Cookie") or headers.get("cookie")
    return found or [request.headers.get("cookie", "")]


def read_key_proofs(request: Request) -> list[str]:
    """Return every ``DPoP`` header of a request."""
    return read_header(request, "dpop")


def read_header(request: Request, name: str) -> list[str]:
    """Return every header of this name, in lower case. Chalice keeps the last of several."""
    headers = request.to_original_event().get("multiValueHeaders") or {}
    found = [value for known, values in headers.items() if known.lower() == name for value in values]
    return found or [value for value in [request.headers.get(name)] if value is not None]


def check_origin(request: Request, settings: HttpSettings) -> None:
    """Return if the page that sent this request, where it was a page, may use the refresh cookie.

    SameSite=Strict keeps other sites away; this keeps other origins of the same site away too (a sibling subdomain, a
    port beside ours).

    Raises:
        OriginRejected: the request names an origin that is not allowed, or hides one (``null``).

    """
    origin = request.headers.get("origin")
    if origin is None:
        allowed = request.headers.get("sec-fetch-site", "none") in {"same-origin", "none"}
    else:
        allowed = origin in settings.allowed_origins
    if not allowed:
        raise OriginRejected(f"{_named(origin)} is not allowed")


def _named(origin: str | None) -> str:
    """Return words for the origin of a request, for the log: itself if it looks like one. It is a stranger's text."""
    if origin is None:
        return "another site, which named no origin,"
    if origin == "null":
        return "a hidden origin"
    if re.fullmatch(r"[a-z-]{1,32}://[\w.:\[\]-]{1,100}", origin, re.ASCII):
        return f"the origin {origin}"
    return "what is no origin"
