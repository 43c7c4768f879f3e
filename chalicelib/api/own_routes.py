"""What is wrong with the routes of a site.

Owns the rules for them, and the sentence for each mistake. Loaded before a start on a laptop and before a deployment,
and where ``Application`` refuses a route: to read annotations would lengthen every cold start.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from chalicelib.api.bodies import complete, is_body, unreadable_fields
from chalicelib.api.openapi import ALL_ROUTES, describe
from chalicelib.api.queries import unreadable_parameters
from chalicelib.api.responses import Answer
from chalicelib.api.routing import Credential, Operation, Routes, runs_later
from chalicelib.api.schemas import Components, schema_of
from chalicelib.errors import SiteMistake

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_PARAMETER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_LITERAL = re.compile(r"[A-Za-z0-9._:-]+")
"""What API Gateway takes as a part of a path."""

_POSITIONAL = frozenset({inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD})
_NAMED = frozenset({*_POSITIONAL, inspect.Parameter.KEYWORD_ONLY})

_RESERVED = frozenset({"call", "body"})

_WHO = {
    Credential.BEARER: "whoever has an access token",
    Credential.LIVE: "whoever is logged in",
    Credential.FRESH: "whoever has logged in within LYCHGATE_FRESH_SECONDS",
}


class RoutesRefused(ValueError):
    """Raised for routes of a site that cannot be what is meant. The message has a line for each mistake."""


def refuse_wrong(routes: Iterable[Routes]) -> None:
    """Raise RoutesRefused, which tells all mistakes at once, if there are any in the routes of a site."""
    if problems := list(mistakes(routes)):
        raise RoutesRefused("\n".join(problems))


def mistakes(routes: Iterable[Routes]) -> Iterator[str]:
    """Yield a sentence for each mistake in the routes of a site: which route it is in, where, and what to write."""
    ours = [operation for each in ALL_ROUTES for operation in each.operations]
    own = [operation for each in routes for operation in each.operations]
    for operation, problems in _of_all(ours, own):
        named = f"{operation.route} ({_name(operation)}, {place_of(operation.view)})"
        yield from (f"{named}: {problem}" for problem in problems)


def place_of(view: Any) -> str:  # noqa: ANN401 - whatever can be called
    """Return the file and the line of a view, from the site's room on."""
    code = getattr(inspect.unwrap(view), "__code__", None)
    if code is None:
        return "nobody knows where"
    _, room, file = code.co_filename.replace("\\", "/").rpartition("chalicelib/site/")
    return f"{room}{file}:{code.co_firstlineno}"


def who_may_call(operation: Operation) -> str:
    """Return who may call a route, for whoever has written it."""
    role = "" if operation.role is None else f", with the role {operation.role}"
    return f"{_WHO.get(operation.credential, 'everybody')}{role}"


def _of_all(ours: list[Operation], own: list[Operation]) -> Iterator[tuple[Operation, list[str]]]:
    known = {(operation.method, operation.path): operation for operation in ours}
    places: dict[tuple[str, ...], tuple[str, Operation]] = {}
    for operation in ours:
        list(_other_names(operation, places, ours))
    for operation in own:
        problems = [*_of_method(operation), *_of_path(operation.path)]
        if not problems:
            problems += _taken(operation, known, ours)
            problems += _other_names(operation, places, ours)
        problems += _of_declaration(operation)
        problems += _of_view(operation, is_a_route=not problems)
        yield operation, problems


def _name(operation: Operation) -> str:
    return getattr(operation.view, "__name__", type(operation.view).__name__)


def _of_method(operation: Operation) -> Iterator[str]:
    method = operation.method
    if method in _METHODS:
        return
    if method.upper() in _METHODS:
        yield f'the method is in capitals: write "{method.upper()}"'
    elif method.upper() == "OPTIONS":
        yield "the API answers OPTIONS itself, for CORS: leave this route out"
    else:
        yield f"the method is one of {', '.join(_METHODS)}, and not {method}"


