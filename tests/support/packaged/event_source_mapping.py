"""An emulation of Lambda's event source mapping on a table's stream, as the template sets it.

Owns which records a function is invoked with, what becomes of its failures, and what the destination on failure gets.
The rules are those of "Using Lambda with Amazon DynamoDB" in the AWS Lambda Developer Guide and of its pages: "Lambda
parameters for Amazon DynamoDB event source mappings", "Configuring partial batch response with DynamoDB and Lambda",
"Retain discarded records for a DynamoDB event source in Lambda", and "Control which events Lambda sends to your
function". Not emulated: that Lambda waits between its attempts, that it may invoke for a batch twice, and several
invocations at once.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from tests.support.packaged.errors import UnsupportedTemplateError
from tests.support.packaged.function import ACCOUNT, REGION, Result

if TYPE_CHECKING:
    from mypy_boto3_dynamodbstreams.client import DynamoDBStreamsClient

TYPE = "AWS::Lambda::EventSourceMapping"

_FOREVER = -1
_READ_AT_ONCE = 1000
"""GetRecords returns no more."""
_KNOWN = frozenset(
    {
        "BatchSize",
        "BisectBatchOnFunctionError",
        "DestinationConfig",
        "Enabled",
        "EventSourceArn",
        "FilterCriteria",
        "FunctionName",
        "FunctionResponseTypes",
        "MaximumBatchingWindowInSeconds",
        "MaximumRecordAgeInSeconds",
        "MaximumRetryAttempts",
        "ParallelizationFactor",
        "StartingPosition",
        "Tags",
    }
)

Record = Mapping[str, Any]
Clock = Callable[[], float]


class Invocable(Protocol):
    """What a mapping invokes."""

    def invoke(self, event: object) -> Result:
        """Invoke it as RequestResponse does."""


@dataclass(frozen=True)
class MappingDefinition:
    """An event source mapping, as the template defines it."""

    batch_size: int
    bisects: bool
    """Whether a batch that failed is split in two."""
    reports_items: bool
    """Whether the function says which records failed."""
    retries: int
    """How often a batch is tried again, -1 for as long as its records exist."""
    longest_age: int
    """Seconds after which a record is discarded, -1 for none."""
    patterns: Sequence[Mapping[str, Any]]
    """A record is passed on that matches one of them, or all records without any."""
    has_destination: bool
    """Whether anybody is told of what is discarded."""


def read_mapping(template: Mapping[str, Any], logical_id: str) -> MappingDefinition:
    """Return a mapping from a CloudFormation template. Raises UnsupportedTemplateError."""
    properties = template["Resources"][logical_id]["Properties"]
    if unknown := sorted(properties.keys() - _KNOWN):
        raise UnsupportedTemplateError(f"{logical_id}: {unknown} is not understood")
    response_types = properties.get("FunctionResponseTypes", [])
    if set(response_types) - {"ReportBatchItemFailures"}:
        raise UnsupportedTemplateError(f"{logical_id}: FunctionResponseTypes {response_types} is not understood")
    filters = properties.get("FilterCriteria", {}).get("Filters", [])
    return MappingDefinition(
        batch_size=properties.get("BatchSize", 100),
        bisects=properties.get("BisectBatchOnFunctionError", False),
        reports_items=bool(response_types),
        retries=properties.get("MaximumRetryAttempts", _FOREVER),
        longest_age=properties.get("MaximumRecordAgeInSeconds", _FOREVER),
        patterns=[json.loads(each["Pattern"]) for each in filters],
        has_destination="OnFailure" in properties.get("DestinationConfig", {}),
    )


class EventSourceMapping:
    """Passes the records of a stream on to a function, from where it began, each shard in its order.

    It reads when it is asked to, so that a test never waits for it.
    """

    def __init__(
        self,
        definition: MappingDefinition,
        function: Invocable,
        streams: "DynamoDBStreamsClient",
        stream_arn: str,
        *,
        clock: Clock = time.time,
    ) -> None:
        """Begin with what is in the stream from now on.

        ``clock`` is that of the database, which dates the records.
        """
        self._definition = definition
        self._function = function
        self._streams = streams
        self._arn = stream_arn
        self._clock = clock
        self._iterators: dict[str, str | None] = {}
        self._read_up_to: dict[str, int] = {}
        self._lock = threading.RLock()
        self.discarded: list[Mapping[str, Any]] = []
        """The messages that the destination on failure got."""
        self.skip()

    def deliver(self) -> None:
        """Invoke the function with all records that the stream has by now, until each is done or discarded."""
        with self._lock:
            while records := self._read():
                for shard, found in records.items():
                    self._pass_on(shard, [each for each in found if matches(each, self._definition.patterns)])

    @contextmanager
    def retrying_at_most(self, times: int) -> Iterator[None]:
        """Discard a batch earlier than the template says, inside."""
        before = self._definition
        self._definition = replace(before, retries=times)
        try:
            yield
        finally:
            self._definition = before

    def skip(self) -> None:
        """Pass over all records that the stream has by now."""
        with self._lock:
            while self._read():
                pass

    def _read(self) -> dict[str, list[Record]]:
        """Return the next records of each shard that has any."""
        description = self._streams.describe_stream(StreamArn=self._arn)["StreamDescription"]
        found: dict[str, list[Record]] = {}
        for shard in description["Shards"]:  # those that were split come before what they were split into
            records = self._next(shard["ShardId"])
            if records:
                found[shard["ShardId"]] = records
        return found

    def _next(self, shard: str) -> list[Record]:
        """Return the next records of a shard. None comes twice."""
        iterator = self._iterators[shard] if shard in self._iterators else self._oldest(shard)
        if iterator is None:
            return []
        try:
            page = self._streams.get_records(ShardIterator=iterator, Limit=_READ_AT_ONCE)
        except self._streams.exceptions.TrimmedDataAccessException:
            # DynamoDB Local says so of an iterator that is older than the first record of its shard.
            page = self._streams.get_records(ShardIterator=self._oldest(shard), Limit=_READ_AT_ONCE)
        self._iterators[shard] = page.get("NextShardIterator")
        records = [_as_in_event(each, self._arn) for each in page["Records"]]
        new = [each for each in records if _number(each) > self._read_up_to.get(shard, -1)]
        if new:
            self._read_up_to[shard] = _number(new[-1])
        return new

    def _oldest(self, shard: str) -> str:
        asked = self._streams.get_shard_iterator(StreamArn=self._arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
        return asked["ShardIterator"]

    def _pass_on(self, shard: str, records: Sequence[Record]) -> None:
        size = self._definition.batch_size
        for start in range(0, len(records), size):
            self._batch(shard, list(records[start : start + size]), attempts=0)

    def _batch(self, shard: str, records: list[Record], attempts: int) -> None:
        """Try a batch until it is done or discarded. ``attempts`` were made with it so far.

        "Splitting batches doesn't count towards the retry quota."
        """
        while records:
            young = [each for each in records if not self._is_too_old(each)]
            if len(young) < len(records):
                old = [each for each in records if each not in young]
                self._discard(shard, old, "RecordAgeExceeded", attempts, None)
                records = young
                continue
            result = self._function.invoke({"Records": records})
            attempts += 1
            failed_at = self._failed_at(result, records)
            if failed_at is None:
                return
            # What comes before the first failure is done, "and Lambda retries only the remaining records".
            rest = records[failed_at:]
            if 0 <= self._definition.retries < attempts:
                self._discard(shard, rest, "RetryAttemptsExhausted", attempts, result)
                return
            if result.error is not None and self._definition.bisects and len(rest) > 1:
                middle = len(rest) // 2
                self._batch(shard, rest[:middle], attempts - 1)
                self._batch(shard, rest[middle:], attempts - 1)
                return
            records = rest

    def _failed_at(self, result: Result, records: Sequence[Record]) -> int | None:
        """Return the index of the first record that failed, None if none did."""
        if result.error is not None:
            return 0
        if not self._definition.reports_items:
            return None
        failures = (result.answer or {}).get("batchItemFailures") or []
        numbers = [each["dynamodb"]["SequenceNumber"] for each in records]
        failed = [each.get("itemIdentifier") for each in failures]
        if any(each not in numbers for each in failed):
            return 0  # one that names no record means that all of them failed
        return min((numbers.index(each) for each in failed), default=None)

    def _is_too_old(self, record: Record) -> bool:
        age = self._clock() - record["dynamodb"]["ApproximateCreationDateTime"]
        return 0 <= self._definition.longest_age < age

    def _discard(self, shard: str, records: Sequence[Record], why: str, attempts: int, result: Result | None) -> None:
        if not self._definition.has_destination:
            return
        numbers = [each["dynamodb"]["SequenceNumber"] for each in records]
        dates = [each["dynamodb"]["ApproximateCreationDateTime"] for each in records]
        failed = result is not None and result.error is not None
        error = {"functionError": "Unhandled"} if failed else {}
        response = {"statusCode": 200, "executedVersion": "$LATEST", **error}
        # It names the records and does not have them.
        self.discarded.append(
            {
                "requestContext": {
                    "requestId": "" if result is None else result.request_id,
                    "condition": why,
                    "approximateInvokeCount": attempts,
                },
                **({} if result is None else {"responseContext": response}),
                "version": "1.0",
                "timestamp": _date(self._clock()),
                "DDBStreamBatchInfo": {
                    "shardId": shard,
                    "startSequenceNumber": numbers[0],
                    "endSequenceNumber": numbers[-1],
                    "approximateArrivalOfFirstRecord": _date(dates[0]),
                    "approximateArrivalOfLastRecord": _date(dates[-1]),
                    "batchSize": len(records),
                    "streamArn": self._arn,
                },
            }
        )


def matches(record: Mapping[str, Any], patterns: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether a record matches one of the patterns, or there is none. Raises UnsupportedTemplateError."""
    return not patterns or any(_matches(record, pattern) for pattern in patterns)


