"""JSON Schema (draft 2020-12) of the types of request and response bodies.

Owns which Python types a body may have, how the document describes each, and the members that several bodies have.
Knows no route.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from enum import StrEnum
from itertools import count
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

from chalicelib.accounts import addresses, usernames
from chalicelib.api.bodies import LARGEST_INTEGER, LEFT_OUT, LeftOut
from chalicelib.credentials import password_text

JsonSchema = dict[str, Any]


class Components(dict[str, JsonSchema]):
    """Schemas by their names, each of which belongs to one type.

    A site may have a type with the name of one of ours, and a later version may add one with the name of a site's. The
    second of them gets another name.
    """

    def __init__(self) -> None:
        super().__init__()
        self._owners: dict[str, object] = {}

    def name_for(self, owner: object, name: str) -> str:
        """Return ``name``, or one of its own for a type, if the schema of that name is another's."""
        return next(each for each in names_like(name, "Site") if self._owners.setdefault(each, owner) is owner)


def names_like(name: str, prefix: str) -> Iterator[str]:
    """Yield the names that something of a site's may have, the best first: ``UserBody``, then ``SiteUserBody``."""
    yield name
    yield f"{prefix}{name}"
    yield from (f"{prefix}{name}{number}" for number in count(2))


class Keywords:
    """Keywords of JSON Schema that a Python type cannot express, for use in ``Annotated``.

    In requests they describe and do not restrict: ``read_body`` ignores them. Whatever the use cases take has these
    lengths and fits these patterns. A pattern is one of ECMA-262 that most validators read (JSON Schema draft 2020-12,
    section 6.4): without lookahead, and without classes of Unicode, so of other characters than ASCII's it allows all.
    """

    def __init__(self, component: str | None = None, **keywords: object) -> None:
        """Describe a type. With the name of a ``component`` it has a schema of that name, which others refer to."""
        self.component = component
        self.keywords = keywords

    def describe(self, schema: JsonSchema, components: Components) -> JsonSchema:
        """Return the schema of the type, given the schema without these keywords."""
        described = {**schema, **self.keywords}
        if self.component is None:
            return described
        name = components.name_for(self, self.component)
        components.setdefault(name, described)
        return _reference_to(name)


Password = Annotated[str, Keywords(format="password", examples=["correct horse battery staple"])]
"""An existing password. A wrong one of any length is refused as every wrong one is."""

NewPassword = Annotated[
    str,
    Keywords(
        component="NewPassword",
        format="password",
        description=(
            f"At most {password_text.MAX_LENGTH} characters after NFC. `GET /auth/options` says how many it needs."
        ),
        maxLength=password_text.MAX_RAW_LENGTH,
        examples=["correct horse battery staple"],
    ),
]
"""A password to be set. ``describe`` adds the least length, which is a setting."""

NewEmail = Annotated[
    str,
    Keywords(
        component="NewEmail",
        format="email",
        description=f"An address of ASCII characters, {addresses.MAX_ADDRESS_LENGTH} at most.",
        minLength=addresses.MIN_ADDRESS_LENGTH,
        maxLength=addresses.MAX_ADDRESS_LENGTH,
        # The last label has something else than digits in it.
        pattern=(
            r"^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@"
            r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+"
            r"(?:[0-9]*[A-Za-z](?:[A-Za-z0-9-]*[A-Za-z0-9])?|[0-9]+-[A-Za-z0-9-]*[A-Za-z0-9])$"
        ),
        examples=["alice@example.org"],
    ),
]
"""An e-mail address that is yet to be confirmed."""

Username = Annotated[str, Keywords(examples=["alice"])]
"""The name of an existing user. An unknown one of any length is refused as a wrong password is."""

NewUsername = Annotated[
    str,
    Keywords(
        component="NewUsername",
        description=(
            f"{usernames.MIN_USERNAME_LENGTH} to {usernames.MAX_USERNAME_LENGTH} characters after NFKC and case"
            " folding: letters, digits and `. _ @ + -`, of one script."
        ),
        minLength=usernames.MIN_USERNAME_LENGTH,
        maxLength=usernames.MAX_RAW_LENGTH,
        pattern=r"^(?:[A-Za-z0-9._@+-]|[^\x00-\x7F])*$",
        examples=["alice"],
    ),
]
"""The name of a user to be."""

