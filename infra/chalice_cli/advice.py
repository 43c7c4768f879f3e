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

from chalicelib.config.api import MAILS_PER_IP, REGISTRATIONS_PER_HOUR
from chalicelib.config.environment import MAILS_PER_DAY
from chalicelib.credentials import mail_budgets
from chalicelib.errors import TooManyMails, TooManyMailsToAddress, TooManyMailsToday, TooManyRegistrations
from infra import database_credentials

if TYPE_CHECKING:
    from chalicelib.config.http import HttpSettings

_WEB_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?")
_LIMITS: Mapping[object, tuple[str, str, int]] = {
    TooManyRegistrations.detail: (
        "an address may create {} accounts an hour",
        "LYCHGATE_REGISTRATIONS_PER_HOUR",
        REGISTRATIONS_PER_HOUR,
    ),
    TooManyMails.detail: (
        "an address on the network may ask for {} mails an hour",
        "LYCHGATE_MAILS_PER_IP",
        MAILS_PER_IP,
    ),
    TooManyMailsToday.detail: ("{} mails may be asked for in a day", "LYCHGATE_MAILS_PER_DAY", MAILS_PER_DAY),
}
"""The limits that a setting raises, each with its setting and the default of that, by what a refusal says."""

_OF_AN_ADDRESS = (
    f"from one network, a mail address may be given {mail_budgets.PER_MINUTE} time a minute, "
    f"{mail_budgets.PER_HOUR} an hour and {mail_budgets.PER_DAY} a day, whatever follows a + in it. "
    "No setting allows more; a test suite takes another address for each account"
)


def advise(method: str, headers: Mapping[str, str], answer: Mapping[str, Any], settings: HttpSettings) -> None:
    """Write to standard error what to do about a refusal, if the server is a laptop's and there is something to do.

    Takes the request, its headers in lower case, its answer as a Lambda function gives it, and the settings.
    """
    if os.environ.get(database_credentials.VARIABLE):
        sentence = _sentence(method, headers, answer, settings)
        if sentence is not None:
            sys.stderr.write(f"lychgate: {sentence}\n")
            sys.stderr.flush()


def _sentence(method: str, headers: Mapping[str, str], answer: Mapping[str, Any], settings: HttpSettings) -> str | None:
    if method == "OPTIONS":
        origin = headers.get("origin", "")
        if "access-control-request-method" in headers and origin not in settings.allowed_origins:
            return _of_an_origin(origin, "cannot call the API", settings)
        return None
    problem = _problem_of(answer)
    if problem.get("error") == "origin_rejected":
        return _of_an_origin(headers.get("origin", ""), "may not use the session cookie", settings)
    if problem.get("error") == "too_many_attempts":
        return _of_a_limit(problem.get("detail"))
    return None


def _of_a_limit(detail: object) -> str | None:
    """Return what to do about a limit on accounts or on mails, by what the refusal says."""
    if detail == TooManyMailsToAddress.detail:
        return _OF_AN_ADDRESS
    if not isinstance(detail, str) or detail not in _LIMITS:
        return None
    limit, setting, default = _LIMITS[detail]
    most = int(os.environ.get(setting) or default)
    more = 1000 if most < 1000 else 100_000  # noqa: PLR2004 - enough for most test suites
    return f"{limit.format(most)}. To allow more, for a test suite say: {setting}={more} {_command()}"


def _of_an_origin(origin: str, what: str, settings: HttpSettings) -> str:
    if not _WEB_ORIGIN.fullmatch(origin):
        return f"a page that does not say its origin {what}. Serve it by HTTP, and not from a file"
    own = urlsplit(settings.own_origin).port
    others = [listed for listed in settings.allowed_origins if urlsplit(listed).port != own]
    return (
        f"a page of {origin} {what}, because its origin is not allowed. "
        f"To allow it: LYCHGATE_ALLOWED_ORIGINS={','.join([*others, origin])} {_command()}"
    )


def _problem_of(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a refusal says, an empty dict of any other answer."""
    if answer["statusCode"] < 400:  # noqa: PLR2004 - RFC 9110 section 15.5
        return {}
    try:
        problem = json.loads(answer.get("body") or "{}")
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}


def _command() -> str:
    return "chalice local" if Path(sys.argv[0]).stem == "chalice" else "make dev"
