"""The store of second factors and passkeys in DynamoDB."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from chalicelib.accounts.factors import MOST_PASSKEYS, Factors, Passkey
from chalicelib.adapters.aws import unavailable_on_failure
from chalicelib.adapters.dynamodb.attributes import Item, Value, from_item, to_item
from chalicelib.adapters.dynamodb.clearing import Clearing
from chalicelib.adapters.dynamodb.ended import put_ended_user
from chalicelib.adapters.dynamodb.factor_uses import passkey_key, use_challenge
from chalicelib.adapters.dynamodb.failures import count_in_window
from chalicelib.adapters.dynamodb.items import (
    UNCHANGED,
    WAITING,
    event_to_item,
    put_event,
    session_key,
    user_key,
)
from chalicelib.adapters.dynamodb.transactions import Database, after_conflicts
from chalicelib.adapters.dynamodb.updates import Changes
from chalicelib.adapters.dynamodb.with_mail import transact_with_mail
from chalicelib.errors import Conflict, InvalidChallenge, ServiceUnavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from chalicelib.accounts.events import SecurityEvent
    from chalicelib.accounts.mail import Mail
    from chalicelib.accounts.session import Session
    from chalicelib.accounts.user import User
    from chalicelib.credentials.challenges import Challenge
    from chalicelib.credentials.throttling import Window

_CHALLENGE, _PASSKEY = 1, 2
"""The positions of their actions in a transaction."""


class DynamoDBFactorStore:
    """A ``FactorStore`` over the tables of users, sessions and counters."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._client = database.client
        self._tables = database.tables
        self._clearing = Clearing(database)

    def count_try(self, window: Window) -> str | None:
        """See ``FactorStore.count_try``. Takes one write."""
        parameters = count_in_window(self._tables.throttle, window)
        try:
            with unavailable_on_failure():
                after_conflicts(self._database, lambda: self._client.update_item(**parameters))
        except self._client.exceptions.ConditionalCheckFailedException as refused:
            # The type stubs lack the item of this error.
            found = from_item(cast("Any", refused.response).get("Item") or {})
            return next((name for name, most in window.limits.items() if found.get(name, 0) >= most), "day")
        return None

    def failed(self, event: SecurityEvent) -> None:
        """See ``FactorStore.failed``. Takes one write."""
        with unavailable_on_failure():
            self._client.put_item(TableName=self._tables.events, Item=event_to_item(event))

    def add_totp(
        self,
        user: User,
        session: Session,
        factors: Factors,
        challenge: Challenge,
        event: SecurityEvent,
        mail: Mail | None,
    ) -> None:
        """See ``FactorStore.add_totp``. Takes one transaction, and then deletes the ended sessions."""
        changes = Changes(
            sets=[
                "totp = :totp",
                "totp_added_at = :added",
                "totp_step = :step",
                "recovery = :recovery",
                "session_epoch = :new_epoch",
                "session_bound = :one",
            ],
            values={
                ":totp": factors.totp or "",
                ":added": factors.totp_added_at,
                ":step": factors.totp_step,
                ":recovery": factors.recovery_codes,
                ":new_epoch": user.session_epoch + 1,
                ":one": 1,
            },
        )
        conditions = []
        if user.contact is not None and user.contact.asked_by == session.id:
            # What the session that goes on has given goes on too.
            conditions.append("asked_by = :session")
            changes.values[":session"] = session.id
        else:
            changes.removes += WAITING
        session_update: TransactWriteItemTypeDef = {
            "Update": {
                "TableName": self._tables.sessions,
                "Key": session_key(user.id, session.id),
                "UpdateExpression": "SET epoch = :new, amr = :amr, authenticated_at = :at",
                "ConditionExpression": "attribute_exists(session_id) AND epoch = :old",
                "ExpressionAttributeValues": to_item(
                    {
                        ":new": user.session_epoch + 1,
                        ":old": user.session_epoch,
                        ":amr": session.amr,
                        ":at": session.authenticated_at,
                    }
                ),
            }
        }
        actions = [
            self._changing(user, changes, *conditions),
            use_challenge(self._tables, challenge, event.at),
            session_update,
            put_event(self._tables, event),
            put_ended_user(self._tables, user.id, event.at),
        ]
        failed = transact_with_mail(self._database, actions, mail=mail)
        if _CHALLENGE in failed:
            raise InvalidChallenge("used")
        if failed:
            raise Conflict
        self._clearing.sessions_of_past_epochs(user)

    def remove_totp(self, user: User, event: SecurityEvent, mail: Mail | None) -> None:
        """See ``FactorStore.remove_totp``. Takes one transaction."""
        changes = Changes(removes=["totp", "totp_added_at", "totp_step", "recovery"])
        self._change_totp(user, changes, event, mail)

    def replace_recovery_codes(
        self, user: User, digests: tuple[str, ...], event: SecurityEvent, mail: Mail | None
    ) -> None:
        """See ``FactorStore.replace_recovery_codes``. Takes one transaction."""
        self._change_totp(user, Changes(sets=["recovery = :recovery"], values={":recovery": digests}), event, mail)

    def find_passkey(self, passkey_id: str) -> Passkey | None:
        """See ``FactorStore.find_passkey``. Takes one consistent read."""
        with unavailable_on_failure():
            response = self._client.get_item(
                TableName=self._tables.users, Key=passkey_key(passkey_id), ConsistentRead=True
            )
        return passkey_from_item(response["Item"]) if "Item" in response else None

    def passkeys_of(self, user: User) -> list[Passkey]:
        """See ``FactorStore.passkeys_of``. Takes one request with a consistent read for each, none without passkeys."""
        if not user.passkeys:
            return []
        keys = [passkey_key(passkey_id) for passkey_id in user.passkeys]
        with unavailable_on_failure():
            response = self._client.batch_get_item(
                RequestItems={self._tables.users: {"Keys": keys, "ConsistentRead": True}}
            )
        if response["UnprocessedKeys"]:
            raise ServiceUnavailable("BatchGetItem left keys unprocessed")
        found = [passkey_from_item(item) for item in response["Responses"].get(self._tables.users, [])]
        own = [passkey for passkey in found if passkey.user_id == user.id]
        return sorted(own, key=lambda passkey: (passkey.created_at, passkey.id))

    def add_passkey(
        self, user: User, passkey: Passkey, challenge: Challenge, event: SecurityEvent, mail: Mail | None
    ) -> None:
        """See ``FactorStore.add_passkey``. Takes one transaction."""
        changes = Changes(adds=["passkeys :passkeys"], values={":passkeys": (passkey.id,), ":most": MOST_PASSKEYS})
        actions: list[TransactWriteItemTypeDef] = [
            self._changing(user, changes, "(attribute_not_exists(passkeys) OR size(passkeys) < :most)"),
            use_challenge(self._tables, challenge, event.at),
            {
                "Put": {
                    "TableName": self._tables.users,
                    "Item": passkey_to_item(passkey),
                    "ConditionExpression": "attribute_not_exists(owner_id)",
                }
            },
            put_event(self._tables, event),
        ]
        failed = transact_with_mail(self._database, actions, mail=mail)
        if _CHALLENGE in failed:
            raise InvalidChallenge("used")
        if _PASSKEY in failed:
            raise Conflict("This passkey belongs to an account already.")
        if failed:
            raise Conflict

    def label_passkey(self, user: User, passkey_id: str, label: str) -> Passkey | None:
        """See ``FactorStore.label_passkey``. Takes one write."""
        changes = Changes(
            sets=["#label = :label"], names={"#label": "label"}, values={":label": label, ":owner": user.id}
        )
        parameters = changes.parameters(self._tables.users, passkey_key(passkey_id), "owner_id = :owner")
        try:
            with unavailable_on_failure():
                response = after_conflicts(
                    self._database, lambda: self._client.update_item(**parameters, ReturnValues="ALL_NEW")
                )
        except self._client.exceptions.ConditionalCheckFailedException:
            return None
        return passkey_from_item(response["Attributes"])

    def remove_passkey(self, user: User, passkey_id: str, event: SecurityEvent, mail: Mail | None) -> bool:
        """See ``FactorStore.remove_passkey``. Takes one transaction."""
        if passkey_id not in user.passkeys:
            return False
        changes = Changes(
            deletes=["passkeys :passkeys"], values={":passkeys": (passkey_id,), ":as_read": user.passkeys}
        )
        actions: list[TransactWriteItemTypeDef] = [
            self._changing(user, changes, "passkeys = :as_read"),
            {"Delete": {"TableName": self._tables.users, "Key": passkey_key(passkey_id)}},
            put_event(self._tables, event),
        ]
        if transact_with_mail(self._database, actions, mail=mail):
            raise Conflict
        return True

    def _change_totp(self, user: User, changes: Changes, event: SecurityEvent, mail: Mail | None) -> None:
        """Make changes if the TOTP secret is the user's still. Raises Conflict."""
        changes.values[":as_read"] = (user.factors.totp if user.factors is not None else None) or ""
        actions = [self._changing(user, changes, "totp = :as_read"), put_event(self._tables, event)]
        if transact_with_mail(self._database, actions, mail=mail):
            raise Conflict

    def _changing(self, user: User, changes: Changes, *conditions: str) -> TransactWriteItemTypeDef:
        changes.values |= {
            ":id": user.id,
            ":hash": user.password_hash,
            ":epoch": user.session_epoch,
            ":false": False,
        }
        return changes.action(self._tables.users, user_key(user.username), UNCHANGED, *conditions)


