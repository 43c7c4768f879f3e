"""Lambda proxy integration: conversion of a request to the function's event, and of its answer to a response.

Both formats are in "Set up Lambda proxy integrations in API Gateway" in the API Gateway Developer Guide, version 1.0;
what is text and what is binary in "Content type conversions in API Gateway".
"""

import base64
import binascii
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from tests.support.packaged.gateway_responses import Refusal
from tests.support.packaged.messages import Request, Response

# What a Lambda may answer under these names reaches the client under another: "Amazon API Gateway important notes",
# which lists more than is renamed in fact; these are the ones that were observed to be.
_REMAPPED = frozenset(
    {
        "authorization",
        "connection",
        "content-length",
        "content-md5",
        "date",
        "expect",
        "host",
        "max-forwards",
        "proxy-authenticate",
        "server",
        "trailer",
        "upgrade",
        "user-agent",
        "www-authenticate",
    }
)
_DROPPED = frozenset({"transfer-encoding"})
_ANSWER = frozenset({"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"})


def proxy_event(
    request: Request,
    *,
    resource: str,
    path: str,
    variables: Mapping[str, str],
    context: Mapping[str, Any],
    binary: bool,
) -> dict[str, Any]:
    """Return the event. ``path`` is below the stage, ``context`` becomes `requestContext`."""
    headers: dict[str, list[str]] = {}
    for name, value in request.headers:
        headers.setdefault(name, []).append(value)
    query: dict[str, list[str]] = {}
    for name, value in parse_qsl(request.target.partition("?")[2], keep_blank_values=True, separator="&"):
        query.setdefault(name, []).append(value)
    return {
        "resource": resource,
        "path": path,
        "httpMethod": request.method,
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        # Decoded, and a percent sign that is left is encoded again ("Amazon API Gateway important notes").
        "pathParameters": {name: value.replace("%", "%25") for name, value in variables.items()} or None,
        "stageVariables": None,
        "requestContext": dict(context),
        "body": _body(request.body, binary=binary),
        "isBase64Encoded": bool(request.body) and binary,
    }


def request_context(
    request: Request, *, request_id: str, resource: str, stage: str, api_id: str, account: str, source_ip: str
) -> dict[str, Any]:
    """Return the gateway's context of a request, without the authorizer's part."""
    now = time.time()
    return {
        "accountId": account,
        "apiId": api_id,
        "domainName": request.header("Host"),
        "httpMethod": request.method,
        "identity": {"sourceIp": source_ip, "userAgent": request.header("User-Agent")},
        "path": request.path,
        "protocol": "HTTP/1.1",
        "requestId": request_id,
        "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
        "requestTimeEpoch": int(now * 1000),
        "resourceId": "000000",
        "resourcePath": resource,
        "stage": stage,
    }


def proxy_response(answer: object, request: Request, binary_media_types: frozenset[str]) -> Response:
    """Return the response for a function's answer. Raises Refusal if the answer is malformed."""
    if not isinstance(answer, dict) or set(answer) - _ANSWER:
        raise Refusal("DEFAULT_5XX")
    try:
        status = int(answer["statusCode"])
        headers = _headers(answer)
        body = _decoded(answer, request, binary_media_types)
        if body and not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(("Content-Type", "application/json"))
        return Response(status, tuple(headers), body)
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error):
        raise Refusal("DEFAULT_5XX") from None


def _body(body: bytes, *, binary: bool) -> str | None:
    if not body:
        return None
    return base64.b64encode(body).decode() if binary else body.decode("utf-8", "replace")


def _headers(answer: Mapping[str, Any]) -> list[tuple[str, str]]:
    multiple = {name: list(values) for name, values in (answer.get("multiValueHeaders") or {}).items()}
    single = {name: [value] for name, value in (answer.get("headers") or {}).items() if name not in multiple}
    headers = []
    for name, values in {**single, **multiple}.items():
        if name.lower() in _DROPPED:
            continue
        sent_as = f"x-amzn-Remapped-{name}" if name.lower() in _REMAPPED else name
        headers += [(sent_as, _header_value(value)) for value in values]
    return headers


def _header_value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int | float):
        raise TypeError("a header's value must be a text")
    return str(value)


def _decoded(answer: Mapping[str, Any], request: Request, binary_media_types: frozenset[str]) -> bytes:
    body = answer.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise TypeError("the body must be a text")
    # The first media type of the Accept header decides whether the client gets bytes.
    accepted = (request.header("Accept") or "").partition(",")[0].partition(";")[0].strip()
    if answer.get("isBase64Encoded") and (accepted in binary_media_types or "*/*" in binary_media_types):
        return base64.b64decode(body, validate=True)
    return body.encode()
