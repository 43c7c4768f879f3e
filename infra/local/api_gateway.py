"""The API of a Chalice application over HTTP, through Chalice's own emulation of API Gateway."""

import base64
from collections.abc import Mapping
from typing import Any

from chalice.app import Chalice
from chalice.config import Config
from chalice.local import CustomLocalChalice, LocalChalice, LocalGateway
from werkzeug import Request

from infra.local.http_server import Response

# Bytes (10 MB): API Gateway's limit.
BODY_LIMIT = 10 * 1024 * 1024


class ApiGateway:
    """Answers requests with an application. A process can have only one, because this changes a class of Chalice."""

    def __init__(self, application: Chalice, config: Config) -> None:
        # The same as `chalice.local.create_local_server` does. It gives each thread its own `current_request`.
        CustomLocalChalice.__bases__ = (LocalChalice, type(application))
        application.__class__ = CustomLocalChalice
        self._gateway = LocalGateway(application, config)

    def __call__(self, request: Request, target: str) -> Response:
        """Answer a request whose path and query below the API's stage are `target`."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        answer = self._gateway.handle_request(
            method=request.method, path=target, headers=headers, body=request.get_data() or None
        )
        response = Response(_body(answer), answer["statusCode"], _headers(answer))
        if answer.get("body"):
            response.headers.setdefault("Content-Type", "application/json")  # API Gateway's default
        return response


def _headers(answer: Mapping[str, Any]) -> dict[str, list[str]]:
    merged = {**(answer.get("headers") or {}), **(answer.get("multiValueHeaders") or {})}
    return {
        name: [str(value) for value in (values if isinstance(values, list) else [values])]
        for name, values in merged.items()
        if name.lower() not in {"content-length", "connection", "transfer-encoding"}
    }


def _body(answer: Mapping[str, Any]) -> bytes | str:
    body = answer.get("body") or b""
    if answer.get("isBase64Encoded"):
        return base64.b64decode(body)
    return body if isinstance(body, bytes) else str(body)
