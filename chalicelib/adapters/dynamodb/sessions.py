"""Sessions in DynamoDB."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from chalicelib.accounts.events import SecurityEvent
from chalicelib.accounts.session import Session
from chalicelib.accounts.user import User
from chalicelib.adapters.aws import unavailable_on_failure
from chalicelib.adapters.dynamodb.items import (
    Item,
    Tables,
    put_event,
    put_session,
    session_from_item,
    session_key,
    user_from_item,
    user_key,
)
from chalicelib.adapters.dynamodb.transactions import after_conflicts, transact
from chalicelib.errors import Conflict, ServiceUnavailable
from chalicelib.use_cases.ports import Rotation

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

# ``Session.accepts`` in DynamoDB's words. An item that is not there fails it: a missing session is never a first use.
_ACCEPTS = "refresh_counter = :counter AND idle_expires_at > :now AND expires_at > :now"

# What a checked password counts for: the very user, hash and epoch that it was checked against.
_UNCHANGED = "user_id = :id AND password_hash = :hash AND session_epoch = :epoch AND disabled = :false"


class DynamoDBSessionStore:
    """A ``SessionStore`` over the tables."""

    def __init__(self, client: DynamoDBClient, tables: Tables) -> None:
        self._client = client
        self._tables = tables

    def begin(
        self,
        user: User,
        session: Session,
        event: SecurityEvent,
        *,
        limit: int,
        password_hash: str | None = None,
    ) -> None:
        """See ``SessionStore.begin``: one transaction."""
        update = self._update_user(
            user,
            password_hash,
            "session_bound = session_bound + :one",
            "session_bound < :limit",
            {":one": {"N": "1"}, ":limit": {"N": str(limit)}},
        )
        self._begin([put_session(self._tables, session), update, put_event(self._tables, event)])

    def begin_counted(
        self,
        user: User,
        session: Session,
        events: Sequence[SecurityEvent],
        *,
        stored: int,
        ended: Sequence[Session],
        password_hash: str | None = None,
    ) -> None:
        """See ``SessionStore.begin_counted``: one transaction."""
        update = self._update_user(
            user,
            password_hash,
            "session_bound = :stored, session_counts = session_counts + :one",
            # At the limit one session ends and one begins, and the bound stays: only the counts tell of it.
            "session_bound = :bound AND session_counts = :counts",
            {
                ":stored": {"N": str(stored)},
                ":one": {"N": "1"},
                ":bound": {"N": str(user.session_bound)},
                ":counts": {"N": str(user.session_counts)},
            },
        )
        self._begin(
            [
                put_session(self._tables, session),
                update,
                *(put_event(self._tables, event) for event in events),
                *(self._delete(other.user_id, other.id) for other in ended),
            ]
        )

    def rotate(self, user_id: str, session_id: str, counter: int, *, now: int, idle_expires_at: int) -> Rotation:
        """See ``SessionStore.rotate``: one conditional update decides, and tells the loser what it met.

        When the write was applied but its answer lost, botocore's own retry meets a failed condition; the item that
        comes back with it then has a counter one ahead, as for any other retry.
        """
        try:
            with unavailable_on_failure():
                response = after_conflicts(
                    lambda: self._client.update_item(
                        TableName=self._tables.sessions,
                        Key=session_key(user_id, session_id),
                        UpdateExpression=(
                            "SET refresh_counter = :next, last_used_at = :now, idle_expires_at = :idle_expires_at"
                        ),
                        ConditionExpression=_ACCEPTS,
                        ExpressionAttributeValues={
                            ":counter": {"N": str(counter)},
                            ":next": {"N": str(counter + 1)},
                            ":now": {"N": str(now)},
                            ":idle_expires_at": {"N": str(idle_expires_at)},
                        },
                        ReturnValues="ALL_NEW",
                        ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    )
                )
        except self._client.exceptions.ConditionalCheckFailedException as refused:
            # The stubs do not know that this error brings the item along.
            found = cast("Item | None", refused.response.get("Item"))
            return Rotation(applied=False, session=session_from_item(found) if found else None)
        return Rotation(applied=True, session=session_from_item(response["Attributes"]))

    def end(self, user_id: str, session_id: str, event: SecurityEvent) -> bool:
        """See ``SessionStore.end``: one transaction."""
        delete = self._delete(user_id, session_id)
        delete["Delete"]["ConditionExpression"] = "attribute_exists(session_id)"
        return not transact(self._client, [delete, put_event(self._tables, event)])

    def with_user(self, username: str, user_id: str, session_id: str) -> tuple[User | None, Session | None]:
        """See ``SessionStore.with_user``: one request for two consistent reads."""
        with unavailable_on_failure():
            response = self._client.batch_get_item(
                RequestItems={
                    self._tables.users: {"Keys": [user_key(username)], "ConsistentRead": True},
                    self._tables.sessions: {"Keys": [session_key(user_id, session_id)], "ConsistentRead": True},
                }
            )
        if response["UnprocessedKeys"]:
            raise ServiceUnavailable("BatchGetItem left keys unprocessed")
        users = response["Responses"].get(self._tables.users)
        sessions = response["Responses"].get(self._tables.sessions)
        return user_from_item(users[0]) if users else None, session_from_item(sessions[0]) if sessions else None

    def of_user(self, user_id: str) -> list[Session]:
        """See ``SessionStore.of_user``: one query of one small partition."""
        with unavailable_on_failure():
            pages = self._client.get_paginator("query").paginate(
                TableName=self._tables.sessions,
                KeyConditionExpression="user_id = :user",
                ExpressionAttributeValues={":user": {"S": user_id}},
                ConsistentRead=True,
            )
            return [session_from_item(item) for page in pages for item in page["Items"]]

    def _begin(self, actions: list[TransactWriteItemTypeDef]) -> None:
        failed = transact(self._client, actions)
        # Where the session, the first action, is there already, the SDK repeated what was done and its answer lost.
        if failed and 0 not in failed:
            raise Conflict

    def _update_user(
        self, user: User, password_hash: str | None, change: str, condition: str, values: dict[str, Any]
    ) -> TransactWriteItemTypeDef:
        values = values | {
            ":id": {"S": user.id},
            ":hash": {"S": user.password_hash},
            ":epoch": {"N": str(user.session_epoch)},
            ":false": {"BOOL": False},
        }
        if password_hash is not None:
            change = f"{change}, password_hash = :new_hash"
            values[":new_hash"] = {"S": password_hash}
        return {
            "Update": {
                "TableName": self._tables.users,
                "Key": user_key(user.username),
                "UpdateExpression": f"SET {change}",
                "ConditionExpression": f"{_UNCHANGED} AND {condition}",
                "ExpressionAttributeValues": values,
            }
        }

    def _delete(self, user_id: str, session_id: str) -> TransactWriteItemTypeDef:
        return {"Delete": {"TableName": self._tables.sessions, "Key": session_key(user_id, session_id)}}
