"""The settings of the webhooks' Lambda.

Owns the name, the default and the valid values of each variable. A setting that is missing or invalid is an error that
names the variable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from chalicelib.accounts.events import HISTORY
from chalicelib.config.environment import required
from chalicelib.errors import ConfigurationError

URL = "LYCHGATE_WEBHOOK_URL"
EVENTS = "LYCHGATE_WEBHOOK_EVENTS"
SECRETS_PARAMETER = "LYCHGATE_WEBHOOK_SECRETS_PARAMETER"

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True, eq=False)
class WebhookSettings:
    """The settings of the webhooks' Lambda. None of them is secret, but for what the site has put into its URL."""

    url: str
    on_this_machine: bool
    """Whether the endpoint is on the machine itself, as only a laptop's may be."""
    types: frozenset[str] | None
    """The types of the events that are sent, None for all of the history."""
    secrets_parameter: str
    """The name of the SSM parameter with the secrets."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> WebhookSettings:
        """Parse the settings. Raises ConfigurationError."""
        url = required(environment, URL)
        on_lambda = "AWS_LAMBDA_FUNCTION_NAME" in environment
        parts = checked_url(url, on_this_machine=not on_lambda)
        return cls(
            url=url,
            on_this_machine=parts.hostname in _LOOPBACK,
            types=event_types(environment.get(EVENTS, "")),
            secrets_parameter=required(environment, SECRETS_PARAMETER),
        )


def checked_url(url: str, *, on_this_machine: bool = False) -> SplitResult:
    """Return the parts of an endpoint's URL: HTTPS, or HTTP on the machine itself. Raises ConfigurationError."""
    example = "https://example.org/webhooks/lychgate"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ConfigurationError(URL, f"must be a URL such as {example}") from None
    if not host or not url.isascii() or not url.isprintable() or " " in url or parts.fragment or "@" in parts.netloc:
        raise ConfigurationError(URL, f"must be a URL such as {example}, without a user, a fragment or a space")
    if host in _LOOPBACK and not on_this_machine:
        raise ConfigurationError(URL, "must not be the machine's own address, which in a function is Lambda's")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK):
        raise ConfigurationError(URL, f"must begin with https://, as in {example}")
    return parts


def event_types(value: str) -> frozenset[str] | None:
    """Return the types in a list with commas, None for all. Raises ConfigurationError."""
    types = frozenset(name.strip() for name in value.split(",") if name.strip())
    if unknown := sorted(types - set(HISTORY)):
        raise ConfigurationError(EVENTS, f"has {', '.join(unknown)}, and knows {', '.join(HISTORY)}")
    return types or None
