"""``GET /openapi.json``: the whole API in OpenAPI 3.1.

Owns which modules have routes, and how operations are described. The document is made of the operations themselves when
it is first asked for, so that it neither drifts nor costs a cold start anything.
"""

from __future__ import annotations

import functools
import inspect
from collections import defaultdict
from collections.abc import Iterable
from http import HTTPStatus
from types import NoneType
from typing import Any

from chalicelib.api import account, auth, wellknown
from chalicelib.api.refresh_cookie import RefreshCookie
from chalicelib.api.responses import RETRIED, Answer, Problem, TokenBody, status_of
from chalicelib.api.routing import Call, Credential, Errors, Operation, Routes
from chalicelib.api.schemas import Components, schema_of
from chalicelib.version import VERSION

DOCUMENT_SECONDS = 300
"""How long others may keep the document. It changes with deployments only."""

routes = Routes()

ALL_ROUTES = (auth.routes, account.routes, wellknown.routes, routes)
"""What the application is made of: ``app.py`` registers these, and the document describes them."""

_SECURITY: dict[Credential, list[dict[str, list[str]]]] = {
    Credential.NONE: [],
    # Either: the token in the body needs no credential beside it.
    Credential.REFRESH_TOKEN: [{}, {"refresh_cookie": []}],
    Credential.BEARER: [{"access_token": []}],
    Credential.LIVE: [{"access_token": []}],
}

_HEADERS: dict[str, dict[str, Any]] = {
    "Cache-Control": {"description": "How long it may be kept.", "schema": {"type": "string"}, "required": True},
    "Set-Cookie": {
        "description": "The refresh token where it is in a cookie, or the end of that cookie.",
        "schema": {"type": "string"},
    },
    "Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}, "required": True},
    "WWW-Authenticate": {
        # Not required: API Gateway renames it where a Lambda sets it.
        "description": "RFC 6750 section 3.",
        "schema": {"type": "string"},
    },
}

_WITH_THE_REFRESH_TOKEN = {"requestBody": {"refresh_token": "$response.body#/refresh_token"}}

_LINKS: dict[type, dict[str, Any]] = {
    TokenBody: {
        "refresh": {"operationId": "refresh", **_WITH_THE_REFRESH_TOKEN},
        "log_out": {"operationId": "log_out", **_WITH_THE_REFRESH_TOKEN},
    },
}
"""What can be done next with an answer."""


@routes.operation("GET", "/openapi.json", headers=("Cache-Control",))
def openapi(call: Call) -> Answer[dict[str, Any]]:
    """Describe the API in OpenAPI 3.1."""
    document = _document(call.lychgate.verifying.issuer, RefreshCookie(call.lychgate.http).name)
    return Answer(document, {"Cache-Control": f"public, max-age={DOCUMENT_SECONDS}"})


@functools.cache
def _document(root: str, cookie_name: str) -> dict[str, Any]:
    """Return the document of an API at the URL ``root``, made at the first call."""
    operations = [operation for module in ALL_ROUTES for operation in module.operations]
    return describe(operations, root=root, cookie_name=cookie_name)


def describe(operations: Iterable[Operation], *, root: str, cookie_name: str) -> dict[str, Any]:
    """Return the OpenAPI document of these operations, of an API at the URL ``root``."""
    schemas: Components = {}
    failures: Components = {}
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for operation in operations:
        paths[operation.path][operation.method.lower()] = _operation(operation, schemas, failures)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Lychgate",
            "version": VERSION,
            "summary": "JSON Web Token authentication for AJAX pages.",
            "description": (
                "Requests with a body send one JSON object of at most 16 KiB, each member once. Every path also"
                " answers OPTIONS, for CORS. A path that is not here answers 404 `not_found`, a method that is not"
                " here 405 `method_not_allowed`."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": root}],
        "paths": dict(paths),
        "components": {
            "securitySchemes": {
                "access_token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "An access token (RFC 9068, RFC 6750).",
                },
                "refresh_cookie": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": cookie_name,
                    "description": "A refresh token. Taken from pages of allowed origins, if the body holds none.",
                },
            },
            "schemas": schemas,
            "responses": failures,
        },
    }


def _operation(operation: Operation, schemas: Components, failures: Components) -> dict[str, Any]:
    summary, _, description = (inspect.getdoc(operation.view) or "").partition("\n\n")
    if operation.credential is Credential.LIVE:
        description = f"{description}\n\nRefused as soon as the session of the access token has ended.".lstrip()
    described: dict[str, Any] = {
        "operationId": operation.view.__name__,
        "summary": summary,
        "security": _SECURITY[operation.credential],
        "responses": {str(int(operation.status)): _success(operation, schemas)}
        | _failures(operation.errors, schemas, failures),
    }
    if description:
        described["description"] = description
    if operation.path_parameters:
        described["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in operation.path_parameters
        ]
    if operation.body is not None:
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema_of(operation.body, schemas)}},
        }
    return described


def _success(operation: Operation, components: Components) -> dict[str, Any]:
    described: dict[str, Any] = {"description": operation.status.phrase}
    if operation.headers:
        described["headers"] = {name: _HEADERS[name] for name in operation.headers}
    if operation.answer is not NoneType:
        described["content"] = {"application/json": {"schema": schema_of(operation.answer, components)}}
    if operation.answer in _LINKS:
        described["links"] = _LINKS[operation.answer]
    return described


def _failures(errors: Errors, schemas: Components, failures: Components) -> dict[str, Any]:
    """Return references by status, and put what they refer to into ``failures``: most operations share theirs."""
    by_status: dict[HTTPStatus, Errors] = defaultdict(tuple)
    for error in errors:
        by_status[status_of(error)] += (error,)
    references: dict[str, Any] = {}
    for status, kinds in sorted(by_status.items()):
        codes = list(dict.fromkeys(error.error for error in kinds))
        name = "_or_".join(codes)
        failures[name] = _failure(status, kinds, codes, schemas)
        references[str(int(status))] = {"$ref": f"#/components/responses/{name}"}
    return references


def _failure(status: HTTPStatus, errors: Errors, codes: list[str], schemas: Components) -> dict[str, Any]:
    members = {"status": {"const": int(status)}, "error": {"enum": codes}}
    schema = {"allOf": [schema_of(Problem, schemas), {"properties": members}]}
    described: dict[str, Any] = {
        "description": " ".join(f"`{error.error}`: {error.detail}" for error in errors),
        "content": {"application/problem+json": {"schema": schema}},
    }
    if status == HTTPStatus.UNAUTHORIZED:
        described["headers"] = {"WWW-Authenticate": _HEADERS["WWW-Authenticate"]}
    if any(issubclass(error, RETRIED) for error in errors):
        described["headers"] = {"Retry-After": _HEADERS["Retry-After"]}
    return described
