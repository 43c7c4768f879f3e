"""What DynamoDB global tables do with eventual consistency, between two databases.

Each item is replicated by itself, at any time and in any order. Of two regions' writes to one item the later wins, by
the clocks of the regions; the whole item wins, not the attributes that the write was about. A region's conditions and
transactions know nothing of writes that have not arrived.
"""

from dataclasses import dataclass
from typing import Any

from tests.regions.small_dynamodb import key_of, kind_of

REPLICATED = ("users", "sessions", "events")
"""Counters by address stay in their region, and so do its outbox and its copy of the map."""


@dataclass(frozen=True)
class Change:
    """An item on its way to another region: as it was after a write, None if that deleted it."""

    to: str
    table: str
    key: Any
    item: Any
    written_at: float

    @property
    def id(self):
        return self.table, key_of(self.table, self.key)


class Replicator:
    """Carries what is written in each of two regions to the other."""

    def __init__(self, databases, clocks):
        """``databases`` and ``clocks``, by the names of the regions."""
        self._databases = databases
        self._clocks = clocks
        self._written_at = {name: {} for name in databases}
        self._writes = 0
        self.underway = []

    def wrote(self, region, table, key):
        """Note that a region has written an item, by its own clock."""
        if kind_of(table) not in REPLICATED:
            return
        self._writes += 1
        now = self._clocks[region]() + self._writes * 1e-6  # two writes of one second have an order
        (other,) = self._databases.keys() - {region}
        change = Change(other, table, key, self.item(region, table, key), now)
        self._written_at[region][change.id] = now
        self.underway.append(change)

    def item(self, region, table, key):
        """An item as a region has it, None if it does not."""
        return self._databases[region].get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")

    def deliver(self, changes):
        """Let these changes arrive. One that is older than what the region has is lost."""
        for change in changes:
            self.underway.remove(change)
            written_at = self._written_at[change.to]
            if change.written_at <= written_at.get(change.id, 0):
                continue
            written_at[change.id] = change.written_at
            database = self._databases[change.to]
            if change.item is None:
                database.delete_item(TableName=change.table, Key=change.key)
            else:
                database.put_item(TableName=change.table, Item=change.item)

    def of_items(self, items):
        """The changes underway to some items, in either direction."""
        ids = {(table, key_of(table, key)) for table, key in items}
        return [change for change in self.underway if change.id in ids]

    def are_equal(self, items):
        """Whether both regions have the same of these items."""
        one, other = self._databases
        return all(self.item(one, table, key) == self.item(other, table, key) for table, key in items)
