"""DynamoDB's JSON: the one module that writes and reads its types.

boto3 has this too, but importing it would add 30 ms to each cold start.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Value = str | int | bool | tuple[str, ...]
"""The value of an attribute: a string, an integer, a Boolean or a set of strings."""

Item = dict[str, Any]
"""An item, a key or the values of an expression, in DynamoDB's JSON."""


def to_item(members: Mapping[str, Value]) -> Item:
    """Return the members in DynamoDB's JSON."""
    return {name: _typed(value) for name, value in members.items()}


def from_item(item: Item) -> dict[str, Any]:
    """Return the members of an item. Numbers become ``int``, sets become sorted tuples."""
    return {name: _plain(typed) for name, typed in item.items()}


def _typed(value: Value) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int):
        return {"N": str(value)}
    if isinstance(value, tuple):
        return {"SS": list(value)}
    # A member of a StrEnum is stored as its value.
    return {"S": str(value)}


def _plain(typed: dict[str, Any]) -> Any:  # noqa: ANN401 - a Value of a type that each caller knows
    ((kind, value),) = typed.items()
    if kind == "N":
        return int(value)
    return tuple(sorted(value)) if kind == "SS" else value