def _of_path(path: str) -> Iterator[str]:
    if path == "/":
        return
    if not path.startswith("/"):
        yield f'a path begins with "/": write "/{path}"'
        return
    if path == "/api" or path.startswith("/api/"):
        yield f'the API is at /api already, so this is served at /api{path}: write "{path.removeprefix("/api") or "/"}"'
    if path.endswith("/"):
        yield f'no path ends with "/": write "{path.rstrip("/") or "/"}"'
    parts = path.strip("/").split("/")
    for part in parts:
        yield from _of_part(part)
    names = [found[1] for part in parts if (found := _PARAMETER.fullmatch(part))]
    for name in dict.fromkeys(names):
        if name in _RESERVED:
            yield f"{{{name}}} has the name of what a view has already: choose another one"
        if names.count(name) > 1:
            yield f"{{{name}}} is in the path twice: choose another name for one of them"


def _of_part(part: str) -> Iterator[str]:
    """Yield what is wrong with what stands between two slashes."""
    if _PARAMETER.fullmatch(part) or _LITERAL.fullmatch(part):
        return
    if "{" in part or "}" in part:
        example = f"{{{_as_name(part)}}}"
        yield f'"{part}" is no parameter, which is one name in braces, of letters, digits and "_": write "{example}"'
    elif part:
        yield f'"{part}" has characters that API Gateway takes in no path: use a-z, A-Z, 0-9, ".", "_", ":" and "-"'
    else:
        yield 'there is nothing between two "/" of the path'


def _as_name(part: str) -> str:
    name = re.sub(r"\W+", "_", part.strip("{}"), flags=re.ASCII).strip("_")
    return name if name.isidentifier() else "name"


def _taken(operation: Operation, known: dict[tuple[str, str], Operation], ours: list[Operation]) -> Iterator[str]:
    first = known.setdefault((operation.method, operation.path), operation)
    if first in ours:
        yield f"{operation.route} is Lychgate's: choose another path"
    elif first is not operation:
        yield f"this route is there already: {_name(first)}, {place_of(first.view)}. Choose another path or method"


def _other_names(
    operation: Operation, places: dict[tuple[str, ...], tuple[str, Operation]], ours: list[Operation]
) -> Iterator[str]:
    """Yield a sentence for each parameter that another path calls otherwise. Notes those of this path in ``places``."""
    above: list[str] = []
    for part in operation.path.strip("/").split("/"):
        found = _PARAMETER.fullmatch(part)
        if found is None:
            above.append(part)
            continue
        name, first = places.setdefault(tuple(above), (found[1], operation))
        if name != found[1]:
            whose = "Lychgate" if first in ours else place_of(first.view)
            yield (
                f"API Gateway takes one name for a place in paths, and {{{found[1]}}} is {{{name}}} in {first.path}"
                f" ({whose}): write {{{name}}}"
            )
        above.append("{}")


def _of_declaration(operation: Operation) -> Iterator[str]:
    # Whoever writes without types may have written anything.
    credential: Any = operation.credential
    status: Any = operation.status
    if not isinstance(credential, Credential):
        yield f"the credential is one of Credential, such as Credential.LIVE, and not {credential!r}"
    elif credential is Credential.REFRESH_TOKEN:
        yield (
            "Credential.REFRESH_TOKEN is for Lychgate's own routes, and would let everybody in: write Credential.LIVE,"
            " or nothing for a public route"
        )
    if not isinstance(status, HTTPStatus):
        yield f"the status is one of HTTPStatus, such as HTTPStatus.CREATED, and not {status!r}"


def _of_view(operation: Operation, *, is_a_route: bool) -> Iterator[str]:
    view = operation.view
    if not inspect.isfunction(inspect.unwrap(view)):
        yield "a view is a function"
        return
    if runs_later(view):
        yield "a view is a plain function, and nothing would run this one: write `def`, without `async` and `yield`"
        return
    problems = list(_of_parameters(operation))
    try:
        types = operation.annotations
    except Exception as unreadable:  # noqa: BLE001 - an annotation may raise anything
        problems.append(f"its annotations cannot be read: {type(unreadable).__name__}: {unreadable}")
    else:
        problems += _of_path_parameters(operation, types)
        problems += _of_body(operation, types)
        problems += _of_query(operation, types)
        problems += _of_answer(types)
    if is_a_route and not problems:
        problems += _of_document(operation)
    yield from problems


