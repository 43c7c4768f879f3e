"""What a stream of DynamoDB would tell of a table's new items, once they are kept.

Owns the form of a record (Amazon DynamoDB Streams API Reference, "Record"). Knows nothing of mails.
"""

import hashlib
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from infra.local.embedded_aws import REGION

Item = Mapping[str, Any]
"""An item in DynamoDB's JSON."""

Record = dict[str, Any]

_SEQUENCE_NUMBER_DIGITS = 21
_ACCOUNT = "123456789012"
_STREAM = "2026-01-01T00:00:00.000"


class NewItems:
    """The records of a table's new items, in the order in which they were written, until somebody takes them."""

    def __init__(self, table: str, *keys: str) -> None:
        """Take the table's name and those of the attributes of its key."""
        self.table = table
        self._keys = keys
        self._records: deque[Record] = deque()
        self._last = 0
        self._lock = threading.Lock()
        self._tell: Callable[[], None] = _nobody

    def add(self, item: Item) -> None:
        """Add the record of an item. Its caller may hold up all requests of a database, so it does not wait."""
        with self._lock:
            self._last += 1
            self._records.append(self._record(item, self._last))
            tell = self._tell
        tell()

    def take(self) -> list[Record]:
        """Take what there is, from now on known to the caller alone."""
        with self._lock:
            taken = list(self._records)
            self._records.clear()
        return taken

    def call_on_new(self, tell: Callable[[], None]) -> None:
        """Have ``tell`` called when there is something to take, from whichever thread."""
        with self._lock:
            self._tell = tell

    def _record(self, item: Item, number: int) -> Record:
        key = {name: item[name] for name in self._keys}
        sequence_number = f"{number:0{_SEQUENCE_NUMBER_DIGITS}}"
        text = json.dumps([key, sequence_number], sort_keys=True)
        return {
            "eventID": hashlib.sha256(text.encode()).hexdigest()[:32],
            "eventName": "INSERT",
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": REGION,
            "dynamodb": {
                "ApproximateCreationDateTime": int(time.time()),
                "Keys": key,
                "NewImage": dict(item),
                "SequenceNumber": sequence_number,
                "SizeBytes": len(json.dumps(item)),
                "StreamViewType": "NEW_IMAGE",
            },
            "eventSourceARN": f"arn:aws:dynamodb:{REGION}:{_ACCOUNT}:table/{self.table}/stream/{_STREAM}",
        }


def _nobody() -> None:
    """Tell nobody."""