def _matches(value: Any, pattern: Mapping[str, Any]) -> bool:
    return all(_member_matches(value, name, expected) for name, expected in pattern.items())


def _member_matches(value: Any, name: str, expected: Any) -> bool:
    exists = isinstance(value, dict) and name in value
    if isinstance(expected, dict):
        return _matches(value[name] if exists else {}, expected)
    return any(_is(value[name] if exists else None, rule, exists=exists) for rule in expected)


def _is(value: object, rule: object, *, exists: bool) -> bool:
    match rule:
        case {"exists": bool(wanted)}:
            # "Exists match only works on leaf nodes."
            return not isinstance(value, dict) and exists == wanted
        case str() | int() | float() | bool() | None:
            return exists and value == rule
    raise UnsupportedTemplateError(f"the rule {rule} of a filter is not understood")


def _as_in_event(record: Any, stream_arn: str) -> Record:
    """Return a record of GetRecords in the form in which a function gets it."""
    created: datetime = record["dynamodb"]["ApproximateCreationDateTime"]
    return {
        **record,
        "awsRegion": REGION,
        "dynamodb": {**record["dynamodb"], "ApproximateCreationDateTime": created.timestamp()},
        "eventSourceARN": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:{stream_arn.split(':', 5)[5]}",
    }


def _number(record: Record) -> int:
    return int(record["dynamodb"]["SequenceNumber"])


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
