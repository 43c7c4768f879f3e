"""Update expressions that are put together from what several rules change in one item."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from chalicelib.adapters.dynamodb.attributes import Item, Value, to_item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef


@dataclass(slots=True, eq=False)
class Changes:
    """What an update does to an item: the clauses of an update expression, with their names and values."""

    sets: list[str] = field(default_factory=list)
    removes: list[str] = field(default_factory=list)
    adds: list[str] = field(default_factory=list)
    deletes: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)

    def parameters(self, table: str, key: Item, *conditions: str) -> dict[str, Any]:
        """Return the parameters of an UpdateItem that makes these changes if all conditions are true."""
        clauses = (("SET", self.sets), ("REMOVE", self.removes), ("ADD", self.adds), ("DELETE", self.deletes))
        parameters: dict[str, Any] = {
            "TableName": table,
            "Key": key,
            "UpdateExpression": " ".join(f"{verb} {', '.join(parts)}" for verb, parts in clauses if parts),
            "ExpressionAttributeValues": to_item(self.values),
        }
        if self.names:
            parameters["ExpressionAttributeNames"] = self.names
        if conditions:
            parameters["ConditionExpression"] = " AND ".join(conditions)
            parameters["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        return parameters

    def action(self, table: str, key: Item, *conditions: str) -> TransactWriteItemTypeDef:
        """Return the same as an action of a transaction."""
        return cast("TransactWriteItemTypeDef", {"Update": self.parameters(table, key, *conditions)})
