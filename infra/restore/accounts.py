"""Accounts of an earlier time, written back from a copy of the users' table.

Owns which accounts differ, and the one write that restores an account. Every write has a condition, so the site may
stay open. A restored account names the copy that it came from, so a run that goes on after an interruption does not
undo what its user has done since.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.adapters.dynamodb.attributes import Item
from infra.restore.contents import scanned
from infra.restore.stage import RestoreError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

RESTORED_FROM = "restored_from"
"""The attribute that names the copy."""

SAME, DONE, CHANGED, MISSING, TAKEN = "same", "done", "changed", "missing", "taken"
NEWER = "newer"

_OF_THE_MOMENT = frozenset(
    {
        "failed_agent",
        "failed_at",
        "failed_day",
        "failed_ip",
        "failed_today",
        "failures",
        "failures_at",
        "session_bound",
        "session_counts",
        "session_epoch",
        "tried",
        "ttl",
        RESTORED_FROM,
    }
)
_COUNTERS = ("by_network_", "by_device_", "by_session_")
_BATCH = 100
"""The most items that BatchGetItem returns."""

_WRITES = 25
"""The most items that BatchWriteItem takes."""

_ATTEMPTS = 5


@dataclass(frozen=True)
class Account:
    """An account of the copy, and what has its name now."""

    then: Item
    now: Item | None

    def state(self, copy: str) -> str:
        """Return what became of the account. ``copy`` is the name of the copy's table."""
        if self.now is None or "user_id" not in self.now:
            return MISSING
        if self.now.get(RESTORED_FROM) == {"S": copy}:
            return DONE
        if self.now["user_id"] != self.then["user_id"]:
            return TAKEN
        return SAME if lasting(self.now) == lasting(self.then) else CHANGED


