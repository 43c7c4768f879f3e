"""How a route is declared: once, for both Chalice and ``/openapi.json``.

Owns what happens to a request between Chalice and a view. A view is a function that takes a ``Call``, the parameters of
its path and, if it has a parameter ``body``, the parsed body; if it has a parameter ``query``, what follows the ``?``.
It returns an ``Answer``. Requests are parsed by its annotations, and the document is made from them, so the two cannot
differ.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import json
import re
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, replace
from enum import Enum
from http import HTTPStatus
from types import UnionType
from typing import TYPE_CHECKING, Any, Union, cast, get_args, get_origin, get_type_hints

from chalice import Chalice
from chalice.app import ChaliceAuthorizer, Request, handle_extra_types

from chalicelib.accounts.caller import Caller
from chalicelib.accounts.user import User
from chalicelib.api.bodies import complete, read_body
from chalicelib.api.headers import read_caller, read_key_proofs
from chalicelib.api.middleware import View, current_principal
from chalicelib.api.responses import Answer
from chalicelib.assembly import UseCases
from chalicelib.errors import (
    Forbidden,
    InsufficientAuthentication,
    InvalidDPoPProof,
    InvalidRequest,
    InvalidToken,
    LychgateError,
    PayloadTooLarge,
    ServiceUnavailable,
    SiteMistake,
    UnsupportedMediaType,
    ValidationFailed,
)
from chalicelib.tokens.principals import Principal
from chalicelib.wiring import Lychgate

if TYPE_CHECKING:
    from chalicelib.accounts.key_proof import KeyProof
    from chalicelib.config.api import ApiSettings

Errors = tuple[type[LychgateError], ...]
Form = Callable[["ApiSettings"], Any]
"""Returns a dataclass."""

ADMIN = "admin"
"""The role that our own routes ask for: ``accounts.roles.ADMIN``, which no cold start needs to load."""

_BODY_ERRORS: Errors = (InvalidRequest, PayloadTooLarge, UnsupportedMediaType, ValidationFailed)
"""The errors that ``read_body`` raises."""

# As Chalice makes JSON, which would also write NaN.
_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=handle_extra_types)


class Credential(Enum):
    """The credential that an operation requires."""

    NONE = "none"
    REFRESH_TOKEN = "refresh token"
    """In the body or in the cookie."""
    BEARER = "Bearer"
    """An access token whose session is not in the feed of ended sessions. The authorizer verifies the token before the
    view runs. That costs no read, and an ended session is refused within eleven seconds. The user is not read."""
    LIVE = "Bearer, live"
    """An access token whose session has not ended. The authorizer verifies the token before the view runs, and the user
    and the session are read from the database."""
    FRESH = "Bearer, fresh"
    """The same, and the session has authenticated a short time ago (RFC 9470)."""

    @property
    def is_access_token(self) -> bool:
        """Whether the credential is an access token, so that the authorizer checks it."""
        return self in {Credential.BEARER, Credential.LIVE, Credential.FRESH}

    @property
    def is_live(self) -> bool:
        """Whether the user and the session are read in the same request."""
        return self in {Credential.LIVE, Credential.FRESH}


class Tag(Enum):
    """What an operation is about. The document groups them so."""

    AUTHENTICATION = "Authentication"
    ACCOUNT = "Account"
    SESSIONS = "Sessions"
    MAILS = "Mails"
    FACTORS = "Factors"
    DISCOVERY = "Discovery"
    ADMINISTRATION = "Administration"
    SITE = "Site"


@dataclass(frozen=True, eq=False)
class Call:
    """A request, as it is passed to a view."""

    request: Request
    lychgate: Lychgate
    """The settings, clock and use cases of this process."""
    operations: tuple[Operation, ...]
    """All operations of the application, for the document."""
    _principal: Principal | None = None
    _user: User | None = None
    _key_proof: KeyProof | None = None
    refused_proof: InvalidDPoPProof | None = None
    """Why the request's proof is refused. Only a view that takes a refresh token is called with it: that token says
    whose session it is about. The view has to raise it."""

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
    def user(self) -> User:
        """The user who makes the request, as last written. Raises LookupError unless it was read before the view."""
        if self._user is None:
            raise LookupError("the user was not read before the view: Credential.LIVE reads it, or account.live() can")
        return self._user

    @property
    def caller(self) -> Caller:
        """The client that the request came from, with the key that it has proven, if the operation takes a proof."""
        caller = read_caller(self.request, self.lychgate.http)
        return caller if self._key_proof is None else replace(caller, key_proof=self._key_proof)

    @property
    def language(self) -> str:
        """The one of our languages that the request prefers, "" if it prefers none of them."""
        # Few requests have to know it.
        from chalicelib.api.languages import preferred_language  # noqa: PLC0415

        return preferred_language(self.request.headers.get("accept-language", ""))


@dataclass(frozen=True, eq=False)
class Operation:
    """One method of one path: its credential, its role, its parameters, its body, its answer and its errors."""

    method: str
    path: str
    view: View
    credential: Credential
    status: HTTPStatus
    headers: tuple[str, ...]
    raises: Errors
    tag: Tag
    role: str | None = None
    """The role that the user must have, None if any will do."""
    takes_key_proof: bool = False
    """Whether the request may prove a key of its client (RFC 9449), in the header ``DPoP``."""
    checked_by_use_case: bool = False
    """Whether the use case that the view calls reads the user and the session and decides about both."""
    form: Form | None = None
    """Which of the types that the body may have it has on a site, None if there is one."""
    types: str | None = None
    """The name of a module that has the types of the view's annotations, None if the view's own has them."""

    @property
    def route(self) -> str:
        """Its method and its path."""
        return f"{self.method} {self.path}"

    @property
    def reads_user(self) -> bool:
        """Whether the user and the session are read, and decided about, before the view is called."""
        return self.credential.is_live and (self.role is not None or not self.checked_by_use_case)

    @functools.cached_property
    def body(self) -> Any:  # noqa: ANN401 - a dataclass, which no annotation can say
        """The dataclass that the body is parsed into, or the union of several; None if the operation takes no body."""
        body = self.annotations.get("body")
        for form in get_args(body) or (() if body is None else (body,)):
            complete(form)
        return body

    @functools.cached_property
    def query(self) -> Any:  # noqa: ANN401 - a dataclass, which no annotation can say
        """The dataclass that the parameters after the ``?`` are read into, None if the operation looks at none."""
        query = self.annotations.get("query") if "{query}" not in self.path else None
        if query is not None:
            complete(query)
        return query

    @property
    def forms(self) -> tuple[Any, ...]:
        """The dataclasses that the body may be parsed into."""
        return get_args(self.body) or (() if self.body is None else (self.body,))

    @functools.cached_property
    def answers(self) -> dict[HTTPStatus, Any]:
        """The type of the response's body for each status of a success, NoneType if the body is empty."""
        returned = self.annotations["return"]
        kinds = get_args(returned) if get_origin(returned) in {Union, UnionType} else (returned,)
        return {get_origin(kind).status or self.status: get_args(kind)[0] for kind in kinds}

    @property
    def path_parameters(self) -> dict[str, Any]:
        """The names between braces in the path, and the type of each."""
        return {name: self.annotations[name] for name in re.findall(r"{(\w+)}", self.path)}

    @property
    def errors(self) -> Errors:
        """Every error that the operation can answer with."""
        of_token = (InvalidToken,) if self.credential.is_access_token else ()
        of_role = (Forbidden,) if self.role is not None else ()
        of_age = (InsufficientAuthentication,) if self.credential is Credential.FRESH else ()
        of_database = (ServiceUnavailable,) if self.reads_user or self.credential is Credential.BEARER else ()
        of_query = (ValidationFailed,) if self.query is not None else ()
        of_body = _BODY_ERRORS if self.body is not None else ()
        of_key = (InvalidDPoPProof,) if self.takes_key_proof else ()
        errors = (*of_token, *of_role, *of_age, *of_database, *of_query, *of_body, *of_key, *self.raises, LychgateError)
        return tuple(dict.fromkeys(errors))

    @functools.cached_property
    def annotations(self) -> dict[str, Any]:
        """The types of the view's parameters and of what it returns. Raises whatever an annotation raises."""
        # Not at import: reading annotations would lengthen every cold start.
        names = vars(importlib.import_module(self.types)) if self.types is not None else {}
        # A decorator may be of another module, and know none of the names.
        view: Any = inspect.unwrap(self.view)
        return get_type_hints(view, globalns={**names, **view.__globals__}, include_extras=True)


