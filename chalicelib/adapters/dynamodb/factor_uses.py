"""What an authentication with a second factor or a passkey uses up in DynamoDB, in the transaction that it is part of.

Most authentications use nothing up, so this module is loaded when one does.

A challenge that was used is an item of the table of counters:

    counter_key  S   partition key: ``challenge#`` and its id
    used_at      N
    ttl          N   when DynamoDB may delete the item: after the challenge has expired
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, cast

from chalicelib.adapters.dynamodb.attributes import Item, to_item
from chalicelib.adapters.dynamodb.failures import take_from_window, window_key
from chalicelib.adapters.dynamodb.items import put_event
from chalicelib.errors import InvalidChallenge, InvalidCode

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from chalicelib.accounts.user import User
    from chalicelib.adapters.dynamodb.updates import Changes
    from chalicelib.config.api import Tables
    from chalicelib.credentials.challenges import Challenge
    from chalicelib.credentials.second_factors import FactorUse, PasskeyUse

_KEPT = 24 * 3600
"""Seconds (1 day) for which a used challenge is kept after its end: more than any clock error."""


def passkey_key(passkey_id: str) -> Item:
    """Return the key of a passkey."""
    digest = hashlib.sha256(passkey_id.encode("utf-8", "replace")).hexdigest()
    return {"username_key": {"S": f"passkey#{digest}"}}


def use_challenge(tables: Tables, challenge: Challenge, now: int) -> TransactWriteItemTypeDef:
    """Return the transaction action that uses up a challenge. It must not have been used."""
    return {
        "Update": {
            "TableName": tables.throttle,
            "Key": to_item({"counter_key": f"challenge#{challenge.id}"}),
            "UpdateExpression": "SET used_at = :now, #ttl = :ttl",
            "ConditionExpression": "attribute_not_exists(used_at)",
            "ExpressionAttributeNames": {"#ttl": "ttl"},
            "ExpressionAttributeValues": to_item({":now": now, ":ttl": challenge.expires_at + _KEPT}),
        }
    }


def require_unused(changes: Changes, use: FactorUse) -> list[str]:
    """Add what a use changes of its user. Return the conditions that the user has what is used, and not used yet."""
    conditions = []
    if use.totp_step is not None:
        changes.sets.append("totp_step = :step")
        changes.values[":step"] = use.totp_step
        conditions.append("attribute_exists(totp) AND totp_step < :step")
    if use.resealed_totp is not None:
        changes.sets.append("totp = :totp")
        changes.values[":totp"] = use.resealed_totp
    if use.recovery_code is not None:
        changes.deletes.append("recovery :recovery_codes")
        changes.values |= {":recovery_codes": (use.recovery_code,), ":recovery_code": use.recovery_code}
        conditions.append("contains(recovery, :recovery_code)")
    if use.passkey is not None:
        changes.values[":passkey"] = use.passkey.passkey.id
        conditions.append("contains(passkeys, :passkey)")
    return conditions


def use_up(tables: Tables, use: FactorUse, now: int) -> list[TransactWriteItemTypeDef]:
    """Return the other transaction actions of a use: the challenge and the passkey first, if there are any."""
    actions = []
    if use.challenge is not None:
        actions.append(use_challenge(tables, use.challenge, now))
    if use.passkey is not None:
        actions.append(_use_passkey(tables, use.passkey, now))
    if use.window is not None:
        actions.append(take_from_window(use.window).action(tables.throttle, window_key(use.window)))
    if use.event is not None:
        actions.append(put_event(tables, use.event))
    return actions


def refuse_failed(failed: dict[int, Item | None], first: int, use: FactorUse) -> None:
    """Raise InvalidChallenge or InvalidCode if one of the actions of ``use_up``, from ``first`` on, has failed."""
    if use.challenge is not None:
        if first in failed:
            raise InvalidChallenge("used")
        first += 1
    if use.passkey is not None and first in failed:
        raise InvalidCode("the passkey is gone, or has been used meanwhile")


def refuse_used(stored: User, use: FactorUse) -> None:
    """Raise InvalidCode if a user, as stored, has no longer what is used."""
    factors = stored.factors
    if use.totp_step is not None and (factors is None or factors.totp is None or factors.totp_step >= use.totp_step):
        raise InvalidCode("used")
    if use.recovery_code is not None and (factors is None or use.recovery_code not in factors.recovery_codes):
        raise InvalidCode("used")
    if use.passkey is not None and use.passkey.passkey.id not in stored.passkeys:
        raise InvalidCode("the passkey is gone")


def _use_passkey(tables: Tables, use: PasskeyUse, now: int) -> TransactWriteItemTypeDef:
    """Return the action that stores what a passkey's answer says of it. Its counter must not have passed that by."""
    update = {
        "TableName": tables.users,
        "Key": passkey_key(use.passkey.id),
        "UpdateExpression": "SET sign_count = :count, backed_up = :backed_up, last_used_at = :now",
        "ConditionExpression": "owner_id = :owner AND (sign_count < :count OR (sign_count = :zero AND :count = :zero))",
        "ExpressionAttributeValues": to_item(
            {
                ":count": use.sign_count,
                ":backed_up": use.backed_up,
                ":now": now,
                ":owner": use.passkey.user_id,
                ":zero": 0,
            }
        ),
    }
    return cast("TransactWriteItemTypeDef", {"Update": update})
