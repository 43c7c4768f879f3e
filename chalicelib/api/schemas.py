"""JSON Schema (draft 2020-12) of the types of request and response bodies.

Owns which Python types a body may have and how the document describes each. Knows no route.
"""

from __future__ import annotations

import dataclasses
from enum import StrEnum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

from chalicelib.api.parsing import LARGEST_INTEGER

JsonSchema = dict[str, Any]
Components = dict[str, JsonSchema]


class Keywords:
    """Keywords of JSON Schema that a Python type cannot express, for use in ``Annotated``.

    In requests they describe and do not restrict: ``read_body`` ignores them.
    """

    def __init__(self, **keywords: object) -> None:
        self.keywords = keywords


_PRIMITIVES: dict[object, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}


def schema_of(kind: Any, components: Components) -> JsonSchema:  # noqa: ANN401, PLR0911 - any type; one case a line
    """Return the schema of a type. Put the schemas of the dataclasses and typed dicts in it into ``components``.

    ``Annotated[…, Keywords(…)]`` adds keywords such as descriptions, examples and formats.

    Raises:
        TypeError: a body may not have this type.

    """
    if kind in _PRIMITIVES:
        return {"type": _PRIMITIVES[kind]}
    if get_origin(kind) in {UnionType, Union}:
        # ``str | None = None``: the member may be left out, but may not be null.
        (choice,) = (choice for choice in get_args(kind) if choice is not NoneType)
        return schema_of(choice, components)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return {"type": "string", "enum": [member.value for member in kind]}
    if is_typeddict(kind) or dataclasses.is_dataclass(kind):
        return _reference(kind, components)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return {**schema_of(arguments[0], components), **arguments[1].keywords}
    if origin is NotRequired:
        return schema_of(arguments[0], components)
    if origin is Literal:
        return {"type": "string", "enum": list(arguments)}
    if origin is list:
        return {"type": "array", "items": schema_of(arguments[0], components)}
    if origin is dict:
        return {"type": "object"}
    raise TypeError(f"no schema for {kind!r}")


def _reference(kind: type, components: Components) -> JsonSchema:
    if kind.__name__ not in components:
        components[kind.__name__] = {}
        components[kind.__name__] = _object(kind, components)
    return {"$ref": f"#/components/schemas/{kind.__name__}"}


def _object(kind: type, components: Components) -> JsonSchema:
    members = get_type_hints(kind, include_extras=True)
    properties = {name: schema_of(member, components) for name, member in members.items()}
    schema: JsonSchema = {"type": "object", "description": (kind.__doc__ or "").splitlines()[0]}
    if is_typeddict(kind):
        required = [name for name, member in members.items() if get_origin(member) is not NotRequired]
        return schema | {"properties": properties, "required": required}
    # A dataclass describes a request body. Unknown members are refused.
    properties = {name: _within_bounds(member) for name, member in properties.items()}
    required = []
    for field in dataclasses.fields(kind):
        if field.default is dataclasses.MISSING:
            if field.default_factory is dataclasses.MISSING:
                required.append(field.name)
        elif field.default is not None:
            properties[field.name]["default"] = field.default
    return schema | {"properties": properties, "required": required, "additionalProperties": False}


def _within_bounds(schema: JsonSchema) -> JsonSchema:
    """Return the schema with the bounds of every integer in a request."""
    if "items" in schema:
        return {**schema, "items": _within_bounds(schema["items"])}
    if schema.get("type") == "integer":
        return {"minimum": -LARGEST_INTEGER, "maximum": LARGEST_INTEGER, **schema}
    return schema
