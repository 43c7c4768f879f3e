"""DynamoDB's JSON: the one place that writes and reads its types.

boto3 could do this; importing it would cost each cold start 30 ms.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Value = str | int | bool | tuple[str, ...]
"""What an attribute can be here: a string, a whole number, a truth value or a set of strings."""

Item = dict[str, Any]
"""An item, the key of one or the values of an expression, in DynamoDB's JSON."""


def to_item(members: Mapping[str, Value]) -> Item:
    """Return the members as DynamoDB takes them."""
    return {name: _typed(value) for name, value in members.items()}


def from_item(item: Item) -> dict[str, Any]:
    """Return the members of an item: numbers as ``int``, sets as sorted tuples."""
    return {name: _plain(typed) for name, typed in item.items()}


def _typed(value: Value) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int):
        return {"N": str(value)}
    if isinstance(value, tuple):
        return {"SS": list(value)}
    # A member of an enumeration is stored as the plain string that it is.
    return {"S": str(value)}


def _plain(typed: dict[str, Any]) -> Any:  # noqa: ANN401 - a Value, and each reader knows which
    ((kind, value),) = typed.items()
    if kind == "N":
        return int(value)
    return tuple(sorted(value)) if kind == "SS" else value
