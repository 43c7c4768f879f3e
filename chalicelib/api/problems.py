"""How errors look on the wire: the one table from errors to statuses, and the problem documents (RFC 9457)."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Annotated, NotRequired, TypedDict

from chalicelib.api.responses import Answer, Headers, RequestOptions, SecondFactor
from chalicelib.api.schemas import Keywords
from chalicelib.errors import (
    Conflict,
    DeviceProofRequired,
    EmailTaken,
    FieldCode,
    FieldError,
    Forbidden,
    InsufficientAuthentication,
    InvalidChallenge,
    InvalidCode,
    InvalidCredentials,
    InvalidDeviceProof,
    InvalidDPoPProof,
    InvalidGrant,
    InvalidRequest,
    InvalidToken,
    LinkExpired,
    LychgateError,
    MethodNotAllowed,
    NotFound,
    NotOnDevice,
    NotThroughDistribution,
    OriginRejected,
    PayloadTooLarge,
    RegistrationClosed,
    SecondFactorRequired,
    ServiceUnavailable,
    TooManyAttempts,
    UnknownPasskey,
    UnsupportedMediaType,
    UsernameTaken,
    ValidationFailed,
)
from chalicelib.telemetry.requests import Evidence

STATUSES: dict[type[LychgateError], HTTPStatus] = {
    InvalidRequest: HTTPStatus.BAD_REQUEST,
    InvalidDPoPProof: HTTPStatus.BAD_REQUEST,
    InvalidDeviceProof: HTTPStatus.BAD_REQUEST,
    NotOnDevice: HTTPStatus.BAD_REQUEST,
    InvalidCredentials: HTTPStatus.UNAUTHORIZED,
    InvalidToken: HTTPStatus.UNAUTHORIZED,
    InsufficientAuthentication: HTTPStatus.UNAUTHORIZED,
    InvalidGrant: HTTPStatus.UNAUTHORIZED,
    InvalidCode: HTTPStatus.UNAUTHORIZED,
    InvalidChallenge: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    NotThroughDistribution: HTTPStatus.FORBIDDEN,
    OriginRejected: HTTPStatus.FORBIDDEN,
    RegistrationClosed: HTTPStatus.FORBIDDEN,
    SecondFactorRequired: HTTPStatus.FORBIDDEN,
    DeviceProofRequired: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    MethodNotAllowed: HTTPStatus.METHOD_NOT_ALLOWED,
    UsernameTaken: HTTPStatus.CONFLICT,
    EmailTaken: HTTPStatus.CONFLICT,
    Conflict: HTTPStatus.CONFLICT,
    LinkExpired: HTTPStatus.GONE,
    PayloadTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    UnsupportedMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    ValidationFailed: HTTPStatus(422),
    TooManyAttempts: HTTPStatus.TOO_MANY_REQUESTS,
    ServiceUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    LychgateError: HTTPStatus.INTERNAL_SERVER_ERROR,
}

RETRIED = (ServiceUnavailable, TooManyAttempts)
"""The errors that have a ``Retry-After`` header. Their attribute ``retry_after`` holds the seconds."""

# Python 3.13 renamed 413 and 422. A title must not depend on the Python version.
_TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}

_REALM = 'Bearer realm="lychgate"'


class FieldProblem(TypedDict):
    """What is wrong with one field of a request."""

    field: Annotated[str, Keywords(description="Its path, such as `items[2].price`.")]
    code: Annotated[FieldCode, Keywords(description="For programs.")]
    message: Annotated[str, Keywords(description="For people.")]
    limit: NotRequired[Annotated[int, Keywords(description="The number that the value is beyond.")]]


class Problem(TypedDict):
    """Why a request was refused (RFC 9457)."""

    type: str
    title: str
    status: int
    error: Annotated[str, Keywords(description="For programs.", enum=sorted({kind.error for kind in STATUSES}))]
    detail: Annotated[str, Keywords(description="For people.")]
    errors: NotRequired[list[FieldProblem]]
    max_age: NotRequired[
        Annotated[int, Keywords(description="Seconds ago that the session may have authenticated, at most (RFC 9470).")]
    ]
    acr_values: NotRequired[
        Annotated[str, Keywords(enum=["aal2"], description="The `acr` that the session has to reach (RFC 9470).")]
    ]
    challenge: NotRequired[Annotated[str, Keywords(description="What the second factor is sent with.")]]
    methods: NotRequired[Annotated[list[SecondFactor], Keywords(description="The second factors that the user has.")]]
    expires_in: NotRequired[Annotated[int, Keywords(minimum=0, description="Seconds for which `challenge` is good.")]]
    publicKey: NotRequired[RequestOptions]
    unknown_credential: NotRequired[
        Annotated[bool, Keywords(description="No account has the passkey: the browser may forget it.")]
    ]


def status_of(error: type[LychgateError]) -> HTTPStatus:
    """Return the HTTP status of a type of error."""
    return next(status for kind in error.__mro__ if (status := STATUSES.get(kind)) is not None)


def title_of(status: HTTPStatus) -> str:
    """Return the title of the problem documents with a status: its phrase (RFC 9457 section 4.2.1)."""
    return _TITLES.get(status, status.phrase)


def problem(error: LychgateError, *, unexpected: Exception | None = None) -> Answer[Problem]:
    """Return the problem document for an error (RFC 9457). ``error.reason`` goes into the log only.

    ``unexpected`` is the exception behind an ``internal_error``. It too goes into the log only.
    """
    status = status_of(type(error))
    body: Problem = {
        "type": "about:blank",
        "title": title_of(status),
        "status": int(status),
        "error": error.error,
        "detail": error.message if status < HTTPStatus.INTERNAL_SERVER_ERROR else type(error).detail,
    }
    headers: Headers = {"Content-Type": "application/problem+json"}
    if isinstance(error, ValidationFailed):
        body["errors"] = [_field_problem(item) for item in error.errors]
    if isinstance(error, InsufficientAuthentication):
        body["max_age"] = error.max_age
        if error.acr_values is not None:
            body["acr_values"] = error.acr_values
    if isinstance(error, SecondFactorRequired):
        _add_second_step(body, error)
    if isinstance(error, DeviceProofRequired):
        headers["Secure-Session-Challenge"] = f'"{error.challenge}";id="{error.identifier}"'
    if isinstance(error, UnknownPasskey):
        body["unknown_credential"] = True
    if isinstance(error, RETRIED):
        headers["Retry-After"] = str(error.retry_after)
    if status == HTTPStatus.UNAUTHORIZED or isinstance(error, Forbidden):
        headers["WWW-Authenticate"] = _challenge(error)
    evidence = Evidence(error.error, error.reason, error.user_id, error.session_id, unexpected)
    return Answer(body, headers, int(status), evidence=evidence)


def _field_problem(error: FieldError) -> FieldProblem:
    described: FieldProblem = {"field": error.field, "code": error.code, "message": error.message}
    if error.limit is not None:
        described["limit"] = error.limit
    return described


def _add_second_step(body: Problem, error: SecondFactorRequired) -> None:
    """Say what the second factor is sent with, and which will do."""
    body["challenge"] = error.challenge
    body["methods"] = [*error.methods]
    body["expires_in"] = error.expires_in
    if error.public_key is not None:
        body["publicKey"] = error.public_key


def _challenge(error: LychgateError) -> str:
    """Return the ``WWW-Authenticate`` header of a 401, or of the 403 of a user without the role.

    RFC 6750 section 3: it has an ``error`` only if the request had a token. Section 3.1: a 403 has one too; roles are
    no scopes, so it names no ``scope``. RFC 9470 section 3: ``max_age`` and ``acr_values`` say what authentication is
    asked for. A second factor that is due has no challenge: the first one was no token.
    """
    if isinstance(error, InsufficientAuthentication):
        asked_for = f'error="{error.error}", error_description="{error.message}", max_age="{error.max_age}"'
        if error.acr_values is not None:
            asked_for += f', acr_values="{error.acr_values}"'
        return f"{_REALM}, {asked_for}"
    if isinstance(error, Forbidden) or (isinstance(error, InvalidToken) and not error.missing):
        return f'{_REALM}, error="{error.error}", error_description="{error.message}"'
    return _REALM


def problem_of_status(status: HTTPStatus, *, detail: str) -> Answer[Problem]:
    """Return the problem document for a status, for a view that raised one of Chalice's errors."""
    title = title_of(status)
    body: Problem = {
        "type": "about:blank",
        "title": title,
        "status": int(status),
        "error": re.sub(r"\W+", "_", title).lower(),
        "detail": detail,
    }
    evidence = Evidence(error=body["error"])
    return Answer(body, {"Content-Type": "application/problem+json"}, int(status), evidence=evidence)
