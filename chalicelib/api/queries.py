"""The parameters after the ``?`` of an address: how they are read, and how the document describes them.

Loaded with the first route that takes any.
"""

from __future__ import annotations

import dataclasses
import re
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, cast, get_args, get_origin, get_type_hints

from chalicelib.api.bodies import LARGEST_INTEGER, NO_INTEGER, is_unicode
from chalicelib.api.schemas import Components, JsonSchema, schema_of
from chalicelib.errors import NOT_UNICODE, FieldError, Flaw, ValidationFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalice.app import Request

_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,15}", re.ASCII)


def read_query(request: Request, query_type: Any) -> Any:  # noqa: ANN401 - a dataclass
    """Return the parameters of a request as a ``query_type``: a dataclass of strings and integers.

    A field with a default may be left out. A parameter that is not declared is ignored, as it is where none is. An
    integer is written as JSON writes it (RFC 8259 section 6): no sign but a minus, no zero before it.

    Raises:
        ValidationFailed: a parameter is missing, is there twice, or is not of its type. It is named.
        TypeError: ``query_type`` has a field of another type. This is a bug of the view.

    """
    sent = request.query_params
    errors: list[FieldError] = []
    values: dict[str, str | int] = {}
    kinds = get_type_hints(query_type)
    for field in dataclasses.fields(query_type):
        found = [] if sent is None else sent.getlist(field.name) if field.name in sent else []
        if not found:
            if field.default is dataclasses.MISSING:
                errors.append(FieldError(field.name, Flaw("This parameter is needed.", "required")))
            continue
        value, problem = _value(found, _scalar(kinds[field.name], field.name))
        if problem is not None:
            errors.append(FieldError(field.name, problem))
        values[field.name] = value
    if errors:
        raise ValidationFailed(*errors)
    return query_type(**values)


def describe_query(query_type: Any, components: Components) -> list[JsonSchema]:  # noqa: ANN401 - a dataclass
    """Return the parameters of a ``query_type`` as the document has them (OpenAPI 3.1.0 section 4.8.12)."""
    kinds = get_type_hints(query_type, include_extras=True)
    described = []
    for field in dataclasses.fields(query_type):
        schema = schema_of(kinds[field.name], components)
        if field.default is not dataclasses.MISSING and field.default is not None:
            schema["default"] = field.default
        parameter = {"name": field.name, "in": "query", "required": field.default is dataclasses.MISSING}
        if (description := schema.pop("description", None)) is not None:
            parameter["description"] = description
        described.append(parameter | {"schema": schema})
    return described


def unreadable_parameters(query_type: Any) -> Iterator[str]:  # noqa: ANN401 - a dataclass
    """Yield a sentence for each field of a type that is read from no query."""
    for name, kind in get_type_hints(query_type).items():
        try:
            _scalar(kind, f"{query_type.__name__}.{name}")
        except TypeError as unreadable:
            yield str(unreadable)


def _scalar(kind: Any, name: str) -> type:  # noqa: ANN401 - any type
    """Return ``str`` or ``int``, also of ``str | None`` and of an annotated one. Raises TypeError for any other."""
    if get_origin(kind) in {UnionType, Union}:
        (kind,) = [choice for choice in get_args(kind) if choice is not NoneType] or [kind]
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if kind is str or kind is int:
        return cast("type", kind)
    raise TypeError(f"{name} has the type {kind!r}, which is read from no query")


def _value(found: list[str], kind: type) -> tuple[str | int, Flaw | None]:
    """Return a parameter as its type, and what is wrong with it; None if nothing is."""
    if len(found) > 1:
        return "", Flaw("This parameter may be there once.", "duplicate")
    (text,) = found
    if kind is int:
        if not _INTEGER.fullmatch(text):
            return 0, NO_INTEGER
        number = int(text)
        return number, None if abs(number) <= LARGEST_INTEGER else Flaw(NO_INTEGER, "out_of_range")
    return text, None if is_unicode(text) else NOT_UNICODE
