"""Users of a file as items of the tables: what is there already, and the transactions that add what is not.

Nothing is ever overwritten: each write has the condition that its name, address and passkeys are nobody's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from chalicelib.accounts.user import User
from chalicelib.adapters.aws import unavailable_on_failure
from chalicelib.adapters.dynamodb.administrators import is_active, joins
from chalicelib.adapters.dynamodb.attributes import Item, Value, to_item
from chalicelib.adapters.dynamodb.factor_uses import passkey_key
from chalicelib.adapters.dynamodb.factors import passkey_to_item
from chalicelib.adapters.dynamodb.items import address_key, new_user_to_item, put_address, user_from_item, user_key
from chalicelib.adapters.dynamodb.transactions import Database, transact
from chalicelib.credentials.passwords import IMPORTED
from chalicelib.errors import ServiceUnavailable
from infra.operator.transfer.records import Record

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

MOST_ACTIONS = 100
"""Of a transaction, and keys of a BatchGetItem."""

_ATTEMPTS = 9
_FIRST_PAUSE = 0.1
"""Seconds. Doubled each time: the last one of 25 s, as a table may take minutes to grow."""


class Fate(Enum):
    """What became of a user in a file."""

    CREATED = "created"
    SAME = "same"
    DIFFERENT = "different"
    REFUSED = "refused"


@dataclass(frozen=True)
class Placed:
    """A user of a file, and what became of the user."""

    line: int
    username: str
    fate: Fate
    problem: str | None = None


@dataclass(frozen=True)
class Candidate:
    """A user of a file who may be added."""

    line: int
    record: Record
    owner_of_id: str | None = None
    """The key of the item of the user who has the id in the stage."""

    @property
    def key(self) -> str:
        """The partition key of the user's item."""
        return str(user_key(self.record.user.username)["username_key"]["S"])

    def item_keys(self) -> list[Item]:
        """Return the keys of all items of this user."""
        user = self.record.user
        addresses = [address_key(user.verified_email)] if user.verified_email is not None else []
        return [user_key(user.username), *addresses, *(passkey_key(each.id) for each in self.record.passkeys)]


def place(database: Database, batch: Sequence[Candidate], *, dry_run: bool) -> list[Placed]:
    """Add the users of a batch that are not there. Return what became of each, in their order.

    Raises ServiceUnavailable if the tables keep refusing. Whatever was done then is found by the next run.
    """
    stored = _patiently(database, lambda: _read(database, [key for each in batch for key in each.item_keys()]))
    placed = {each.line: found for each in batch if (found := _found(each, stored)) is not None}
    missing = [each for each in batch if each.line not in placed]
    if dry_run:
        placed |= {each.line: _done(each, Fate.CREATED) for each in missing}
    else:
        for group in _groups(missing):
            placed |= _added(database, group)
    return [placed[each.line] for each in batch]


def actions_of(database: Database, candidate: Candidate) -> list[TransactWriteItemTypeDef]:
    """Return the transaction actions that add a user. The one that counts administrators is not among them."""
    record, tables = candidate.record, database.tables
    item = new_user_to_item(record.user, sessions=0) | to_item(_factor_members(record.user))
    actions: list[TransactWriteItemTypeDef] = [
        # An item without user_id only counts failures at the name.
        {"Put": {"TableName": tables.users, "Item": item, "ConditionExpression": "attribute_not_exists(user_id)"}}
    ]
    if record.user.verified_email is not None:
        actions.append(put_address(tables, record.user.verified_email, record.user))
    actions += [
        {
            "Put": {
                "TableName": tables.users,
                "Item": passkey_to_item(passkey),
                "ConditionExpression": "attribute_not_exists(owner_id)",
            }
        }
        for passkey in record.passkeys
    ]
    return actions


def _factor_members(user: User) -> dict[str, Value]:
    factors = user.factors
    if factors is None:
        return {}
    members: dict[str, Value] = {}
    if factors.totp is not None:
        members = {"totp": factors.totp, "totp_added_at": factors.totp_added_at, "totp_step": factors.totp_step}
        members |= {"recovery": factors.recovery_codes} if factors.recovery_codes else {}
    return members | ({"passkeys": factors.passkeys} if factors.passkeys else {})