def _of_parameters(operation: Operation) -> Iterator[str]:
    """Yield what is wrong with the names of the function's parameters."""
    in_path = re.findall(r"{(\w+)}", operation.path)
    known = {"body", "query", *in_path}
    rest = list(inspect.signature(operation.view).parameters.values())
    if rest and rest[0].kind in _POSITIONAL and rest[0].name not in known:
        del rest[0]
    else:
        yield f"the function takes the call first: write `def {_name(operation)}(call: Call, …)`"
    names = {each.name for each in rest}
    if not any(each.kind is inspect.Parameter.VAR_KEYWORD for each in rest):
        yield from (
            f"the function has no parameter for {{{each}}}: write `{each}: str`"
            for each in in_path
            if each not in names
        )
    for each in rest:
        is_for_tests = each.kind is inspect.Parameter.KEYWORD_ONLY and each.default is not inspect.Parameter.empty
        if each.name not in known and each.kind in _NAMED and not is_for_tests:
            yield f"nothing is passed as `{each.name}`: a function has `call`, `body`, `query` and what the path names"
        elif each.name in known and each.annotation is inspect.Parameter.empty:
            kind = "str" if each.name in in_path else "MyDataclass"
            yield f"`{each.name}` has no type: write `{each.name}: {kind}`"


def _of_path_parameters(operation: Operation, types: dict[str, Any]) -> Iterator[str]:
    for name in re.findall(r"{(\w+)}", operation.path):
        kind = types.get(name, str)
        if kind is not str and get_args(kind)[:1] != (str,):
            yield f"what a path has is text, and `{name}` is {_shown(kind)}: write `{name}: str`"


def _of_body(operation: Operation, types: dict[str, Any]) -> Iterator[str]:
    body = types.get("body")
    if body is None:
        return
    if operation.method == "GET":
        yield "a GET has no body, and CloudFront refuses one: take `query`, or make the route a POST"
    forms = get_args(body) if get_origin(body) in {Union, UnionType} else (body,)
    if len(forms) > 1 and operation.form is None:
        yield f"the body is {_shown(body)}, and it is one dataclass"
        return
    for form in forms:
        if is_body(form):
            yield from (
                f"{each}: docs/protect-your-api.md says what a body may have" for each in unreadable_fields(form)
            )
        else:
            yield f"the body is {_shown(form)}, and no dataclass: write one, whose fields are the members of the body"


def _of_query(operation: Operation, types: dict[str, Any]) -> Iterator[str]:
    query = types.get("query")
    if query is None or "{query}" in operation.path:
        return
    if not is_body(query):
        yield f"the query is {_shown(query)}, and no dataclass: write one, whose fields are what follows the `?`"
        return
    complete(query)
    yield from (f"{each}: write `str` or `int`" for each in unreadable_parameters(query))


def _of_answer(types: dict[str, Any]) -> Iterator[str]:
    if "return" not in types:
        yield "it does not say what it returns: write `-> Answer[dict[str, str]]`, or what the answer has"
        return
    returned = types["return"]
    for kind in get_args(returned) if get_origin(returned) in {Union, UnionType} else (returned,):
        origin = get_origin(kind)
        if isinstance(origin, type) and issubclass(origin, Answer):
            yield from _of_content(*get_args(kind))
        else:
            inner = "dict[str, str]" if kind in {Answer, NoneType, dict} else _shown(kind)
            yield f"it returns {_shown(kind)}: write `-> Answer[{inner}]`, and `return Answer(…)`"


def _of_content(content: Any) -> Iterator[str]:  # noqa: ANN401 - any annotation
    """Yield what is wrong with the type of an answer's body."""
    found = False
    for each in _dataclasses_in(content):
        found = True
        yield f"its answer has {_shown(each)}, and a dataclass is no JSON: make it a TypedDict, and return a dict"
    if content is NoneType or found:
        return
    try:
        schema_of(content, Components())
    except Exception:  # noqa: BLE001 - an annotation may raise anything
        yield f"its answer is {_shown(content)}, which is no JSON: write a TypedDict, a list or a dict"


def _dataclasses_in(kind: Any) -> Iterator[Any]:  # noqa: ANN401 - any annotation
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        yield kind
    for each in get_args(kind):
        yield from _dataclasses_in(each)


def _of_document(operation: Operation) -> Iterator[str]:
    """Yield what nothing above has found and ``/openapi.json`` would fail of."""
    try:
        describe([operation], root="https://site.example/api", cookie_name="refresh_token", password_min_length=8)
    except SiteMistake as mistake:
        yield str(mistake.reason)


def _shown(kind: Any) -> str:  # noqa: ANN401 - any annotation
    return kind.__name__ if isinstance(kind, type) and not get_args(kind) else str(kind).replace("typing.", "")
