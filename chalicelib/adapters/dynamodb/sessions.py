"""The store of sessions in DynamoDB."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from chalicelib.accounts.events import SecurityEvent
from chalicelib.accounts.session import Session
from chalicelib.accounts.user import User
from chalicelib.adapters.aws import unavailable_on_failure
from chalicelib.adapters.dynamodb.attributes import Item, to_item
from chalicelib.adapters.dynamodb.ended import put_ended_session, put_ended_user
from chalicelib.adapters.dynamodb.failures import forget, given_back
from chalicelib.adapters.dynamodb.items import (
    UNCHANGED,
    WAITING,
    SessionCounts,
    put_event,
    put_session,
    session_from_item,
    session_key,
    user_from_item,
    user_key,
)
from chalicelib.adapters.dynamodb.rotations import (
    ON_NO_DEVICE,
    Use,
    allows,
    note_retry,
    note_without_key,
    rotate,
)
from chalicelib.adapters.dynamodb.transactions import Database, transact
from chalicelib.adapters.dynamodb.updates import Changes
from chalicelib.adapters.dynamodb.with_mail import require_version, transact_with_mail
from chalicelib.credentials.throttling import Admission
from chalicelib.errors import Conflict, ServiceUnavailable
from chalicelib.use_cases.ports import Rotation

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from chalicelib.accounts.key_proof import KeyProof
    from chalicelib.accounts.mail import Mail
    from chalicelib.credentials.mailed import MailedProof
    from chalicelib.credentials.second_factors import FactorUse

_ROUNDS = 5
"""Attempts to begin a session while other log-ins of the same user interfere."""

_MOST_TOLD_AND_SWEPT = 40
"""Entries of the feed and expired sessions of one count, at most. With all others they fit the 100 items of a
transaction."""


_UPDATE_OF_USER = 1
"""The position of the user's update among the actions that begin a session."""


class Uses:
    """What the beginning of a session changes of its user, and what it uses up."""

    def __init__(
        self,
        user: User,
        *,
        password_hash: str | None = None,
        admission: Admission | None = None,
        proof: MailedProof | None = None,
        factor: FactorUse | None = None,
    ) -> None:
        self.user = user
        self.password_hash = password_hash
        self.admission = admission
        self.proof = proof
        self.factor = factor


