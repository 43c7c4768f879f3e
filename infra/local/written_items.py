"""Which items a request to DynamoDB may change.

Knows the requests of DynamoDB (Amazon DynamoDB API Reference, "Actions"). Knows no table.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Attributes = Mapping[str, Any]


def written_items(operation: str, request: Attributes) -> list[tuple[str, Attributes]] | None:
    """Return the table of each item that a request may change, with attributes among which its key is.

    Returns None for an operation whose request does not tell, such as one in PartiQL, and for a malformed request.
    """
    try:
        match operation:
            case "PutItem":
                return [(request["TableName"], dict(request["Item"]))]
            case "UpdateItem" | "DeleteItem":
                return [(request["TableName"], dict(request["Key"]))]
            case "BatchWriteItem":
                return list(_of_batch(request["RequestItems"]))
            case "TransactWriteItems":
                return list(_of_transaction(request["TransactItems"]))
    except (AttributeError, KeyError, TypeError, ValueError):
        pass
    return None


def _of_batch(tables: Mapping[str, Any]) -> Iterator[tuple[str, Attributes]]:
    for table, requests in tables.items():
        for request in requests:
            for kind, parameters in request.items():
                yield table, dict(parameters["Item" if kind == "PutRequest" else "Key"])


def _of_transaction(actions: Iterable[Attributes]) -> Iterator[tuple[str, Attributes]]:
    for action in actions:
        for kind, parameters in action.items():
            if kind != "ConditionCheck":
                yield parameters["TableName"], dict(parameters["Item" if kind == "Put" else "Key"])
