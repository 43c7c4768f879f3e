"""The bodies of requests: how a view declares one, and how JSON becomes that.

Owns every limit on a body. It is parsed here and not by Chalice, whose ``json_body`` takes any JSON value and answers
deep nesting with a 500.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import re
import sys
import threading
from collections.abc import Iterator
from types import NoneType, UnionType
from typing import (
    Any,
    ClassVar,
    Literal,
    Protocol,
    TypeVar,
    Union,
    cast,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)

from chalice.app import Request

from chalicelib.errors import (
    NOT_UNICODE,
    REQUIRED,
    FieldError,
    Flaw,
    InvalidRequest,
    PayloadTooLarge,
    UnsupportedMediaType,
    ValidationFailed,
)

MAX_BODY_BYTES = 16 * 1024

LARGEST_INTEGER = 2**53 - 1
"""The largest integer in a body, and with a minus the smallest: every parser of JSON reads these exactly (RFC 8259
section 6)."""

_LARGEST_DOUBLE = sys.float_info.max

NO_INTEGER = Flaw("This must be an integer.", "wrong_type")
_NO_OBJECT = Flaw("This must be an object.", "wrong_type")
_NO_SUCH_FIELD = Flaw("There is no such field.", "unknown_field")

_PLAIN_NAME = re.compile(r"[a-z_]{1,32}")
_NAME_WITH_CAPITALS = re.compile(r"[a-z][A-Za-z_]{0,31}")


class _Body(Protocol):
    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]


BodyType = TypeVar("BodyType", bound=_Body)
Declared = TypeVar("Declared")


class LeftOut:
    """The type of ``LEFT_OUT``. In the type of a field it says that null is accepted, and means something else."""


LEFT_OUT = LeftOut()
"""The default of a field that may be a value, null or left out: ``str | LeftOut | None``."""

_LATE = "_becomes_a_dataclass"
_one_at_a_time = threading.Lock()


@dataclass_transform(frozen_default=True, eq_default=False)
def request_body(body_type: type[Declared]) -> type[Declared]:
    """Declare the body of a request, as ``dataclass(frozen=True, eq=False)`` does, when it is first needed.

    ``dataclass`` writes methods and compiles them, for half a millisecond of each cold start, and most processes see
    few kinds of bodies.
    """
    setattr(body_type, _LATE, True)
    return body_type


def is_body(kind: object) -> bool:
    """Whether a body can be read into a type: a dataclass, or one that becomes it."""
    return isinstance(kind, type) and (dataclasses.is_dataclass(kind) or _LATE in vars(kind))


def complete(body_type: Any) -> None:  # noqa: ANN401 - any class
    """Make what ``request_body`` has declared a dataclass, unless it is one already."""
    with _one_at_a_time:
        if _LATE in vars(body_type) and not dataclasses.is_dataclass(body_type):
            dataclasses.dataclass(frozen=True, eq=False)(body_type)


def read_body(request: Request, body_type: type[BodyType]) -> BodyType:
    """Return the JSON object in the request's body as a ``body_type``.

    ``body_type`` is a dataclass, complete by now. A field is a ``str``, an ``int``, a ``float``, a ``bool``, one of
    several strings (``Literal``), a list of these, or another dataclass, to any depth; or ``dict[str, Any]``, an object
    whose members somebody else knows. A field with a default may be left out (``str | None = None``). Null is accepted
    inside such an object, and of a field that is declared so (``str | LeftOut | None = LEFT_OUT``). Errors name a field
    by its path, ``credential.response`` or ``roles[2]``, and a type by JSON Schema's word for it (Validation, section
    6.1.1).

    ``1.0`` is an integer (JSON Schema Core draft 2020-12, section 4.2.3) and becomes 1. A ``float`` also takes
    integers. Integers beyond ``LARGEST_INTEGER`` and numbers that no double can hold are refused: the client may have
    meant others.

    Raises:
        UnsupportedMediaType: the body is not ``application/json``.
        PayloadTooLarge: it has more than ``MAX_BODY_BYTES`` bytes.
        InvalidRequest: it is not one JSON object in UTF-8 with each member once.
        ValidationFailed: a member is missing, unknown or of the wrong type.
        TypeError: ``body_type`` has a field of another type. This is a bug of the view.

    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise UnsupportedMediaType
    return _typed(_parse_object(_raw_body(request)), body_type)


