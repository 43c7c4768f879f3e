"""The API of a Chalice application over HTTP, through Chalice's own emulation of API Gateway."""

import base64
from collections.abc import Mapping
from typing import Any

from chalice.app import Chalice
from chalice.config import Config
from chalice.local import CustomLocalChalice, LocalChalice, LocalGateway

from infra.local.http_messages import Request, Response

# Bytes (10 MB): API Gateway's limit.
BODY_LIMIT = 10 * 1024 * 1024


class ApiGateway:
    """Answers requests with an application. A process can have only one, because this changes a class of Chalice."""

    def __init__(self, application: Chalice, config: Config) -> None:
        # The same as `chalice.local.create_local_server` does. It gives each thread its own `current_request`.
        CustomLocalChalice.__bases__ = (LocalChalice, type(application))
        application.__class__ = CustomLocalChalice
        self._gateway = LocalGateway(application, config)

    def __call__(self, request: Request) -> Response:
        """Answer a request whose path is below the API's stage."""
        answer = self._gateway.handle_request(
            method=request.method, path=request.target, headers=_joined(request), body=request.body or None
        )
        return Response(answer["statusCode"], _headers(answer), _body(answer))


def _joined(request: Request) -> dict[str, str]:
    """Return the headers by lower-case name. Repeated headers are joined, as API Gateway does."""
    joined: dict[str, str] = {}
    for name, value in request.headers:
        key = name.lower()
        separator = "; " if key == "cookie" else ", "
        joined[key] = f"{joined[key]}{separator}{value}" if key in joined else value
    return joined


def _headers(answer: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    merged = {**(answer.get("headers") or {}), **(answer.get("multiValueHeaders") or {})}
    pairs = [
        (name, str(value))
        for name, values in merged.items()
        for value in (values if isinstance(values, list) else [values])
        if name.lower() not in {"content-length", "connection", "transfer-encoding"}
    ]
    if answer.get("body") and not any(name.lower() == "content-type" for name, _ in pairs):
        pairs.append(("Content-Type", "application/json"))  # API Gateway's default
    return tuple(pairs)


def _body(answer: Mapping[str, Any]) -> bytes:
    body = answer.get("body") or b""
    if answer.get("isBase64Encoded"):
        return base64.b64decode(body)
    return body if isinstance(body, bytes) else str(body).encode()
