"""The writes that end a session: with the event that tells of it, and the feed's entry.

Owns what becomes of an address that the session has given: whoever ends another session withdraws it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from chalicelib.adapters.dynamodb.attributes import Item, to_item
from chalicelib.adapters.dynamodb.ended import put_ended_session
from chalicelib.adapters.dynamodb.items import (
    WAITING,
    delete_session,
    put_event,
    session_from_item,
    user_from_item,
    user_key,
)
from chalicelib.adapters.dynamodb.rotations import ON_NO_DEVICE, allows
from chalicelib.adapters.dynamodb.session_reads import user_with_session
from chalicelib.adapters.dynamodb.transactions import Database, transact
from chalicelib.adapters.dynamodb.updates import Changes
from chalicelib.adapters.dynamodb.with_mail import transact_with_mail
from chalicelib.errors import ServiceUnavailable
from chalicelib.use_cases.ports import Rotation

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from chalicelib.accounts.events import SecurityEvent
    from chalicelib.accounts.key_proof import KeyProof
    from chalicelib.accounts.mail import Mail
    from chalicelib.accounts.session import Session
    from chalicelib.accounts.user import User
    from chalicelib.config.api import Tables

_ROUNDS = 5
"""Attempts to end a session and withdraw its address while other requests change the user's."""

_EXISTS = "attribute_exists(session_id)"


def end_at(
    database: Database,
    user_id: str,
    session_id: str,
    counter: int | None,
    event: SecurityEvent,
    *,
    key_proof: KeyProof | None,
    on_device: bool,
) -> Rotation:
    """End a session at this counter, see ``SessionStore.end_at``.

    Takes one transaction. If the condition fails, DynamoDB returns the item.
    """
    allowed, values = allows(key_proof)
    conditions = [_EXISTS, allowed, *([] if on_device else [ON_NO_DEVICE])]
    if counter is not None:
        conditions.append("refresh_counter = :counter")
        values[":counter"] = counter
    delete = delete_session(database.tables, user_id, session_id, *conditions)
    if values:
        delete["Delete"]["ExpressionAttributeValues"] = to_item(values)
    failed = transact(database, [delete, *_recorded(database.tables, session_id, event)])
    found = failed.get(0)
    return Rotation(applied=not failed, session=session_from_item(found) if found else None)


def end(database: Database, user_id: str, session_id: str, event: SecurityEvent) -> bool:
    """End a session, see ``SessionStore.end``. Takes one transaction."""
    delete = delete_session(database.tables, user_id, session_id, _EXISTS)
    return not transact(database, [delete, *_recorded(database.tables, session_id, event)])


def end_another(database: Database, user: User, session_id: str, event: SecurityEvent) -> bool:
    """End another session of a user, see ``SessionStore.end_another``. Takes one transaction.

    The session says whether it has ever given an address, and then the user whether that one waits.
    """
    if not _waits_for(user, session_id):
        failed = _end_if_it_gave_nothing(database, user.id, session_id, event, None)
        if not failed:
            return True
        if failed[0] is None:
            return False
    return _end_and_withdraw(database, user, session_id, event, None)


def end_reused(database: Database, session: Session, event: SecurityEvent, mail: Mail | None) -> bool:
    """End a session whose token was used twice, see ``SessionStore.end_reused``. Takes one transaction.

    If the session has ever given an address, that one fails: a read follows, and another transaction.
    """
    failed = _end_if_it_gave_nothing(database, session.user_id, session.id, event, mail)
    if not failed:
        return True
    if failed[0] is None:
        return False
    user, _ = user_with_session(database, session.username, session.user_id, session.id)
    if user is None or user.id != session.user_id:
        return end(database, session.user_id, session.id, event)
    return _end_and_withdraw(database, user, session.id, event, mail)


def _end_if_it_gave_nothing(
    database: Database, user_id: str, session_id: str, event: SecurityEvent, mail: Mail | None
) -> dict[int, Item | None]:
    """End a session that has never given an address. Return what failed: at 0 the session, None if it is gone."""
    delete = delete_session(database.tables, user_id, session_id, _EXISTS, "attribute_not_exists(gave_email)")
    return transact_with_mail(database, [delete, *_recorded(database.tables, session_id, event)], mail=mail)


def _end_and_withdraw(database: Database, user: User, session_id: str, event: SecurityEvent, mail: Mail | None) -> bool:
    """End a session, and withdraw the address that it has given, if one waits. Return whether it existed.

    Raises ServiceUnavailable if other requests change the user's address all the time.
    """
    tables = database.tables
    for _ in range(_ROUNDS):
        delete = delete_session(tables, user.id, session_id, _EXISTS)
        actions = [delete, *_recorded(tables, session_id, event), _withdrawing(tables, user, session_id)]
        failed = transact_with_mail(database, actions, mail=mail)
        if not failed:
            return True
        found = user_from_item(failed[len(actions) - 1]) if 0 not in failed else None
        if found is None or found.id != user.id:
            return False
        user = found
    raise ServiceUnavailable("too many changes of one user's address at once")


def _withdrawing(tables: Tables, user: User, session_id: str) -> TransactWriteItemTypeDef:
    """Return the action that withdraws the address that waits, or looks that it is not this session's."""
    changes = Changes(removes=[*WAITING], values={":id": user.id, ":session": session_id})
    if _waits_for(user, session_id):
        return changes.action(tables.users, user_key(user.username), "user_id = :id", "asked_by = :session")
    not_its = "(attribute_not_exists(asked_by) OR NOT asked_by = :session)"
    check = changes.parameters(tables.users, user_key(user.username), "user_id = :id", not_its)
    del check["UpdateExpression"]
    return cast("TransactWriteItemTypeDef", {"ConditionCheck": check})


def _waits_for(user: User, session_id: str) -> bool:
    """Return whether an address waits that this session has given."""
    return user.contact is not None and user.contact.asked_by == session_id


def _recorded(tables: Tables, session_id: str, event: SecurityEvent) -> list[TransactWriteItemTypeDef]:
    """Return the actions that record an event which ends a session, and tell the feed of it."""
    return [put_event(tables, event), put_ended_session(tables, session_id, event.at)]
