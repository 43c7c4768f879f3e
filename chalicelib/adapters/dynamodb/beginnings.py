"""The writes that begin a session, and those that authenticate its user anew, with all that they use up.

Owns the limit of a user's sessions. A user's item has an upper bound of their number. A log-in raises the bound without
counting. When the bound reaches the limit, the sessions are counted. The count corrects the bound, and ends the oldest
sessions if there are too many.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chalicelib.adapters.dynamodb.attributes import Item, to_item
from chalicelib.adapters.dynamodb.ended import put_ended_session, put_ended_user
from chalicelib.adapters.dynamodb.failures import forget, given_back
from chalicelib.adapters.dynamodb.items import (
    UNCHANGED,
    SessionCounts,
    delete_session,
    put_event,
    put_session,
    session_key,
    user_from_item,
    user_key,
)
from chalicelib.adapters.dynamodb.session_reads import sessions_of
from chalicelib.adapters.dynamodb.transactions import Database, transact
from chalicelib.adapters.dynamodb.updates import Changes
from chalicelib.adapters.dynamodb.with_mail import require_version, transact_with_mail
from chalicelib.errors import Conflict, ServiceUnavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from chalicelib.accounts.events import SecurityEvent
    from chalicelib.accounts.session import Session
    from chalicelib.accounts.user import User
    from chalicelib.config.api import Tables
    from chalicelib.credentials.mailed import MailedProof
    from chalicelib.credentials.second_factors import FactorUse
    from chalicelib.credentials.throttling import Admission

_ROUNDS = 5
"""Attempts to begin a session while other log-ins of the same user interfere."""

_MOST_TOLD_AND_SWEPT = 40
"""Entries of the feed and expired sessions of one count, at most. With all others they fit the 100 items of a
transaction."""

_UPDATE_OF_USER = 1
"""The position of the user's update among the actions that begin a session."""


class Uses(NamedTuple):
    """What the beginning of a session changes of its user, and what it uses up."""

    user: User
    password_hash: str | None = None
    admission: Admission | None = None
    proof: MailedProof | None = None
    factor: FactorUse | None = None


def begin(
    database: Database, session: Session, uses: Uses, event: SecurityEvent, *, if_ended: SecurityEvent, limit: int
) -> bool:
    """Begin a session, see ``SessionStore.begin``. A user has at most ``limit``.

    Takes one transaction, and at the limit one query more, to count.
    """
    tables, user = database.tables, uses.user
    known = _counts(user)
    for _ in range(_ROUNDS):
        surplus: list[Session] = []
        actions = [put_session(tables, session)]
        if known.bound < limit:
            actions.append(_raise_bound(tables, uses, limit))
        else:
            live, over = _counted(database, user, session.created_at)
            surplus = live[: max(0, len(live) + 1 - limit)]
            after = len(live) - len(surplus) + 1
            actions.append(_set_bound(tables, uses, known, after))
            entries = _entries(tables, surplus, if_ended)
            swept = over[: _MOST_TOLD_AND_SWEPT - len(entries)]
            actions += [delete_session(tables, other.user_id, other.id) for other in [*surplus, *swept]]
            if surplus:
                actions += [put_event(tables, if_ended), *entries]
        actions += given_back(tables.throttle, uses.admission)
        actions.append(put_event(tables, event))
        failed = _transact(database, actions, uses, session.created_at)
        # Action 0 puts the session. If that exists already, the SDK retried a transaction whose answer was lost.
        if not failed or 0 in failed:
            return bool(surplus)
        stored = user_from_item(failed.get(_UPDATE_OF_USER))
        if stored is None or uses.proof is not None or not _is_unchanged(stored, user):
            raise Conflict
        if uses.factor is not None:
            from chalicelib.adapters.dynamodb.factor_uses import refuse_used  # noqa: PLC0415

            refuse_used(stored, uses.factor)
        known = _counts(stored)
    raise ServiceUnavailable("too many log-ins of one user at once")


def reauthenticate(
    database: Database, user: User, session: Session, event: SecurityEvent, factor: FactorUse | None
) -> bool:
    """Note that a user has proved again who it is, see ``SessionStore.reauthenticate``. Takes one transaction."""
    tables = database.tables
    update: TransactWriteItemTypeDef = {
        "Update": {
            "TableName": tables.sessions,
            "Key": session_key(user.id, session.id),
            "UpdateExpression": "SET authenticated_at = :now, amr = :amr",
            "ConditionExpression": "attribute_exists(session_id)",
            "ExpressionAttributeValues": to_item({":now": session.authenticated_at, ":amr": session.amr}),
        }
    }
    actions = [update, put_event(tables, event)]
    if factor is None:
        return not transact(database, actions)
    uses = Uses(user, factor=factor)
    # A passkey changes nothing of its user, and an update has to change something.
    changes = Changes(adds=["tried :one"], values={":one": 1})
    actions.insert(_UPDATE_OF_USER, _update_user(tables, uses, changes))
    failed = _transact(database, actions, uses, event.at)
    if not failed:
        return True
    if 0 in failed:
        return False
    stored = user_from_item(failed.get(_UPDATE_OF_USER))
    if stored is None or not _is_unchanged(stored, user):
        raise Conflict
    from chalicelib.adapters.dynamodb.factor_uses import refuse_used  # noqa: PLC0415

    refuse_used(stored, factor)
    raise Conflict


