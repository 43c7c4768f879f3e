"""Accounts of an earlier time, written back from a copy of the users' table.

Owns which accounts differ, and the one write that restores an account. Every write has a condition, so the site may
stay open. A restored account names the copy that it came from, so a run that goes on after an interruption does not
undo what its user has done since.

What finds a user by a verified address is written with the account, from the account, so it never leads elsewhere.
Passkeys come back with the account that lists them. Registrations that wait for their confirmation are not restored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chalicelib.adapters.dynamodb.attributes import Item, to_item
from chalicelib.adapters.dynamodb.items import WAITING, directory_members, user_key
from infra.restore import factors
from infra.restore.contents import address_key_of, scanned
from infra.restore.factors import Passkeys, ids_of, key_of
from infra.restore.items import BATCH, batches, items_of, written
from infra.restore.stage import RestoreError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from infra.restore.sessions import Sessions

RESTORED_FROM = "restored_from"
"""The attribute that names the copy."""

SAME, DONE, CHANGED, MISSING, TAKEN = "same", "done", "changed", "missing", "taken"
NEWER = "newer"

_OF_THE_MOMENT = frozenset(
    {
        "canonical_username",
        "directory",
        "failed_agent",
        "failed_at",
        "failed_day",
        "failed_ip",
        "failed_today",
        "failures",
        "failures_at",
        "password_version",
        "session_bound",
        "session_counts",
        "session_epoch",
        "totp_step",
        "tried",
        "ttl",
        RESTORED_FROM,
    }
)
_COUNTERS = ("by_network_", "by_device_", "by_session_")
_ATTEMPTS = 5

_FAR = 1_000_000
"""More than the changes of a password while a mailed token is good. No token of before fits what is so far ahead."""


@dataclass(frozen=True)
class Account:
    """An account of the copy, and what has its name now."""

    then: Item
    now: Item | None
    renamed: Item | None = None
    """The account under the name that its user has now, if that is another one."""
    owners: Mapping[str, str] = field(default_factory=dict)
    """The users who have the addresses of all these, by the keys of the addresses."""
    passkeys: Passkeys = field(default_factory=Passkeys)
    """The passkeys that any of these lists."""

    def state(self, copy: str) -> str:
        """Return what became of the account. ``copy`` is the name of the copy's table."""
        if self.now is None or "user_id" not in self.now:
            return MISSING if self.renamed is None else CHANGED
        if self.now.get(RESTORED_FROM) == {"S": copy} and self.now["user_id"] == self.then["user_id"]:
            return DONE
        if self.now["user_id"] != self.then["user_id"]:
            return TAKEN
        return SAME if _is_same(self.now, self.then) else CHANGED

    @property
    def id(self) -> str:
        """The user's id."""
        return str(self.then["user_id"]["S"])

    @property
    def is_free(self) -> bool:
        """Whether no other user has verified the address that was verified then."""
        address = address_key_of(self.then)
        return address is None or self.owners.get(address, self.id) == self.id

    @property
    def same(self) -> Item | None:
        """The account as it is now, under whichever name, None if it is gone."""
        is_under_name = self.now is not None and self.now.get("user_id") == self.then["user_id"]
        return self.now if is_under_name else self.renamed