class DynamoDBSessionStore:
    """A ``SessionStore`` over the tables.

    A user's item has an upper bound of the number of the user's sessions. A log-in raises the bound without counting.
    When the bound reaches the limit, the sessions are counted. The count corrects the bound, and ends the oldest
    sessions if there are too many.
    """

    def __init__(self, database: Database, *, limit: int) -> None:
        self._database = database
        self._client = database.client
        self._tables = database.tables
        self._limit = limit

    def begin(
        self,
        user: User,
        session: Session,
        event: SecurityEvent,
        *,
        if_ended: SecurityEvent,
        password_hash: str | None = None,
        admission: Admission | None = None,
        proof: MailedProof | None = None,
        factor: FactorUse | None = None,
    ) -> bool:
        """See ``SessionStore.begin``. Takes one transaction, and at the limit one query more, to count."""
        known = _counts(user)
        uses = Uses(user, password_hash=password_hash, admission=admission, proof=proof, factor=factor)
        for _ in range(_ROUNDS):
            surplus: list[Session] = []
            actions = [put_session(self._tables, session)]
            if known.bound < self._limit:
                actions.append(self._raise_bound(uses))
            else:
                live, over = self._counted(user, session.created_at)
                surplus = live[: max(0, len(live) + 1 - self._limit)]
                after = len(live) - len(surplus) + 1
                actions.append(self._set_bound(uses, known, after))
                entries = self._entries(surplus, if_ended)
                swept = over[: _MOST_TOLD_AND_SWEPT - len(entries)]
                actions += [self._delete(other.user_id, other.id) for other in [*surplus, *swept]]
                if surplus:
                    actions += [put_event(self._tables, if_ended), *entries]
            actions += given_back(self._tables.throttle, admission)
            actions.append(put_event(self._tables, event))
            failed = self._transact(actions, uses, session.created_at)
            # Action 0 puts the session. If that exists already, the SDK retried a transaction whose answer was lost.
            if not failed or 0 in failed:
                return bool(surplus)
            stored = user_from_item(failed.get(_UPDATE_OF_USER))
            if stored is None or proof is not None or not _is_unchanged(stored, user):
                raise Conflict
            if factor is not None:
                from chalicelib.adapters.dynamodb.factor_uses import refuse_used  # noqa: PLC0415

                refuse_used(stored, factor)
            known = _counts(stored)
        raise ServiceUnavailable("too many log-ins of one user at once")

    def rotate(
        self,
        user_id: str,
        session_id: str,
        counter: int,
        *,
        now: int,
        idle_expires_at: int,
        used_from: str,
        key_proof: KeyProof | None = None,
        on_device: bool = False,
    ) -> Rotation:
        """See ``SessionStore.rotate``. Takes one conditional update, see ``rotations``."""
        use = Use(counter, now=now, idle_expires_at=idle_expires_at, used_from=used_from, on_device=on_device)
        return rotate(self._database, session_key(user_id, session_id), use, key_proof)

    def bind_device(
        self,
        user_id: str,
        session_id: str,
        counter: int,
        device_key: str,
        *,
        now: int,
        idle_expires_at: int,
        used_from: str,
    ) -> Rotation:
        """See ``SessionStore.bind_device``. Takes one conditional update, or two, see ``devices``."""
        from chalicelib.adapters.dynamodb.devices import bind_device  # noqa: PLC0415 - few sites bind devices

        use = Use(counter, now=now, idle_expires_at=idle_expires_at, used_from=used_from)
        return bind_device(self._database, session_key(user_id, session_id), use, device_key)

    def next_device_turn(self, user_id: str, session_id: str, device_key: str, turn: str, *, now: int) -> Rotation:
        """See ``SessionStore.next_device_turn``. Takes one conditional update, see ``devices``."""
        from chalicelib.adapters.dynamodb.devices import next_device_turn  # noqa: PLC0415 - as above

        return next_device_turn(self._database, session_key(user_id, session_id), device_key, turn, now=now)

    def note_retry(self, before: Session, after: Session, event: SecurityEvent | None) -> Rotation:
        """See ``SessionStore.note_retry``. Takes one write, or one transaction with an event."""
        return note_retry(self._database, before, after, event)

    def note_without_key(self, session: Session, event: SecurityEvent) -> None:
        """See ``SessionStore.note_without_key``. Takes one transaction."""
        note_without_key(self._database, session, event)

    def reauthenticate(
        self, user: User, session: Session, event: SecurityEvent, *, factor: FactorUse | None = None
    ) -> bool:
        """See ``SessionStore.reauthenticate``. Takes one transaction."""
        update: TransactWriteItemTypeDef = {
            "Update": {
                "TableName": self._tables.sessions,
                "Key": session_key(user.id, session.id),
                "UpdateExpression": "SET authenticated_at = :now, amr = :amr",
                "ConditionExpression": "attribute_exists(session_id)",
                "ExpressionAttributeValues": to_item({":now": session.authenticated_at, ":amr": session.amr}),
            }
        }
        actions = [update, put_event(self._tables, event)]
        if factor is None:
            return not transact(self._database, actions)
        uses = Uses(user, factor=factor)
        # A passkey changes nothing of its user, and an update has to change something.
        changes = Changes(adds=["tried :one"], values={":one": 1})
        actions.insert(_UPDATE_OF_USER, self._update_user(uses, changes))
        failed = self._transact(actions, uses, event.at)
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

    def end(self, user_id: str, session_id: str, event: SecurityEvent) -> bool:
        """See ``SessionStore.end``. Takes one transaction."""
        delete = self._delete(user_id, session_id)
        delete["Delete"]["ConditionExpression"] = "attribute_exists(session_id)"
        actions = [delete, *self._recorded(session_id, event)]
        return not transact(self._database, actions)

    def end_another(self, user: User, session_id: str, event: SecurityEvent) -> bool:
        """See ``SessionStore.end_another``. Takes one transaction.

        The session says whether it has ever given an address, and then the user whether that one waits.
        """
        if not _waits_for(user, session_id):
            failed = self._end_if_it_gave_nothing(user.id, session_id, event, None)
            if not failed:
                return True
            if failed[0] is None:
                return False
        return self._end_and_withdraw(user, session_id, event, None)

    def end_reused(self, session: Session, event: SecurityEvent, mail: Mail | None = None) -> bool:
        """See ``SessionStore.end_reused``. Takes one transaction.

        If the session has ever given an address, that one fails: a read follows, and another transaction.
        """
        failed = self._end_if_it_gave_nothing(session.user_id, session.id, event, mail)
        if not failed:
            return True
        if failed[0] is None:
            return False
        user, _ = self.with_user(session.username, session.user_id, session.id)
        if user is None or user.id != session.user_id:
            return self.end(session.user_id, session.id, event)
        return self._end_and_withdraw(user, session.id, event, mail)

    def end_at(
        self,
        user_id: str,
        session_id: str,
        counter: int | None,
        event: SecurityEvent,
        *,
        key_proof: KeyProof | None = None,
        on_device: bool = False,
    ) -> Rotation:
        """See ``SessionStore.end_at``. Takes one transaction. If the condition fails, DynamoDB returns the item."""
        delete = self._delete(user_id, session_id)
        allowed, values = allows(key_proof)
        conditions = ["attribute_exists(session_id)", allowed, *([] if on_device else [ON_NO_DEVICE])]
        if counter is not None:
            conditions.append("refresh_counter = :counter")
            values[":counter"] = counter
        delete["Delete"] |= {
            "ConditionExpression": " AND ".join(conditions),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if values:
            delete["Delete"]["ExpressionAttributeValues"] = to_item(values)
        failed = transact(self._database, [delete, *self._recorded(session_id, event)])
        found = failed.get(0)
        return Rotation(applied=not failed, session=session_from_item(found) if found else None)

    def find(self, user_id: str, session_id: str) -> Session | None:
        """See ``SessionStore.find``. Takes one consistent read."""
        # Not GetItem, which the function's role lacks for this table.
        keys = [session_key(user_id, session_id)]
        with unavailable_on_failure():
            response = self._client.batch_get_item(
                RequestItems={self._tables.sessions: {"Keys": keys, "ConsistentRead": True}}
            )
        if response["UnprocessedKeys"]:
            raise ServiceUnavailable("BatchGetItem left keys unprocessed")
        found = response["Responses"].get(self._tables.sessions)
        return session_from_item(found[0]) if found else None

    def with_user(self, username: str, user_id: str, session_id: str) -> tuple[User | None, Session | None]:
        """See ``SessionStore.with_user``. Takes one request, with two consistent reads."""
        with unavailable_on_failure():
            response = self._client.batch_get_item(
                RequestItems={
                    self._tables.users: {"Keys": [user_key(username)], "ConsistentRead": True},
                    self._tables.sessions: {"Keys": [session_key(user_id, session_id)], "ConsistentRead": True},
                }
            )
        if response["UnprocessedKeys"]:
            raise ServiceUnavailable("BatchGetItem left keys unprocessed")
        users = response["Responses"].get(self._tables.users)
        sessions = response["Responses"].get(self._tables.sessions)
        return user_from_item(users[0] if users else None), session_from_item(sessions[0]) if sessions else None

    def of_user(self, user_id: str) -> list[Session]:
        """See ``SessionStore.of_user``. Takes one query of one small partition."""
        with unavailable_on_failure():
            pages = self._client.get_paginator("query").paginate(
                TableName=self._tables.sessions,
                KeyConditionExpression="user_id = :user",
                ExpressionAttributeValues=to_item({":user": user_id}),
                ConsistentRead=True,
            )
            return [session_from_item(item) for page in pages for item in page["Items"]]

    def _counted(self, user: User, now: int) -> tuple[list[Session], list[Session]]:
        """Return the user's live sessions, oldest first, and those that are not live."""
        stored = self.of_user(user.id)
        live = [session for session in stored if session.belongs_to(user) and session.is_live(now)]
        return sorted(live, key=lambda session: session.created_at), [other for other in stored if other not in live]

    def _transact(self, actions: list[TransactWriteItemTypeDef], uses: Uses, now: int) -> dict[int, Item | None]:
        """Do the actions and use up the proof and the factor. Return the failed conditions of ``actions``.

        Raises InvalidChallenge or InvalidCode if it is the challenge or the passkey of the factor that has been used.
        """
        factor = uses.factor
        if factor is None:
            return transact_with_mail(self._database, actions, proof=uses.proof, at=now)
        # Few log-ins have a factor.
        from chalicelib.adapters.dynamodb.factor_uses import refuse_failed, use_up  # noqa: PLC0415

        used = use_up(self._tables, factor, now)
        failed = transact_with_mail(self._database, [*actions, *used], mail=factor.mail, proof=uses.proof, at=now)
        if failed and 0 not in failed:
            refuse_failed(failed, len(actions), factor)
        return failed

    def _raise_bound(self, uses: Uses) -> TransactWriteItemTypeDef:
        changes = forget(uses.admission) if uses.admission is not None else Changes()
        changes.sets.append("session_bound = session_bound + :one")
        changes.values |= {":one": 1, ":limit": self._limit}
        return self._update_user(uses, changes, "session_bound < :limit")

    def _set_bound(self, uses: Uses, known: SessionCounts, stored: int) -> TransactWriteItemTypeDef:
        changes = forget(uses.admission) if uses.admission is not None else Changes()
        changes.sets += ["session_bound = :stored", "session_counts = session_counts + :one"]
        changes.values |= {":stored": stored, ":one": 1, ":bound": known.bound, ":counts": known.counts}
        # If one session ends and one begins, the bound stays the same. Only session_counts shows the change.
        condition = "session_bound = :bound AND session_counts = :counts"
        return self._update_user(uses, changes, condition)

    def _update_user(self, uses: Uses, changes: Changes, *conditions: str) -> TransactWriteItemTypeDef:
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
        return changes.action(self._tables.users, user_key(user.username), *required)

    def _entries(self, surplus: list[Session], if_ended: SecurityEvent) -> list[TransactWriteItemTypeDef]:
        """Return the actions that tell the feed that sessions end. One tells it of all the user's, if they are many."""
        if len(surplus) > _MOST_TOLD_AND_SWEPT:
            return [put_ended_user(self._tables, surplus[0].user_id, if_ended.at)]
        return [put_ended_session(self._tables, other.id, if_ended.at) for other in surplus]

    def _end_if_it_gave_nothing(
        self, user_id: str, session_id: str, event: SecurityEvent, mail: Mail | None
    ) -> dict[int, Item | None]:
        """End a session that has never given an address. Return what failed: at 0 the session, None if it is gone."""
        delete = self._delete(user_id, session_id)
        delete["Delete"] |= {
            "ConditionExpression": "attribute_exists(session_id) AND attribute_not_exists(gave_email)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        return transact_with_mail(self._database, [delete, *self._recorded(session_id, event)], mail=mail)

    def _end_and_withdraw(self, user: User, session_id: str, event: SecurityEvent, mail: Mail | None) -> bool:
        """End a session, and withdraw the address that it has given, if one waits. Return whether it existed.

        Raises ServiceUnavailable if other requests change the user's address all the time.
        """
        for _ in range(_ROUNDS):
            delete = self._delete(user.id, session_id)
            delete["Delete"]["ConditionExpression"] = "attribute_exists(session_id)"
            actions = [delete, *self._recorded(session_id, event), self._withdrawing(user, session_id)]
            failed = transact_with_mail(self._database, actions, mail=mail)
            if not failed:
                return True
            found = user_from_item(failed[len(actions) - 1]) if 0 not in failed else None
            if found is None or found.id != user.id:
                return False
            user = found
        raise ServiceUnavailable("too many changes of one user's address at once")

    def _withdrawing(self, user: User, session_id: str) -> TransactWriteItemTypeDef:
        """Return the action that withdraws the address that waits, or looks that it is not this session's."""
        changes = Changes(removes=[*WAITING], values={":id": user.id, ":session": session_id})
        if _waits_for(user, session_id):
            return changes.action(self._tables.users, user_key(user.username), "user_id = :id", "asked_by = :session")
        not_its = "(attribute_not_exists(asked_by) OR NOT asked_by = :session)"
        check = changes.parameters(self._tables.users, user_key(user.username), "user_id = :id", not_its)
        del check["UpdateExpression"]
        return cast("TransactWriteItemTypeDef", {"ConditionCheck": check})

    def _recorded(self, session_id: str, event: SecurityEvent) -> list[TransactWriteItemTypeDef]:
        """Return the actions that record an event which ends a session, and tell the feed of it."""
        return [put_event(self._tables, event), put_ended_session(self._tables, session_id, event.at)]

    def _delete(self, user_id: str, session_id: str) -> TransactWriteItemTypeDef:
        return {"Delete": {"TableName": self._tables.sessions, "Key": session_key(user_id, session_id)}}


def _counts(user: User) -> SessionCounts:
    """Return the session counts that were read with the user, or zeros for a user that was not read."""
    return user.store_state if isinstance(user.store_state, SessionCounts) else SessionCounts(bound=0, counts=0)


def _waits_for(user: User, session_id: str) -> bool:
    """Return whether an address waits that this session has given."""
    return user.contact is not None and user.contact.asked_by == session_id


def _is_unchanged(stored: User, checked: User) -> bool:
    """Return whether the stored user still has the hash and the epoch of the checked one, as ``UNCHANGED`` does."""
    return not stored.disabled and (stored.id, stored.password_hash, stored.session_epoch) == (
        checked.id,
        checked.password_hash,
        checked.session_epoch,
    )
