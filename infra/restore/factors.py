"""What a restore brings back of second factors and passkeys. Nothing that was used up since is good again.

A passkey is an item of its own, beside the account that lists its id. It comes from the copy only if it is gone: one
that is there has the newest counter. No step of a TOTP app is taken back, and a recovery code that was used stays used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.adapters.dynamodb.attributes import Item
from chalicelib.adapters.dynamodb.factor_uses import passkey_key

STEP = "totp_step"
"""The attribute with the last step of a TOTP app that was accepted. It never falls."""

_CODES, _PASSKEYS = "recovery", "passkeys"


@dataclass(frozen=True)
class Passkeys:
    """The items of passkeys by their keys: those that there are, and those of the copy."""

    now: Mapping[str, Item] = field(default_factory=dict)
    then: Mapping[str, Item] = field(default_factory=dict)

    def of(self, user_id: str, passkey_id: str) -> Item | None:
        """Return a passkey if it is a user's and, if nobody has it now, the user's in the copy. Else return None."""
        key = key_of(passkey_id)
        item = self.now.get(key) or self.then.get(key)
        return item if item is not None and item["owner_id"]["S"] == user_id else None

    def kept(self, then: Item) -> list[str]:
        """Return the ids of those passkeys of an account of the copy that it can have again."""
        return sorted(each for each in ids_of(then) if self.of(then["user_id"]["S"], each) is not None)


def key_of(passkey_id: str) -> str:
    """Return the key of a passkey's item."""
    return str(passkey_key(passkey_id)["username_key"]["S"])


def ids_of(account: Item | None) -> frozenset[str]:
    """Return the ids of the passkeys that an account lists."""
    return _set(account, _PASSKEYS)


def as_listed(account: Item) -> tuple[str, Item]:
    """Return the condition that an account has the passkeys and codes that were read, and the values it compares."""
    conditions, values = [], {}
    for name in (_PASSKEYS, _CODES):
        if name in account:
            conditions.append(f"{name} = :{name}")
            values[f":{name}"] = account[name]
        else:
            conditions.append(f"attribute_not_exists({name})")
    return " AND ".join(conditions), values


def without_codes(attributes: Item) -> Item:
    """Return the attributes of an account but for its recovery codes."""
    return {name: value for name, value in attributes.items() if name != _CODES}


def has_only_used_codes(now: Item, then: Item) -> bool:
    """Return whether an account has lost no recovery code since then but by its use, and has no new ones."""
    return _set(now, _CODES) <= _set(then, _CODES)


def restored_factors(then: Item, same: Item | None, passkeys: list[str], others: Iterable[Item]) -> Item:
    """Return what an account gets back in place of what ``then`` says of codes, passkeys and the last step.

    ``same`` is the account as it is now, None if it is gone. ``others`` are all items whose steps count.
    """
    found: Item = {}
    if passkeys:
        found[_PASSKEYS] = {"SS": passkeys}
    codes, _ = codes_of(then, same)
    if codes:
        found[_CODES] = {"SS": sorted(codes)}
    if "totp" in then:
        found[STEP] = {"N": str(max((int(item[STEP]["N"]) for item in (then, *others) if STEP in item), default=-1))}
    return found


def codes_of(then: Item, same: Item | None) -> tuple[frozenset[str], bool]:
    """Return the recovery codes that an account gets back, and whether one of them may have been used since.

    Codes of now say which of then were used. If they are others, or gone, nothing says it any more.
    """
    codes = _set(then, _CODES)
    if same is not None and same.get("totp_added_at") == then.get("totp_added_at"):
        left = codes & _set(same, _CODES)
        if left or _CODES not in same:
            return left, False
    return codes, bool(codes)


def put_back(table: str, passkeys: Passkeys, then: Item, ids: Iterable[str]) -> list[Any]:
    """Return the actions that bring back passkeys of an account of the copy, and let all of them lead to its name."""
    actions: list[Any] = []
    owner = {":owner": then["user_id"]}
    for passkey_id in ids:
        key = key_of(passkey_id)
        if key not in passkeys.now:
            put = {
                "TableName": table,
                "Item": passkeys.then[key] | {"owner_name": then["username"]},
                "ConditionExpression": "attribute_not_exists(owner_id) OR owner_id = :owner",
                "ExpressionAttributeValues": owner,
            }
            actions.append({"Put": put})
        elif passkeys.now[key]["owner_name"] != then["username"]:
            update = {
                "TableName": table,
                "Key": {"username_key": {"S": key}},
                "UpdateExpression": "SET owner_name = :name",
                "ConditionExpression": "owner_id = :owner",
                "ExpressionAttributeValues": owner | {":name": then["username"]},
            }
            actions.append({"Update": update})
    return actions


def take_away(table: str, passkeys: Passkeys, account: Item | None, but: Iterable[str] = ()) -> list[Any]:
    """Return the actions that delete the passkeys of an account, but for these."""
    if account is None:
        return []
    gone = [key_of(passkey_id) for passkey_id in sorted(ids_of(account) - set(but))]
    return [
        delete_passkey(table, passkeys.now[key])
        for key in gone
        if key in passkeys.now and passkeys.now[key]["owner_id"] == account["user_id"]
    ]


def delete_passkey(table: str, item: Item) -> Any:  # noqa: ANN401 - an action of a transaction
    """Return the action that deletes a passkey, unless it leads elsewhere by now: its user may have been renamed."""
    return {
        "Delete": {
            "TableName": table,
            "Key": {"username_key": item["username_key"]},
            "ConditionExpression": "owner_id = :owner AND owner_name = :name",
            "ExpressionAttributeValues": {":owner": item["owner_id"], ":name": item["owner_name"]},
        }
    }


def _set(account: Item | None, name: str) -> frozenset[str]:
    return frozenset((account or {}).get(name, {}).get("SS", ()))
