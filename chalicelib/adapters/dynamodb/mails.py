"""The outbox in DynamoDB: its items, and the transaction actions that put them there and use up what was mailed.

An item is a mail from its request to its end. The table's stream passes new ones to the mailer, which adds what it did.
Secrets are here as digests only.

    mail_id          S   partition key. That of a code is a digest of its challenge.
    kind             S   a ``MailKind``
    at               N   when it was asked for: a NumericDate, as are all times here
    language         S   what the request prefers
    name_key         S   the partition key, in the table of users, of who is asked for as a username
    address_key      S   the same, of who is asked for as an address
    to               S   the address, if it is not the account's
    user_id          S   whom it is for
    known_user_id    S   whose device asked
    session_id       S   which session asked
    handed_over      BOOL  whether an administrator was shown a link; then what the mailer adds is there from the start
    shown_digest     S   of the token in that link
    expires_at       N   when what it carries is void
    ttl              N   when DynamoDB may delete the item

    The mailer adds:

    user_id, username, email, password_version   for whom its token or code is, and where it is sent
    token_digests    SS  of the token in its link; of each, if it was sent twice
    code_digest      S   of its code
    in_day           BOOL  whether it is counted among the mails of its day, where the request has not done so
    counted          BOOL  whether it is counted in the budget of its address, if it has to be
    attempts         N   how often it was about to be sent
    sent_at          N   when SES took it; message_id, SES's name for it
    outcome          S   why it was not sent, see ``chalicelib.use_cases.mailer_ports.Outcome``

    Using it adds:

    tries            N   how many codes were tried
    used_at          N   when the token or the code was used; used_by, a random name of who used it

An address that gets no mail any more is an item without ``kind``, which the mailer is not told of, and without ``ttl``:

    mail_id          S   partition key: ``suppressed#`` and the SHA-256 of the canonical address, in hex
    reason           S   ``bounce`` or ``complaint``
    at               N
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, cast

from chalicelib.accounts.addresses import canonical_address
from chalicelib.accounts.mail import MailKind
from chalicelib.adapters.dynamodb.attributes import Item, Value, from_item, to_item
from chalicelib.adapters.dynamodb.items import address_key, user_key
from chalicelib.credentials.mailed import LIFETIMES, MailedProof

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from chalicelib.accounts.mail import HandedOver, Mail
    from chalicelib.config.api import Tables

KEPT = 24 * 3600
"""Seconds (1 day) for which a mail is kept: as long as a stream passes it on."""


HANDED_OVER = "handed_over"
"""The ``outcome`` of a link that an administrator was shown and that goes to nobody: the mailer has nothing to do."""


def mail_key(mail_id: str) -> Item:
    """Return the key of a mail."""
    return to_item({"mail_id": mail_id})


def suppressed_key(address: str) -> Item:
    """Return the key of the item that says that an address gets no mail any more."""
    digest = hashlib.sha256(canonical_address(address).encode("utf-8", "replace")).hexdigest()
    return to_item({"mail_id": f"suppressed#{digest}"})


def mail_to_item(mail: Mail) -> Item:
    """Return the item of a mail that was asked for."""
    members: dict[str, Value] = {
        "mail_id": mail.id,
        "kind": mail.kind,
        "at": mail.at,
        "language": mail.language,
        "ttl": mail.at + KEPT,
    }
    if mail.kind in LIFETIMES:
        members["expires_at"] = mail.at + LIFETIMES[mail.kind]
    if mail.asked is not None:
        members["name_key"] = user_key(mail.asked)["username_key"]["S"]
        members["address_key"] = address_key(mail.asked)["username_key"]["S"]
    if mail.handed_over is not None:
        members |= _handed_over_members(mail.handed_over)
    rarely = {
        "to": mail.to,
        "user_id": mail.user_id,
        "known_user_id": mail.known_user_id,
        "session_id": mail.session_id,
    }
    return to_item(members | {name: value for name, value in rarely.items() if value is not None})


def _handed_over_members(link: HandedOver) -> dict[str, Value]:
    """Return what is stored of a link that an administrator is shown."""
    members: dict[str, Value] = {
        "handed_over": True,
        "shown_digest": link.token_digest,
        "username": link.username,
        "password_version": link.password_version,
    }
    if link.email is not None:
        members["email"] = link.email
    if not link.is_mailed:
        members["outcome"] = HANDED_OVER
    return members


def put_mail(tables: Tables, mail: Mail | None) -> list[TransactWriteItemTypeDef]:
    """Return the transaction actions, one at most, that put a mail into the outbox."""
    return [] if mail is None else [{"Put": {"TableName": tables.mail, "Item": mail_to_item(mail)}}]


def use_proof(tables: Tables, proof: MailedProof | None, now: int, nonce: str) -> list[TransactWriteItemTypeDef]:
    """Return the transaction actions, one at most, that use up a mailed token or code. It must not have been used.

    ``nonce`` names who uses it, see ``used_by``.
    """
    if proof is None:
        return []
    update = {
        "TableName": tables.mail,
        "Key": mail_key(proof.mail_id),
        "UpdateExpression": "SET used_at = :now, used_by = :nonce",
        "ConditionExpression": "attribute_exists(mail_id) AND attribute_not_exists(used_at)",
        "ExpressionAttributeValues": to_item({":now": now, ":nonce": nonce}),
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    return [cast("TransactWriteItemTypeDef", {"Update": update})]


def used_by(item: Item | None) -> str | None:
    """Return the nonce of who has used what the item of a mail stands for, None if nobody has."""
    return None if item is None or "used_by" not in item else str(item["used_by"]["S"])


def proof_from_item(item: Item) -> MailedProof:
    """Return what the token or the code of a mail stands for."""
    members = from_item(item)
    return MailedProof(
        mail_id=members["mail_id"],
        kind=MailKind(members["kind"]),
        expires_at=members.get("expires_at", 0),
        used="used_at" in members,
        user_id=members.get("user_id"),
        username=members.get("username"),
        email=members.get("email"),
        password_version=members.get("password_version", 0),
        session_id=members.get("session_id"),
        token_digests=members.get("token_digests", ()),
        shown_digest=members.get("shown_digest"),
        code_digest=members.get("code_digest"),
        tries=members.get("tries", 0),
        handed_over=members.get("handed_over", False),
    )
