"""The store of users in DynamoDB."""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING

from chalicelib.accounts.events import SecurityEvent
from chalicelib.accounts.session import Session
from chalicelib.accounts.user import User
from chalicelib.adapters.aws import unavailable_on_failure
from chalicelib.adapters.dynamodb.attributes import Item, Value, from_item, to_item
from chalicelib.adapters.dynamodb.ended import put_ended_user
from chalicelib.adapters.dynamodb.failures import forget, forget_source, given_back
from chalicelib.adapters.dynamodb.items import (
    UNCHANGED,
    WAITING,
    new_user_to_item,
    put_address,
    put_event,
    put_session,
    registration_key,
    same_proofs,
    session_from_item,
    session_key,
    user_from_item,
    user_key,
)
from chalicelib.adapters.dynamodb.transactions import Database, after_conflicts, transact
from chalicelib.adapters.dynamodb.updates import Changes
from chalicelib.adapters.dynamodb.with_mail import require_version, transact_with_mail
from chalicelib.credentials.throttling import Admission, Attempt, Known
from chalicelib.errors import Conflict, LinkExpired, UsernameTaken

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from chalicelib.accounts.mail import Mail
    from chalicelib.adapters.dynamodb.clearing import Clearing
    from chalicelib.config.api import Tables
    from chalicelib.credentials.mailed import MailedProof


_DELETED_SESSION = 1
"""The position of the session's end among the actions that change a password."""


