"""How a route is declared: once, for both Chalice and ``/openapi.json``.

Owns what happens to a request between Chalice and a view. A view is a function that takes a ``Call``, the parameters of
its path and, if it has a parameter ``body``, the parsed body. It returns an ``Answer``. Requests are parsed by its
annotations, and the document is made from them, so the two cannot differ.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import Any, cast, get_args, get_type_hints

from chalice import Chalice
from chalice.app import ChaliceAuthorizer, Request

from chalicelib.accounts.caller import Caller
from chalicelib.api.middleware import View, current_principal
from chalicelib.api.parsing import read_body, read_caller
from chalicelib.api.responses import Answer
from chalicelib.errors import (
    InsufficientAuthentication,
    InvalidRequest,
    InvalidToken,
    LychgateError,
    PayloadTooLarge,
    UnsupportedMediaType,
    ValidationFailed,
)
from chalicelib.tokens.principals import Principal
from chalicelib.wiring import Lychgate, UseCases

Errors = tuple[type[LychgateError], ...]

_BODY_ERRORS: Errors = (InvalidRequest, PayloadTooLarge, UnsupportedMediaType, ValidationFailed)
"""The errors that ``read_body`` raises."""


class Credential(Enum):
    """The credential that an operation requires."""

    NONE = "none"
    REFRESH_TOKEN = "refresh token"
    """In the body or in the cookie."""
    LIVE = "Bearer, live"
    """An access token whose session has not ended. The authorizer verifies the token before the view runs, and the use
    case reads the session from the database."""
    FRESH = "Bearer, fresh"
    """The same, and the session has authenticated a short time ago (RFC 9470). The use case decides that too."""

    @property
    def is_access_token(self) -> bool:
        """Whether the credential is an access token, so that the authorizer checks it."""
        return self in {Credential.LIVE, Credential.FRESH}


class Tag(Enum):
    """What an operation is about. The document groups them so."""

    AUTHENTICATION = "Authentication"
    ACCOUNT = "Account"
    SESSIONS = "Sessions"
    DISCOVERY = "Discovery"


@dataclass(frozen=True)
class Call:
    """A request, as it is passed to a view."""

    request: Request
    lychgate: Lychgate
    """The settings, clock and use cases of this process."""
    _principal: Principal | None = None

    @property
    def use_cases(self) -> UseCases:
        """The use cases. Raises ConfigurationError or ServiceUnavailable if they cannot be built."""
        return self.lychgate.use_cases

    @property
    def principal(self) -> Principal:
        """Who makes the request. Raises LookupError unless the operation's credential is an access token."""
        if self._principal is None:
            raise LookupError("this operation takes no access token")
        return self._principal

    @property
    def caller(self) -> Caller:
        """The client that the request came from."""
        return read_caller(self.request, self.lychgate.http)


@dataclass(frozen=True)
class Operation:
    """One method of one path: its credential, its body, its answer and its errors."""

    method: str
    path: str
    view: View
    credential: Credential
    status: HTTPStatus
    headers: tuple[str, ...]
    raises: Errors
    tag: Tag

    @functools.cached_property
    def body(self) -> Any:  # noqa: ANN401 - a dataclass, which no annotation can say
        """The dataclass that the body is parsed into, None if the operation takes no body."""
        return self._types.get("body")

    @functools.cached_property
    def answer(self) -> Any:  # noqa: ANN401 - any type with a schema
        """The type of the response's body, NoneType if the body is empty."""
        (answer,) = get_args(self._types["return"])
        return answer

    @property
    def path_parameters(self) -> dict[str, Any]:
        """The names between braces in the path, and the type of each."""
        return {name: self._types[name] for name in re.findall(r"{(\w+)}", self.path)}

    @property
    def errors(self) -> Errors:
        """Every error that the operation can answer with."""
        of_token = (InvalidToken,) if self.credential.is_access_token else ()
        of_age = (InsufficientAuthentication,) if self.credential is Credential.FRESH else ()
        of_body = _BODY_ERRORS if self.body is not None else ()
        return (*of_token, *of_age, *of_body, *self.raises, LychgateError)

    @functools.cached_property
    def _types(self) -> dict[str, Any]:
        # Not at import: reading annotations would lengthen every cold start.
        return get_type_hints(self.view, include_extras=True)


class Routes:
    """The routes that one module declares."""

    def __init__(self, tag: Tag, *, raises: Errors = ()) -> None:
        """Begin without routes. ``raises`` lists the errors that every route can raise, ``tag`` is the usual one."""
        self.operations: list[Operation] = []
        self._tag = tag
        self._raises = raises

    def operation(
        self,
        method: str,
        path: str,
        *,
        credential: Credential = Credential.NONE,
        status: HTTPStatus = HTTPStatus.OK,
        headers: tuple[str, ...] = (),
        raises: Errors = (),
        tag: Tag | None = None,
    ) -> Callable[[View], View]:
        """Return a decorator that makes a function the view of a route.

        ``status`` is the status of its success. ``headers`` names the response headers that not every operation has.
        ``raises`` lists its errors, without those that follow from its credential and its body. ``tag`` is where the
        document lists it, if not with the others.
        """

        def declare(view: View) -> View:
            errors = (*self._raises, *raises)
            described_with = tag or self._tag
            self.operations.append(Operation(method, path, view, credential, status, headers, errors, described_with))
            return view

        return declare


def install(routes: Routes, app: Chalice, lychgate: Lychgate, authorizer: ChaliceAuthorizer) -> None:
    """Register the routes with an application. The authorizer guards those that take an access token."""
    for operation in routes.operations:
        guard = {"authorizer": authorizer} if operation.credential.is_access_token else {}
        register = app.route(operation.path, methods=[operation.method], content_types=[], **guard)
        register(_answering(operation, app, lychgate))


def _answering(operation: Operation, app: Chalice, lychgate: Lychgate) -> View:
    """Return the function for Chalice to call. It parses the request, calls the view and sets the answer's status."""

    @functools.wraps(operation.view)
    def answer(**arguments: Any) -> Answer[Any]:  # noqa: ANN401 - as the view has them
        request = cast("Request", app.current_request)
        principal = current_principal(request, lychgate.clock()) if operation.credential.is_access_token else None
        if operation.body is not None:
            arguments["body"] = read_body(request, operation.body)
        answer = operation.view(Call(request, lychgate, principal), **arguments)
        answer.status_code = int(operation.status)
        return answer

    return answer
