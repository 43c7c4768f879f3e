"""Scans of whole tables: several segments at a time, and no more than a page of each in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

T = TypeVar("T")

Items = Sequence[Any]
"""Items in DynamoDB's JSON."""


def pages(client: DynamoDBClient, *, segments: int, then: Callable[[Items], T], **parameters: Any) -> Iterator[T]:  # noqa: ANN401 - those of Scan
    """Yield what ``then`` makes of each page of a Scan, in no order.

    ``then`` is called in as many threads as there are ``segments``. A page is read ahead of each segment at most.

    Raises what the client or ``then`` raises, after the pages that are being read.
    """

    def page(segment: int, start: dict[str, Any]) -> tuple[dict[str, Any] | None, T]:
        response = client.scan(TotalSegments=segments, Segment=segment, **parameters, **start)
        last = response.get("LastEvaluatedKey")
        return None if last is None else {"ExclusiveStartKey": last}, then(response["Items"])

    with ThreadPoolExecutor(max_workers=segments) as pool:
        running: dict[Future[tuple[dict[str, Any] | None, T]], int] = {
            pool.submit(page, segment, {}): segment for segment in range(segments)
        }
        while running:
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                segment = running.pop(future)
                start, made = future.result()
                if start is not None:
                    running[pool.submit(page, segment, start)] = segment
                yield made


def estimate(client: DynamoDBClient, table: str) -> int | None:
    """Return about how many items a table has, as DynamoDB counted them hours ago. None if it does not say."""
    count = client.describe_table(TableName=table)["Table"].get("ItemCount")
    return count or None