class Comparison:
    """The users' table beside a copy of it."""

    def __init__(self, client: DynamoDBClient, table: str, copy: str, say: Callable[[str], None]) -> None:
        self._client = client
        self._table = table
        self._copy = copy
        self._say = say
        self.doubtful: dict[str, str] = {}
        """The states of accounts that get recovery codes back of which some may have been used, by their usernames."""

    def accounts(self) -> Iterator[Account]:
        """Yield each account of the copy."""
        return (account for batch in self.batches() for account in batch)

    def batches(self) -> Iterator[list[Account]]:
        """Yield the accounts of the copy, a hundred at a time."""
        names = {item["user_id"]["S"]: item["username_key"]["S"] for item in self._strangers()}
        accounts = (item for item in scanned(self._client, self._copy, self._say) if "user_id" in item)
        for batch in batches(accounts, BATCH):
            yield self._beside(batch, names)

    def newer(self) -> Iterator[Item]:
        """Yield each account under a name that has none in the copy, unless its user has another name there."""
        known = {account.id for account in self.accounts() if account.renamed is not None}
        for batch in batches((item for item in self._strangers() if item["user_id"]["S"] not in known), BATCH):
            found = self._items(self._copy, [item["username_key"]["S"] for item in batch])
            yield from (item for item in batch if "user_id" not in found.get(item["username_key"]["S"], {}))

    def counted(self) -> dict[str, int]:
        """Return how many accounts are in each state."""
        counts = dict.fromkeys((SAME, DONE, CHANGED, MISSING, TAKEN, NEWER), 0)
        self.doubtful.clear()
        for account in self.accounts():
            state = account.state(self._copy)
            counts[state] += 1
            if state not in {SAME, DONE} and factors.codes_of(account.then, account.same)[1]:
                self.doubtful[account.then["username"]["S"]] = state
        counts[NEWER] = sum(1 for _ in self.newer())
        return counts

    def restore(self, account: Account, sessions: Sessions, *, exactly: bool) -> bool:
        """Restore an account if it has changed, and return whether it was written.

        None of the account's ``sessions`` goes on, and the feed is told of that before: an entry too many costs a read.
        ``exactly`` replaces an account that has the name now. An address that another account has verified since stays
        with that one: the restored account has to confirm it anew. Raises RestoreError if others keep changing it.
        """
        for _ in range(_ATTEMPTS):
            state = account.state(self._copy)
            if state in {SAME, DONE} or (state == TAKEN and not exactly):
                return False
            if state == MISSING:
                sessions.delete(account.id)
            # The name may have been another user's until now. What is told first is told too if this run ends here.
            sessions.tell(*(item["user_id"]["S"] for item in (account.then, account.now or {}) if "user_id" in item))
            if written(self._client, self._actions(account)):
                return True
            names = {} if account.renamed is None else {account.id: account.renamed["username_key"]["S"]}
            (account,) = self._beside([account.then], names)
        raise RestoreError("somebody keeps changing the same account. Run the same command again")

    def delete(self, account: Item, sessions: Sessions) -> None:
        """Delete an account that the copy does not have, with its sessions, unless it has changed since it was read."""
        owners = self._owners([account])
        passkeys = factors.take_away(self._table, self._passkeys([account], []), account)
        sessions.tell(account["user_id"]["S"])
        if written(self._client, [self._deletion(account), *self._freed(account, owners), *passkeys]):
            sessions.delete(account["user_id"]["S"])

    def _strangers(self) -> Iterator[Item]:
        """Yield each account whose user does not have its name in the copy."""
        accounts = (item for item in scanned(self._client, self._table, self._say) if "user_id" in item)
        for batch in batches(accounts, BATCH):
            found = self._items(self._copy, [item["username_key"]["S"] for item in batch])
            for item in batch:
                if found.get(item["username_key"]["S"], {}).get("user_id") != item["user_id"]:
                    yield item

    def _beside(self, batch: list[Item], names: Mapping[str, str]) -> list[Account]:
        """Return accounts of the copy beside what there is now. ``names``: keys of renamed accounts, by users' ids."""
        now = self._items(self._table, [item["username_key"]["S"] for item in batch])
        renamed = {item["user_id"]["S"]: names.get(item["user_id"]["S"]) for item in batch}
        moved = self._items(self._table, [key for key in renamed.values() if key is not None])
        others = [*now.values(), *moved.values()]
        owners, passkeys = self._owners([*batch, *others]), self._passkeys(others, batch)
        accounts = []
        for item in batch:
            other = moved.get(renamed[item["user_id"]["S"]] or "")
            is_same = other is not None and other.get("user_id") == item["user_id"]
            here = now.get(item["username_key"]["S"])
            accounts.append(Account(item, here, other if is_same else None, owners, passkeys))
        return accounts

    def _passkeys(self, accounts: list[Item], then: list[Item]) -> Passkeys:
        """Return the passkeys that accounts list, and those that accounts of the copy list, ``then``."""
        of_copy = sorted({key_of(each) for account in then for each in ids_of(account)})
        of_table = sorted({key_of(each) for account in accounts for each in ids_of(account)} | set(of_copy))
        return Passkeys(self._items(self._table, of_table), self._items(self._copy, of_copy))

    def _owners(self, accounts: list[Item]) -> dict[str, str]:
        """Return who has the addresses of accounts, by the keys of the addresses."""
        addresses = {key for item in accounts if (key := address_key_of(item)) is not None}
        found = self._items(self._table, sorted(addresses))
        return {key: item["owner_id"]["S"] for key, item in found.items() if "owner_id" in item}

    def _actions(self, account: Account) -> list[Any]:
        """Return the transaction's actions, one at least."""
        then, address = account.then, address_key_of(account.then)
        kept = account.passkeys.kept(then)
        actions = [
            {"Update": self._update(account, kept)},
            *factors.put_back(self._table, account.passkeys, then, kept),
        ]
        if address is not None and account.is_free:
            actions.append(put_owner(self._table, address, then))
        if account.renamed is not None:
            actions.append(self._deletion(account.renamed))
        for other in (account.now, account.renamed):
            if other is not None and address_key_of(other) != address:
                actions += self._freed(other, account.owners)
        for other in (account.now, account.renamed):
            actions += factors.take_away(self._table, account.passkeys, other, kept)
        return actions

    def _deletion(self, account: Item) -> Any:  # noqa: ANN401 - an action of a transaction
        condition, values = as_it_is(account)
        return {
            "Delete": {
                "TableName": self._table,
                "Key": {"username_key": account["username_key"]},
                "ConditionExpression": condition,
                "ExpressionAttributeValues": values,
            }
        }

    def _freed(self, account: Item, owners: Mapping[str, str]) -> list[Any]:
        """Return the actions, one at most, that free the address of an account."""
        address = address_key_of(account)
        if address is None or owners.get(address) != account["user_id"]["S"]:
            return []
        return [delete_owner(self._table, address, account["user_id"])]

    def _update(self, account: Account, passkeys: list[str]) -> Any:  # noqa: ANN401 - the parameters of UpdateItem
        then, now, renamed = account.then, account.now or {}, account.renamed or {}
        known = (then, now, renamed)
        kept = {name: value for name, value in lasting(then).items() if name not in {"passkeys", "recovery"}}
        sets: dict[str, Any] = {
            **_without_address(kept, is_free=account.is_free),
            **factors.restored_factors(then, account.same, passkeys, (now, renamed)),
            # More than any has: no session of before has it.
            "session_epoch": {"N": str(max(_number(item, "session_epoch") for item in known) + 1)},
            "session_bound": {"N": "0"},
            "session_counts": {"N": str(_number(now, "session_counts") + 1)},
            "password_version": {"N": str(max(_number(item, "password_version") for item in known) + _FAR)},
            **to_item(directory_members(then["username"]["S"])),
            RESTORED_FROM: {"S": self._copy},
        }
        removes = ({*lasting(now)} | ({factors.STEP} & {*now})) - {*sets}
        values = {f":s{number}": value for number, value in enumerate(sets.values())}
        if "user_id" in now:
            condition, as_read = as_it_is(now)
            values |= as_read
        else:
            condition = "attribute_not_exists(user_id)"
            removes.add("ttl")  # a count of failures at a free name expires, and an account must not
        names = {f"#s{number}": name for number, name in enumerate(sets)}
        gone = {f"#r{number}": name for number, name in enumerate(sorted(removes))}
        expression = "SET " + ", ".join(f"#s{number} = :s{number}" for number in range(len(sets)))
        return {
            "TableName": self._table,
            "Key": {"username_key": then["username_key"]},
            "UpdateExpression": expression + (f" REMOVE {', '.join(gone)}" if gone else ""),
            "ConditionExpression": condition,
            "ExpressionAttributeNames": names | gone,
            "ExpressionAttributeValues": values,
        }

    def _items(self, table: str, keys: list[str]) -> dict[str, Item]:
        return items_of(self._client, table, keys)


