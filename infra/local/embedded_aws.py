"""DynamoDB, SSM and SES in this process, open to whoever has the run's secret key.

The first two are moto over HTTP, with atomic writes. SES is what the caller gives for it.

Owns which requests are allowed. Knows nothing of this project's tables, keys or files.
"""

import io
import json
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from werkzeug import Request, Response
from werkzeug.test import EnvironBuilder

from chalicelib.adapters.aws import session
from infra.local.http_server import Application, names_this_machine
from infra.local.signatures import is_signed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_ssm.client import SSMClient

REGION = "us-east-1"
# 16 MiB: DynamoDB's limit for its largest request, BatchWriteItem.
BODY_LIMIT = 16 * 1024 * 1024
# The path that tells what is running on this port.
IDENTITY_PATH = "/lychgate"
# Those of SES, version 2. The other services have one path.
_EMAIL_PATHS = "/v2/email/"

_READING = ("Get", "BatchGet", "TransactGet", "Query", "Scan", "Describe", "List")
# Browsers add one of these to every request of a page to another origin. AWS clients never do.
_BROWSER_HEADERS = ("Origin", "Sec-Fetch-Site")
_NOT_SIGNED = (
    "The request is not signed with the secret access key of this run. It is in the file `credentials` in the "
    "database's data directory."
)
# moto has one database for each region and account. All clients must see the same one.
_ONE_SCOPE = "AWS4-HMAC-SHA256 Credential=local/20000101/us-east-1/{service}/aws4_request"


class NotKeptError(Exception):
    """Raised by whoever keeps writes if it cannot. The message says why."""


Execute = Callable[[], Response]
Keep = Callable[[str, bytes, Execute], Response]
"""Takes the operation and the body of a DynamoDB request that may write, and what executes it. Raises NotKeptError."""


class EmbeddedAws:
    """Answers DynamoDB and SSM requests, one at a time, and has requests of SES answered."""

    def __init__(self, identity: Mapping[str, str], secret_key: str, email: Application | None = None) -> None:
        """Take what it says of itself, the secret access key that requests over HTTP must be signed with, and SES."""
        from infra.local.moto_services import application_of  # noqa: PLC0415 - it takes long to load

        self._secret_key = secret_key
        self._email = email
        self._identity = json.dumps(dict(identity)).encode()
        self._keep: Keep = _keep_nowhere
        self._applications = {
            "DynamoDB": ("dynamodb", application_of("dynamodb")),
            "AmazonSSM": ("ssm", application_of("ssm")),
        }
        # moto checks a condition and writes in two steps, so the writes of two threads could both succeed. Re-entrant
        # for `paused`.
        self._one_at_a_time = threading.RLock()

    def __call__(self, request: Request) -> Response:
        """Answer a request that came over HTTP."""
        if not names_this_machine(request) or any(name in request.headers for name in _BROWSER_HEADERS):
            return _refusal(403, "AccessDeniedException", "A web page has no business with this database.")
        if not is_signed(request, self._secret_key):
            return _refusal(403, "UnrecognizedClientException", _NOT_SIGNED)
        if request.method == "GET" and request.path == IDENTITY_PATH:
            return Response(self._identity, content_type="application/json")
        if self._email is not None and request.path.startswith(_EMAIL_PATHS):
            return self._email(request)
        return self._call(request)

    def keep_writes(self, keep: Keep) -> None:
        """Have ``keep`` execute each DynamoDB request that may write. What it did not keep is answered with 503."""
        self._keep = keep

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Hold all requests except those of this thread, so that several reads are consistent."""
        with self._one_at_a_time:
            yield

    def dynamodb(self) -> "DynamoDBClient":
        """Return a DynamoDB client that uses no network."""
        client = cast("DynamoDBClient", session().create_client("dynamodb", **_CLIENT))
        client.meta.events.register("before-send", cast("Callable[..., None]", self._send))
        return client

    def ssm(self) -> "SSMClient":
        """Return an SSM client that uses no network."""
        client = cast("SSMClient", session().create_client("ssm", **_CLIENT))
        client.meta.events.register("before-send", cast("Callable[..., None]", self._send))
        return client

    def _call(self, request: Request) -> Response:
        target, _, operation = request.headers.get("X-Amz-Target", "").partition(".")
        known = self._applications.get(target.partition("_")[0])
        if known is None or request.method != "POST" or request.path != "/":
            return _refusal(404, "UnknownOperationException", "This server has only DynamoDB and SSM.")
        service, application = known
        body = request.get_data()
        environ = {
            **request.environ,
            "HTTP_AUTHORIZATION": _ONE_SCOPE.format(service=service),
            "wsgi.input": io.BytesIO(body),
        }
        writes = service == "dynamodb" and not operation.startswith(_READING)
        keep = self._keep if writes else _keep_nowhere
        try:
            with self._one_at_a_time:
                response = keep(operation, body, lambda: Response.from_app(application, environ, buffered=True))
        except NotKeptError as error:
            return _refusal(503, "ServiceUnavailable", f"{operation} could not be kept on disk: {error}.")
        except Exception:  # noqa: BLE001 - moto reports what it does not support by whatever exception
            traceback.print_exc()
            return _refusal(500, "InternalServerError", f"{operation} failed. The database's terminal shows why.")
        for name in ("Date", "Server"):  # moto's own, which never change
            response.headers.pop(name, None)
        return response

    def _send(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        headers = [(name, _text(value)) for name, value in request.headers.items()]
        body = cast("str | bytes | None", request.body)
        path = urlsplit(request.url).path or "/"
        response = self._call(
            EnvironBuilder(path, method=str(request.method), headers=headers, data=body).get_request()
        )
        return AWSResponse(
            request.url,
            response.status_code,
            cast("Any", dict(response.headers)),
            cast("Any", _Body(response.get_data())),
        )


class _Body(io.BytesIO):
    def stream(self) -> Iterator[bytes]:
        """Yield the body, as botocore's HTTP library does."""
        yield self.read()


_CLIENT: dict[str, Any] = {
    "region_name": REGION,
    "endpoint_url": "http://127.0.0.1",
    "aws_access_key_id": "local",
    "aws_secret_access_key": "local",
    "config": Config(retries={"total_max_attempts": 1}),
}


def _keep_nowhere(_operation: str, _body: bytes, execute: Execute) -> Response:
    return execute()


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _refusal(status: int, error: str, message: str) -> Response:
    body = json.dumps({"__type": error, "message": message})
    return Response(body, status, content_type="application/x-amz-json-1.0")
