"""``GET /openapi.json``: the whole API in OpenAPI 3.1.

Owns the list of modules with routes, and how operations are described. The document is built from the operations
themselves, so it cannot drift from them, and at the first request for it, so it adds nothing to a cold start.
"""

from __future__ import annotations

import functools
import inspect
from collections import defaultdict
from collections.abc import Iterable
from http import HTTPStatus
from types import NoneType
from typing import Any
from urllib.parse import urlsplit

from chalicelib.api import account, administration, auth, device_bound, email, ended, factors, wellknown
from chalicelib.api.problems import RETRIED, Problem, status_of, title_of
from chalicelib.api.refresh_cookie import RefreshCookie
from chalicelib.api.responses import Answer, TokenBody
from chalicelib.api.routing import Call, Credential, Errors, Operation, Routes, Tag
from chalicelib.api.schemas import Components, NewPassword, names_like, schema_of
from chalicelib.config.api import FRESH_SECONDS
from chalicelib.errors import (
    DeviceProofRequired,
    Forbidden,
    InsufficientAuthentication,
    LychgateError,
    SecondFactorRequired,
    SiteMistake,
    ValidationFailed,
)
from chalicelib.version import VERSION

DOCUMENT_SECONDS = 300
"""Seconds for which others may cache the document. It changes with deployments only."""

routes = Routes(Tag.DISCOVERY)

ALL_ROUTES = (
    auth.routes,
    device_bound.routes,
    account.routes,
    email.routes,
    factors.routes,
    administration.routes,
    wellknown.routes,
    ended.routes,
    routes,
)
"""All routes of Lychgate. ``Application`` registers them and the site's own, and the document describes both."""

_SECURITY: dict[Credential, list[dict[str, list[str]]]] = {
    Credential.NONE: [],
    # Either of the two: a token in the body needs no other credential.
    Credential.REFRESH_TOKEN: [{}, {"refresh_cookie": []}],
    Credential.BEARER: [{"access_token": []}],
    Credential.LIVE: [{"access_token": []}],
    Credential.FRESH: [{"access_token": []}],
}

_TAGS = {
    Tag.AUTHENTICATION: "Sign up, log in, refresh, log out. No access token is needed.",
    Tag.ACCOUNT: "The user who is logged in: profile, history, password, deletion.",
    Tag.SESSIONS: "The sessions of the user who is logged in. Each log-in begins one.",
    Tag.MAILS: "Addresses, and what a mailed link or code is good for. All is 404 `not_found` where no mail is sent.",
    Tag.FACTORS: "Passkeys, and what a log-in asks for beside the password: an authenticator app, recovery codes.",
    Tag.ADMINISTRATION: "What administrators see of the accounts, and do about them. Nobody acts in another's name.",
    Tag.DISCOVERY: "What the API says of itself, to everybody: keys, documents, health.",
    Tag.SITE: "What this site adds.",
}

_LIVE = "Refused as soon as the session of the access token has ended."
_ACCESS = {
    Credential.BEARER: "Refused within eleven seconds after the session of the access token has ended.",
    Credential.LIVE: _LIVE,
    Credential.FRESH: f"{_LIVE} Refused with `insufficient_user_authentication` if the session has last authenticated"
    " more than `max_age` seconds ago, or without the second factor of a user who has one. `POST /auth/reauthenticate`"
    " makes it fresh again.",
}
"""What the credentials say of an operation, beside its own description."""

_HEADERS: dict[str, dict[str, Any]] = {
    "Cache-Control": {"description": "How long to cache it.", "schema": {"type": "string"}, "required": True},
    "Set-Cookie": {
        "description": "Sets cookies of the session, or deletes them.",
        "schema": {"type": "string"},
    },
    "Secure-Session-Challenge": {
        "description": "What the browser signs (Device Bound Session Credentials).",
        "schema": {"type": "string"},
    },
    "Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}, "required": True},
    "WWW-Authenticate": {
        # Not required: API Gateway renames it where a Lambda sets it.
        "description": "RFC 6750 section 3, RFC 9470 section 3.",
        "schema": {"type": "string"},
    },
}

