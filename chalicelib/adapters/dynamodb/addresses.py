"""The store of addresses in DynamoDB, and of registrations that wait for the confirmation of one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from chalicelib.adapters.aws import unavailable_on_failure
from chalicelib.adapters.dynamodb.attributes import Item, Value, from_item, to_item
from chalicelib.adapters.dynamodb.ended import put_ended_user
from chalicelib.adapters.dynamodb.items import (
    TTL_MARGIN,
    WAITING,
    address_key,
    contact_members,
    delete_address,
    directory_members,
    put_address,
    put_event,
    registration_key,
    session_key,
    user_from_item,
    user_key,
)
from chalicelib.adapters.dynamodb.transactions import Database
from chalicelib.adapters.dynamodb.updates import Changes
from chalicelib.adapters.dynamodb.with_mail import require_version, transact_with_mail
from chalicelib.credentials.mailed import KeptRegistration
from chalicelib.errors import Conflict, EmailTaken, LinkExpired

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from chalicelib.accounts.events import SecurityEvent
    from chalicelib.accounts.mail import Mail
    from chalicelib.accounts.user import Contact, User
    from chalicelib.credentials.mailed import MailedProof

_ROUNDS = 5
"""Attempts to rename a user whose item others keep changing."""

_WAITS_FOR = (
    "user_id = :id AND disabled = :false"
    " AND (new_email = :new OR (attribute_not_exists(new_email) AND email = :new AND email_verified = :false))"
)
"""A condition: the user waits for the confirmation of this address."""


class DynamoDBAddressStore:
    """An ``AddressStore`` over the table of users."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._client = database.client
        self._tables = database.tables

    def keep(self, registration: KeptRegistration, mail: Mail) -> None:
        """See ``AddressStore.keep``. Takes one transaction."""
        item = registration_key(registration.mail_id) | to_item(
            {
                "email": registration.email,
                "password_hash": registration.password_hash,
                "language": registration.language,
                "expires_at": registration.expires_at,
                "ttl": registration.expires_at + TTL_MARGIN,
            }
        )
        transact_with_mail(self._database, [{"Put": {"TableName": self._tables.users, "Item": item}}], mail=mail)

    def kept(self, mail_id: str) -> KeptRegistration | None:
        """See ``AddressStore.kept``. Takes one consistent read."""
        item = self._read(registration_key(mail_id))
        if item is None:
            return None
        members = from_item(item)
        return KeptRegistration(
            mail_id, members["email"], members["password_hash"], members["language"], members["expires_at"]
        )

    def set_email(self, user: User, contact: Contact, mail: Mail) -> None:
        """See ``AddressStore.set_email``. Takes one transaction.

        It marks the session, so that whoever ends that one learns of it, see ``SessionStore.end_another``.
        """
        members = contact_members(contact)
        changes = Changes(
            sets=[f"#{name} = :{name}" for name in members],
            removes=[name for name in ("email", "email_verified") if name not in members],
            names={f"#{name}": name for name in members},
            values={f":{name}": value for name, value in members.items()},
        )
        asking = Changes(sets=["gave_email = :true"], values={":true": True}).action(
            self._tables.sessions, session_key(user.id, contact.asked_by or ""), "attribute_exists(session_id)"
        )
        self._change_contact(user, contact, changes, [asking], mail)

    def withdraw_email(self, user: User) -> None:
        """See ``AddressStore.withdraw_email``. Takes one transaction."""
        self._change_contact(user, user.settled_contact, Changes(removes=[*WAITING]), [], None)

    def remove_email(self, user: User, event: SecurityEvent | None, mail: Mail | None) -> None:
        """See ``AddressStore.remove_email``. Takes one transaction."""
        changes = Changes(removes=["email", "email_verified", *WAITING, "#language"], names={"#language": "language"})
        email = user.verified_email
        others = [delete_address(self._tables, email, user)] if email is not None else []
        if event is not None:
            others.append(put_event(self._tables, event))
        self._change_contact(user, None, changes, others, mail)

    def confirm_email(self, user: User, proof: MailedProof, event: SecurityEvent, mail: Mail | None) -> None:
        """See ``AddressStore.confirm_email``. Takes one transaction."""
        self._confirm(user, proof, event, mail, Changes())

    def rename(self, user: User, proof: MailedProof, event: SecurityEvent, mail: Mail | None) -> None:
        """See ``AddressStore.rename``. Takes one read and one transaction, which moves the user's item.

        If the address is the username already, except for its case, nothing moves.
        """
        new = proof.email or ""
        if user_key(new) == user_key(user.username):
            self._confirm(user, proof, event, mail, Changes(sets=["username = :new"]))
            return
        keeps_session = proof.session_id is not None
        for _ in range(_ROUNDS):
            stored = self._read(user_key(user.username))
            actions = self._moving(user, stored, proof, event, keeps_session=keeps_session)
            failed = transact_with_mail(self._database, actions, mail=mail, proof=proof, at=event.at)
            if not failed:
                return
            # Whoever has the name may be this user: another request, with this link or another, was first.
            holder = user_from_item(failed.get(1))
            if len(actions) in failed or (holder is not None and holder.id == user.id):
                raise LinkExpired("used meanwhile")
            if 0 in failed or 1 in failed:
                raise EmailTaken
            # Otherwise the item was changed since it was read, by an attempt to log in for instance, or the session
            # has ended.
            keeps_session = keeps_session and len(actions) - 1 not in failed
        raise Conflict

    def _confirm(
        self, user: User, proof: MailedProof, event: SecurityEvent, mail: Mail | None, changes: Changes
    ) -> None:
        new, old = proof.email or "", user.verified_email
        changes.sets += ["email = :new", "email_verified = :true"]
        changes.removes += WAITING
        changes.values |= {":new": new, ":true": True, ":false": False, ":id": user.id}
        unchanged = require_version(changes, proof)
        actions = [
            put_address(self._tables, new, user),
            changes.action(self._tables.users, user_key(user.username), _WAITS_FOR, unchanged),
            put_event(self._tables, event),
        ]
        if old is not None and address_key(old) != address_key(new):
            actions.append(delete_address(self._tables, old, user))
        failed = transact_with_mail(self._database, actions, mail=mail, proof=proof, at=event.at)
        if len(actions) in failed:
            raise LinkExpired("used meanwhile")
        if 0 in failed:
            raise EmailTaken
        if failed:
            raise LinkExpired("another address waits, or the account has changed")

    def _moving(
        self, user: User, stored: Item | None, proof: MailedProof, event: SecurityEvent, *, keeps_session: bool
    ) -> list[TransactWriteItemTypeDef]:
        """Return the actions that give the user the address as a username. Raises LinkExpired.

        The first two fail if somebody else has it. The last fails if the session that is to go on has ended.
        """
        new, old = proof.email or "", user.verified_email
        found = user_from_item(stored)
        if stored is None or found is None or not _waits_for(found, user, new) or found.disabled:
            raise LinkExpired("another address waits, or the account has changed")
        if int(stored.get("password_version", {"N": "0"})["N"]) != proof.password_version:
            raise LinkExpired("the password has changed")
        epoch = found.session_epoch + 1
        moved = stored | user_key(new)
        moved |= to_item(
            {
                "username": new,
                "email": new,
                "email_verified": True,
                "session_epoch": epoch,
                "session_bound": int(keeps_session),
                **directory_members(new),
            }
        )
        for name in WAITING:
            moved.pop(name, None)
        renamed_key = user_key(user.username)
        # Every attempt to log in raises `tried`, and every other change raises one of these or is looked at here.
        unread: dict[str, Value] = {
            ":id": found.id,
            ":hash": found.password_hash,
            ":epoch": found.session_epoch,
            ":false": False,
            ":roles": found.roles,
        }
        condition = "user_id = :id AND password_hash = :hash AND session_epoch = :epoch AND disabled = :false"
        condition += " AND #roles = :roles AND " + _as_read(
            stored, unread, "tried", "new_email", "email", "passkeys", "totp", "totp_step", "recovery"
        )
        actions: list[Any] = [
            put_address(self._tables, new, replace(user, username=new)),
            {
                "Put": {
                    "TableName": self._tables.users,
                    "Item": moved,
                    "ConditionExpression": "attribute_not_exists(user_id)",
                    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                }
            },
            {
                "Delete": {
                    "TableName": self._tables.users,
                    "Key": renamed_key,
                    "ConditionExpression": condition,
                    "ExpressionAttributeNames": {"#roles": "roles"},
                    "ExpressionAttributeValues": to_item(unread),
                }
            },
            put_event(self._tables, event),
            put_ended_user(self._tables, found.id, event.at),
        ]
        if old is not None and address_key(old) != address_key(new):
            actions.append(delete_address(self._tables, old, user))
        actions += self._passkeys_follow(found, new)
        if keeps_session:
            actions.append(self._session_goes_on(user, proof, new, epoch))
        return cast("list[TransactWriteItemTypeDef]", actions)

    def _passkeys_follow(self, user: User, username: str) -> list[dict[str, Any]]:
        """Return the actions that let the user's passkeys find the user under another name."""
        if not user.passkeys:
            return []
        # Few users have one.
        from chalicelib.adapters.dynamodb.factor_uses import passkey_key  # noqa: PLC0415

        return [
            {
                "Update": {
                    "TableName": self._tables.users,
                    "Key": passkey_key(passkey_id),
                    "UpdateExpression": "SET owner_name = :name",
                    "ConditionExpression": "owner_id = :id",
                    "ExpressionAttributeValues": to_item({":name": username, ":id": user.id}),
                }
            }
            for passkey_id in user.passkeys
        ]

    def _session_goes_on(self, user: User, proof: MailedProof, username: str, epoch: int) -> TransactWriteItemTypeDef:
        return {
            "Update": {
                "TableName": self._tables.sessions,
                "Key": session_key(user.id, proof.session_id or ""),
                "UpdateExpression": "SET username = :name, epoch = :epoch",
                "ConditionExpression": "attribute_exists(session_id) AND epoch = :before",
                "ExpressionAttributeValues": to_item({":name": username, ":epoch": epoch, ":before": epoch - 1}),
            }
        }

    def _change_contact(
        self,
        user: User,
        contact: Contact | None,
        changes: Changes,
        others: list[TransactWriteItemTypeDef],
        mail: Mail | None,
    ) -> None:
        """Change where a user gets mail to ``contact``, if that is still as it was read. Raises Conflict."""
        changes.values |= {":id": user.id, ":false": False, ":epoch": user.session_epoch}
        condition = "user_id = :id AND disabled = :false AND session_epoch = :epoch"
        before = user.contact
        if before is None:
            condition += " AND attribute_not_exists(email) AND attribute_not_exists(new_email)"
        elif before.verified or before.asked_by is None:
            changes.values |= {":old": before.email, ":was_verified": before.verified}
            condition += " AND email = :old AND email_verified = :was_verified"
        else:
            changes.values[":old"] = before.email
            condition += " AND attribute_not_exists(email) AND new_email = :old"
        action = changes.action(self._tables.users, user_key(user.username), condition)
        failed = transact_with_mail(self._database, [action, *others], mail=mail)
        if not failed:
            return
        found = user_from_item(failed.get(0))
        # The SDK retries a transaction whose answer was lost, and finds what it has done.
        if found is None or found.id != user.id or found.contact != contact:
            raise Conflict

    def _read(self, key: Item) -> Item | None:
        with unavailable_on_failure():
            response = self._client.get_item(TableName=self._tables.users, Key=key, ConsistentRead=True)
        return cast("Item | None", response.get("Item"))


def _waits_for(found: User, user: User, email: str) -> bool:
    """Return whether the user, as found, is the same and waits for the confirmation of this address."""
    return found.id == user.id and found.contact is not None and found.contact.unconfirmed == email


def _as_read(stored: Item, values: dict[str, Value], *names: str) -> str:
    """Return the condition that these attributes are as they were read, and add what it compares to ``values``."""
    conditions = []
    for name in names:
        if name in stored:
            values[f":{name}"] = from_item({name: stored[name]})[name]
            conditions.append(f"{name} = :{name}")
        else:
            conditions.append(f"attribute_not_exists({name})")
    return " AND ".join(conditions)