def _transact(
    database: Database, actions: list[TransactWriteItemTypeDef], uses: Uses, now: int
) -> dict[int, Item | None]:
    """Do the actions and use up the proof and the factor. Return the failed conditions of ``actions``.

    Raises InvalidChallenge or InvalidCode if it is the challenge or the passkey of the factor that has been used.
    """
    factor = uses.factor
    if factor is None:
        return transact_with_mail(database, actions, proof=uses.proof, at=now)
    # Few log-ins have a factor.
    from chalicelib.adapters.dynamodb.factor_uses import refuse_failed, use_up  # noqa: PLC0415

    used = use_up(database.tables, factor, now)
    failed = transact_with_mail(database, [*actions, *used], mail=factor.mail, proof=uses.proof, at=now)
    if failed and 0 not in failed:
        refuse_failed(failed, len(actions), factor)
    return failed


def _counted(database: Database, user: User, now: int) -> tuple[list[Session], list[Session]]:
    """Return the user's live sessions, oldest first, and those that are not live."""
    stored = sessions_of(database, user.id)
    live = [session for session in stored if session.belongs_to(user) and session.is_live(now)]
    return sorted(live, key=lambda session: session.created_at), [other for other in stored if other not in live]


def _raise_bound(tables: Tables, uses: Uses, limit: int) -> TransactWriteItemTypeDef:
    changes = forget(uses.admission) if uses.admission is not None else Changes()
    changes.sets.append("session_bound = session_bound + :one")
    changes.values |= {":one": 1, ":limit": limit}
    return _update_user(tables, uses, changes, "session_bound < :limit")


def _set_bound(tables: Tables, uses: Uses, known: SessionCounts, stored: int) -> TransactWriteItemTypeDef:
    changes = forget(uses.admission) if uses.admission is not None else Changes()
    changes.sets += ["session_bound = :stored", "session_counts = session_counts + :one"]
    changes.values |= {":stored": stored, ":one": 1, ":bound": known.bound, ":counts": known.counts}
    # If one session ends and one begins, the bound stays the same. Only session_counts shows the change.
    condition = "session_bound = :bound AND session_counts = :counts"
    return _update_user(tables, uses, changes, condition)


def _update_user(tables: Tables, uses: Uses, changes: Changes, *conditions: str) -> TransactWriteItemTypeDef:
    user, required = uses.user, [UNCHANGED, *conditions]
    if uses.proof is not None:
        required.append(require_version(changes, uses.proof))
    changes.values |= {
        ":id": user.id,
        ":hash": user.password_hash,
        ":epoch": user.session_epoch,
        ":false": False,
    }
    if uses.password_hash is not None:
        changes.sets.append("password_hash = :new_hash")
        changes.values[":new_hash"] = uses.password_hash
    if uses.factor is not None:
        from chalicelib.adapters.dynamodb.factor_uses import require_unused  # noqa: PLC0415

        required += require_unused(changes, uses.factor)
    return changes.action(tables.users, user_key(user.username), *required)


def _entries(tables: Tables, surplus: list[Session], if_ended: SecurityEvent) -> list[TransactWriteItemTypeDef]:
    """Return the actions that tell the feed that sessions end. One tells it of all the user's, if they are many."""
    if len(surplus) > _MOST_TOLD_AND_SWEPT:
        return [put_ended_user(tables, surplus[0].user_id, if_ended.at)]
    return [put_ended_session(tables, other.id, if_ended.at) for other in surplus]


def _counts(user: User) -> SessionCounts:
    """Return the session counts that were read with the user, or zeros for a user that was not read."""
    return user.store_state if isinstance(user.store_state, SessionCounts) else SessionCounts(bound=0, counts=0)


def _is_unchanged(stored: User, checked: User) -> bool:
    """Return whether the stored user still has the hash and the epoch of the checked one, as ``UNCHANGED`` does."""
    return not stored.disabled and (stored.id, stored.password_hash, stored.session_epoch) == (
        checked.id,
        checked.password_hash,
        checked.session_epoch,
    )
