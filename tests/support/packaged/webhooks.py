"""The webhooks of a package on this machine: their function, what invokes it, and a receiver with TLS.

A message is sent when somebody asks for the messages, so that no test waits for one.
"""

import json
from contextlib import ExitStack

import boto3

from infra.tables import TEMPLATE, parsed
from tests.support.certificates import write_certificate
from tests.support.packaged.event_source_mapping import EventSourceMapping, read_mapping
from tests.support.packaged.function import REGION
from tests.support.webhooks import receiving

WEBHOOKS = "webhooks"
"""Chalice's name of the function."""

NAME = "receiver.example"
URL = f"https://{NAME}/hooks"


class Receiver:
    """An endpoint, which answers 204 until ``answer`` is something else."""

    def __init__(self, folder):
        self._stack = ExitStack()
        self.certificate = write_certificate(folder / "receiver.pem", NAME)
        self.answer = None
        self._received = self._stack.enter_context(receiving(self._answer, certificate=self.certificate))

    @property
    def environment(self):
        """What leads a function there."""
        return {
            "LYCHGATE_WEBHOOK_URL": URL,
            "LYCHGATE_TEST_RECEIVER": f"{NAME}={self._received.port}",
            "SSL_CERT_FILE": str(self.certificate),
        }

    @property
    def requests(self):
        """The body and the headers of each message that came."""
        return [(body, headers) for _, body, headers in self._received.requests]

    def messages(self):
        """What came, the oldest first."""
        return [json.loads(body) for body, _ in self.requests]

    def begin(self):
        """Forget what came."""
        self._received.requests.clear()
        self.answer = None

    def stop(self):
        self._stack.close()

    def _answer(self, handler):
        if self.answer is not None:
            self.answer(handler)
            return
        handler.send_response(204)
        handler.end_headers()


def mapping_of(function, table, database):
    """Return what feeds a function from the stream of the events table, as infra/template.yaml has it."""
    made = {
        "endpoint_url": database.endpoint,
        "region_name": REGION,
        "aws_access_key_id": "any",
        "aws_secret_access_key": database.secret_key,
    }
    described = boto3.client("dynamodb", **made).describe_table(TableName=table)
    stream = described["Table"]["LatestStreamArn"]
    definition = read_mapping(parsed(TEMPLATE.read_text("utf-8")), "WebhookStreamMapping")
    return EventSourceMapping(definition, function, boto3.client("dynamodbstreams", **made), stream)