def as_it_is(account: Item) -> tuple[str, Item]:
    """Return the condition that an account is as it was read, and the values that it compares."""
    listed, values = factors.as_listed(account)
    condition = f"user_id = :id AND password_hash = :hash AND session_epoch = :epoch AND {listed}"
    values |= {":id": account["user_id"], ":hash": account["password_hash"], ":epoch": account["session_epoch"]}
    if "email" not in account:
        return f"{condition} AND attribute_not_exists(email)", values
    condition += " AND email = :email AND email_verified = :verified"
    return condition, values | {":email": account["email"], ":verified": account["email_verified"]}


def unchanged(table: str, item: Item, owner: Item | None) -> Any:  # noqa: ANN401 - an action of a transaction
    """Return the check that whoever an item leads to is as it was read: not its owner, or without it."""
    if owner is None or owner.get("user_id") != item["owner_id"]:
        condition, values = "attribute_not_exists(user_id) OR user_id <> :id", {":id": item["owner_id"]}
    else:
        condition, values = as_it_is(owner)
    return {
        "ConditionCheck": {
            "TableName": table,
            "Key": user_key(item["owner_name"]["S"]),
            "ConditionExpression": condition,
            "ExpressionAttributeValues": values,
        }
    }


def put_owner(table: str, address: str, account: Item) -> Any:  # noqa: ANN401 - an action of a transaction
    """Return the action that gives an account its address, unless another has it."""
    return {
        "Put": {
            "TableName": table,
            "Item": {
                "username_key": {"S": address},
                "owner_id": account["user_id"],
                "owner_name": account["username"],
            },
            "ConditionExpression": "attribute_not_exists(owner_id) OR owner_id = :owner",
            "ExpressionAttributeValues": {":owner": account["user_id"]},
        }
    }


def delete_owner(table: str, address: str, user_id: Any) -> Any:  # noqa: ANN401 - an action of a transaction
    """Return the action that frees an address of a user."""
    return {
        "Delete": {
            "TableName": table,
            "Key": {"username_key": {"S": address}},
            "ConditionExpression": "owner_id = :owner",
            "ExpressionAttributeValues": {":owner": user_id},
        }
    }


def lasting(item: Item) -> Item:
    """Return what makes an account: its item without the key, counters, and the state of its sessions."""
    return {
        name: {"SS": sorted(value["SS"])} if "SS" in value else value
        for name, value in item.items()
        if name != "username_key" and name not in _OF_THE_MOMENT and not name.startswith(_COUNTERS)
    }


def _is_same(now: Item, then: Item) -> bool:
    """Return whether an account is what it was. A recovery code that was used since is no change to take back."""
    is_same = factors.without_codes(lasting(now)) == factors.without_codes(lasting(then))
    return is_same and factors.has_only_used_codes(now, then)


def _without_address(attributes: Item, *, is_free: bool) -> Item:
    """Return the attributes of an account, with the address unverified if it is another's now."""
    if is_free:
        return attributes
    kept = {name: value for name, value in attributes.items() if name not in WAITING}
    return kept | {"email_verified": {"BOOL": False}}


def _number(item: Item, name: str) -> int:
    return int(item.get(name, {}).get("N", 0))
