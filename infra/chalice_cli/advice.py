"""What a developer is told in the terminal when the API refuses what is right on a laptop: the setting that allows it.

Owns these sentences. Of a request it quotes an origin only, and only if it looks like one: it is a stranger's text.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from chalicelib.config.api import REGISTRATIONS_PER_HOUR
from infra import database_credentials

if TYPE_CHECKING:
    from chalicelib.config.http import HttpSettings

_WEB_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?")
_REGISTRATIONS = "LYCHGATE_REGISTRATIONS_PER_HOUR"


def advise(
    method: str, path: str, headers: Mapping[str, str], answer: Mapping[str, Any], settings: HttpSettings
) -> None:
    """Write to standard error what to do about a refusal, if the server is a laptop's and there is something to do.

    Takes the request, its headers in lower case, its answer as a Lambda function gives it, and the settings.
    """
    if os.environ.get(database_credentials.VARIABLE):
        sentence = _sentence(method, path, headers, answer, settings)
        if sentence is not None:
            sys.stderr.write(f"lychgate: {sentence}\n")
            sys.stderr.flush()


def _sentence(
    method: str, path: str, headers: Mapping[str, str], answer: Mapping[str, Any], settings: HttpSettings
) -> str | None:
    if method == "OPTIONS":
        origin = headers.get("origin", "")
        if "access-control-request-method" in headers and origin not in settings.allowed_origins:
            return _of_an_origin(origin, "cannot call the API", settings)
        return None
    error = _error_of(answer)
    if error == "origin_rejected":
        return _of_an_origin(headers.get("origin", ""), "may not use the session cookie", settings)
    if error == "too_many_attempts" and path.partition("?")[0] == "/auth/register":
        limit = int(os.environ.get(_REGISTRATIONS) or REGISTRATIONS_PER_HOUR)
        more = 1000 if limit < 1000 else 100_000  # noqa: PLR2004 - enough for most test suites
        return (
            f"an address may create {limit} accounts an hour. "
            f"To allow more, for a test suite say: {_REGISTRATIONS}={more} {_command()}"
        )
    return None


def _of_an_origin(origin: str, what: str, settings: HttpSettings) -> str:
    if not _WEB_ORIGIN.fullmatch(origin):
        return f"a page that does not say its origin {what}. Serve it by HTTP, and not from a file"
    own = urlsplit(settings.own_origin).port
    others = [listed for listed in settings.allowed_origins if urlsplit(listed).port != own]
    return (
        f"a page of {origin} {what}, because its origin is not allowed. "
        f"To allow it: LYCHGATE_ALLOWED_ORIGINS={','.join([*others, origin])} {_command()}"
    )


def _error_of(answer: Mapping[str, Any]) -> object:
    """Return the code of a refusal, None of any other answer."""
    if answer["statusCode"] < 400:  # noqa: PLR2004 - RFC 9110 section 15.5
        return None
    try:
        return json.loads(answer.get("body") or "{}").get("error")
    except (ValueError, AttributeError):
        return None


def _command() -> str:
    return "chalice local" if Path(sys.argv[0]).stem == "chalice" else "make dev"
