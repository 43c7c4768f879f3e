"""The store in DynamoDB of what only administrators and operators see and do."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, cast

from chalicelib.accounts.user import User
from chalicelib.adapters.aws import unavailable_on_failure
from chalicelib.adapters.dynamodb.administrators import (
    AS_READ,
    AS_READ_NAMES,
    as_read_values,
    counted,
    is_active,
    joins,
)
from chalicelib.adapters.dynamodb.attributes import Item, from_item, to_item
from chalicelib.adapters.dynamodb.clearing import Clearing
from chalicelib.adapters.dynamodb.deletion import delete_user
from chalicelib.adapters.dynamodb.ended import put_ended_user
from chalicelib.adapters.dynamodb.items import (
    DIRECTORY,
    WAITING,
    new_user_to_item,
    put_address,
    put_event,
    user_from_item,
    user_key,
)
from chalicelib.adapters.dynamodb.mails import suppressed_key
from chalicelib.adapters.dynamodb.transactions import Database, transact
from chalicelib.adapters.dynamodb.updates import Changes
from chalicelib.adapters.dynamodb.with_mail import transact_with_mail
from chalicelib.errors import Conflict, ServiceUnavailable, UsernameTaken
from chalicelib.use_cases.administration_ports import UserPage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from chalicelib.accounts.events import SecurityEvent
    from chalicelib.accounts.mail import Mail

BY_ID = "by-id"
BY_NAME = "by-name"
"""The indexes of the table of users."""

_BATCH_ATTEMPTS = 4


class DynamoDBAdministrationStore:
    """An ``AdministrationStore`` over the tables."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._client = database.client
        self._tables = database.tables

    def page(self, prefix: str, after: str | None, limit: int) -> UserPage:
        """See ``AdministrationStore.page``. Takes one query of the index of names, and one read for each user."""
        keys, following = self._listed(prefix, after, limit)
        items = self._read(keys)
        # Whoever went a moment ago is in the index still, and one who was renamed may be in it twice.
        users = [user for key in keys if (user := user_from_item(items.get(_name(key)))) is not None]
        return UserPage(users, following)

    def with_id(self, user_id: str) -> User | None:
        """See ``AdministrationStore.with_id``. Takes one query of the index of ids, and one read."""
        with unavailable_on_failure():
            response = self._client.query(
                TableName=self._tables.users,
                IndexName=BY_ID,
                KeyConditionExpression="user_id = :id",
                ExpressionAttributeValues=to_item({":id": user_id}),
            )
        for key in response["Items"]:
            user = user_from_item(self._find({"username_key": cast("Any", key)["username_key"]}))
            if user is not None and user.id == user_id:
                return user
        return None

    def suppressed(self, address: str) -> tuple[str, int] | None:
        """See ``AdministrationStore.suppressed``. Takes one consistent read."""
        with unavailable_on_failure():
            response = self._client.get_item(
                TableName=self._tables.mail, Key=suppressed_key(address), ConsistentRead=True
            )
        if "Item" not in response:
            return None
        members = from_item(cast("Item", response["Item"]))
        return members["reason"], members["at"]

    def create(self, user: User, events: Sequence[SecurityEvent], mail: Mail | None) -> None:
        """See ``AdministrationStore.create``. Takes one transaction."""
        actions: list[TransactWriteItemTypeDef] = [
            {
                "Put": {
                    "TableName": self._tables.users,
                    "Item": new_user_to_item(user, sessions=0),
                    # An item without user_id only counts failures at the name.
                    "ConditionExpression": "attribute_not_exists(user_id)",
                    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                }
            },
            *self._events(events),
        ]
        if user.verified_email is not None:
            actions.append(put_address(self._tables, user.verified_email, user))
        if is_active(user):
            actions.append(joins(self._tables, user.id))
        failed = transact_with_mail(self._database, actions, mail=mail)
        found = user_from_item(failed.get(0))
        # The SDK repeats a transaction whose answer was lost, and finds what it has done.
        if failed and (found is None or found.id != user.id):
            raise UsernameTaken

    def change(self, user: User, *, roles: tuple[str, ...], disabled: bool, events: Sequence[SecurityEvent]) -> None:
        """See ``AdministrationStore.change``. Takes one transaction, and then deletes the ended sessions."""
        ends = disabled and not user.disabled
        changes = Changes(
            sets=["#roles = :new_roles", "disabled = :new_disabled"],
            names=dict(AS_READ_NAMES),
            values={":new_roles": roles, ":new_disabled": disabled},
        )
        if ends:
            changes.sets += ["session_epoch = session_epoch + :one", "session_bound = :zero"]
            changes.removes += WAITING
            # What was mailed or handed over before is void too, also if the account is enabled again in time.
            changes.adds.append("password_version :one")
            changes.values |= {":one": 1, ":zero": 0}
        action = self._update(user, changes, AS_READ)
        actions = [action, *self._events(events)]
        if ends:
            actions.append(put_ended_user(self._tables, user.id, events[0].at))
        after = User(user.id, user.username, user.password_hash, roles, user.created_at, disabled=disabled)

        def do(others: Sequence[TransactWriteItemTypeDef]) -> tuple[dict[int, Item | None], int]:
            return transact(self._database, [*actions, *others]), len(actions)

        failed = counted(self._database, user, after, do)
        if failed and not _is_done(failed.get(0), user.id, roles, disabled=disabled):
            raise Conflict
        if ends:
            self._clearing.sessions_of_past_epochs(user)

    def delete(self, user: User, events: Sequence[SecurityEvent]) -> None:
        """See ``AdministrationStore.delete``. Takes one transaction, and then deletes what was the user's."""
        delete_user(self._database, user, events)

    def end_sessions(self, user: User, events: Sequence[SecurityEvent]) -> None:
        """See ``AdministrationStore.end_sessions``. Takes one transaction, and then deletes the ended sessions."""
        changes = Changes(
            sets=["session_epoch = session_epoch + :one", "session_bound = :zero"],
            removes=[*WAITING],
            values={":one": 1, ":zero": 0},
        )
        changes.values[":id"] = user.id
        action = changes.action(self._tables.users, user_key(user.username), "user_id = :id")
        actions = [action, *self._events(events), put_ended_user(self._tables, user.id, events[0].at)]
        if transact(self._database, actions):
            raise Conflict
        self._clearing.sessions_of_past_epochs(user)

    def password_version(self, user: User) -> int:
        """See ``AdministrationStore.password_version``. Takes one consistent read."""
        item = self._find(user_key(user.username))
        if item is None or from_item(item).get("user_id") != user.id:
            raise Conflict
        return int(item.get("password_version", {"N": "0"})["N"])

    def hand_over(self, user: User, mail: Mail, events: Sequence[SecurityEvent]) -> None:
        """See ``AdministrationStore.hand_over``. Takes one transaction."""
        link = mail.handed_over
        version = link.password_version if link is not None else 0
        check: dict[str, Any] = {
            "TableName": self._tables.users,
            "Key": user_key(user.username),
            "ConditionExpression": (
                "user_id = :id AND disabled = :false"
                " AND (password_version = :version OR (attribute_not_exists(password_version) AND :version = :zero))"
            ),
            "ExpressionAttributeValues": to_item({":id": user.id, ":false": False, ":version": version, ":zero": 0}),
        }
        actions = [cast("TransactWriteItemTypeDef", {"ConditionCheck": check}), *self._events(events)]
        if transact_with_mail(self._database, actions, mail=mail):
            raise Conflict

    def remove_second_factor(self, user: User, events: Sequence[SecurityEvent], mail: Mail | None) -> None:
        """See ``AdministrationStore.remove_second_factor``. Takes one transaction."""
        totp = user.factors.totp if user.factors is not None else None
        if totp is None:
            raise Conflict
        changes = Changes(removes=["totp", "totp_added_at", "totp_step", "recovery"], values={":totp": totp})
        changes.values[":id"] = user.id
        action = changes.action(self._tables.users, user_key(user.username), "user_id = :id AND totp = :totp")
        if transact_with_mail(self._database, [action, *self._events(events)], mail=mail):
            raise Conflict

    @functools.cached_property
    def _clearing(self) -> Clearing:
        return Clearing(self._database)

    def _update(self, user: User, changes: Changes, condition: str) -> TransactWriteItemTypeDef:
        parameters = changes.parameters(self._tables.users, user_key(user.username), condition)
        parameters["ExpressionAttributeValues"] |= as_read_values(user)
        return cast("TransactWriteItemTypeDef", {"Update": parameters})

    def _events(self, events: Sequence[SecurityEvent]) -> list[TransactWriteItemTypeDef]:
        return [put_event(self._tables, event) for event in events]

    def _listed(self, prefix: str, after: str | None, limit: int) -> tuple[list[Item], str | None]:
        """Return the keys of at most ``limit`` users, and the name after which the next ones are, None at the end."""
        condition, values = "directory = :users", {":users": DIRECTORY}
        if prefix:
            condition += " AND begins_with(canonical_username, :prefix)"
            values[":prefix"] = prefix
        parameters: dict[str, Any] = {}
        if after is not None:
            parameters["ExclusiveStartKey"] = user_key(after) | to_item(
                {"directory": DIRECTORY, "canonical_username": after}
            )
        with unavailable_on_failure():
            response = self._client.query(
                TableName=self._tables.users,
                IndexName=BY_NAME,
                KeyConditionExpression=condition,
                ExpressionAttributeValues=to_item(dict(values)),
                Limit=limit,
                **parameters,
            )
        items = cast("list[Item]", response["Items"])
        last = cast("Item | None", response.get("LastEvaluatedKey"))
        return items, None if last is None else str(from_item(last)["canonical_username"])

    def _read(self, keys: Sequence[Item]) -> dict[str, Item]:
        """Return the items of users, by their partition keys."""
        wanted: Any = [{"username_key": key["username_key"]} for key in keys]
        found: dict[str, Item] = {}
        for attempt in range(_BATCH_ATTEMPTS):
            if not wanted:
                return found
            with unavailable_on_failure():
                response = self._client.batch_get_item(
                    RequestItems={self._tables.users: {"Keys": wanted, "ConsistentRead": True}}
                )
            for item in response["Responses"].get(self._tables.users, []):
                found[_name(cast("Item", item))] = cast("Item", item)
            left = response["UnprocessedKeys"].get(self._tables.users)
            wanted = left["Keys"] if left is not None else []
            if wanted:
                self._database.pause(0.02 * 2**attempt)
        if wanted:
            raise ServiceUnavailable("BatchGetItem left keys unprocessed")
        return found

    def _find(self, key: Item) -> Item | None:
        with unavailable_on_failure():
            response = self._client.get_item(TableName=self._tables.users, Key=key, ConsistentRead=True)
        return cast("Item | None", response.get("Item"))


def _name(item: Item) -> str:
    return str(item["username_key"]["S"])


def _is_done(found: Item | None, user_id: str, roles: tuple[str, ...], *, disabled: bool) -> bool:
    """Return whether a condition failed because this change was made before: the SDK repeats it after a lost answer."""
    user = user_from_item(found)
    return user is not None and (user.id, set(user.roles), user.disabled) == (user_id, set(roles), disabled)
