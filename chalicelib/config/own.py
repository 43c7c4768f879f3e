"""Settings of a site's own: the fields of a dataclass, each an environment variable.

Owns how variables are named, and which types a field may have. Only a site that has settings loads this module.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, ClassVar, Literal, Protocol, TypeVar, Union, get_args, get_origin, get_type_hints

from chalicelib.config.environment import one_of, required
from chalicelib.errors import ConfigurationError

PREFIX = "SITE_"
"""Ours begin otherwise, so that no later version has one of a site's names."""


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]


Settings = TypeVar("Settings", bound=_Dataclass)


def read(kind: type[Settings], environment: Mapping[str, str]) -> Settings:
    """Return a dataclass whose fields are read from an environment: ``delivery_days`` from SITE_DELIVERY_DAYS.

    A field is a ``str``, an ``int`` of up to 15 digits, a ``bool``, which is ``true`` or ``false``, or one of several
    strings (``Literal``), and may be None. One with a default may be left out. An empty variable is none.

    Raises:
        ConfigurationError: a variable is missing, or holds no value of its type. It is named.
        TypeError: ``kind`` has a field of another type.

    """
    kinds = get_type_hints(kind)
    values = {}
    for field in dataclasses.fields(kind):
        reader = _reader(kinds[field.name], f"{kind.__name__}.{field.name}")
        variable = PREFIX + field.name.upper()
        has_default = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        if not has_default or environment.get(variable, "").strip():
            values[field.name] = reader(environment, variable)
    return kind(**values)


def _reader(kind: Any, name: str) -> Any:  # noqa: ANN401 - any type, and a function for it
    """Return what reads a variable that is set as a type. Raises TypeError if no setting has this type."""
    if get_origin(kind) in {UnionType, Union}:
        choices = [choice for choice in get_args(kind) if choice is not NoneType]
        kind = choices[0] if len(choices) == 1 else kind
    if get_origin(kind) is Literal:
        return _one_of(get_args(kind))
    if kind not in _READERS:
        raise TypeError(f"{name} has the type {kind!r}, which is read from no environment variable")
    return _READERS[kind]


def _integer(environment: Mapping[str, str], variable: str) -> int:
    value = required(environment, variable)
    digits = value.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS):
        raise ConfigurationError(variable, "must be a whole number")
    return int(value)


def _one_of(choices: tuple[str, ...]) -> Any:  # noqa: ANN401 - a function
    def read_one_of(environment: Mapping[str, str], variable: str) -> str:
        return one_of({variable: required(environment, variable)}, variable, choices, "")

    return read_one_of


def _boolean(environment: Mapping[str, str], variable: str) -> bool:
    return bool(_one_of(("true", "false"))(environment, variable) == "true")


_MOST_DIGITS = 15
_READERS = {str: required, int: _integer, bool: _boolean}