def passkey_to_item(passkey: Passkey) -> Item:
    """Return the item of a passkey."""
    members: dict[str, Value] = {
        "owner_id": passkey.user_id,
        "owner_name": passkey.username,
        "credential_id": passkey.id,
        "public_key": passkey.public_key,
        "algorithm": passkey.algorithm,
        "sign_count": passkey.sign_count,
        "backup_eligible": passkey.backup_eligible,
        "backed_up": passkey.backed_up,
        "rp_id": passkey.rp_id,
        "label": passkey.label,
        "created_at": passkey.created_at,
    }
    if passkey.transports:
        members["transports"] = passkey.transports
    if passkey.last_used_at is not None:
        members["last_used_at"] = passkey.last_used_at
    return passkey_key(passkey.id) | to_item(members)


def passkey_from_item(item: Item) -> Passkey:
    """Return the passkey in an item."""
    members = from_item(item)
    return Passkey(
        id=members["credential_id"],
        user_id=members["owner_id"],
        username=members["owner_name"],
        public_key=members["public_key"],
        algorithm=members["algorithm"],
        sign_count=members["sign_count"],
        backup_eligible=members["backup_eligible"],
        backed_up=members["backed_up"],
        transports=members.get("transports", ()),
        rp_id=members["rp_id"],
        label=members["label"],
        created_at=members["created_at"],
        last_used_at=members.get("last_used_at"),
    )