class Routes:
    """The routes that one module declares, and those of others that it includes."""

    def __init__(
        self,
        tag: Tag = Tag.SITE,
        *,
        raises: Errors = (),
        checked_by_use_cases: bool = False,
        types: str | None = None,
    ) -> None:
        """Begin without routes. ``raises`` lists the errors that every route can raise, ``tag`` is the usual one.

        ``types`` names a module with types of the views' annotations, which is loaded when they are first read.

        Whether the caller of a route is live, and fresh, is decided before its view is called. With
        ``checked_by_use_cases`` the views leave that to the use cases that they call, which saves a read.
        """
        self.operations: list[Operation] = []
        self._tag = tag
        self._raises = raises
        self._checked_by_use_cases = checked_by_use_cases
        self._types = types

    def include(self, *others: Routes) -> None:
        """Add the routes of other modules to these."""
        for routes in others:
            self.operations += routes.operations

    def operation(  # noqa: PLR0913 - a declaration says all there is to say of a route
        self,
        method: str,
        path: str,
        *,
        credential: Credential = Credential.NONE,
        role: str | None = None,
        status: HTTPStatus = HTTPStatus.OK,
        headers: tuple[str, ...] = (),
        raises: Errors = (),
        tag: Tag | None = None,
        form: Form | None = None,
        takes_key_proof: bool = False,
    ) -> Callable[[View], View]:
        """Return a decorator that makes a function the view of a route.

        ``role`` is a role that its user must have. It is read from the database in the same request. ``status`` is the
        status of its success. ``headers`` names the response headers that not every operation has. ``raises`` lists its
        errors, without those that follow from its credential, its role and its body. ``tag`` is where the document
        lists it, if not with the others. ``form`` returns which type the body has on a site, if it may have several.
        ``takes_key_proof`` says that the request begins, continues or ends a session, and may prove a key.

        Raises:
            ValueError: the role is no valid one, or the route asks nobody who they are.

        """
        if role is not None and (role != ADMIN or not credential.is_live):
            _check_role(role, credential, f"{method} {path}")

        def declare(view: View) -> View:
            errors = (*self._raises, *raises)
            described_with = tag or self._tag
            self.operations.append(
                Operation(
                    method,
                    path,
                    view,
                    credential,
                    status,
                    headers,
                    errors,
                    described_with,
                    role=role,
                    takes_key_proof=takes_key_proof,
                    checked_by_use_case=self._checked_by_use_cases,
                    form=form,
                    types=self._types,
                )
            )
            return view

        return declare


