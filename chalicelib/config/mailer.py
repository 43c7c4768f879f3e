"""The settings of the mailer Lambda.

Owns the name, the default and the valid values of each variable. A setting that is missing or invalid is an error that
names the variable.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from chalicelib.accounts.addresses import address_error
from chalicelib.accounts.languages import OURS, languages
from chalicelib.config.environment import mails_per_day, one_of, required, site_name, url
from chalicelib.errors import ConfigurationError
from chalicelib.mails.colours import is_colour
from chalicelib.mails.rendering import Look

COLOUR = "#24503c"
"""The page's own green."""

_NAMED = re.compile(r"(?P<name>[^<>]*?)\s*<(?P<address>[^<>]+)>")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")
_CONFIGURATION_SET = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True, eq=False)
class MailerSettings:
    """The settings of the mailer Lambda. None of them is secret."""

    users_table: str
    mail_table: str
    throttle_table: str
    mails_per_day: int
    """How many may be asked for, over all accounts."""
    sender: str
    """The address that mails come from."""
    sender_name: str
    """What a reader sees in place of that address."""
    reply_to: str | None
    look: Look
    """How mails look, and the origin of the page that their links lead to: never what a request says."""
    language: str
    """The language of mails to readers who have shown no other."""
    ses_region: str | None
    """None: the function's own."""
    configuration_set: str | None
    """What SES reports bounces and complaints by."""

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str], tags: Callable[[], tuple[str, ...]] = languages
    ) -> MailerSettings:
        """Parse the settings. ``tags`` returns the languages of mails. Raises ConfigurationError."""
        look = _look(environment)
        sender_name, sender = _address(required(environment, "LYCHGATE_MAIL_FROM"), "LYCHGATE_MAIL_FROM")
        reply_to = environment.get("LYCHGATE_MAIL_REPLY_TO", "").strip()
        return cls(
            users_table=required(environment, "LYCHGATE_USERS_TABLE"),
            mail_table=required(environment, "LYCHGATE_MAIL_TABLE"),
            throttle_table=required(environment, "LYCHGATE_THROTTLE_TABLE"),
            mails_per_day=mails_per_day(environment),
            sender=sender,
            sender_name=sender_name or look.site_name,
            reply_to=_address(reply_to, "LYCHGATE_MAIL_REPLY_TO")[1] if reply_to else None,
            look=look,
            language=one_of(environment, "LYCHGATE_LANGUAGE", tags(), OURS[0]),
            ses_region=_matching(environment, "LYCHGATE_SES_REGION", _REGION, "must be a region such as eu-central-1"),
            configuration_set=_matching(
                environment,
                "LYCHGATE_SES_CONFIGURATION_SET",
                _CONFIGURATION_SET,
                "must be the name of a configuration set",
            ),
        )


def _matching(environment: Mapping[str, str], variable: str, form: re.Pattern[str], problem: str) -> str | None:
    """Return the value of a variable that has a form, None if it is not set. Raises ConfigurationError."""
    value = environment.get(variable, "").strip()
    if value and not form.fullmatch(value):
        raise ConfigurationError(variable, problem)
    return value or None


def _look(environment: Mapping[str, str]) -> Look:
    """Return how mails look: by default with the origin and the host of the issuer, and with the page's colour."""
    variable = "LYCHGATE_SITE_URL" if environment.get("LYCHGATE_SITE_URL", "").strip() else "LYCHGATE_ISSUER"
    parts = urlsplit(url(environment, variable))
    if variable == "LYCHGATE_SITE_URL" and parts.path:
        raise ConfigurationError(variable, "must be an origin such as https://example.org, without a path")
    name = site_name(environment)
    colour = environment.get("LYCHGATE_MAIL_COLOUR", "").strip() or COLOUR
    if not is_colour(colour):
        raise ConfigurationError("LYCHGATE_MAIL_COLOUR", f"must be a colour such as {COLOUR}")
    try:
        return Look(name, f"{parts.scheme}://{parts.netloc}", colour)
    except ValueError:
        raise ConfigurationError(variable, "must name a host, with a port at most") from None


def _address(value: str, variable: str) -> tuple[str, str]:
    """Return the name, "" if there is none, and the address of ``Name <address>`` or of an address alone.

    Its domain is in lower case, because the function's policy compares the sender as it stands.
    """
    named = _NAMED.fullmatch(value)
    name, address = (named["name"].strip(' "'), named["address"]) if named else ("", value)
    if address_error(address) is not None or not name.isprintable():
        raise ConfigurationError(variable, "must be an address such as mail@example.org, or Example <mail@example.org>")
    local, _, domain = address.rpartition("@")
    return name, f"{local}@{domain.lower()}"