class Comparison:
    """The users' table beside a copy of it."""

    def __init__(self, client: DynamoDBClient, table: str, copy: str, say: Callable[[str], None]) -> None:
        self._client = client
        self._table = table
        self._copy = copy
        self._say = say

    def accounts(self) -> Iterator[Account]:
        """Yield each account of the copy."""
        return (account for batch in self.batches() for account in batch)

    def batches(self) -> Iterator[list[Account]]:
        """Yield the accounts of the copy, a hundred at a time."""
        accounts = (item for item in scanned(self._client, self._copy, self._say) if "user_id" in item)
        for batch in _batches(accounts, _BATCH):
            found = self._items(self._table, batch)
            yield [Account(item, found.get(item["username_key"]["S"])) for item in batch]

    def newer(self) -> Iterator[Item]:
        """Yield each account under a name that has none in the copy."""
        accounts = (item for item in scanned(self._client, self._table, self._say) if "user_id" in item)
        for batch in _batches(accounts, _BATCH):
            found = self._items(self._copy, batch)
            yield from (item for item in batch if "user_id" not in found.get(item["username_key"]["S"], {}))

    def counted(self) -> dict[str, int]:
        """Return how many accounts are in each state."""
        counts = dict.fromkeys((SAME, DONE, CHANGED, MISSING, TAKEN, NEWER), 0)
        for account in self.accounts():
            counts[account.state(self._copy)] += 1
        counts[NEWER] = sum(1 for _ in self.newer())
        return counts

    def restore(self, account: Account, sessions: str, *, exactly: bool) -> bool:
        """Restore an account if it has changed, and return whether it was written.

        ``sessions`` is the table with the sessions, of which none of the account's goes on. ``exactly`` replaces an
        account that has the name now. Raises RestoreError if others keep changing it.
        """
        for _ in range(_ATTEMPTS):
            state = account.state(self._copy)
            if state in {SAME, DONE} or (state == TAKEN and not exactly):
                return False
            if state == MISSING:
                self._end_sessions(account.then["user_id"], sessions)
            try:
                self._client.update_item(**self._update(account))
            except self._client.exceptions.ConditionalCheckFailedException:
                key = {"username_key": account.then["username_key"]}
                found = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
                account = Account(account.then, found.get("Item"))
                continue
            return True
        raise RestoreError("somebody keeps changing the same account. Run the same command again")

    def delete(self, account: Item, sessions: str) -> None:
        """Delete an account that the copy does not have, with its sessions, unless it has changed since it was read."""
        try:
            self._client.delete_item(
                TableName=self._table,
                Key={"username_key": account["username_key"]},
                ConditionExpression="user_id = :id",
                ExpressionAttributeValues={":id": account["user_id"]},
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return
        self._end_sessions(account["user_id"], sessions)

    def _update(self, account: Account) -> Any:  # noqa: ANN401 - the parameters of UpdateItem
        then, now = account.then, account.now or {}
        sets: dict[str, Any] = {
            **lasting(then),
            # More than either has: no session of before has it.
            "session_epoch": {"N": str(max(_number(then, "session_epoch"), _number(now, "session_epoch")) + 1)},
            "session_bound": {"N": "0"},
            "session_counts": {"N": str(_number(now, "session_counts") + 1)},
            RESTORED_FROM: {"S": self._copy},
        }
        removes = set(lasting(now)) - set(sets)
        values = {f":s{number}": value for number, value in enumerate(sets.values())}
        if "user_id" in now:
            condition = "user_id = :id AND password_hash = :hash AND session_epoch = :epoch"
            values |= {":id": now["user_id"], ":hash": now["password_hash"], ":epoch": now["session_epoch"]}
        else:
            condition = "attribute_not_exists(user_id)"
            removes.add("ttl")  # a count of failures at a free name expires, and an account must not
        names = {f"#s{number}": name for number, name in enumerate(sets)}
        gone = {f"#r{number}": name for number, name in enumerate(sorted(removes))}
        expression = "SET " + ", ".join(f"#s{number} = :s{number}" for number in range(len(sets)))
        return {
            "TableName": self._table,
            "Key": {"username_key": then["username_key"]},
            "UpdateExpression": expression + (f" REMOVE {', '.join(gone)}" if gone else ""),
            "ConditionExpression": condition,
            "ExpressionAttributeNames": names | gone,
            "ExpressionAttributeValues": values,
        }

    def _end_sessions(self, user_id: Mapping[str, Any], sessions: str) -> None:
        pages = self._client.get_paginator("query").paginate(
            TableName=sessions,
            KeyConditionExpression="user_id = :user",
            ExpressionAttributeValues={":user": user_id},
            ProjectionExpression="user_id, session_id",
            ConsistentRead=True,
        )
        delete_items(self._client, sessions, (item for page in pages for item in page["Items"]))

    def _items(self, table: str, batch: list[Item]) -> dict[str, Item]:
        keys = [{"username_key": item["username_key"]} for item in batch]
        return {item["username_key"]["S"]: item for item in got(self._client, table, keys)}


def put_missing_events(
    client: DynamoDBClient, table: str, copy: str, users: set[str], now: int, say: Callable[[str], None]
) -> int:
    """Put events of these users back that the table lacks and that have not expired, and return their number."""
    put = 0
    kept = (item for item in scanned(client, copy, say) if item["user_id"]["S"] in users and _number(item, "ttl") > now)
    for batch in _batches(kept, _BATCH):
        keys = [{name: item[name] for name in ("user_id", "event_id")} for item in batch]
        there = {item["event_id"]["S"] for item in got(client, table, keys)}
        # An event's id is unique and an event never changes, so these writes need no condition.
        missing = [item for item in batch if item["event_id"]["S"] not in there]
        put += _write(client, table, ({"PutRequest": {"Item": item}} for item in missing))
    return put


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
    for batch in _batches(requests, _WRITES):
        number += len(batch)
        asked: Any = {table: batch}
        while asked:
            asked = client.batch_write_item(RequestItems=asked)["UnprocessedItems"]
    return number


def lasting(item: Item) -> Item:
    """Return what makes an account: its item without the key, counters, and the state of its sessions."""
    return {
        name: {"SS": sorted(value["SS"])} if "SS" in value else value
        for name, value in item.items()
        if name != "username_key" and name not in _OF_THE_MOMENT and not name.startswith(_COUNTERS)
    }


def _number(item: Item, name: str) -> int:
    return int(item.get(name, {}).get("N", 0))


def _batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    batch: list[Any] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