def _check_role(role: str, credential: Credential, route: str) -> None:
    """Raise ValueError unless a route with this credential can ask for the role."""
    # Few routes ask for a role.
    from chalicelib.accounts.roles import role_error  # noqa: PLC0415

    if (problem := role_error(role)) is not None:
        raise ValueError(f"{route}: the role {role!r}: {problem}")
    if not credential.is_live:
        raise ValueError(f"{route} asks for a role, and so needs Credential.LIVE or Credential.FRESH")


def runs_later(view: object) -> bool:
    """Return whether a function begins nothing when it is called: it is async, or a generator."""
    kinds = (inspect.iscoroutinefunction, inspect.isasyncgenfunction, inspect.isgeneratorfunction)
    return any(is_of_kind(view) for is_of_kind in kinds)


def install(modules: Iterable[Routes], app: Chalice, lychgate: Lychgate, authorizer: ChaliceAuthorizer) -> None:
    """Register the routes of all modules with an application. The authorizer guards those that take an access token."""
    operations = tuple(operation for routes in modules for operation in routes.operations)
    for operation in operations:
        guard = {"authorizer": authorizer} if operation.credential.is_access_token else {}
        register = app.route(operation.path, methods=[operation.method], content_types=[], **guard)
        register(_answering(operation, operations, app, lychgate))