def _raw_body(request: Request) -> bytes:
    try:
        body = request.raw_body
    except ValueError:
        raise InvalidRequest from None
    if len(body) > MAX_BODY_BYTES:
        raise PayloadTooLarge(f"The request body must have at most {MAX_BODY_BYTES} bytes.")
    return body if isinstance(body, bytes) else body.encode()


def _parse_object(body: bytes) -> dict[str, Any]:
    try:
        value = _DECODER.decode(body.decode("utf-8"))
    except (ValueError, RecursionError):
        # A parser's message can quote the body, so it is not passed on.
        raise InvalidRequest from None
    if not isinstance(value, dict):
        raise InvalidRequest
    return value


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise InvalidRequest("The request body has a member twice.")
    return members


def _refuse_constant(_constant: str) -> None:
    raise InvalidRequest


# Made once: json.loads makes one at each call that asks for anything but the defaults.
_DECODER = json.JSONDecoder(object_pairs_hook=_unique_members, parse_constant=_refuse_constant)


@functools.cache
def _fields_of(body_type: Any) -> dict[str, tuple[Any, bool, bool]]:  # noqa: ANN401 - a dataclass
    """Return the type of each field of a dataclass, whether a body needs the field, and whether it may be null.

    Cached: to read annotations means to compile and run them, which takes as long as a signature.
    """
    hints = get_type_hints(body_type)
    types = {name: _without_none(kind) for name, kind in hints.items()}
    missing = dataclasses.MISSING
    for name, kind in types.items():
        _check_readable(kind, f"{body_type.__name__}.{name}")
    return {
        field.name: (
            types[field.name],
            field.default is missing and field.default_factory is missing,
            LeftOut in get_args(hints[field.name]),
        )
        for field in dataclasses.fields(body_type)
    }


def _without_none(expected: Any) -> Any:  # noqa: ANN401 - any type
    """Return the other part of ``str | None``, which may be left out, or of ``str | LeftOut | None``."""
    if get_origin(expected) not in {UnionType, Union}:
        return expected
    choices = [choice for choice in get_args(expected) if choice not in {NoneType, LeftOut}]
    return choices[0] if len(choices) == 1 else expected


def _check_readable(expected: Any, name: str) -> None:  # noqa: ANN401 - any type
    """Raise TypeError unless values of this type are read from bodies."""
    origin, arguments = get_origin(expected), get_args(expected)
    if origin is list:
        _check_readable(arguments[0], f"{name}[]")
        return
    if origin is Literal:
        readable = all(isinstance(choice, str) for choice in arguments)
    elif origin is dict:
        readable = arguments == (str, Any)
    else:
        readable = expected in {str, int, float, bool} or dataclasses.is_dataclass(expected)
    if not readable:
        raise TypeError(f"{name} has the type {expected!r}, which is read from no body")


def unreadable_fields(body_type: Any, seen: tuple[Any, ...] = ()) -> Iterator[str]:  # noqa: ANN401 - a dataclass
    """Yield a sentence for each field of a type that no body is read into, also in the dataclasses below.

    ``seen`` are the dataclasses above: one may hold itself.
    """
    complete(body_type)
    for name, hint in get_type_hints(body_type).items():
        kind = _without_none(hint)
        try:
            _check_readable(kind, f"{body_type.__name__}.{name}")
        except TypeError as unreadable:
            yield str(unreadable)
            continue
        while get_origin(kind) is list:
            (kind,) = get_args(kind)
        above = (*seen, body_type)
        if dataclasses.is_dataclass(kind) and kind not in above:
            yield from unreadable_fields(kind, above)


def _typed(members: dict[str, Any], body_type: type[BodyType]) -> BodyType:
    errors: list[FieldError] = []
    try:
        value = _object(members, body_type, "", errors)
    except RecursionError:  # a dataclass may hold itself
        raise InvalidRequest("The request body is nested too deeply.") from None
    if errors:
        raise ValidationFailed(*errors)
    return cast("BodyType", value)


def _object(
    members: dict[str, Any],
    body_type: Any,  # noqa: ANN401 - a dataclass
    path: str,
    errors: list[FieldError],
) -> object:
    """Return a JSON object as a dataclass, None if there are errors. ``path`` ends with a dot unless it is empty."""
    fields = _fields_of(body_type)
    found = len(errors)
    errors.extend(FieldError(f"{path}{_printable(name)}", _NO_SUCH_FIELD) for name in members if name not in fields)
    values: dict[str, object] = {}
    for name, (expected, needed, takes_null) in fields.items():
        if takes_null and name in members and members[name] is None:
            values[name] = None
        elif name in members:
            values[name] = _value(members[name], expected, f"{path}{name}", errors)
        elif needed:
            errors.append(FieldError(f"{path}{name}", REQUIRED))
    return body_type(**values) if len(errors) == found else None


