"""The directory of users, made anew: what the index of names lists them by, and the item of active administrators.

Accounts from before there was a directory lack its attributes. The item may say the wrong thing after somebody has
changed an account by hand, or after a restore. Changes nothing else, and may run while the site does, also twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from chalicelib.accounts.user import User
from chalicelib.adapters.aws import error_code
from chalicelib.adapters.dynamodb.administration import DynamoDBAdministrationStore
from chalicelib.adapters.dynamodb.administrators import (
    AS_READ,
    AS_READ_NAMES,
    KEY,
    as_read_values,
    is_active,
    joins,
)
from chalicelib.adapters.dynamodb.attributes import Item, from_item, to_item
from chalicelib.adapters.dynamodb.items import directory_members, user_key
from chalicelib.adapters.dynamodb.transactions import Database, after_conflicts, transact
from infra.scans import Items, pages

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

_READ = "username_key, user_id, username, #roles, disabled, directory, canonical_username"


@dataclass
class Directory:
    """What was found, and what was put right. After a dry run: what would be."""

    users: int = 0
    """All users."""
    listed: int = 0
    """Users who were not in the index of names, or under another name, and are now."""
    administrators: int = 0
    """Active administrators."""
    joined: int = 0
    """Those of them whom the item did not know."""
    left: int = 0
    """Whom the item knew, and who are none."""

    @property
    def is_right(self) -> bool:
        """Whether there was nothing to put right."""
        return not (self.listed or self.joined or self.left)


def unlisted(item: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the attributes that a user's item lacks to be listed, in DynamoDB's JSON. None if it lacks nothing."""
    wanted = to_item(directory_members(item["username"]["S"]))
    return None if wanted.items() <= item.items() else wanted


def is_active_administrator(item: Mapping[str, Any]) -> bool:
    """Return whether a user's item is that of an active administrator."""
    return is_active(_user(item))


def reindex(
    database: Database, *, segments: int, dry_run: bool = False, advance: Callable[[int], None] = lambda _: None
) -> Directory:
    """Give every user what the directory needs, and make the item of administrators right.

    ``advance`` is told how many more users were read. Raises what botocore raises, or ServiceUnavailable.
    """
    return _Reindexing(database, dry_run=dry_run).run(segments, advance)


@dataclass
class _Page:
    users: int = 0
    listed: int = 0
    active: list[User] = field(default_factory=list)
    others: list[User] = field(default_factory=list)
    """Whom the item calls administrators, and who are none."""


class _Reindexing:
    def __init__(self, database: Database, *, dry_run: bool) -> None:
        self._database = database
        self._table = database.tables.users
        self._dry_run = dry_run
        self._members: frozenset[str] = frozenset()

    def run(self, segments: int, advance: Callable[[int], None]) -> Directory:
        # First the item: whoever joins later has joined in the transaction that changed the account.
        response = self._database.client.get_item(TableName=self._table, Key=KEY, ConsistentRead=True)
        self._members = frozenset(from_item(cast("Item", response.get("Item", {}))).get("members", ()))
        found, active, others = Directory(), set[str](), list[User]()
        for page in pages(
            self._database.client,
            segments=segments,
            then=self._page,
            TableName=self._table,
            ConsistentRead=True,
            FilterExpression="attribute_exists(user_id)",
            ProjectionExpression=_READ,
            ExpressionAttributeNames={"#roles": "roles"},
        ):
            advance(page.users)
            found.users += page.users
            found.listed += page.listed
            active |= {user.id for user in page.active}
            others += page.others
            found.joined += sum(self._join(user) for user in page.active if user.id not in self._members)
        found.administrators = len(active)
        found.left = sum(self._leave(user) for user in others)
        found.left += sum(self._forget(user_id) for user_id in self._members - active - {user.id for user in others})
        return found

    def _page(self, items: Items) -> _Page:
        page = _Page()
        for item in items:
            page.users += 1
            page.listed += self._list(item)
            user = _user(item)
            if is_active(user):
                page.active.append(user)
            elif user.id in self._members:
                page.others.append(user)
        return page

    def _list(self, item: Item) -> bool:
        """Put a user into the index of names. Return whether the user was not there."""
        lacks = unlisted(item)
        if lacks is None or self._dry_run:
            return lacks is not None
        update: dict[str, Any] = {
            "TableName": self._table,
            "Key": {"username_key": item["username_key"]},
            "UpdateExpression": "SET directory = :directory, canonical_username = :name",
            "ConditionExpression": "user_id = :id AND username = :username",
            "ExpressionAttributeValues": {
                ":directory": lacks["directory"],
                ":name": lacks["canonical_username"],
                ":id": item["user_id"],
                ":username": item["username"],
            },
        }
        try:
            after_conflicts(self._database, lambda: self._database.client.update_item(**update))
        except ClientError as error:
            # Whoever has come under this key meanwhile is listed already.
            if error_code(error) == "ConditionalCheckFailedException":
                return False
            raise
        return True

    def _join(self, user: User) -> bool:
        """Count an active administrator, if that is still what the user is."""
        return self._dry_run or not transact(
            self._database, [self._is_as_read(user), joins(self._database.tables, user.id)]
        )

    def _leave(self, user: User) -> bool:
        """No longer count somebody who is none, if that is still so."""
        return self._dry_run or not transact(self._database, [self._is_as_read(user), self._no_longer(user.id)])

    def _forget(self, user_id: str) -> bool:
        """No longer count somebody who has no account. The item may know too few, never too many."""
        found = self._with_id(user_id)
        if found is not None and is_active(found):  # who has got another name while the table was read
            return False
        return self._dry_run or not transact(self._database, [self._no_longer(user_id)])

    def _with_id(self, user_id: str) -> User | None:
        try:
            return DynamoDBAdministrationStore(self._database).with_id(user_id)
        except ClientError as error:
            if error_code(error) == "ValidationException":  # the table does not have the index yet
                return None
            raise

    def _is_as_read(self, user: User) -> TransactWriteItemTypeDef:
        return {
            "ConditionCheck": {
                "TableName": self._table,
                "Key": user_key(user.username),
                "ConditionExpression": AS_READ,
                "ExpressionAttributeNames": AS_READ_NAMES,
                "ExpressionAttributeValues": as_read_values(user),
            }
        }

    def _no_longer(self, user_id: str) -> TransactWriteItemTypeDef:
        return {
            "Update": {
                "TableName": self._table,
                "Key": KEY,
                "UpdateExpression": "DELETE members :member",
                "ExpressionAttributeValues": to_item({":member": (user_id,)}),
            }
        }


def _user(item: Mapping[str, Any]) -> User:
    """Return as much of a user as the directory needs."""
    return User(
        id=item["user_id"]["S"],
        username=item["username"]["S"],
        password_hash="",
        roles=tuple(sorted(item["roles"]["SS"])),
        created_at=0,
        disabled=item["disabled"]["BOOL"],
    )