SIX_DIGITS = r"^[\s\x1C-\x1F\x85]*(?:[0-9][\s\x1C-\x1F\x85]*){6}$"
"""With the spaces that Python's ``str.split`` knows. Some of them are none in ECMA-262."""

TotpCode = Annotated[
    str,
    Keywords(
        description="Six digits from an authenticator app. Spaces are ignored.",
        pattern=SIX_DIGITS,
        examples=["042137"],
    ),
]

PasskeyAnswer = Annotated[
    dict[str, Any],
    Keywords(
        component="AuthenticationResponseJSON",
        description="What a passkey has answered: `toJSON()` of a PublicKeyCredential (WebAuthn Level 3, section 5.1).",
    ),
]
"""The answer of a passkey that was used."""


class OrNull(Keywords):
    """Says that a member of a response is null if there is nothing to show."""

    def describe(self, schema: JsonSchema, components: Components) -> JsonSchema:
        """Return the schema of the type or of null."""
        return super().describe({"oneOf": [schema, {"type": "null"}]}, components)


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
        return _choice(get_args(kind), components)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return {"type": "string", "enum": [member.value for member in kind]}
    if is_typeddict(kind) or dataclasses.is_dataclass(kind):
        return _reference(kind, components)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        keywords: Keywords = arguments[1]
        return keywords.describe(schema_of(arguments[0], components), components)
    if origin is NotRequired:
        return schema_of(arguments[0], components)
    if origin is Literal:
        return {"type": "string", "enum": list(arguments)}
    if origin is list:
        return {"type": "array", "items": schema_of(arguments[0], components)}
    if origin is dict:
        # Without this, generators make a type of it that has no members.
        return {"type": "object", "additionalProperties": True}
    raise TypeError(f"no schema for {kind!r}")


def _choice(kinds: tuple[Any, ...], components: Components) -> JsonSchema:
    """Return the schema of a union. A member that is ``str | None = None`` may be left out, but may not be null.

    It may be null if ``LeftOut`` is one of the types.
    """
    choices = [schema_of(kind, components) for kind in kinds if kind not in {NoneType, LeftOut}]
    schema = choices[0] if len(choices) == 1 else {"oneOf": choices}
    return OrNull().describe(schema, components) if LeftOut in kinds else schema


def _reference(kind: type, components: Components) -> JsonSchema:
    name = components.name_for(kind, kind.__name__)
    if name not in components:
        components[name] = {}
        components[name] = _object(kind, components)
    return _reference_to(name)


def _reference_to(name: str) -> JsonSchema:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(kind: type, components: Components) -> JsonSchema:
    members = get_type_hints(kind, include_extras=True)
    properties = {name: schema_of(member, components) for name, member in members.items()}
    schema: JsonSchema = {"type": "object"}
    if kind.__doc__:
        schema["description"] = kind.__doc__.splitlines()[0]
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
        elif field.default is not None and field.default is not LEFT_OUT:
            _with_default(properties[field.name], field.default, components)
    return schema | {"properties": properties, "required": required, "additionalProperties": False}


def _with_default(schema: JsonSchema, default: object, components: Components) -> None:
    """Put the default of a member into its schema, or into the one that this refers to.

    openapi-typescript takes a member with a default beside its type for one that is always there; behind a reference it
    does not.
    """
    name = schema.get("$ref", "").rpartition("/")[2]
    (components[name] if name else schema)["default"] = default


def _within_bounds(schema: JsonSchema) -> JsonSchema:
    """Return the schema with the bounds of every integer in a request."""
    if "items" in schema:
        return {**schema, "items": _within_bounds(schema["items"])}
    if schema.get("type") == "integer":
        return {"minimum": -LARGEST_INTEGER, "maximum": LARGEST_INTEGER, **schema}
    return schema
