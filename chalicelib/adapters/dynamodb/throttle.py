"""The limits on failed log-ins and on registrations, over the counters of ``failures``."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, cast

from chalicelib.accounts.events import SecurityEvent
from chalicelib.adapters.aws import unavailable_on_failure
from chalicelib.adapters.dynamodb.attributes import Item
from chalicelib.adapters.dynamodb.failures import (
    count_blindly,
    count_exactly,
    count_in_window,
    failures_in,
    forget,
    take_from_window,
    window_key,
)
from chalicelib.adapters.dynamodb.items import put_event, user_from_item, user_key
from chalicelib.adapters.dynamodb.transactions import Database, after_conflicts, transact
from chalicelib.credentials.throttling import Admission, Attempt, ThrottleRules, Window
from chalicelib.errors import AttemptNotCounted, ServiceUnavailable, TooManyAttempts, TooManyRegistrations

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

_log = logging.getLogger("lychgate.dynamodb")

_ROUNDS = 5
"""Writes that one attempt tries while parallel attempts change its counters. Then it is refused."""


class DynamoDBLoginThrottle:
    """A ``LoginThrottle`` over the tables of users and of addresses."""

    def __init__(self, database: Database, rules: ThrottleRules) -> None:
        self._database = database
        self._client = database.client
        self._tables = database.tables
        self._rules = rules

    def admit(self, attempt: Attempt, now: int) -> Admission:
        """See ``LoginThrottle.admit``. Takes one write for the account, and one before it for a stranger's address.

        A counter far from its limit is raised without regard to parallel attempts. Near a limit there is one write
        more, which succeeds only if no other attempt has changed the account's counters.
        """
        try:
            if attempt.known is not None:
                found = self._count_at_account(attempt, now)
                if found is not None:
                    return Admission(attempt, user_from_item(found), failures_in(found, attempt))
                attempt = attempt.by_stranger()
            return self._admit_stranger(attempt, now)
        except AttemptNotCounted:
            raise
        except ServiceUnavailable as unavailable:
            # An attacker who makes the counters unreachable must not be able to guess without limit.
            raise AttemptNotCounted(unavailable.reason or "") from unavailable

    def succeeded(self, admission: Admission) -> None:
        """See ``LoginThrottle.succeeded``. Takes one write.

        If that fails, the password counts as right all the same, and the attempt stays counted as a failure.
        """
        if admission.user is None:
            return
        changes = forget(admission)
        changes.values[":id"] = admission.user.id
        try:
            self._update(changes.parameters(self._tables.users, user_key(admission.user.username), "user_id = :id"))
        except self._client.exceptions.ConditionalCheckFailedException:
            return
        except ServiceUnavailable as unavailable:
            _log.warning("failures not forgotten: %s", unavailable.reason)
        if admission.window is not None:
            self._give_back(admission.window)

    def register(self, ip: str, now: int) -> Window:
        """See ``LoginThrottle.register``. Takes one write."""
        window = self._rules.registration_window_of(ip, now)
        self._count_in(window, TooManyRegistrations(window.ends_at - now, limit="registration"))
        return window

    def not_registered(self, window: Window) -> None:
        """See ``LoginThrottle.not_registered``. Takes one write."""
        self._give_back(window)

    def _admit_stranger(self, attempt: Attempt, now: int) -> Admission:
        window = self._rules.address_window_of(attempt.caller.ip, now)
        self._count_in(window, TooManyAttempts(window.ends_at - now, limit="address"))
        try:
            found = self._count_at_account(attempt, now)
        except TooManyAttempts:
            self._give_back(window)
            raise
        found = found or {}
        return Admission(attempt, user_from_item(found), failures_in(found, attempt), window)

    def _count_at_account(self, attempt: Attempt, now: int) -> Item | None:
        """Count an attempt at its account, and return the account's item as it was before.

        None if the attempt comes from a device or session of another user than the one who has the name.
        """
        try:
            response = self._update(count_blindly(self._tables.users, attempt, self._rules, now))
        except self._client.exceptions.ConditionalCheckFailedException as refused:
            found = _found(refused)
        else:
            return cast("Item", response.get("Attributes", {}))
        for _ in range(_ROUNDS):
            user = user_from_item(found)
            if attempt.known is not None and (user is None or user.id != attempt.known.user_id):
                return None
            before = failures_in(found, attempt)
            after, finished = before.charged(attempt, user.id if user else None, self._rules, now)
            update = count_exactly(self._tables.users, attempt, after, found, now)
            changed = self._write_exactly(update, finished)
            if changed is None:
                return found
            found = changed
        raise TooManyAttempts(1, limit="parallel")

    def _write_exactly(self, update: dict[str, Any], finished: SecurityEvent | None) -> Item | None:
        """Make an update, together with an event if there is one. Return the item if it is not as it was found."""
        if finished is not None:
            failed = transact(
                self._database,
                [cast("TransactWriteItemTypeDef", {"Update": update}), put_event(self._tables, finished)],
            )
            return (failed[0] or {}) if failed else None
        try:
            self._update(update)
        except self._client.exceptions.ConditionalCheckFailedException as refused:
            return _found(refused)
        return None

    def _count_in(self, window: Window, refusal: TooManyAttempts) -> None:
        """Count an attempt by address. Raises ``refusal`` if a network has had its share."""
        try:
            self._update(count_in_window(self._tables.throttle, window))
        except self._client.exceptions.ConditionalCheckFailedException:
            raise refusal from None

    def _give_back(self, window: Window) -> None:
        try:
            self._update(take_from_window(window).parameters(self._tables.throttle, window_key(window)))
        except ServiceUnavailable as unavailable:
            _log.warning("an attempt stays counted by its address: %s", unavailable.reason)

    def _update(self, parameters: dict[str, Any]) -> dict[str, Any]:
        with unavailable_on_failure():
            return cast(
                "dict[str, Any]", after_conflicts(self._database, lambda: self._client.update_item(**parameters))
            )


def _found(refused: Any) -> Item:  # noqa: ANN401 - the type stubs lack the item of this error
    return cast("Item", refused.response.get("Item") or {})
