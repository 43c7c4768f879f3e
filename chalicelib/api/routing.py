"""How a route is declared: once, for Chalice and for ``/openapi.json`` alike.

Owns what happens to a request between Chalice and a view. A view is a function of a ``Call``, of its path's parameters
and, if it has a parameter ``body``, of the parsed body. It returns an ``Answer``. The types of that signature are what
the request is read into and what the document says, so the two cannot differ.
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
"""What ``read_body`` raises."""


class Credential(Enum):
    """What a caller has to bring."""

    NONE = "none"
    REFRESH_TOKEN = "refresh token"
    """In the body, or in the cookie."""
    BEARER = "Bearer"
    """An access token, which the authorizer has accepted before the view runs."""
    LIVE = "Bearer, live"
    """An access token whose session has not ended: the use case asks the database."""

    @property
    def is_access_token(self) -> bool:
        """Whether the custom authorizer stands before the route."""
        return self in {Credential.BEARER, Credential.LIVE}


@dataclass(frozen=True)
class Call:
    """A request, as a view sees it."""

    request: Request
    lychgate: Lychgate
    """The process that answers."""
    _principal: Principal | None = None

    @property
    def use_cases(self) -> UseCases:
        """What the view can do. Raises ConfigurationError or ServiceUnavailable if it cannot be had."""
        return self.lychgate.use_cases

    @property
    def principal(self) -> Principal:
        """Who makes the request. There is one wherever the operation's credential is an access token."""
        if self._principal is None:
            raise LookupError("this operation takes no access token")
        return self._principal

    @property
    def caller(self) -> Caller:
        """Where the request came from."""
        return read_caller(self.request, self.lychgate.http)


@dataclass(frozen=True)
class Operation:
    """A method of a path: what it takes, what it answers, and how it can fail."""

    method: str
    path: str
    view: View
    credential: Credential
    status: HTTPStatus
    headers: tuple[str, ...]
    raises: Errors

    @functools.cached_property
    def body(self) -> Any:  # noqa: ANN401 - a dataclass, which no annotation can say
        """The type that the body is read into, None if the operation takes none."""
        return self._types.get("body")

    @functools.cached_property
    def answer(self) -> Any:  # noqa: ANN401 - any type with a schema
        """The type of the body that it answers with, NoneType if that is empty."""
        (answer,) = get_args(self._types["return"])
        return answer

    @property
    def path_parameters(self) -> list[str]:
        """The names between braces."""
        return re.findall(r"{(\w+)}", self.path)

    @property
    def errors(self) -> Errors:
        """Everything that it can answer instead of success."""
        of_token = (InvalidToken,) if self.credential.is_access_token else ()
        of_body = _BODY_ERRORS if self.body is not None else ()
        return (*of_token, *of_body, *self.raises, LychgateError)

    @functools.cached_property
    def _types(self) -> dict[str, Any]:
        # Not at import: reading annotations would make every cold start longer.
        return get_type_hints(self.view)


class Routes:
    """The routes of one module, as it declares them."""

    def __init__(self, *, raises: Errors = ()) -> None:
        """Begin with no routes. ``raises`` is what every one of them can raise."""
        self.operations: list[Operation] = []
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
    ) -> Callable[[View], View]:
        """Make a function the view of a route.

        ``status`` is that of its success, ``headers`` those that only some of its answers have, ``raises`` the errors
        beside those that its credential and its body bring with them.
        """

        def declare(view: View) -> View:
            self.operations.append(Operation(method, path, view, credential, status, headers, (*self._raises, *raises)))
            return view

        return declare


def install(routes: Routes, app: Chalice, lychgate: Lychgate, authorizer: ChaliceAuthorizer) -> None:
    """Register the routes with an application. Those that take an access token stand behind the authorizer."""
    for operation in routes.operations:
        guard = {"authorizer": authorizer} if operation.credential.is_access_token else {}
        register = app.route(operation.path, methods=[operation.method], content_types=[], **guard)
        register(_answering(operation, app, lychgate))


def _answering(operation: Operation, app: Chalice, lychgate: Lychgate) -> View:
    """Return what Chalice calls: it reads the request for the view, and gives the answer its status."""

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
