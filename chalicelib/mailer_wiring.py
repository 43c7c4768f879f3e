"""The composition root of the mailer Lambda: builds what it needs, and nothing of the API's secrets."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.header import Header
from email.utils import formataddr
from typing import TYPE_CHECKING, Any

from chalicelib.adapters.aws import dynamodb_client, ses_client
from chalicelib.adapters.dynamodb.deliveries import DynamoDBDeliveries
from chalicelib.adapters.dynamodb.transactions import Database, pause_at_most
from chalicelib.adapters.ses import SESTransport, wait_a_second
from chalicelib.clock import Clock, system_clock
from chalicelib.config.api import Tables
from chalicelib.config.mailer import MailerSettings
from chalicelib.mails.rendering import render
from chalicelib.use_cases.deliver import Deliver, Feedback

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_MAX_ENCODED_WORD = 75
"""Characters (RFC 2047 section 2)."""


@dataclass(frozen=True, slots=True, eq=False)
class MailerClients:
    """How AWS is reached."""

    dynamodb: Callable[[], DynamoDBClient] = dynamodb_client
    ses: Callable[[str | None], Any] = ses_client
    """Returns a client for SES in a region, None for the function's own."""
    pause: Callable[[float], None] = pause_at_most
    """Waits before a retry of a write, at most so many seconds."""
    wait_a_second: Callable[[], None] = wait_a_second
    """Waits until SES may take mails again."""


def named_address(name: str, address: str) -> str:
    """Return an address with a name, in the ASCII of a header (RFC 5322 section 3.4, RFC 2047 section 2)."""
    if name.isascii():
        return formataddr((name, address))
    return f"{Header(name, 'utf-8', _MAX_ENCODED_WORD).encode(linesep='')} <{address}>"


class Mailer:
    """The settings, clock and use cases of one process of the mailer. Each is built once, at its first use.

    If building fails, it raises ConfigurationError. The next use tries again.
    """

    def __init__(
        self, environment: Mapping[str, str], *, clients: MailerClients | None = None, clock: Clock = system_clock
    ) -> None:
        """Read settings from ``environment``. The other arguments replace the parts that reach outside."""
        self._environment = environment
        self._clients = clients or MailerClients()
        self._clock = clock

    @functools.cached_property
    def settings(self) -> MailerSettings:
        """The settings."""
        return MailerSettings.from_environment(self._environment)

    @functools.cached_property
    def feedback(self) -> Feedback:
        """Notes what comes back."""
        return Feedback(deliveries=self._deliveries, clock=self._clock)

    @functools.cached_property
    def deliver(self) -> Deliver:
        """Delivers mails."""
        settings, clients = self.settings, self._clients
        transport = SESTransport(
            clients.ses(settings.ses_region),
            sender=named_address(settings.sender_name, settings.sender),
            reply_to=settings.reply_to,
            configuration_set=settings.configuration_set,
            wait_a_second=clients.wait_a_second,
        )
        return Deliver(
            deliveries=self._deliveries,
            transport=transport,
            render=functools.partial(render, look=settings.look),
            site_url=settings.look.site_url,
            language=settings.language,
            clock=self._clock,
        )

    @functools.cached_property
    def _deliveries(self) -> DynamoDBDeliveries:
        settings = self.settings
        # It has no use for the other tables, and no permission.
        tables = Tables(
            users=settings.users_table,
            sessions="",
            events="",
            throttle=settings.throttle_table,
            mail=settings.mail_table,
        )
        database = Database(self._clients.dynamodb(), tables, self._clients.pause)
        return DynamoDBDeliveries(database, settings.mails_per_day)