def _value(value: object, expected: Any, name: str, errors: list[FieldError]) -> object:  # noqa: ANN401 - any type
    """Return a JSON value as the type that is expected of it. Adds to ``errors`` what is wrong with it."""
    problem: Flaw | None
    if expected is str and isinstance(value, str) and is_unicode(value):
        return value  # as most are
    if dataclasses.is_dataclass(expected):
        if isinstance(value, dict):
            return _object(value, expected, f"{name}.", errors)
        problem = _NO_OBJECT
    elif get_origin(expected) is dict:
        if isinstance(value, dict):
            if (flaw := _flaw(value, name)) is not None:
                errors.append(flaw)
            return value
        problem = _NO_OBJECT
    elif get_origin(expected) is list:
        if isinstance(value, list):
            (item_type,) = get_args(expected)
            return [_value(item, item_type, f"{name}[{number}]", errors) for number, item in enumerate(value)]
        problem = Flaw("This must be an array.", "wrong_type")
    else:
        value, problem = _number(value, expected) if expected in {int, float} else (value, _problem(value, expected))
    if problem is not None:
        errors.append(FieldError(name, problem))
    return value


def _flaw(value: object, name: str) -> FieldError | None:
    """Return the first thing in a JSON value that no body may hold, None if there is none.

    Its members are not known here, so nothing else about them is looked at.
    """
    problem = None
    if isinstance(value, dict | list):
        for path, member in _paths(value, name):
            if (flaw := _flaw(member, path)) is not None:
                return flaw
    elif isinstance(value, str):
        problem = None if is_unicode(value) else NOT_UNICODE
    elif isinstance(value, int | float) and not isinstance(value, bool):
        _, problem = _number(value, type(value))
    return None if problem is None else FieldError(name, problem)


def _paths(value: dict[str, Any] | list[Any], name: str) -> Iterator[tuple[str, object]]:
    """Return what is in an object or an array, each with its path. The name of a member is a string in it too."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield f"{name}[{number}]", item
        return
    for member, item in value.items():
        path = f"{name}.{member if _NAME_WITH_CAPITALS.fullmatch(member) else '(another)'}"
        yield path, member
        yield path, item


def _number(value: object, expected: object) -> tuple[object, Flaw | None]:
    """Return a JSON number as the type that is expected of it, and what is wrong with it; None if nothing is."""
    # Python's truth values are integers too.
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value, Flaw("This must be a number.", "wrong_type") if expected is float else NO_INTEGER
    if expected is float:
        # The decoder makes infinity of 1e400, and no double holds an integer of 310 digits.
        if abs(value) <= _LARGEST_DOUBLE:
            return float(value), None
        return value, Flaw("This number is too large.", "out_of_range")
    if value % 1:
        return value, NO_INTEGER
    if abs(value) > LARGEST_INTEGER:
        message = f"This must be an integer from -{LARGEST_INTEGER} to {LARGEST_INTEGER}."
        return value, Flaw(message, "out_of_range", LARGEST_INTEGER if value > 0 else -LARGEST_INTEGER)
    return int(value), None


def _problem(value: object, expected: object) -> Flaw | None:
    """Return what keeps a value from being a string or a truth value; None if nothing does."""
    if get_origin(expected) is Literal:
        choices = get_args(expected)
        if not isinstance(value, str):
            return Flaw(f"This must be a string: {' or '.join(choices)}.", "wrong_type")
        return None if value in choices else Flaw(f"This must be one of: {', '.join(choices)}.", "unknown_value")
    if expected is bool:
        return None if isinstance(value, bool) else Flaw("This must be a boolean.", "wrong_type")
    if not isinstance(value, str):
        return Flaw("This must be a string.", "wrong_type")
    return None if is_unicode(value) else NOT_UNICODE


def is_unicode(string: str) -> bool:
    """Whether a string can be written in UTF-8: JSON's escapes can spell an unpaired surrogate (RFC 8259 8.2)."""
    try:
        string.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _printable(name: str) -> str:
    """Return an unknown member's name if it looks like one: by mistake it may be a password."""
    return name if _PLAIN_NAME.fullmatch(name) else "(another)"
