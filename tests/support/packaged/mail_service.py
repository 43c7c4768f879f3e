"""SES on this machine: moto's, over HTTP, and what it was given to send.

Owns the mails that were sent, and how a test makes SES fail. moto says which senders are verified and which addresses
are none; of a mail's two bodies it keeps one, so all of the request is kept here.
"""

import itertools
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import boto3
from moto.moto_server.werkzeug_app import create_backend_app
from werkzeug import Request, Response

from infra.local.http_server import HttpServer
from tests.support.packaged.function import REGION

SEND_EMAIL = ("POST", "/v2/email/outbound-emails")
"""Method and path of SendEmail (Amazon SES API v2 Reference)."""

_BODY_LIMIT = 40 * 1024 * 1024
"""SES takes 40 MB ("Service quotas in Amazon SES")."""


@dataclass(frozen=True)
class SentMail:
    """A mail that SES took."""

    message_id: str
    sender: str
    to: str
    reply_to: tuple[str, ...]
    subject: str
    text: str
    html: str
    configuration_set: str | None


Send = Callable[[], Response]
Around = Callable[[Mapping[str, Any], Send], Response]
"""Takes SendEmail's request and what answers it."""


def _straight(_: Mapping[str, Any], send: Send) -> Response:
    return send()


class MailService:
    """Answers SendEmail, from its start until ``stop``."""

    def __init__(self, identity: str, configuration_sets: tuple[str, ...] = ()) -> None:
        """Take the domain or the address that mails may be sent from, and the names of the configuration sets."""
        self.identity = identity
        self._configuration_sets = configuration_sets
        self._application = create_backend_app("sesv2")
        self._lock = threading.Lock()
        self.sent: list[SentMail] = []
        """What SES took, the newest last."""
        self.around: Around = _straight
        """What stands before SES. A test puts a fault there."""
        self._server = HttpServer(0, body_limit=_BODY_LIMIT)
        self.endpoint = f"http://127.0.0.1:{self._server.port}"
        self._server.start(self)
        self.begin()

    def begin(self) -> None:
        """Forget what was sent and what fails, and verify the identity: other tests may have emptied moto."""
        self.sent.clear()
        self.around = _straight
        client = boto3.client(
            "sesv2",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id="any",
            aws_secret_access_key="any",
        )
        if self.identity not in {each["IdentityName"] for each in client.list_email_identities()["EmailIdentities"]}:
            client.create_email_identity(EmailIdentity=self.identity)

    def stop(self) -> None:
        """Close."""
        self._server.stop()

    def __call__(self, request: Request) -> Response:
        """Answer a request."""
        if (request.method, request.path) != SEND_EMAIL:
            return self._ask_moto(request)
        body = json.loads(request.get_data())
        if body.get("ConfigurationSetName", None) not in {None, *self._configuration_sets}:
            return refusal(404, "NotFoundException", "Configuration set does not exist.")
        return self.around(body, lambda: self._send(request, body))

    def _send(self, request: Request, body: Mapping[str, Any]) -> Response:
        response = self._ask_moto(request)
        if response.status_code == 200:
            self.sent.append(_sent(json.loads(response.get_data())["MessageId"], body))
        return response

    def _ask_moto(self, request: Request) -> Response:
        with self._lock:
            environ = {**request.environ, "wsgi.input": BytesIO(request.get_data())}
            response = Response.from_app(self._application, environ, buffered=True)
        for name in ("Date", "Server"):
            response.headers.pop(name, None)
        return response


def failing(status: int, error: str, *, times: int | None = None) -> Around:
    """Refuse every mail, or the first so many, with an error of SES's."""
    left = itertools.count() if times is None else iter(range(times))

    def refuse(_: Mapping[str, Any], send: Send) -> Response:
        return send() if next(left, None) is None else refusal(status, error, "Not now.")

    return refuse


def losing_answers(times: int) -> Around:
    """Take the first so many mails, and let the answers be lost on the way: a gateway before SES says so."""
    left = iter(range(times))

    def lose(_: Mapping[str, Any], send: Send) -> Response:
        answer = send()
        return answer if next(left, None) is None else Response(status=504)

    return lose


def refusal(status: int, error: str, message: str) -> Response:
    """Return an error in the form of SES's."""
    return Response(
        json.dumps({"message": message}), status, {"X-Amzn-ErrorType": error}, content_type="application/json"
    )


def _sent(message_id: str, body: Mapping[str, Any]) -> SentMail:
    content = body["Content"]["Simple"]
    (to,) = body["Destination"]["ToAddresses"]
    return SentMail(
        message_id=message_id,
        sender=body["FromEmailAddress"],
        to=to,
        reply_to=tuple(body.get("ReplyToAddresses", ())),
        subject=content["Subject"]["Data"],
        text=content["Body"]["Text"]["Data"],
        html=content["Body"]["Html"]["Data"],
        configuration_set=body.get("ConfigurationSetName"),
    )
