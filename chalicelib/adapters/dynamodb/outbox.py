"""The outbox in DynamoDB, and the limits on asking for mails.

The requests of an address on the network, and those of a day, are counted in windows, as failures are. What a network
has typed a mail address for is counted by ``budgets``.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, cast

from chalicelib.adapters.aws import unavailable_on_failure
from chalicelib.adapters.dynamodb.attributes import Item, to_item
from chalicelib.adapters.dynamodb.budgets import ROUNDS, charge, take_back
from chalicelib.adapters.dynamodb.failures import count_in_window, take_from_window, window_key
from chalicelib.adapters.dynamodb.mails import mail_key, mail_to_item, proof_from_item
from chalicelib.adapters.dynamodb.transactions import Database, after_conflicts
from chalicelib.credentials.mail_budgets import Typed, typed_key
from chalicelib.credentials.mailed import MOST_TRIES, MailedProof
from chalicelib.errors import ServiceUnavailable, TooManyMails, TooManyMailsToAddress

if TYPE_CHECKING:
    from chalicelib.accounts.caller import Caller
    from chalicelib.accounts.mail import Mail, MailKind
    from chalicelib.credentials.throttling import MailRules, Window

_log = logging.getLogger("lychgate.dynamodb")


class DynamoDBOutbox:
    """An ``Outbox`` over the tables of mails and of counters."""

    def __init__(self, database: Database, rules: MailRules) -> None:
        self._database = database
        self._client = database.client
        self._tables = database.tables
        self._rules = rules

    def ask(self, mail: Mail) -> None:
        """See ``Outbox.ask``. Takes one write."""
        with unavailable_on_failure():
            self._client.put_item(TableName=self._tables.mail, Item=mail_to_item(mail))

    def find(self, mail_id: str) -> MailedProof | None:
        """See ``Outbox.find``. Takes one consistent read."""
        with unavailable_on_failure():
            response = self._client.get_item(TableName=self._tables.mail, Key=mail_key(mail_id), ConsistentRead=True)
        return proof_from_item(response["Item"]) if "Item" in response else None

    def try_code(self, mail_id: str, now: int) -> MailedProof | None:
        """See ``Outbox.try_code``. Takes one conditional write, which returns the item."""
        parameters = {
            "TableName": self._tables.mail,
            "Key": mail_key(mail_id),
            "UpdateExpression": "ADD tries :one",
            "ConditionExpression": (
                "kind = :kind AND attribute_not_exists(used_at) AND expires_at > :now"
                " AND (attribute_not_exists(tries) OR tries < :most)"
            ),
            "ExpressionAttributeValues": to_item({":one": 1, ":kind": "login_code", ":now": now, ":most": MOST_TRIES}),
            "ReturnValues": "ALL_NEW",
        }
        found = self._write_if(parameters)
        return None if found is None else proof_from_item(found)

    def count_request(self, ip: str, known: bool, now: int) -> bool:
        """See ``Outbox.count_request``. Takes one write, and a second for a stranger."""
        window = self._rules.address_window_of(ip, now)
        if not self._count_in(window):
            raise TooManyMails(window.ends_at - now, limit="mails by network")
        return known or self._count_in(self._rules.day_window_of(now))

    def count_typed(self, address: str, caller: Caller, kind: MailKind, now: int) -> Typed:
        """See ``Outbox.count_typed``. Takes one read and three writes."""
        typed = Typed(address, caller, kind, now, in_day=self.count_request(caller.ip, known=False, now=now))
        try:
            self._count_at_address(typed)
        except TooManyMailsToAddress:
            self._uncount(typed, at_address=False)
            raise
        return typed

    def not_asked(self, typed: Typed) -> None:
        """See ``Outbox.not_asked``. Takes one read and three writes."""
        self._uncount(typed, at_address=True)

    def _count_at_address(self, typed: Typed) -> None:
        key = typed_key(typed.address, typed.caller.network)
        for _ in range(ROUNDS):
            if self._write_if(charge(self._database, key, typed.kind, typed.at)) is not None:
                return
        # Then it is refused.
        raise TooManyMailsToAddress(1, limit="parallel")

    def _uncount(self, typed: Typed, *, at_address: bool) -> None:
        windows = [self._rules.address_window_of(typed.caller.ip, typed.at)]
        if typed.in_day:
            windows.append(self._rules.day_window_of(typed.at))
        try:
            if at_address:
                self._uncount_at_address(typed)
            for window in windows:
                self._write_if(take_from_window(window).parameters(self._tables.throttle, window_key(window)))
        except ServiceUnavailable as unavailable:
            _log.warning("a mail that is not sent stays counted: %s", unavailable.reason)

    def _uncount_at_address(self, typed: Typed) -> None:
        key = typed_key(typed.address, typed.caller.network)
        for _ in range(ROUNDS):
            update = take_back(self._database, key, typed.kind, typed.at)
            if update is None or self._write_if(update) is not None:
                return
        raise ServiceUnavailable("others keep counting mails to the same address")

    def _count_in(self, window: Window) -> bool:
        """Count in a window. Return whether it had room."""
        return self._write_if(count_in_window(self._tables.throttle, window)) is not None

    def _write_if(self, parameters: dict[str, Any]) -> Item | None:
        """Make an update. Return what it returned, None if its condition was false."""
        try:
            with unavailable_on_failure():
                response = after_conflicts(self._database, lambda: self._client.update_item(**parameters))
        except self._client.exceptions.ConditionalCheckFailedException:
            return None
        return cast("Item", response.get("Attributes", {}))
