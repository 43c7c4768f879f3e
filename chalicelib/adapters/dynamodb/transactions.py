"""The database as the stores see it, and several writes in one step: DynamoDB's transactions and their failures.

Owns the reading of ``CancellationReasons`` and the repetition after conflicts. Knows no table but their names.
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
"""Seconds. A conflicting write is over within milliseconds."""

# Reasons for which a transaction was cancelled though none of its conditions failed, and may succeed when repeated.
_PASSING = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})

_CONFLICT = "TransactionConflictException"

Result = TypeVar("Result")


def pause_at_most(seconds: float) -> None:
    """Wait a random time of at most so many seconds: those who met in a conflict shall not meet again."""
    time.sleep(random.uniform(0, seconds))  # noqa: S311 - jitter is no secret


@dataclass(frozen=True, slots=True)
class Database:
    """What each store works with."""

    client: DynamoDBClient
    tables: Tables
    pause: Callable[[float], None] = pause_at_most
    """Waits before a repetition, at most so many seconds."""


def transact(database: Database, actions: Sequence[TransactWriteItemTypeDef]) -> dict[int, Item | None]:
    """Do all actions or none, and return the conditions that failed: empty if all was done.

    Each failed condition is given by its action's position, with the item that it met if the action asked for it
    (``ReturnValuesOnConditionCheckFailure``), else None.

    Raises:
        ServiceUnavailable: DynamoDB was throttled or out of reach, or others kept writing the same items.

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
            if failed:
                return failed
            # One reason that does not pass is enough to make every repetition vain: that is a bug, and no bad luck.
            if {reason.get("Code") for reason in reasons} - {"None"} <= _PASSING:
                raise _Again from cancelled
            raise
        return {}

    with unavailable_on_failure():
        return _repeated(database, attempt)


def after_conflicts(database: Database, write: Callable[[], Result]) -> Result:
    """Return the result of a single write, repeated while transactions have hold of its item.

    Raises ServiceUnavailable if they do not let go of it.
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
    """The same may succeed in a moment."""


def _repeated(database: Database, attempt: Callable[[], Result]) -> Result:
    for _ in range(_ATTEMPTS):
        try:
            return attempt()
        except _Again:
            database.pause(_LONGEST_PAUSE)
    raise ServiceUnavailable("others keep writing the same items")
