"""What a webhook says of an item of the events table.

Not by ``event_from_item``: a type that this version does not know is sent as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.accounts.caller import NO_ADDRESS
from chalicelib.accounts.events import ADMIN, EventType
from chalicelib.adapters.dynamodb.attributes import from_item
from chalicelib.use_cases.send_webhooks import Happening, moment

if TYPE_CHECKING:
    from chalicelib.adapters.dynamodb.attributes import Item

_TOLD = ("actor", "actor_id")
_NANOSECONDS = 1_000_000_000


def happening_from_item(item: Item) -> Happening:
    """Return what happened, without the caller's address and browser. Raises ValueError if the item is no event."""
    try:
        members = from_item(item)
        event_id, kind, at = str(members["event_id"]), str(members["type"]), int(members["at"])
        data: dict[str, Any] = {"user_id": str(members["user_id"]), "type": kind, "at": moment(at)}
        data |= {"count": int(members.get("count", 1))}
        data |= {name: str(members[name]) for name in _TOLD if name in members}
        is_deletion = kind == EventType.ACCOUNT_DELETED
        if "subject" in members and is_deletion:
            data |= _of_deletion(members)
        written_at = int(event_id.split("-")[1]) / _NANOSECONDS
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, OverflowError, OSError) as malformed:
        raise ValueError(f"no event: {type(malformed).__name__}") from malformed
    return Happening(event_id, kind, at, data, written_at, is_twin="subject" in members and not is_deletion)


def _of_deletion(members: dict[str, Any]) -> dict[str, Any]:
    """Return whose account is gone, and who did it, if it was an administrator.

    It is the one entry that is left: in the administrator's history, or in nobody's, which has no address.
    """
    gone = {"user_id": str(members["subject"])}
    if members["ip"] == NO_ADDRESS.ip:
        return gone
    return {**gone, "actor": ADMIN, "actor_id": str(members["user_id"])}