_OF_A_SITE: dict[str, Any] = {"schema": {"type": "string"}}
"""A header that none of our operations has."""

_KEY_PROOF = {
    "name": "DPoP",
    "in": "header",
    "required": False,
    "description": (
        "A proof that the client has a private key (RFC 9449), made for this request. A session that begins with one is"
        " bound to the key: each refresh then needs another proof by it."
    ),
    "schema": {"type": "string", "maxLength": 2048, "pattern": r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$"},
}

_WITH_THE_REFRESH_TOKEN = {"requestBody": {"refresh_token": "$response.body#/refresh_token"}}

_LINKS: dict[type, dict[str, Any]] = {
    TokenBody: {
        "refresh": {"operationId": "refresh", **_WITH_THE_REFRESH_TOKEN},
        "log_out": {"operationId": "log_out", **_WITH_THE_REFRESH_TOKEN},
    },
}
"""For each type of answer, the operations that can follow it."""

_MEDIA_TYPES: dict[Any, str] = {ended.SignedEnds: ended.SIGNED_MEDIA_TYPE}
"""The types of answers that are no JSON."""


@routes.operation("GET", "/openapi.json", headers=("Cache-Control",))
def get_openapi(call: Call) -> Answer[dict[str, Any]]:
    """Describe the API in OpenAPI 3.1.

    This document. Clients can be generated from it.
    """
    lychgate = call.lychgate
    cookie_name = RefreshCookie(lychgate.http).name
    minimum = lychgate.settings.password_min_length
    document = _document(call.operations, lychgate.verifying.issuer, cookie_name, minimum)
    return Answer(document, {"Cache-Control": f"public, max-age={DOCUMENT_SECONDS}"})


@functools.cache
def _document(
    operations: tuple[Operation, ...], root: str, cookie_name: str, password_min_length: int
) -> dict[str, Any]:
    """Return the document of an API at the URL ``root``. The first call builds it."""
    return describe(operations, root=root, cookie_name=cookie_name, password_min_length=password_min_length)


def describe(
    operations: Iterable[Operation], *, root: str, cookie_name: str, password_min_length: int
) -> dict[str, Any]:
    """Return the OpenAPI document of these operations, of an API at the URL ``root``.

    ``password_min_length`` is the only rule for a body that is a setting.

    Raises SiteMistake for an operation whose annotations cannot be read.
    """
    schemas = Components()
    failures: dict[str, Any] = {}
    schema_of(NewPassword, schemas)
    schemas["NewPassword"]["minLength"] = password_min_length
    site = urlsplit(root)
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    used = set()
    names: set[str] = set()
    for operation in operations:
        used.add(operation.tag)
        name = next(each for each in names_like(operation.view.__name__, "site_") if each not in names)
        names.add(name)
        try:
            described = _operation(operation, name, schemas, failures)
        except Exception as unreadable:
            problem = f"{type(unreadable).__name__}: {unreadable}"
            raise SiteMistake(f"{operation.route} cannot be described: {problem}") from unreadable
        paths[operation.path][operation.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Lychgate",
            "version": VERSION,
            "summary": "JSON Web Token authentication for AJAX pages.",
            "description": (
                "A request body is one JSON object of at most 16 KiB without duplicate members. Every path also answers"
                " OPTIONS, for CORS. Any other path answers 404 `not_found`, any other method 405"
                " `method_not_allowed`. Where the API stands behind a distribution, any request that does not come"
                " through it is answered 403 `forbidden`."
            ),
            "license": {"name": "Apache License 2.0", "identifier": "Apache-2.0"},
            "contact": {"name": "The site that runs this API", "url": f"{site.scheme}://{site.netloc}"},
        },
        "servers": [{"url": root, "description": "This API."}],
        "tags": [{"name": tag.value, "description": _TAGS[tag]} for tag in _TAGS if tag in used],
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
                    "description": "A refresh token. Accepted from pages of allowed origins if the body has none.",
                },
            },
            "schemas": schemas,
            "responses": failures,
        },
    }


