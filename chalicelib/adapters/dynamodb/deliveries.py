"""What the mailer sees of the outbox and of the users in DynamoDB, and what it writes there.

It reads a user by a projection. Its policy forbids every other attribute of the table: it never sees a password's hash.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from chalicelib.accounts.mail import MailKind
from chalicelib.adapters.aws import unavailable_on_failure
from chalicelib.adapters.dynamodb.attributes import Item, Value, from_item, to_item
from chalicelib.adapters.dynamodb.budgets import ROUNDS, charge
from chalicelib.adapters.dynamodb.failures import count_in_window
from chalicelib.adapters.dynamodb.items import address_key as key_of_address
from chalicelib.adapters.dynamodb.items import user_key
from chalicelib.adapters.dynamodb.mails import mail_key, suppressed_key
from chalicelib.adapters.dynamodb.transactions import Database, after_conflicts, transact
from chalicelib.adapters.dynamodb.updates import Changes
from chalicelib.credentials.mail_budgets import budget_key
from chalicelib.credentials.throttling import mails_of_day
from chalicelib.errors import ServiceUnavailable
from chalicelib.use_cases.mailer_ports import Outgoing, Recipient

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from chalicelib.use_cases.mailer_ports import Addressed, Outcome

OF_A_USER = (
    "user_id",
    "username",
    "email",
    "email_verified",
    "new_email",
    "language",
    "disabled",
    "password_version",
)
OF_AN_ADDRESS = ("owner_id", "owner_name")
"""The attributes of the table of users that the mailer reads, beside the partition key that it looks for."""

_NOT_DONE = "attribute_exists(mail_id) AND attribute_not_exists(sent_at) AND attribute_not_exists(outcome)"


class DynamoDBDeliveries:
    """``Deliveries`` over the tables of mails, of users and of counters."""

    def __init__(self, database: Database, mails_per_day: int) -> None:
        self._mails_per_day = mails_per_day
        self._database = database
        self._client = database.client
        self._tables = database.tables

    def find(self, mail_id: str) -> Outgoing | None:
        """See ``Deliveries.find``. Takes one consistent read."""
        with unavailable_on_failure():
            response = self._client.get_item(TableName=self._tables.mail, Key=mail_key(mail_id), ConsistentRead=True)
        if "Item" not in response:
            return None
        members = from_item(response["Item"])
        return Outgoing(
            mail_id=mail_id,
            kind=MailKind(members["kind"]),
            at=members["at"],
            language=members["language"],
            name_key=members.get("name_key"),
            address_key=members.get("address_key"),
            to=members.get("to"),
            user_id=members.get("user_id"),
            known_user_id=members.get("known_user_id"),
            in_day=members.get("in_day", False),
            counted=members.get("counted", False),
            expires_at=members.get("expires_at"),
            attempts=members.get("attempts", 0),
            is_done=_is_done(members),
            password_version=members["password_version"] if members.get("handed_over") else None,
        )

    def user_with_name(self, name_key: str) -> Recipient | None:
        """See ``Deliveries.user_with_name``. Takes one consistent read."""
        members = self._read({"username_key": {"S": name_key}}, OF_A_USER)
        if "user_id" not in members:
            return None
        verified, new = members.get("email_verified", False), members.get("new_email")
        return Recipient(
            user_id=members["user_id"],
            username=members["username"],
            email=members.get("email", new),
            verified=verified,
            new_email=new if verified else None,
            language=members.get("language", ""),
            disabled=members["disabled"],
            password_version=members.get("password_version", 0),
        )

    def user_with_address(self, address_key: str) -> Recipient | None:
        """See ``Deliveries.user_with_address``. Takes one consistent read, and a second if somebody has it."""
        owner = self._read({"username_key": {"S": address_key}}, OF_AN_ADDRESS)
        if "owner_name" not in owner:
            return None
        found = self.user_with_name(user_key(owner["owner_name"])["username_key"]["S"])
        if found is None or found.user_id != owner["owner_id"] or found.verified_email is None:
            return None
        return found if key_of_address(found.verified_email)["username_key"]["S"] == address_key else None

    def is_suppressed(self, address: str) -> bool:
        """See ``Deliveries.is_suppressed``. Takes one consistent read."""
        with unavailable_on_failure():
            response = self._client.get_item(
                TableName=self._tables.mail, Key=suppressed_key(address), ConsistentRead=True
            )
        return "Item" in response

    def count_in_day(self, mail: Outgoing) -> bool:
        """See ``Deliveries.count_in_day``. Takes one transaction."""
        noted = Changes(sets=["in_day = :true"], values={":true": True})
        window = mails_of_day(self._mails_per_day, mail.at)
        counting = count_in_window(self._tables.throttle, window)
        not_noted = "attribute_exists(mail_id) AND attribute_not_exists(in_day)"
        failed = transact(
            self._database,
            [
                noted.action(self._tables.mail, mail_key(mail.mail_id), not_noted),
                cast("TransactWriteItemTypeDef", {"Update": counting}),
            ],
        )
        # Another delivery of the same mail may have counted it.
        return 0 in failed or not failed

    def prepare(self, addressed: Addressed) -> None:
        """See ``Deliveries.prepare``. Takes one write, or one read and one transaction if the budget is charged.

        The update of the mail has the number of attempts as a condition: of two deliveries that have read the same, one
        goes on.
        """
        mail = addressed.mail
        update = _preparing(self._tables.mail, addressed)
        if not addressed.is_charged:
            if self._write_if(update) is not None:
                raise ServiceUnavailable(_ELSEWHERE)
            return
        recipient = addressed.recipient
        is_known = recipient is not None and recipient.user_id == mail.known_user_id
        key = budget_key(addressed.email, mail.known_user_id if is_known else None)
        for _ in range(ROUNDS):
            # When it was asked for, not when it is sent: who asks a minute later gets a mail, however late this one is.
            counting = charge(self._database, key, mail.kind, mail.at)
            actions = cast("list[TransactWriteItemTypeDef]", [{"Update": update}, {"Update": counting}])
            failed = transact(self._database, actions)
            if 0 in failed:
                raise ServiceUnavailable(_ELSEWHERE)
            if not failed:
                return
        raise ServiceUnavailable("others keep counting mails to the same address")

    def sent(self, mail_id: str, message_id: str, now: int) -> None:
        """See ``Deliveries.sent``. Takes one write."""
        changes = Changes(sets=["sent_at = :now", "message_id = :name"], values={":now": now, ":name": message_id})
        self._write_if(changes.parameters(self._tables.mail, mail_key(mail_id), "attribute_exists(mail_id)"))

    def give_up(self, mail_id: str, attempts: int, outcome: Outcome) -> bool:
        """See ``Deliveries.give_up``. Takes one write."""
        changes = Changes(sets=["outcome = :outcome"], values={":outcome": outcome})
        as_read = _attempts_are(attempts, changes)
        found = self._write_if(changes.parameters(self._tables.mail, mail_key(mail_id), _NOT_DONE, as_read))
        if found is not None and not _is_done(found) and "mail_id" in found:
            raise ServiceUnavailable(_ELSEWHERE)
        return found is None

    def suppress(self, address: str, reason: str, now: int) -> None:
        """See ``Deliveries.suppress``. Takes one write."""
        item = suppressed_key(address) | to_item({"reason": reason, "at": now})
        with unavailable_on_failure():
            self._client.put_item(TableName=self._tables.mail, Item=item)

    def _read(self, key: Item, names: tuple[str, ...]) -> dict[str, Any]:
        """Return these attributes of an item of the table of users, as far as it has them."""
        with unavailable_on_failure():
            response = self._client.get_item(
                TableName=self._tables.users,
                Key=key,
                ConsistentRead=True,
                ProjectionExpression=", ".join(f"#{name}" for name in names),
                ExpressionAttributeNames={f"#{name}": name for name in names},
            )
        return from_item(response.get("Item", {}))

    def _write_if(self, parameters: dict[str, Any]) -> Item | None:
        """Make an update. Return the item, {} if there is none, if its condition was false."""
        try:
            with unavailable_on_failure():
                after_conflicts(self._database, lambda: self._client.update_item(**parameters))
        except self._client.exceptions.ConditionalCheckFailedException as refused:
            return cast("Item", refused.response.get("Item") or {})
        return None


_ELSEWHERE = "another delivery of the same mail goes on"


def _preparing(table: str, addressed: Addressed) -> dict[str, Any]:
    """Return the parameters of the update of a mail that is about to be sent."""
    mail, recipient = addressed.mail, addressed.recipient
    members: dict[str, Value] = {"email": addressed.email, "counted": True, "attempts": mail.attempts + 1}
    if recipient is not None:
        members["user_id"] = recipient.user_id
        members["username"] = recipient.username
        members["password_version"] = recipient.password_version
    if addressed.code_digest is not None:
        members["code_digest"] = addressed.code_digest
    changes = Changes(
        sets=[f"{name} = :{name}" for name in members],
        values={f":{name}": value for name, value in members.items()},
    )
    if addressed.token_digest is not None:
        changes.adds.append("token_digests :digests")
        changes.values[":digests"] = (addressed.token_digest,)
    as_read = _attempts_are(mail.attempts, changes)
    return changes.parameters(table, mail_key(mail.mail_id), _NOT_DONE, as_read)


def _attempts_are(attempts: int, changes: Changes) -> str:
    """Return the condition that a mail has been about to be sent so often, and add what it compares to ``changes``."""
    if not attempts:
        return "attribute_not_exists(attempts)"
    changes.values[":before"] = attempts
    return "attempts = :before"


def _is_done(members: dict[str, Any]) -> bool:
    return "sent_at" in members or "outcome" in members
