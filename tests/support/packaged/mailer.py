"""The mailer of a package on this machine: its function, what invokes it, and SES behind it.

Owns how these are put together. A mail goes out when somebody asks for the mails, so that no test waits for one.
"""

from typing import TYPE_CHECKING, Any

from infra.tables import TEMPLATE, parsed
from tests.support.packaged.event_source_mapping import TYPE, EventSourceMapping, read_mapping
from tests.support.packaged.function import LambdaFunction
from tests.support.packaged.mail_service import MailService

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodbstreams.client import DynamoDBStreamsClient

MAILER = "mailer"
"""Chalice's name of the function."""


class PackagedMailer:
    """Sends what the outbox of a stage gets, as its event source mapping in infra/template.yaml has it."""

    def __init__(
        self,
        function: LambdaFunction,
        mails: MailService,
        table: str,
        dynamodb: "DynamoDBClient",
        streams: "DynamoDBStreamsClient",
    ) -> None:
        """Take the function, the SES that its environment names, and the table whose stream it is fed from."""
        template = parsed(TEMPLATE.read_text("utf-8"))
        (name,) = [name for name, resource in template["Resources"].items() if resource["Type"] == TYPE]
        stream = dynamodb.describe_table(TableName=table)["Table"]["LatestStreamArn"]
        self.function = function
        self.mails = mails
        self.mapping = EventSourceMapping(read_mapping(template, name), function, streams, stream)

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
