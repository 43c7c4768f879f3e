"""The counters of failed log-ins in DynamoDB, one item each.

Owns the attributes of the item:

    counter_key    S   partition key: the limit, and the account, the address or both
    failures       N
    blocked_until  N   NumericDate
    expires_at     N   NumericDate from which on the counter is ignored
    ttl            N   the same as expires_at: when DynamoDB may delete the item
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from chalicelib.adapters.dynamodb.attributes import Item, from_item, to_item
from chalicelib.adapters.dynamodb.transactions import Database, transact
from chalicelib.credentials.throttling import Attempt, Counter, Limit, ThrottleRules
from chalicelib.errors import AttemptNotCounted, ServiceUnavailable, TooManyAttempts

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef


_log = logging.getLogger("lychgate.dynamodb")

_ROUNDS = 5
"""Writes that one attempt tries while parallel attempts change its counters. Then it is refused."""


class DynamoDBLoginThrottle:
    """A ``LoginThrottle`` over one table."""

    def __init__(self, database: Database, rules: ThrottleRules) -> None:
        self._database = database
        self._tables = database.tables
        self._rules = rules

    def admit(self, attempt: Attempt, now: int) -> None:
        """See ``LoginThrottle.admit``. Takes one transaction if no counter is near its limit, two if one is.

        A counter far from its limit is raised without regard to parallel attempts. Near the limit, the write succeeds
        only if no other attempt has changed the counter, and sets the time before which the next attempt is refused.
        """
        limits = self._rules.limits(attempt)
        met: dict[str, Counter] = {}
        for _ in range(_ROUNDS):
            actions = [
                self._exactly(key, limit.charged(met[key], now), met[key])
                if key in met
                else self._raise(key, limit, now)
                for key, limit in limits.items()
            ]
            try:
                failed = transact(self._database, actions)
            except ServiceUnavailable as unavailable:
                # An attacker who makes the counters unreachable must not be able to guess without limit.
                raise AttemptNotCounted(unavailable.reason or "") from unavailable
            if not failed:
                return
            for position, key in enumerate(limits):
                if position in failed:
                    item = failed[position]
                    # A success has deleted a missing counter: the next round creates it again.
                    met.pop(key, None) if item is None else met.update({key: _counter(item)})
        raise TooManyAttempts(1, limit="parallel")

    def succeeded(self, attempt: Attempt) -> None:
        """See ``LoginThrottle.succeeded``. Takes one transaction.

        If that fails, the log-in succeeds all the same, and the attempt stays counted as a failure.
        """
        pair, account, address = self._rules.limits(attempt)
        forget = [self._delete(pair), self._delete(account)]
        try:
            if transact(self._database, [*forget, self._take_back(address)]):
                # The window of the address has ended meanwhile: there is no counter to lower.
                transact(self._database, forget)
        except ServiceUnavailable as unavailable:
            _log.warning("failures not forgotten: %s", unavailable.reason)

    def _raise(self, key: str, limit: Limit, now: int) -> TransactWriteItemTypeDef:
        """Return the action that counts an attempt while the counter is far from its limit."""
        fresh = limit.charged(None, now)
        expires_at = "if_not_exists(expires_at, :expires_at)" if limit.window else ":expires_at"
        return {
            "Update": {
                "TableName": self._tables.throttle,
                "Key": _key(key),
                "UpdateExpression": (
                    "SET failures = if_not_exists(failures, :zero) + :one,"
                    f" expires_at = {expires_at}, #ttl = {expires_at}, blocked_until = :blocked_until"
                ),
                "ConditionExpression": "attribute_not_exists(failures) OR (failures < :far AND expires_at > :now)",
                "ExpressionAttributeNames": {"#ttl": "ttl"},
                "ExpressionAttributeValues": to_item(
                    {
                        ":zero": 0,
                        ":one": 1,
                        ":far": limit.free - 1,
                        ":now": now,
                        ":expires_at": fresh.expires_at,
                        ":blocked_until": fresh.blocked_until,
                    }
                ),
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }

    def _exactly(self, key: str, charged: Counter, met: Counter) -> TransactWriteItemTypeDef:
        """Return the action that counts an attempt if the counter has not changed since it was read."""
        return {
            "Put": {
                "TableName": self._tables.throttle,
                "Item": to_item(
                    {
                        "counter_key": key,
                        "failures": charged.failures,
                        "blocked_until": charged.blocked_until,
                        "expires_at": charged.expires_at,
                        "ttl": charged.expires_at,
                    }
                ),
                "ConditionExpression": "failures = :failures AND blocked_until = :blocked AND expires_at = :expires",
                "ExpressionAttributeValues": to_item(
                    {":failures": met.failures, ":blocked": met.blocked_until, ":expires": met.expires_at}
                ),
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }

    def _take_back(self, key: str) -> TransactWriteItemTypeDef:
        return {
            "Update": {
                "TableName": self._tables.throttle,
                "Key": _key(key),
                "UpdateExpression": "SET failures = failures - :one, blocked_until = :zero",
                "ConditionExpression": "failures > :zero",
                "ExpressionAttributeValues": to_item({":one": 1, ":zero": 0}),
            }
        }

    def _delete(self, key: str) -> TransactWriteItemTypeDef:
        return {"Delete": {"TableName": self._tables.throttle, "Key": _key(key)}}


def _key(key: str) -> Item:
    return to_item({"counter_key": key})


def _counter(item: Item) -> Counter:
    members = from_item(item)
    return Counter(members["failures"], members["blocked_until"], members["expires_at"])