class DynamoDBUserStore:
    """A ``UserStore`` over the tables."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._client = database.client
        self._tables = database.tables

    @functools.cached_property
    def _clearing(self) -> Clearing:
        from chalicelib.adapters.dynamodb.clearing import Clearing  # noqa: PLC0415 - few requests end all sessions

        return Clearing(self._database)

    def add(
        self,
        user: User,
        session: Session,
        event: SecurityEvent,
        *,
        mail: Mail | None = None,
        proof: MailedProof | None = None,
    ) -> None:
        """See ``UserStore.add``. Takes one transaction."""
        actions: list[TransactWriteItemTypeDef] = [
            {
                "Put": {
                    "TableName": self._tables.users,
                    "Item": new_user_to_item(user),
                    # An item without user_id only counts failures at the name.
                    "ConditionExpression": "attribute_not_exists(user_id)",
                    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                }
            },
            put_session(self._tables, session),
            put_event(self._tables, event),
        ]
        email = user.verified_email
        if email is not None:
            actions.append(put_address(self._tables, email, user))
        if proof is not None:
            key = registration_key(proof.mail_id)
            actions.append({"Delete": {"TableName": self._tables.users, "Key": key}})
        failed = transact_with_mail(self._database, actions, mail=mail, proof=proof, at=event.at)
        if not failed or _is_ours(failed.get(0), "user_id", user.id):
            return
        if len(actions) in failed:
            # Whoever has the name by now, another request with the same link was first.
            raise LinkExpired("used meanwhile")
        raise UsernameTaken

    def find(self, username: str) -> User | None:
        """See ``UserStore.find``. Takes one consistent read."""
        with unavailable_on_failure():
            response = self._client.get_item(TableName=self._tables.users, Key=user_key(username), ConsistentRead=True)
        return user_from_item(response.get("Item"))

    def change_password(
        self,
        admission: Admission,
        session: Session,
        successor: Session,
        password_hash: str,
        event: SecurityEvent,
        mail: Mail | None = None,
    ) -> Session | None:
        """See ``UserStore.change_password``. Takes one transaction. If it fails, DynamoDB returns the session."""
        user = admission.user
        if user is None:
            raise Conflict
        changes = forget(admission)
        changes.sets += ["password_hash = :new_hash", "session_epoch = :new_epoch", "session_bound = :one"]
        changes.removes += WAITING
        changes.adds.append("password_version :one")
        changes.values |= {
            ":id": user.id,
            ":hash": user.password_hash,
            ":epoch": user.session_epoch,
            ":false": False,
            ":new_hash": password_hash,
            ":new_epoch": successor.epoch,
        }
        failed = transact_with_mail(
            self._database,
            [
                changes.action(self._tables.users, user_key(user.username), UNCHANGED),
                _delete_with_proofs(self._tables, session),
                put_session(self._tables, successor),
                put_event(self._tables, event),
                put_ended_user(self._tables, user.id, event.at),
                *given_back(self._tables.throttle, admission),
            ],
            mail=mail,
        )
        if failed and not _is_ours(failed.get(0), "password_hash", password_hash):
            found = failed.get(_DELETED_SESSION)
            if set(failed) != {_DELETED_SESSION} or found is None:
                raise Conflict
            return session_from_item(found)
        self._clearing.sessions_of_past_epochs(user)
        return None

    def reset_password(
        self,
        user: User,
        proof: MailedProof,
        password_hash: str,
        event: SecurityEvent,
        mail: Mail | None,
        *,
        device: Known | None = None,
        verified: SecurityEvent | None = None,
    ) -> bool:
        """See ``UserStore.reset_password``. Takes one transaction, and then deletes the ended sessions.

        If another user has verified the address, it takes a second one.
        """
        changes = Changes(
            sets=["password_hash = :new_hash", "session_epoch = session_epoch + :one", "session_bound = :zero"],
            removes=["failures", "failures_at", *WAITING],
            adds=["password_version :one", "tried :one"],
            values={":new_hash": password_hash, ":one": 1, ":zero": 0, ":id": user.id, ":false": False},
        )
        # Whoever forgets a password has often tried others before, and could not log in with the new one for a while.
        attempt = Attempt(user.username, event.caller, device)
        forget_source(changes, attempt)
        if device is not None:
            forget_source(changes, attempt.by_stranger(), "network")
        unchanged = require_version(changes, proof)
        condition = f"user_id = :id AND disabled = :false AND {unchanged}"
        if user.verified_email is not None:
            condition += " AND email = :email AND email_verified = :true"
            changes.values |= {":email": user.verified_email, ":true": True}
        others = [put_event(self._tables, event), put_ended_user(self._tables, user.id, event.at)]
        email = proof.email or ""
        if verified is not None:
            condition += " AND email = :email AND email_verified = :false"
            changes.sets.append("email_verified = :true")
            changes.values |= {":email": email, ":true": True}
            others += [put_event(self._tables, verified), put_address(self._tables, email, user)]
        action = changes.action(self._tables.users, user_key(user.username), condition)
        failed = transact_with_mail(self._database, [action, *others], mail=mail, proof=proof, at=event.at)
        if verified is not None and set(failed) == {len(others)}:
            # Another user has verified the address, and nothing else has failed. The password is this user's still.
            return self.reset_password(user, proof, password_hash, event, mail, device=device)
        if failed:
            raise LinkExpired("used, or the account has changed meanwhile")
        self._clearing.sessions_of_past_epochs(user)
        return verified is not None

    def replace_hash(self, user: User, password_hash: str) -> None:
        """See ``UserStore.replace_hash``. Takes one write."""
        changes = Changes(
            sets=["password_hash = :new"], values={":new": password_hash, ":old": user.password_hash, ":id": user.id}
        )
        parameters = changes.parameters(
            self._tables.users, user_key(user.username), "user_id = :id AND password_hash = :old"
        )
        with unavailable_on_failure(), contextlib.suppress(self._client.exceptions.ConditionalCheckFailedException):
            after_conflicts(self._database, lambda: self._client.update_item(**parameters))

    def end_all_sessions(self, user: User, event: SecurityEvent) -> None:
        """See ``UserStore.end_all_sessions``. Takes one transaction, and then deletes the ended sessions.

        If the SDK retries it after a lost answer, the epoch rises twice. That does no harm.
        """
        failed = transact(
            self._database,
            [
                {
                    "Update": {
                        "TableName": self._tables.users,
                        "Key": user_key(user.username),
                        "UpdateExpression": (
                            "SET session_epoch = session_epoch + :one, session_bound = :zero"
                            f" REMOVE {', '.join(WAITING)}"
                        ),
                        "ConditionExpression": "user_id = :id",
                        "ExpressionAttributeValues": to_item({":id": user.id, ":one": 1, ":zero": 0}),
                    }
                },
                put_event(self._tables, event),
                put_ended_user(self._tables, user.id, event.at),
            ],
        )
        if failed:
            raise Conflict
        self._clearing.sessions_of_past_epochs(user)

    def delete(self, user: User, event: SecurityEvent) -> None:
        """See ``UserStore.delete``. Takes one transaction, and then deletes what was the user's."""
        from chalicelib.adapters.dynamodb.deletion import delete_user  # noqa: PLC0415 - few requests delete a user

        delete_user(self._database, user, [event], password_hash=user.password_hash)


def _delete_with_proofs(tables: Tables, session: Session) -> TransactWriteItemTypeDef:
    """Return the action that deletes a session, if it has seen no other proofs of its key than these."""
    delete: TransactWriteItemTypeDef = {
        "Delete": {
            "TableName": tables.sessions,
            "Key": session_key(session.user_id, session.id),
            "ConditionExpression": "attribute_exists(session_id)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }
    if session.key:
        condition, values = same_proofs(session)
        delete["Delete"] |= {"ConditionExpression": condition, "ExpressionAttributeValues": to_item(values)}
    return delete


def _is_ours(found: Item | None, attribute: str, value: Value) -> bool:
    """Return whether a condition failed because this same write had already been applied.

    The SDK retries a write whose answer was lost. The retry then finds the result of the first attempt.
    """
    return found is not None and from_item(found).get(attribute) == value
