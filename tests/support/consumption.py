"""The cost of a request at DynamoDB: its calls, and the capacity units that they consume.

Calls are counted at the SDK. Units are those that DynamoDB Local reports in ``ConsumedCapacity``, by the rules of the
service: a strongly consistent read of up to 4 KB is one unit, and so is a write of up to 1 KB. For transactions it
reports four units for each table, whatever is written. The service takes two for each item of up to 1 KB, which is
counted here. (moto's numbers are all made up.)
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from chalicelib.config.api import Tables

if TYPE_CHECKING:
    from types import TracebackType

    from mypy_boto3_dynamodb import DynamoDBClient

_READS = frozenset({"GetItem", "BatchGetItem", "Query"})


@dataclass(frozen=True)
class Cost:
    """Calls by operation and tables, and units read and written."""

    calls: tuple[str, ...]
    reads: float
    writes: float


NOTHING = Cost((), 0, 0)


class Meter:
    """Requests the consumed capacity of each call of one client and adds it up, until it is stopped."""

    def __init__(self, client: DynamoDBClient, tables: Tables) -> None:
        self._names = {getattr(tables, short): short for short in Tables.__slots__}
        # The stubs allow no handler that returns something, which those of this event are there for.
        self._events = cast("Any", client.meta.events)
        self._calls: list[str] = []
        self._units: Counter[str] = Counter()
        self._body: Mapping[str, Any] = {}
        self._events.register("provide-client-params.dynamodb", self._ask)
        self._events.register("before-call.dynamodb", self._note)
        self._events.register("after-call.dynamodb", self._add)

    def __enter__(self) -> Meter:
        """Return this meter."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the client as it was."""
        self._events.unregister("provide-client-params.dynamodb", self._ask)
        self._events.unregister("before-call.dynamodb", self._note)
        self._events.unregister("after-call.dynamodb", self._add)

    def reset(self) -> None:
        """Reset all counts to zero."""
        self._calls.clear()
        self._units.clear()

    def reading(self) -> Cost:
        """Return what was consumed since the last reset."""
        units = self._units
        return Cost(tuple(self._calls), units["read"], units["write"])

    def _ask(self, params: dict[str, Any], model: Any, **_: object) -> dict[str, Any] | None:
        if "ReturnConsumedCapacity" in model.input_shape.members:
            return params | {"ReturnConsumedCapacity": "TOTAL"}
        return None

    def _note(self, params: dict[str, Any], model: Any, **_: object) -> None:
        self._body = json.loads(params["body"])
        tables = sorted({self._names[table] for table in tables_in(self._body)})
        self._calls.append(f"{model.name} {'+'.join(tables)}")

    def _add(self, parsed: dict[str, Any], model: Any, **_: object) -> None:
        if model.name == "TransactWriteItems":
            self._units["write"] += 2 * len(self._body["TransactItems"])
            return
        consumed = parsed.get("ConsumedCapacity", [])
        if parsed.get("Error", {}).get("Code") == "ConditionalCheckFailedException":
            # A failed condition does not report its consumption, which is that of the write.
            consumed = {"CapacityUnits": 1}
        kind = "read" if model.name in _READS else "write"
        for table in consumed if isinstance(consumed, list) else [consumed]:
            self._units[kind] += table["CapacityUnits"]


def tables_in(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield the tables that a request is about, once for each item of a transaction."""
    if "TableName" in body:
        yield body["TableName"]
    yield from body.get("RequestItems", {})
    for action in body.get("TransactItems", []):
        for details in action.values():
            yield details["TableName"]
