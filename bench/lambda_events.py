"""API Gateway's events for the two functions, with the members that the functions read.

Owns their form: a REST API with Lambda proxy integration, and a custom authorizer of type TOKEN.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

Event = dict[str, Any]

_METHOD_ARN = "arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/api/GET/me"


def authorizer_event(access_token: str) -> Event:
    """Return the authorizer's event for an access token."""
    return {"type": "TOKEN", "authorizationToken": f"Bearer {access_token}", "methodArn": _METHOD_ARN}


def api_event(
    method: str,
    path: str,
    members: Mapping[str, str] | None = None,
    *,
    authorizer: Mapping[str, str] | None = None,
    proof: str | None = None,
    secret: str | None = None,
) -> Event:
    """Return the event of a request, with a JSON body of ``members``, the authorizer's context and a DPoP proof.

    ``secret`` is the distribution's, for a function that answers nobody else.
    """
    headers = {"Host": "site.example", "User-Agent": "bench", "Accept": "*/*"}
    if proof is not None:
        headers["DPoP"] = proof
    if secret is not None:
        headers["X-Lychgate-Distribution"] = secret
    if members is not None:
        headers["Content-Type"] = "application/json"
    context: dict[str, Any] = {
        "requestId": "6f1c2f0e-3d7b-4c5e-9a60-2f3f5f0a9b11",
        "resourcePath": path,
        "httpMethod": method,
        "path": f"/api{path}",
        "stage": "api",
        "identity": {"sourceIp": "203.0.113.7", "userAgent": "bench"},
    }
    if authorizer is not None:
        context["authorizer"] = dict(authorizer)
    return {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": context,
        "body": None if members is None else json.dumps(members),
        "isBase64Encoded": False,
    }
