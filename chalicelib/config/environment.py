"""Readers of settings from environment variables: strings, URLs, JSON and integers.

Owns the errors, each of which names its variable. Opens no file except one that a setting names.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote, urlsplit

from chalicelib.errors import ConfigurationError

MAX_SITE_NAME = 64
"""Characters."""

MAILS_PER_DAY = 5000
"""Mails that may be asked for in a day, over all accounts: a tenth of what SES lets a new account send. All users share
the sender's reputation."""


ISSUER = "LYCHGATE_ISSUER"

_DEFAULT_PORTS = {"http": 80, "https": 443}

# Sets and no patterns, which each cold start would compile.
_OF_HOSTS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._-")
_HEXADECIMAL = frozenset("0123456789abcdefABCDEF")

_DEVIATIONS = "\u00df\u03c2\u200c\u200d"
"""What browsers encode in names of hosts, and the encoding of Python's library (IDNA 2003) replaces (UTS 46)."""


def required(environment: Mapping[str, str], variable: str) -> str:
    """Return the value of a required variable. Raises ConfigurationError."""
    value = environment.get(variable, "").strip()
    if not value:
        raise ConfigurationError(variable, "is not set")
    return value


def url(environment: Mapping[str, str], variable: str) -> str:
    """Return an absolute URL without a trailing slash: https, or http on loopback. Raises ConfigurationError."""
    value = required(environment, variable)
    try:
        parts = urlsplit(value)
    except ValueError:
        raise ConfigurationError(variable, "must be a URL such as https://example.org/api") from None
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment or value[-1] == "/":
        raise ConfigurationError(variable, "must be a URL such as https://example.org/api, without a trailing slash")
    if parts.scheme == "http" and parts.hostname not in {"127.0.0.1", "localhost", "::1"}:
        raise ConfigurationError(variable, "must begin with https:// unless it is this machine's own address")
    return value


def issuer_url(environment: Mapping[str, str]) -> str:
    """Return the API's root URL, which browsers write in this very way. Raises ConfigurationError.

    The proof of a key names the URL that the browser's parser has made of an address (RFC 9449 section 4.2), an
    ``Origin`` likewise.
    """
    value = url(environment, ISSUER)
    try:
        written = _as_browsers_write(value)
    except ValueError:
        raise ConfigurationError(ISSUER, "must be a URL such as https://example.org/api") from None
    if written is None:
        raise ConfigurationError(ISSUER, "must name its host in ASCII, as browsers write it: xn--…")
    if value != written:
        raise ConfigurationError(ISSUER, f"must be {written}, as browsers write it")
    return value


def _as_browsers_write(value: str) -> str | None:
    """Return an absolute URL as the URL Standard serializes it, None where only a table of Unicode's could tell.

    Raises ValueError for what it does not take, and for what nobody needs.
    """
    parts = urlsplit(value)
    name, port = parts.hostname or "", parts.port
    if not name or "@" in parts.netloc or "%" in name or "\\" in value:
        raise ValueError(value)
    if not name.isascii():
        if any(character in _DEVIATIONS for character in name):
            return None
        name = name.encode("idna").decode("ascii").lower()
    if ":" in name or _ends_in_number(name):
        # Sites have names.
        from ipaddress import IPv4Address, IPv6Address  # noqa: PLC0415

        name = f"[{IPv6Address(name).compressed}]" if ":" in name else str(IPv4Address(name))
    elif not _OF_HOSTS.issuperset(name):
        raise ValueError(value)
    at = "" if port in {None, _DEFAULT_PORTS[parts.scheme]} else f":{port}"
    return f"{parts.scheme}://{name}{at}{_path(parts.path)}"


def _ends_in_number(name: str) -> bool:
    """Return whether browsers take a name of a host for an IPv4 address (URL Standard, "ends in a number checker")."""
    last = name.removesuffix(".").rpartition(".")[2]
    return last.isdigit() or (last.startswith("0x") and _HEXADECIMAL.issuperset(last[2:]))


def _path(path: str) -> str:
    """Return the path of a URL without dots for segments, and with its characters encoded. Raises ValueError."""
    if any(len(octet) < 2 or not _HEXADECIMAL.issuperset(octet[:2]) for octet in path.split("%")[1:]):  # noqa: PLR2004
        raise ValueError(path)
    kept: list[str] = []
    for segment in path.split("/")[1:]:
        dots = segment.lower().replace("%2e", ".")
        if dots == "..":
            del kept[-1:]
        elif dots != ".":
            kept.append(quote(segment, safe="%!$&'()*+,;=:@|[]"))
    return "".join(f"/{segment}" for segment in kept)


def host(environment: Mapping[str, str], variable: str) -> str:
    """Return the host in a URL, "" if there is none. Whoever needs the URL says so."""
    try:
        return urlsplit(environment.get(variable, "").strip()).hostname or ""
    except ValueError:
        return ""


def site_name(environment: Mapping[str, str]) -> str:
    """Return what the site is called, by default its host. Raises ConfigurationError."""
    of_site = host(environment, "LYCHGATE_SITE_URL") or host(environment, "LYCHGATE_ISSUER")
    name = environment.get("LYCHGATE_SITE_NAME", "").strip() or of_site[:MAX_SITE_NAME]
    if not name.isprintable() or len(name) > MAX_SITE_NAME:
        raise ConfigurationError("LYCHGATE_SITE_NAME", f"must have at most {MAX_SITE_NAME} printable characters")
    return name


def json_value(environment: Mapping[str, str], variable: str) -> object:
    """Return the JSON value in a variable, or in the file that it names.

    A file is named by ``file://`` and a path relative to the working directory. Raises ConfigurationError.
    """
    value = required(environment, variable)
    if value.startswith("file://"):
        path = Path(value.removeprefix("file://"))
        try:
            value = path.read_text("utf-8")
        except OSError as unreadable:
            raise ConfigurationError(
                variable, f"names {path}, which cannot be read ({unreadable.strerror}); `make dynamodb` makes it"
            ) from unreadable
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise ConfigurationError(variable, "must hold JSON") from None


def integer(environment: Mapping[str, str], variable: str, default: int, least: int, most: int) -> int:
    """Return an integer from ``least`` to ``most``. Raises ConfigurationError."""
    value = environment.get(variable) or str(default)
    if not value.isascii() or not value.isdigit() or not least <= int(value) <= most:
        raise ConfigurationError(variable, f"must be a whole number from {least} to {most}")
    return int(value)


def mails_per_day(environment: Mapping[str, str]) -> int:
    """Return how many mails may be asked for in a day, over all accounts. Raises ConfigurationError."""
    return integer(environment, "LYCHGATE_MAILS_PER_DAY", MAILS_PER_DAY, 1, 10_000_000)


def one_of(environment: Mapping[str, str], variable: str, choices: Sequence[str], default: str) -> str:
    """Return the value of a variable that is one of ``choices``. Raises ConfigurationError."""
    value = environment.get(variable) or default
    if value not in choices:
        raise ConfigurationError(variable, f"must be {' or '.join(choices)}")
    return value
