"""Items of a table: many read, written or deleted, and writes that hold together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from infra.restore.contents import scanned

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.adapters.dynamodb.attributes import Item

BATCH = 100
"""The most items that BatchGetItem returns."""

_WRITES = 25
"""The most items that BatchWriteItem takes."""


def items_of(client: DynamoDBClient, table: str, keys: Iterable[str]) -> dict[str, Item]:
    """Return what a table of users has under these keys."""
    found: dict[str, Item] = {}
    for batch in batches(keys, BATCH):
        items = got(client, table, [{"username_key": {"S": key}} for key in batch])
        found |= {item["username_key"]["S"]: item for item in items}
    return found


def got(client: DynamoDBClient, table: str, keys: list[Item]) -> Iterator[Item]:
    """Yield the items with these keys, of which there may be a hundred, as far as they exist."""
    asked: Any = {table: {"Keys": keys, "ConsistentRead": True}}
    while asked:
        response = client.batch_get_item(RequestItems=asked)
        yield from response["Responses"].get(table, [])
        asked = response["UnprocessedKeys"]


def delete_items(client: DynamoDBClient, table: str, keys: Iterable[Any]) -> int:
    """Delete items by their keys, and return their number."""
    return _write(client, table, ({"DeleteRequest": {"Key": key}} for key in keys))


def _write(client: DynamoDBClient, table: str, requests: Iterable[Any]) -> int:
    number = 0
    for batch in batches(requests, _WRITES):
        number += len(batch)
        asked: Any = {table: batch}
        while asked:
            asked = client.batch_write_item(RequestItems=asked)["UnprocessedItems"]
    return number


def put_missing_events(
    client: DynamoDBClient, table: str, copy: str, users: set[str], now: int, say: Callable[[str], None]
) -> int:
    """Put events of these users back that the table lacks and that have not expired, and return their number."""
    put = 0
    of_users = (item for item in scanned(client, copy, say) if item["user_id"]["S"] in users)
    kept = (item for item in of_users if int(item.get("ttl", {}).get("N", 0)) > now)
    for batch in batches(kept, BATCH):
        keys = [{name: item[name] for name in ("user_id", "event_id")} for item in batch]
        there = {item["event_id"]["S"] for item in got(client, table, keys)}
        # An event's id is unique and an event never changes, so these writes need no condition.
        missing = [item for item in batch if item["event_id"]["S"] not in there]
        put += _write(client, table, ({"PutRequest": {"Item": item}} for item in missing))
    return put


def written(client: DynamoDBClient, actions: list[Any]) -> bool:
    """Make writes in one step, and return whether all their conditions were true."""
    try:
        if len(actions) == 1:
            ((operation, parameters),) = actions[0].items()
            {"Update": client.update_item, "Delete": client.delete_item}[operation](**parameters)
        else:
            client.transact_write_items(TransactItems=actions)
    except client.exceptions.ConditionalCheckFailedException:
        return False
    except client.exceptions.TransactionCanceledException as cancelled:
        reasons = {reason.get("Code") for reason in cancelled.response.get("CancellationReasons", [])}
        if reasons - {"None", "ConditionalCheckFailed", "TransactionConflict"}:
            raise
        return False
    return True


def batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Yield items, so many at a time."""
    batch: list[Any] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
