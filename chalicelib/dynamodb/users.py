"""Users in DynamoDB: one item each, under the canonical username.

Owns the item's shape:

    username_key   S   partition key: the username in its canonical form
    user_id        S
    username       S   as the user wrote it, in NFKC
    password_hash  S
    roles          SS
    created_at     N   NumericDate
    disabled       BOOL
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.aws import unavailable_on_failure
from chalicelib.errors import UsernameTaken
from chalicelib.models import User, canonical_username

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef


class DynamoDBUserStore:
    """A ``UserStore`` over one table."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def add(self, user: User) -> None:
        """See ``UserStore.add``: one conditional put."""
        with unavailable_on_failure():
            try:
                self._client.put_item(
                    TableName=self._table, Item=_to_item(user), ConditionExpression="attribute_not_exists(username_key)"
                )
            except self._client.exceptions.ConditionalCheckFailedException as taken:
                raise UsernameTaken from taken

    def find(self, username: str) -> User | None:
        """See ``UserStore.find``: one consistent read."""
        with unavailable_on_failure():
            response = self._client.get_item(TableName=self._table, Key=_key(username), ConsistentRead=True)
        return _from_item(response["Item"]) if "Item" in response else None

    def replace_password_hash(self, user: User, password_hash: str) -> None:
        """See ``UserStore.replace_password_hash``: one conditional update."""
        with unavailable_on_failure():
            try:
                self._client.update_item(
                    TableName=self._table,
                    Key=_key(user.username),
                    UpdateExpression="SET password_hash = :new",
                    ConditionExpression="user_id = :user AND password_hash = :old",
                    ExpressionAttributeValues={
                        ":new": {"S": password_hash},
                        ":old": {"S": user.password_hash},
                        ":user": {"S": user.id},
                    },
                )
            except self._client.exceptions.ConditionalCheckFailedException:
                return


def _key(username: str) -> dict[str, AttributeValueTypeDef]:
    return {"username_key": {"S": canonical_username(username)}}


def _to_item(user: User) -> dict[str, AttributeValueTypeDef]:
    return {
        **_key(user.username),
        "user_id": {"S": user.id},
        "username": {"S": user.username},
        "password_hash": {"S": user.password_hash},
        "roles": {"SS": list(user.roles)},
        "created_at": {"N": str(user.created_at)},
        "disabled": {"BOOL": user.disabled},
    }


def _from_item(item: dict[str, AttributeValueTypeDef]) -> User:
    return User(
        id=item["user_id"]["S"],
        username=item["username"]["S"],
        password_hash=item["password_hash"]["S"],
        roles=tuple(sorted(item["roles"]["SS"])),
        created_at=int(item["created_at"]["N"]),
        disabled=item["disabled"]["BOOL"],
    )
