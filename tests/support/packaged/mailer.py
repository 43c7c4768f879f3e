"""The mailer of a package on this machine: its function, what invokes it, and SES behind it.

Owns how these are put together. A mail goes out when somebody asks for the mails, so that no test waits for one.
"""

from dataclasses import replace
from typing import Any, Protocol

import boto3

from infra.tables import TEMPLATE, parsed
from tests.support.packaged.event_source_mapping import EventSourceMapping, read_mapping
from tests.support.packaged.function import REGION, LambdaFunction
from tests.support.packaged.mail_service import MailService

MAILER = "mailer"
"""Chalice's name of the function."""

ATTEMPTS = 10
"""As many as there are in an hour. The emulation does not wait between two, and the template names no number."""


class Database(Protocol):
    """Where the tables are."""

    endpoint: str
    secret_key: str


class PackagedMailer:
    """Sends what the outbox of a stage gets, as its event source mapping in infra/template.yaml has it."""

    def __init__(self, function: LambdaFunction, mails: MailService, table: str, database: Database) -> None:
        """Take the function, the SES that its environment names, and the table whose stream it is fed from."""
        template = parsed(TEMPLATE.read_text("utf-8"))
        made: dict[str, Any] = {
            "endpoint_url": database.endpoint,
            "region_name": REGION,
            "aws_access_key_id": "any",
            "aws_secret_access_key": database.secret_key,
        }
        described = boto3.client("dynamodb", **made).describe_table(TableName=table)
        stream = described["Table"]["LatestStreamArn"]
        streams = boto3.client("dynamodbstreams", **made)
        self.function = function
        self.mails = mails
        definition = replace(read_mapping(template, "MailStreamMapping"), retries=ATTEMPTS)
        self.mapping = EventSourceMapping(definition, function, streams, stream)

    def begin(self) -> None:
        """Forget what was sent, and what is not sent yet."""
        self.mapping.skip()
        self.mapping.discarded.clear()
        self.mails.begin()

    def deliver(self) -> None:
        """Send all that waits."""
        self.mapping.deliver()

    def received(self) -> list[dict[str, Any]]:
        """Return what was sent so far, the newest first, in the form of the laptop's mailbox."""
        return [
            {"id": mail.message_id, "to": mail.to, "subject": mail.subject, "text": mail.text, "html": mail.html}
            for mail in reversed(self.mails.sent)
        ]
