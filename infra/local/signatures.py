"""AWS's signatures, version 4: whether a request was signed with a secret access key, and how to sign one.

Owns the comparison. The computation is botocore's. As by AWS (IAM User Guide, "Elements of an AWS API request
signature"), the secret key itself never travels.
"""

import hmac
import io
import re

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, ReadOnlyCredentials
from werkzeug import Request

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/,\s]+)/[0-9]{8}/(?P<region>[a-z0-9-]+)/(?P<service>[a-z0-9-]+)"
    r"/aws4_request, ?SignedHeaders=(?P<names>[a-z0-9;-]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)
_DATE = "x-amz-date"
# Whatever decides what a request does. The method, the path and the body are always signed.
_DECISIVE = ("host", "x-amz-target")


def is_signed(request: Request, secret_key: str) -> bool:
    """Tell whether a request has the signature that this secret access key makes, for this server's port.

    Its body can be read afterwards.
    """
    said = _AUTHORIZATION.fullmatch(request.headers.get("Authorization", ""))
    # A program on another port could pass on what it was sent there by mistake.
    if said is None or _port(request.host) != request.environ["SERVER_PORT"]:
        return False
    names = said["names"].split(";")
    if not {_DATE, *(name for name in _DECISIVE if name in request.headers)} <= set(names):
        return False
    again = AWSRequest(
        method=request.method,
        url=request.base_url,
        headers={name: request.headers.get(name, "") for name in names},
        data=_body(request),
    )
    again.context["timestamp"] = request.headers.get(_DATE, "")
    signer = SigV4Auth(Credentials(said["key"], secret_key), said["service"], said["region"])
    signature = signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again)
    return hmac.compare_digest(signature, said["signature"])


def signature_headers(method: str, url: str, credentials: ReadOnlyCredentials) -> dict[str, str]:
    """Return the headers that sign a request without a body."""
    request = AWSRequest(method=method, url=url)
    SigV4Auth(credentials, "dynamodb", "us-east-1").add_auth(request)
    return dict(request.headers.items())


def _port(host: str) -> str:
    return host.rpartition(":")[2] if ":" in host else "80"


def _body(request: Request) -> bytes:
    body = request.get_data()
    # The stream can be read once only, and the application that is called next reads it again.
    request.environ["wsgi.input"] = io.BytesIO(body)
    return body
