"""The mailer's events as Lambda passes them on, and a client for SES that remembers what it was asked to send."""

import json

from chalicelib.adapters.aws import ses_client


class RecordingSES:
    """Passes requests on to SES as moto plays it, which forgets the text of a mail, and remembers them.

    ``before`` and ``after`` are called with the request, and may raise what a test needs. A call that raises afterwards
    is an answer that was lost.
    """

    def __init__(self, region=None, *, before=None, after=None):
        self._client = ses_client(region)
        self.sent = []
        self.before = before or (lambda request: None)
        self.after = after or (lambda request: None)

    def send_email(self, **request):
        self.before(request)
        answer = self._client.send_email(**request)
        self.sent.append(request)
        self.after(request)
        return answer

    @property
    def texts(self):
        return [request["Content"]["Simple"]["Body"]["Text"]["Data"] for request in self.sent]


def verify(address):
    """Let SES take mails from an address, or from a domain."""
    ses_client().create_email_identity(EmailIdentity=address)


def stream_event(*items, event_name="INSERT"):
    """The event by which Lambda passes on that items were put into the mail table, oldest first."""
    return {
        "Records": [
            {
                "eventID": f"{number:032x}",
                "eventName": event_name,
                "eventSource": "aws:dynamodb",
                "eventVersion": "1.1",
                "awsRegion": "us-east-1",
                "eventSourceARN": "arn:aws:dynamodb:us-east-1:123456789012:table/lychgate-test-mail/stream/now",
                "dynamodb": {
                    "Keys": {"mail_id": item["mail_id"]},
                    "NewImage": item,
                    "SequenceNumber": str(number),
                    "StreamViewType": "NEW_IMAGE",
                },
            }
            for number, item in enumerate(items, start=100)
        ]
    }


def sns_event(message):
    """The event by which SNS passes on what SES published to a topic. ``message`` is text, or is made JSON."""
    return {
        "Records": [
            {
                "EventSource": "aws:sns",
                "EventVersion": "1.0",
                "EventSubscriptionArn": "arn:aws:sns:us-east-1:123456789012:lychgate-test-mail:subscription",
                "Sns": {
                    "Type": "Notification",
                    "MessageId": "8f4ac1b5-5a7d-5c9b-8e0e-9d2b6c9b9c3e",
                    "TopicArn": "arn:aws:sns:us-east-1:123456789012:lychgate-test-mail",
                    "Message": message if isinstance(message, str) else json.dumps(message),
                },
            }
        ]
    }
