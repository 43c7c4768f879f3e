"""The composition root of the webhooks' Lambda: builds what it needs. It reads no table."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.adapters.aws import ssm_client
from chalicelib.adapters.parameter_store import read_secret
from chalicelib.adapters.webhook_endpoint import WebhookEndpoint
from chalicelib.clock import Clock, system_clock
from chalicelib.config.webhooks import SECRETS_PARAMETER, WebhookSettings
from chalicelib.credentials.webhook_secrets import parse_secrets
from chalicelib.errors import ConfigurationError, ServiceUnavailable
from chalicelib.use_cases.send_webhooks import Endpoint, SendWebhooks

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

SECRETS_LIFETIME = 300
"""Seconds after which a process reads the secrets again: one that is added or removed counts everywhere by then."""


def endpoint_of(settings: WebhookSettings) -> Endpoint:
    """Return the site's endpoint."""
    return WebhookEndpoint(settings.url, on_this_machine=settings.on_this_machine)


@dataclass(frozen=True, slots=True, eq=False)
class WebhookClients:
    """What reaches outside."""

    ssm: Callable[[], SSMClient] = ssm_client
    endpoint: Callable[[WebhookSettings], Endpoint] = endpoint_of


class Webhooks:
    """The settings, clock and use case of one process. Each is built once, at its first use.

    If building fails, it raises ConfigurationError. The next use tries again.
    """

    def __init__(
        self, environment: Mapping[str, str], *, clients: WebhookClients | None = None, clock: Clock = system_clock
    ) -> None:
        """Read settings from ``environment``. The other arguments replace the parts that reach outside."""
        self._environment = environment
        self._clients = clients or WebhookClients()
        self._clock = clock
        self._known: tuple[str, ...] = ()
        self._read_at = 0.0

    @functools.cached_property
    def settings(self) -> WebhookSettings:
        """The settings."""
        return WebhookSettings.from_environment(self._environment)

    @functools.cached_property
    def sender(self) -> SendWebhooks:
        """Sends events."""
        return SendWebhooks(
            endpoint=self._clients.endpoint(self.settings),
            secrets=self._secrets,
            types=self.settings.types,
            clock=self._clock,
        )

    def _secrets(self) -> tuple[str, ...]:
        """Return the secrets. Raises ConfigurationError, or ServiceUnavailable if none was ever read."""
        now = self._clock()
        if self._known and now - self._read_at < SECRETS_LIFETIME:
            return self._known
        parameter = self.settings.secrets_parameter
        try:
            text = read_secret(self._ssm, parameter, variable=SECRETS_PARAMETER)
        except ServiceUnavailable:
            if not self._known:
                raise
            return self._known
        try:
            self._known = parse_secrets(text)
        except ValueError as wrong:
            raise ConfigurationError(SECRETS_PARAMETER, f"names the SSM parameter {parameter}, which {wrong}") from None
        self._read_at = now
        return self._known

    @functools.cached_property
    def _ssm(self) -> SSMClient:
        return self._clients.ssm()