def _answering(operation: Operation, operations: tuple[Operation, ...], app: Chalice, lychgate: Lychgate) -> View:
    """Return the function for Chalice to call.

    It decides whether the caller may make the request, parses it, calls the view and sets the answer's status.
    """
    is_guarded, reads_user = operation.credential.is_access_token, operation.reads_user
    role, fresh = operation.role, operation.credential is Credential.FRESH
    by_feed = operation.credential is Credential.BEARER
    form, takes_key_proof = operation.form, operation.takes_key_proof
    judges_refusal = operation.credential is Credential.REFRESH_TOKEN

    @functools.wraps(operation.view)
    def answer(**arguments: Any) -> Answer[Any]:  # noqa: ANN401 - as the view has them
        request = cast("Request", app.current_request)
        principal = user = None
        if is_guarded:
            principal = current_principal(request, lychgate.clock())
            if reads_user:
                user = lychgate.use_cases.account.authorized(principal, role=role, fresh=fresh)
            elif by_feed and lychgate.use_cases.ended_sessions.may_have_ended(principal):
                lychgate.use_cases.account.live(principal)
        if operation.query is not None:
            # Few routes look at any.
            from chalicelib.api.queries import read_query  # noqa: PLC0415

            arguments["query"] = read_query(request, operation.query)
        if operation.body is not None:
            arguments["body"] = read_body(request, operation.body if form is None else form(lychgate.settings))
        key_proof = refused = None
        if takes_key_proof:
            try:
                key_proof = _key_proof(request, operation, lychgate)
            except InvalidDPoPProof as refusal:
                if not judges_refusal:
                    raise
                refused = refusal
        call = Call(request, lychgate, operations, principal, user, key_proof, refused)
        returned = operation.view(call, **arguments)
        answer = _sendable(returned, operation.route)
        answer.status_code = int(answer.status or operation.status)
        return answer

    return answer


def _sendable(returned: object, route: str) -> Answer[Any]:
    """Return what a view has returned, with its body in JSON.

    Raises SiteMistake if it is no answer, or has something that JSON does not have. Chalice would find that only after
    all of our steps, where nobody logs it.
    """
    if not isinstance(returned, Answer):
        if isinstance(returned, Coroutine):
            returned.close()
        what = "None" if returned is None else type(returned).__name__
        raise SiteMistake(f"{route} returned {what}; return Answer(…)")
    if not isinstance(returned.body, str):
        try:
            returned.body = _ENCODER.encode(returned.body)
        except TypeError as unknown:
            raise SiteMistake(f"{route} returned what is no JSON: {unknown}") from None
        except (ValueError, RecursionError):
            rule = "JSON has no NaN and no infinity, and nothing in it holds itself"
            raise SiteMistake(f"{route} returned what is no JSON: {rule}") from None
    return returned


def _key_proof(request: Request, operation: Operation, lychgate: Lychgate) -> KeyProof | None:
    """Return the key that a request proves, None if it has no proof. Raises InvalidDPoPProof."""
    proofs = read_key_proofs(request)
    if not proofs:
        return None
    if len(proofs) > 1:
        raise InvalidDPoPProof("there is more than one")
    return lychgate.key_proofs.verify(proofs[0], method=operation.method, path=operation.path)
