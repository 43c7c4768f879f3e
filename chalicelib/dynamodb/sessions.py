"""Sessions in DynamoDB: one item each, in the partition of their user.

Owns the item's shape:

    user_id          S   partition key
    session_id       S   sort key
    username         S
    created_at       N   NumericDate, as are all times here
    last_used_at     N
    idle_expires_at  N
    expires_at       N   the session's absolute end
    refresh_counter  N
    ip, user_agent   S
    ended_at         N   absent while the session has not ended
    end_reason       S   likewise
    ttl              N   when DynamoDB may delete the item. It does so hours to days late: nothing relies on it.

An ended session stays until ``ttl``, so that a stolen token that comes back is still known for what it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from chalicelib.aws import unavailable_on_failure
from chalicelib.models import Client, Session
from chalicelib.ports import Rotation

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

TTL_MARGIN = 24 * 3600
"""Seconds that an item outlives its session at least: more than any retry window and any clock's error."""

# ``Session.accepts`` in DynamoDB's words. An item that is not there fails it: a missing session is never a first use.
_ACCEPTS = (
    "refresh_counter = :counter AND attribute_not_exists(ended_at) AND idle_expires_at > :now AND expires_at > :now"
)


class DynamoDBSessionStore:
    """A ``SessionStore`` over one table."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def add(self, session: Session) -> None:
        """See ``SessionStore.add``."""
        with unavailable_on_failure():
            self._client.put_item(TableName=self._table, Item=_to_item(session))

    def rotate(self, user_id: str, session_id: str, counter: int, *, now: int, idle_expires_at: int) -> Rotation:
        """See ``SessionStore.rotate``: one conditional update decides, and tells the loser what it met.

        When the write was applied but its answer lost, botocore's own retry meets a failed condition; the item that
        comes back with it then has a counter one ahead, as for any other retry.
        """
        with unavailable_on_failure():
            try:
                response = self._client.update_item(
                    TableName=self._table,
                    Key=_key(user_id, session_id),
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
            except self._client.exceptions.ConditionalCheckFailedException as refused:
                # The stubs do not know that this error brings the item along.
                found = cast("dict[str, AttributeValueTypeDef] | None", refused.response.get("Item"))
                return Rotation(applied=False, session=_from_item(found) if found else None)
        return Rotation(applied=True, session=_from_item(response["Attributes"]))

    def end(self, user_id: str, session_id: str, *, now: int, reason: str) -> bool:
        """See ``SessionStore.end``: one conditional update, so the first to end a session says why."""
        with unavailable_on_failure():
            try:
                self._client.update_item(
                    TableName=self._table,
                    Key=_key(user_id, session_id),
                    UpdateExpression="SET ended_at = :now, end_reason = :reason",
                    ConditionExpression="attribute_exists(session_id) AND attribute_not_exists(ended_at)",
                    ExpressionAttributeValues={":now": {"N": str(now)}, ":reason": {"S": reason}},
                )
            except self._client.exceptions.ConditionalCheckFailedException:
                return False
        return True


def _key(user_id: str, session_id: str) -> dict[str, AttributeValueTypeDef]:
    return {"user_id": {"S": user_id}, "session_id": {"S": session_id}}


def _to_item(session: Session) -> dict[str, AttributeValueTypeDef]:
    item: dict[str, AttributeValueTypeDef] = {
        **_key(session.user_id, session.id),
        "username": {"S": session.username},
        "created_at": {"N": str(session.created_at)},
        "last_used_at": {"N": str(session.last_used_at)},
        "idle_expires_at": {"N": str(session.idle_expires_at)},
        "expires_at": {"N": str(session.expires_at)},
        "refresh_counter": {"N": str(session.refresh_counter)},
        "ip": {"S": session.client.ip},
        "user_agent": {"S": session.client.user_agent},
        "ttl": {"N": str(session.expires_at + TTL_MARGIN)},
    }
    if session.ended_at is not None:
        item["ended_at"] = {"N": str(session.ended_at)}
    if session.end_reason is not None:
        item["end_reason"] = {"S": session.end_reason}
    return item


def _from_item(item: dict[str, AttributeValueTypeDef]) -> Session:
    return Session(
        id=item["session_id"]["S"],
        user_id=item["user_id"]["S"],
        username=item["username"]["S"],
        created_at=int(item["created_at"]["N"]),
        last_used_at=int(item["last_used_at"]["N"]),
        idle_expires_at=int(item["idle_expires_at"]["N"]),
        expires_at=int(item["expires_at"]["N"]),
        refresh_counter=int(item["refresh_counter"]["N"]),
        client=Client(ip=item["ip"]["S"], user_agent=item["user_agent"]["S"]),
        ended_at=int(item["ended_at"]["N"]) if "ended_at" in item else None,
        end_reason=item["end_reason"]["S"] if "end_reason" in item else None,
    )
