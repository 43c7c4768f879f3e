"""The time to the first response of a fresh process, compared with floors and with Chalice's own packaging.

Each sample is one process of AWS's runtime client on an unpacked read-only package, from its start to the response to
its first event. This includes the start of Python and of the runtime client, which is the same for all. The floors are
do-nothing functions, packaged like ours, with bytecode. The authorizer's floor imports Chalice and PyJWT. The API
handler's imports Chalice, PyJWT, bcrypt and boto3 and makes a client for DynamoDB. Neither verifies or calls anything.
Our authorizer also parses its keys and verifies an ES256 signature. Our API handler also makes a client for Parameter
Store, fetches the signing keys from an emulation on this machine, and builds its use cases before ``GET /health``.

The files come from the page cache. On Lambda the first read of each takes longer, so few and small files matter more.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from werkzeug import Request, Response

from bench.compared_packages import ISSUER, ComparedPackages, compared_packages
from bench.figures import Figure, LeftOut, Progress, figure, ratios
from chalicelib.accounts.caller import Caller
from chalicelib.accounts.session import Session
from chalicelib.accounts.user import User
from chalicelib.config.signing_secrets import SigningSecrets
from chalicelib.tokens.issuer import TokenIssuer
from chalicelib.tokens.keys import public_jwks
from infra.keys.ring import Ring, new_ring
from infra.local.http_server import ADDRESS, HttpServer
from tests.support.packaged.errors import PackageError
from tests.support.packaged.function import LambdaFunction, Result
from tests.support.packaged.package import Package

TITLE = "Cold start"

ROUNDS = 21
"""Samples of each package. The median of this many varies by about a hundredth between runs."""

_Variants = dict[str, Package]


def measure(progress: Progress) -> list[Figure]:
    """Measure. Raises LeftOut."""
    ring = new_ring()
    try:
        with compared_packages(progress) as packages, _parameter_store(ring) as endpoint:
            return _measure(packages, ring, _environment(ring, endpoint), progress)
    except PackageError as failed:
        raise LeftOut(str(failed)) from failed


def _measure(packages: ComparedPackages, ring: Ring, environment: dict[str, str], progress: Progress) -> list[Figure]:
    variants = {"ours": packages.ours, "floor": packages.floor, "stock": packages.stock}
    progress(f"cold starts of the authorizer, {ROUNDS} of each package in turns")
    event = _authorizer_event(_access_token(ring))
    authorizer = _cold_starts(variants, "authorizer", event, _is_allowed, environment)
    progress(f"cold starts of the API handler, {ROUNDS} of each package in turns")
    api_handler = _cold_starts(variants, "api_handler", _api_event(), _is_ok, environment)
    return [
        *_figures("authorizer", authorizer, floor="do-nothing function with PyJWT", at_most=(1.1, 0.6)),
        *_figures(
            "API handler", api_handler, floor="do-nothing function with the libraries and a client", at_most=(1.0, 0.5)
        ),
    ]


def _figures(name: str, seconds: dict[str, list[float]], *, floor: str, at_most: tuple[float, float]) -> list[Figure]:
    of_floor, of_stock = at_most
    return [
        figure(f"{name}, cold", "ms", [1000 * each for each in seconds["ours"]]),
        figure(f"{name}, cold / {floor}", "x", ratios(seconds["ours"], seconds["floor"]), at_most=of_floor),
        figure(
            f"{name}, cold / packaged the stock way", "x", ratios(seconds["ours"], seconds["stock"]), at_most=of_stock
        ),
    ]


def _cold_starts(
    variants: _Variants, name: str, event: object, is_good: Callable[[Result], bool], environment: dict[str, str]
) -> dict[str, list[float]]:
    """Return the seconds to the first response. The packages alternate, so that a slow minute affects all of them."""
    seconds: dict[str, list[float]] = {variant: [] for variant in variants}
    with ExitStack() as stack:
        functions = {
            variant: stack.enter_context(LambdaFunction(package, name, environment))
            for variant, package in variants.items()
        }
        for round_number in range(ROUNDS + 1):
            for variant, function in functions.items():
                result = function.invoke(event)
                function.end()
                if not result.cold or not is_good(result):
                    raise RuntimeError(f"{variant}: {name} answered {result.answer}, {result.error}: {result.log}")
                if round_number > 0:  # the first one reads the files from the disk
                    seconds[variant].append(result.seconds)
    return seconds


def _environment(ring: Ring, parameter_store: str) -> dict[str, str]:
    return {
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_ENDPOINT_URL_SSM": parameter_store,
        "LYCHGATE_PUBLIC_KEYS": json.dumps(public_jwks(ring)),
        "LYCHGATE_SIGNING_KEYS_PARAMETER": "/lychgate/bench/signing-keys",
        "LYCHGATE_MAIL_FROM": "no-reply@site.test",
        **{f"LYCHGATE_{kind.upper()}_TABLE": kind for kind in ("users", "sessions", "events", "throttle", "mail")},
    }


def _is_allowed(result: Result) -> bool:
    return result.error is None and result.answer["policyDocument"]["Statement"][0]["Effect"] == "Allow"


def _is_ok(result: Result) -> bool:
    return result.error is None and result.answer["statusCode"] == 200  # noqa: PLR2004 - OK


def _access_token(ring: Ring) -> str:
    now = int(time.time())
    keys = SigningSecrets.from_json(json.dumps(ring), source="the ring").signing_keys
    issuer = TokenIssuer(issuer=ISSUER, audience=ISSUER, signing_keys=keys, access_lifetime=3600)
    user = User(id="somebody", username="somebody", password_hash="", roles=("user",), created_at=now)
    session = Session(
        id="session",
        user_id=user.id,
        username=user.username,
        created_at=now,
        authenticated_at=now,
        last_used_at=now,
        idle_expires_at=now + 3600,
        expires_at=now + 3600,
        refresh_counter=0,
        epoch=0,
        caller=Caller(ip="192.0.2.1", user_agent=""),
    )
    return issuer.access_token(user, session, now)


def _authorizer_event(token: str) -> dict[str, str]:
    arn = "arn:aws:execute-api:us-east-1:123456789012:abcdefghij/api/GET/me"
    return {"type": "TOKEN", "authorizationToken": f"Bearer {token}", "methodArn": arn}


def _api_event() -> dict[str, object]:
    """Return API Gateway's event for ``GET /health``."""
    return {
        "resource": "/health",
        "path": "/health",
        "httpMethod": "GET",
        "headers": {"Accept": "application/json"},
        "multiValueHeaders": {"Accept": ["application/json"]},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "resourcePath": "/health",
            "httpMethod": "GET",
            "path": "/api/health",
            "stage": "api",
            "requestId": "00000000-0000-0000-0000-000000000000",
            "identity": {"sourceIp": "192.0.2.1"},
        },
        "body": None,
        "isBase64Encoded": False,
    }


@contextmanager
def _parameter_store(ring: Ring) -> Iterator[str]:
    """Answer as Parameter Store would, with the one parameter. Yields the endpoint."""
    value = json.dumps({"Parameter": {"Name": "/lychgate/bench/signing-keys", "Value": json.dumps(ring)}})

    def answer(_request: Request) -> Response:
        return Response(value, content_type="application/x-amz-json-1.1")

    server = HttpServer(0, body_limit=1 << 20)
    server.start(answer)
    try:
        yield f"http://{ADDRESS}:{server.port}"
    finally:
        server.stop()
