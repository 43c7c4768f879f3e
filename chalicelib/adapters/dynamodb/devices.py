"""The writes that bind a session to a device and take the proofs of its key.

Owns the conditions that decide which device is a session's, whether the session needs it, and whether a proof is new.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from chalicelib.adapters.dynamodb.rotations import IS_LIVE, PLAIN, Allowed, Use, rotate_where, update_session

if TYPE_CHECKING:
    from chalicelib.adapters.dynamodb.attributes import Item, Value
    from chalicelib.adapters.dynamodb.transactions import Database
    from chalicelib.use_cases.ports import Rotation

_WITHOUT_DEVICE = "attribute_not_exists(device_key)"

_TURN_BYTES = 16


def bind_device(database: Database, key: Item, use: Use, device_key: str) -> Rotation:
    """Bind a session to a device, see ``SessionStore.bind_device``. Takes one conditional update, two with a key."""
    plain = f"{PLAIN.condition} AND {_WITHOUT_DEVICE}"
    bound = Allowed(plain, ", device_key = :device", {":device": device_key})
    binding = rotate_where(database, key, use, bound, lambda session: session.device_key == device_key)
    if not binding.applied and binding.session is not None and binding.session.key:
        return _offer_device(database, key, use.now, device_key)
    return binding


def _offer_device(database: Database, key: Item, now: int, device_key: str) -> Rotation:
    """Note the device of a session that has a key. Who has the key decides whether the session needs the device."""
    return update_session(
        database,
        key,
        "SET device_key = :device, device_waits = :true",
        f"attribute_exists(bound_key) AND {_WITHOUT_DEVICE} AND {IS_LIVE}",
        {":device": device_key, ":true": True, ":now": now},
        lambda session: session.device_key == device_key,
    )


def next_device_turn(database: Database, key: Item, device_key: str, turn: str, *, now: int) -> Rotation:
    """End the turn of a session's device, see ``SessionStore.next_device_turn``. Takes one conditional update.

    Nobody else can know the name of the turn that begins. So an update that finds it there has been applied itself.
    """
    following = secrets.token_urlsafe(_TURN_BYTES)
    is_turn = "device_turn = :turn" if turn else "attribute_not_exists(device_turn)"
    values: dict[str, Value] = {":key": device_key, ":now": now, ":next": following}
    if turn:
        values[":turn"] = turn
    return update_session(
        database,
        key,
        "SET device_turn = :next",
        f"device_key = :key AND {IS_LIVE} AND {is_turn}",
        values,
        lambda session: session.device_turn == following,
    )
