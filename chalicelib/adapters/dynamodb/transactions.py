"""The database as the stores use it, DynamoDB's transactions, and the meaning of their failures.

Owns the interpretation of ``CancellationReasons`` and the retries after conflicts. Knows no table.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, cast

from botocore.exceptions import ClientError

from chalicelib.adapters.aws import error_code, unavailable_on_failure
from chalicelib.adapters.dynamodb.attributes import Item
from chalicelib.errors import ServiceUnavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from chalicelib.config.api import Tables

_ATTEMPTS = 5
_LONGEST_PAUSE = 0.08
"""Seconds. A conflicting write ends within milliseconds."""

# Cancellation reasons after which the same transaction may succeed.
_PASSING = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})

_CONFLICT = "TransactionConflictException"

Result = TypeVar("Result")


def pause_at_most(seconds: float) -> None:
    """Wait a random time of at most so many seconds, so that requests that conflicted do not conflict again."""
    time.sleep(random.uniform(0, seconds))  # noqa: S311 - jitter is no secret


@dataclass(frozen=True, slots=True, eq=False)
class Database:
    """What each store works with."""

    client: DynamoDBClient
    tables: Tables
    pause: Callable[[float], None] = pause_at_most
    """Waits before a retry, at most so many seconds."""


def transact(
    database: Database, actions: Sequence[TransactWriteItemTypeDef], *, sees_all: bool = False
) -> dict[int, Item | None]:
    """Do all actions or none. Return the failed conditions: an empty dict if all actions were done.

    If ``sees_all``, these are all that fail. Else a conflict may hide some: the other transaction has made one fail,
    and is about to make more.

    The keys are the positions of the actions whose conditions failed. The value is the item as the condition found it
    if the action asks for it (``ReturnValuesOnConditionCheckFailure``), else None.

    Raises:
        ServiceUnavailable: DynamoDB throttled or could not be reached, or other requests kept writing the same items.

    """
    client = database.client

    def attempt() -> dict[int, Item | None]:
        try:
            client.transact_write_items(TransactItems=actions)
        except client.exceptions.TransactionCanceledException as cancelled:
            reasons = cancelled.response["CancellationReasons"]
            failed: dict[int, Item | None] = {
                position: cast("Item | None", reason.get("Item") or None)
                for position, reason in enumerate(reasons)
                if reason.get("Code") == "ConditionalCheckFailed"
            }
            codes = {reason.get("Code") for reason in reasons}
            if failed and not (sees_all and codes & _PASSING):
                return failed
            # Any other reason means a bug, and a retry would fail too.
            if codes - {"None", "ConditionalCheckFailed"} <= _PASSING:
                raise _Again from cancelled
            raise
        return {}

    with unavailable_on_failure():
        return _repeated(database, attempt)


def after_conflicts(database: Database, write: Callable[[], Result]) -> Result:
    """Return the result of a single write. Retry it while it conflicts with transactions on the same item.

    Raises ServiceUnavailable if the conflicts do not end.
    """

    def attempt() -> Result:
        try:
            return write()
        except ClientError as refused:
            if error_code(refused) == _CONFLICT:
                raise _Again from refused
            raise

    return _repeated(database, attempt)


class _Again(Exception):
    """Raised by an attempt that may succeed if it is repeated."""


def _repeated(database: Database, attempt: Callable[[], Result]) -> Result:
    for _ in range(_ATTEMPTS):
        try:
            return attempt()
        except _Again:
            database.pause(_LONGEST_PAUSE)
    raise ServiceUnavailable("others keep writing the same items")