def _added(database: Database, group: list[Candidate]) -> dict[int, Placed]:
    """Add users in one transaction. If one of them cannot be added, each is added in a transaction of its own."""
    actions = [action for each in group for action in actions_of(database, each)]
    administrators = [each.record.user.id for each in group if is_active(each.record.user)]
    actions += [joins(database.tables, *administrators)] if administrators else []
    if not _patiently(database, lambda: transact(database, actions)):
        return {each.line: _done(each, Fate.CREATED) for each in group}
    if len(group) > 1:
        return {line: placed for each in group for line, placed in _added(database, [each]).items()}
    (only,) = group
    found = _found(only, _patiently(database, lambda: _read(database, only.item_keys())))
    return {only.line: found or _done(only, Fate.REFUSED, "somebody else was writing at the same time. Run it again")}


def _groups(candidates: Sequence[Candidate]) -> list[list[Candidate]]:
    """Divide users into transactions, each with room for the action that counts administrators."""
    groups: list[list[Candidate]] = []
    size = MOST_ACTIONS
    for each in candidates:
        needed = len(each.item_keys())
        if size + needed > MOST_ACTIONS - 1:
            groups.append([])
            size = 0
        groups[-1].append(each)
        size += needed
    return groups


def _done(candidate: Candidate, fate: Fate, problem: str | None = None) -> Placed:
    return Placed(candidate.line, candidate.record.user.username, fate, problem)


def _found(candidate: Candidate, stored: dict[str, Item]) -> Placed | None:
    """Return what becomes of a user of whom something is stored already, None if nothing is in the way."""
    user = candidate.record.user
    there = user_from_item(stored.get(candidate.key))
    if there is not None:
        differences = _differences(candidate.record, there)
        if differences:
            return _done(candidate, Fate.DIFFERENT, f"is there already, with another {', '.join(differences)}")
        return _done(candidate, Fate.SAME)
    if candidate.owner_of_id not in (None, candidate.key):
        return _done(candidate, Fate.REFUSED, "the id is another user's")
    for key in candidate.item_keys()[1:]:
        owner = stored.get(key["username_key"]["S"], {}).get("owner_id", {}).get("S")
        if owner is not None and owner != user.id:
            what = "the address" if key["username_key"]["S"].startswith("email#") else "a passkey"
            return _done(candidate, Fate.REFUSED, f"{what} is another user's")
    return None


def _differences(record: Record, there: User) -> list[str]:
    """Return in what a user differs from what the file says of the user."""
    user, given = record.user, record.given
    pairs: dict[str, tuple[Any, Any]] = {
        "id": (user.id, there.id),
        "username": (user.username, there.username),
        "roles": (user.roles, there.roles),
        "created_at": (user.created_at, there.created_at),
        "disabled": (user.disabled, there.disabled),
        "password_hash": (user.password_hash, there.password_hash),
    }
    for name in ("email", "new_email", "language"):
        pairs[name] = (getattr(user.contact, name, None), getattr(there.contact, name, None))
    pairs["email_verified"] = (user.verified_email is not None, there.verified_email is not None)
    pairs["passkeys"] = (user.passkeys, there.passkeys)
    pairs["totp"] = (_has_totp(user), _has_totp(there))
    if user.password_hash.startswith(IMPORTED) and not there.password_hash.startswith(IMPORTED):
        # The user has logged in since, and has a hash of ours: unless somebody else has registered under the name.
        is_known = "id" in given or user.verified_email is not None
        if is_known and user.verified_email == there.verified_email and ("id" not in given or user.id == there.id):
            del pairs["password_hash"]
    return sorted(name for name, (one, other) in pairs.items() if name in given and one != other)


def _has_totp(user: User) -> bool:
    return user.factors is not None and user.factors.totp is not None


def _read(database: Database, keys: Sequence[Item]) -> dict[str, Item]:
    """Return the items of these keys that there are, by their partition keys."""
    found: dict[str, Item] = {}
    for begin in range(0, len(keys), MOST_ACTIONS):
        wanted: Any = keys[begin : begin + MOST_ACTIONS]
        while wanted:
            with unavailable_on_failure():
                response: Any = database.client.batch_get_item(
                    RequestItems={database.tables.users: {"Keys": wanted, "ConsistentRead": True}}
                )
            found |= {item["username_key"]["S"]: item for item in response["Responses"].get(database.tables.users, [])}
            wanted = response["UnprocessedKeys"].get(database.tables.users, {}).get("Keys")
            if wanted:
                database.pause(_FIRST_PAUSE)
    return found


def _patiently(database: Database, do: Any) -> Any:  # noqa: ANN401 - what it returns
    """Do something again, and later and later, while the tables refuse because too much is asked of them."""
    for attempt in range(_ATTEMPTS):
        try:
            return do()
        except ServiceUnavailable:
            if attempt == _ATTEMPTS - 1:
                raise
            database.pause(_FIRST_PAUSE * 2**attempt)
    raise AssertionError("unreachable")