def _operation(operation: Operation, name: str, schemas: Components, failures: dict[str, Any]) -> dict[str, Any]:
    summary, _, description = (inspect.getdoc(operation.view) or "").partition("\n\n")
    role = f"Needs the role `{operation.role}`, which is read in the same request." if operation.role else None
    description = "\n\n".join(filter(None, (description, _ACCESS.get(operation.credential), role)))
    described: dict[str, Any] = {
        "operationId": name,
        "tags": [operation.tag.value],
        "summary": summary,
        "security": _security(operation),
        "responses": {
            str(int(status)): _success(operation, status, answer, schemas)
            for status, answer in operation.answers.items()
        }
        | _failures(operation.errors, schemas, failures),
    }
    if description:
        described["description"] = description
    parameters = [
        {"name": parameter, "in": "path", "required": True, "schema": schema_of(kind, schemas)}
        for parameter, kind in operation.path_parameters.items()
    ]
    if operation.takes_key_proof:
        parameters.append(_KEY_PROOF)
    if operation.query is not None:
        from chalicelib.api.queries import describe_query  # noqa: PLC0415 - no cold start needs it

        parameters += describe_query(operation.query, schemas)
    if parameters:
        described["parameters"] = parameters
    if operation.body is not None:
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema_of(operation.body, schemas)}},
        }
    return described


def _security(operation: Operation) -> list[dict[str, list[str]]]:
    """Return the security requirements, with the role (OpenAPI 3.1.0 section 4.8.30: a list of role names)."""
    if operation.role is None:
        return _SECURITY[operation.credential]
    return [{scheme: [operation.role] for scheme in schemes} for schemes in _SECURITY[operation.credential]]


def _success(operation: Operation, status: HTTPStatus, answer: Any, components: Components) -> dict[str, Any]:  # noqa: ANN401 - any type with a schema
    described: dict[str, Any] = {"description": status.phrase}
    if operation.headers and status == operation.status:
        described["headers"] = {name: _HEADERS.get(name, _OF_A_SITE) for name in operation.headers}
    if answer is not NoneType:
        media_type = _MEDIA_TYPES.get(answer, "application/json")
        described["content"] = {media_type: {"schema": schema_of(answer, components)}}
    if answer in _LINKS:
        described["links"] = _LINKS[answer]
    return described


def _failures(errors: Errors, schemas: Components, failures: dict[str, Any]) -> dict[str, Any]:
    """Return references by status, and put the responses that they refer to into ``failures``.

    Most operations share these responses.
    """
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
    # Beside the reference, and not joined to it by allOf: validators heed both (JSON Schema 2020-12, section 8.2.3.1),
    # and generators make one type of all problems.
    schema = schema_of(Problem, schemas) | {"properties": {"status": {"const": int(status)}, "error": {"enum": codes}}}
    examples = {error.error: {"value": _example(error)} for error in reversed(errors)}
    described: dict[str, Any] = {
        "description": " ".join(f"`{error.error}`: {error.detail}" for error in errors),
        "content": {"application/problem+json": {"schema": schema, "examples": examples}},
    }
    if status == HTTPStatus.UNAUTHORIZED or Forbidden in errors:
        described["headers"] = {"WWW-Authenticate": _HEADERS["WWW-Authenticate"]}
    if DeviceProofRequired in errors:
        described["headers"] = {"Secure-Session-Challenge": _HEADERS["Secure-Session-Challenge"]}
    if any(issubclass(error, RETRIED) for error in errors):
        described["headers"] = {"Retry-After": _HEADERS["Retry-After"]}
    return described


def _example(error: type[LychgateError]) -> Problem:
    status = status_of(error)
    example: Problem = {
        "type": "about:blank",
        "title": title_of(status),
        "status": int(status),
        "error": error.error,
        "detail": error.detail,
    }
    if issubclass(error, ValidationFailed):
        example["errors"] = [{"field": "username", "code": "required", "message": "This field is needed."}]
    if issubclass(error, InsufficientAuthentication):
        example["max_age"] = FRESH_SECONDS
    if issubclass(error, SecondFactorRequired):
        example["challenge"], example["expires_in"] = "…", 300
        example["methods"] = ["totp", "recovery_code"]
    return example
