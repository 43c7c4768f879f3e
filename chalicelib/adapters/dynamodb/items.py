"""The attributes of users, sessions and events in DynamoDB, and the transaction actions that put them there.

A user, under the digest of the canonical username:

    username_key     S   partition key: the SHA-256 of the canonical username, in hex. Any text that is entered as a
                         name fits it, and a password that was entered there by mistake is not stored.
    user_id          S   absent if the item only counts failures at a name that nobody has
    username         S   as the user typed it, in NFKC
    password_hash    S
    roles            SS
    created_at       N   NumericDate, as are all times here
    disabled         BOOL
    session_epoch    N   raised to end all sessions of the user
    session_bound    N   an upper bound of the number of stored sessions of this epoch
    session_counts   N   how often the sessions were counted
    ttl              N   of an item without user_id: when DynamoDB may delete it. A user's is never a number.
    restored_from    S   the point-in-time copy that the account was restored from, if it ever was
    email            S   the address, as typed, verified or given at the registration; absent if there is none
    email_verified   BOOL  absent without ``email``
    new_email        S   what a session has given later, while it waits to be confirmed. So one REMOVE withdraws it,
                         whether or not it is to replace a verified address
    asked_by         S   the session that has given ``new_email``; absent without it
    language         S   which mail is in
    password_version N   how often the password has changed or the account was disabled, which makes links in mails
                         void; absent before the first time
    totp             S   the secret that a TOTP app shares, sealed; absent without one, as is what follows
    totp_added_at    N
    totp_step        N   the time step of the last code that was accepted
    recovery         SS  keyed digests of the recovery codes that are left; absent if there are none
    passkeys         SS  the credential ids of the passkeys; absent if there are none
    directory        S   "users", with which the index ``by-name`` lists users in the order of ``canonical_username``
    canonical_username S
    the failure counters, see ``failures``

A verified address, under its own digest. It finds its user, and keeps the address from others:

    username_key     S   partition key: ``email#`` and the SHA-256 of the canonical address, in hex
    owner_id         S   the user's user_id
    owner_name       S   the user's username

The administrators that are active, in one item. It keeps the last one from going, see ``administrators``:

    username_key     S   partition key: ``administrators``
    members          SS  their user_ids

A passkey, under its own digest. It finds its user, and keeps the credential id from others:

    username_key     S   partition key: ``passkey#`` and the SHA-256 of the credential id's base64url, in hex
    owner_id         S   the user's user_id
    owner_name       S   the user's username
    the fields of ``Passkey``: credential_id, public_key, rp_id, label S; algorithm, sign_count, created_at,
    last_used_at N; backup_eligible, backed_up BOOL; transports SS

A registration whose address is yet to be confirmed:

    username_key     S   partition key: ``registration#`` and the id of the mail that asks for it
    email, password_hash, language   S
    expires_at       N
    ttl              N

A session, in the partition of its user. Ending a session deletes it. An event records why it ended.

    user_id          S   partition key
    session_id       S   sort key
    username         S
    created_at       N
    authenticated_at N   absent in a session that is older than this attribute: then it is created_at
    last_used_at     N
    idle_expires_at  N
    expires_at       N   the session's absolute end
    refresh_counter  N
    epoch            N   the user's session_epoch when the session began
    ip, user_agent   S
    amr              SS  how its user has authenticated; absent if with a password
    last_used_from   S   the fingerprint of the caller who last raised the counter; absent before, as is what follows
    retried_counter  N   which rotation was last retried; retried_in_a_row, how many in a row
    elsewhere_counter N  which rotation was last retried from elsewhere; elsewhere_at, when
    device_key       S   the public key of the device that the session is bound to; absent if there is none
    device_turn      S   random, until the next proof of that key; absent before the first
    device_waits     BOOL  true as long as the session goes on without its device; absent otherwise
    bound_key        S   the thumbprint of the key that the session is bound to; absent in a plain session, as is what
                         follows
    key_proof_at     N   when the last proof by that key was made
    key_proofs       SS  the ids of the proofs of that second
    without_key_at   N   when the history last said that somebody without the key has used a token; absent before
    ttl              N   when DynamoDB may delete the item. It is hours to days late, so nothing relies on it.

An event, in the partition of its user:

    user_id          S   partition key
    event_id         S   sort key: the time, so that events sort by age, and a random part that makes it unique
    type             S   an ``EventType``
    at               N
    ip, user_agent   S
    count            N   how often it happened, if more than once
    actor            S   who caused it, if an administrator
    actor_id         S   that administrator's user_id
    subject          S   whom it was done to, if this is the entry of who did it
    ttl              N
"""

from __future__ import annotations

import hashlib
import secrets
import time
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.accounts.addresses import canonical_address
from chalicelib.accounts.authentication import PASSWORD
from chalicelib.accounts.caller import Caller
from chalicelib.accounts.events import EventType, SecurityEvent
from chalicelib.accounts.session import Session
from chalicelib.accounts.user import Contact, User
from chalicelib.accounts.usernames import canonical_username
from chalicelib.adapters.dynamodb.attributes import Item, Value, from_item, to_item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from chalicelib.accounts.factors import Factors
    from chalicelib.config.api import Tables

TTL_MARGIN = 24 * 3600
"""Seconds (1 day) that a session's item outlives the session at least: more than any retry window or clock error."""

EVENT_LIFETIME = 90 * 24 * 3600
"""Seconds (90 days) for which an event is kept."""


DIRECTORY = "users"
"""The one value of the attribute ``directory``: all users are in one partition of the index of names, in order."""


class SessionCounts(NamedTuple):
    """What a user's item says about the number of the user's sessions. It is the ``store_state`` of a user."""

    bound: int
    """An upper bound of the stored sessions of this epoch. Each log-in raises it by one. When it reaches the limit, the
    sessions are counted and it is set to their number."""
    counts: int
    """How often the sessions were counted. A count may leave the bound the same, but always raises this."""


WAITING = ("new_email", "asked_by")
"""The attributes of an address that a session has given and that waits. To remove them withdraws it."""

UNCHANGED = "user_id = :id AND password_hash = :hash AND session_epoch = :epoch AND disabled = :false"
"""A condition: the user still has the hash and the epoch that the password was checked against."""


def user_key(username: str) -> Item:
    """Return the key of the user whose canonical username is that of ``username``."""
    digest = hashlib.sha256(canonical_username(username).encode("utf-8", "replace")).hexdigest()
    return {"username_key": {"S": digest}}


def address_key(address: str) -> Item:
    """Return the key of the item that says whose verified address this is."""
    digest = hashlib.sha256(canonical_address(address).encode("utf-8", "replace")).hexdigest()
    return {"username_key": {"S": f"email#{digest}"}}


def put_address(tables: Tables, address: str, user: User) -> TransactWriteItemTypeDef:
    """Return the transaction action that gives a user a verified address, unless another has it."""
    item = address_key(address) | to_item({"owner_id": user.id, "owner_name": user.username})
    return {
        "Put": {
            "TableName": tables.users,
            "Item": item,
            "ConditionExpression": "attribute_not_exists(owner_id) OR owner_id = :id",
            "ExpressionAttributeValues": to_item({":id": user.id}),
        }
    }


def delete_address(tables: Tables, address: str, user: User) -> TransactWriteItemTypeDef:
    """Return the transaction action that frees an address of a user."""
    return {
        "Delete": {
            "TableName": tables.users,
            "Key": address_key(address),
            "ConditionExpression": "attribute_not_exists(owner_id) OR owner_id = :id",
            "ExpressionAttributeValues": to_item({":id": user.id}),
        }
    }


def registration_key(mail_id: str) -> Item:
    """Return the key of a registration that waits for the confirmation of a mail."""
    return {"username_key": {"S": f"registration#{mail_id}"}}


def contact_members(contact: Contact) -> dict[str, Value]:
    """Return the attributes that say where a user gets mail."""
    members: dict[str, Value] = {"language": contact.language}
    if contact.asked_by is not None:
        members["asked_by"] = contact.asked_by
    if contact.verified or contact.asked_by is None:
        members |= {"email": contact.email, "email_verified": contact.verified}
    new = contact.new_email if "email" in members else contact.email
    return members if new is None else members | {"new_email": new}


def new_user_to_item(user: User, *, sessions: int = 1) -> Item:
    """Return the item of a new user, who has so many sessions."""
    return user_key(user.username) | to_item(
        {
            **(contact_members(user.contact) if user.contact is not None else {}),
            "user_id": user.id,
            "username": user.username,
            "password_hash": user.password_hash,
            "roles": user.roles,
            "created_at": user.created_at,
            "disabled": user.disabled,
            "session_epoch": user.session_epoch,
            "session_bound": sessions,
            "session_counts": 0,
            **directory_members(user.username),
        }
    )


def directory_members(username: str) -> dict[str, Value]:
    """Return the attributes that list a user in the index of names."""
    return {"directory": DIRECTORY, "canonical_username": canonical_username(username)}


def user_from_item(item: Item | None) -> User | None:
    """Return the user in an item, None if there is none or if the item only counts failures."""
    if item is None or "user_id" not in item:
        return None
    # Not all attributes at once: there may be many counters, and each refresh reads a user.
    return User(
        id=item["user_id"]["S"],
        username=item["username"]["S"],
        password_hash=item["password_hash"]["S"],
        roles=tuple(sorted(item["roles"]["SS"])),
        created_at=int(item["created_at"]["N"]),
        disabled=item["disabled"]["BOOL"],
        contact=_contact(item) if "email" in item or "new_email" in item else None,
        factors=_factors(item) if "totp" in item or "passkeys" in item else None,
        session_epoch=int(item["session_epoch"]["N"]),
        failures=failures_of_day(item),
        store_state=SessionCounts(int(item["session_bound"]["N"]), int(item["session_counts"]["N"])),
    )


def _contact(item: Item) -> Contact:
    new = item["new_email"]["S"] if "new_email" in item else None
    language = item["language"]["S"]
    asked_by = item["asked_by"]["S"] if "asked_by" in item else None
    if "email" not in item:
        return Contact(new or "", language=language, asked_by=asked_by)
    return Contact(item["email"]["S"], item["email_verified"]["BOOL"], new, language, asked_by)


def _factors(item: Item) -> Factors:
    # Most processes see nobody who has one.
    from chalicelib.accounts.factors import Factors  # noqa: PLC0415

    return Factors(
        totp=item["totp"]["S"] if "totp" in item else None,
        totp_added_at=int(item.get("totp_added_at", _ZERO)["N"]),
        totp_step=int(item["totp_step"]["N"]) if "totp_step" in item else -1,
        recovery_codes=tuple(sorted(item["recovery"]["SS"])) if "recovery" in item else (),
        passkeys=tuple(sorted(item["passkeys"]["SS"])) if "passkeys" in item else (),
    )


def failures_of_day(item: Item) -> SecurityEvent | None:
    """Return the failed log-ins of the last day that had any, None if there were none."""
    if int(item.get("failed_today", _ZERO)["N"]) <= 0:
        return None
    members = from_item({name: item[name] for name in ("failed_today", "failed_at", "failed_ip", "failed_agent")})
    return SecurityEvent(
        EventType.LOGIN_FAILED,
        item["user_id"]["S"] if "user_id" in item else None,
        members["failed_at"],
        Caller(ip=members["failed_ip"], user_agent=members["failed_agent"]),
        count=members["failed_today"],
    )


_ZERO = {"N": "0"}


def session_key(user_id: str, session_id: str) -> Item:
    """Return the key of a session."""
    return to_item({"user_id": user_id, "session_id": session_id})


def put_session(tables: Tables, session: Session) -> TransactWriteItemTypeDef:
    """Return the transaction action that stores a new session."""
    item: dict[str, Value] = {
        "user_id": session.user_id,
        "session_id": session.id,
        "username": session.username,
        "created_at": session.created_at,
        "authenticated_at": session.authenticated_at,
        "last_used_at": session.last_used_at,
        "idle_expires_at": session.idle_expires_at,
        "expires_at": session.expires_at,
        "refresh_counter": session.refresh_counter,
        "epoch": session.epoch,
        "ip": session.caller.ip,
        "user_agent": session.caller.user_agent,
        "ttl": session.expires_at + TTL_MARGIN,
    }
    if session.amr != PASSWORD:
        item["amr"] = session.amr
    if session.device_key:
        item["device_key"] = session.device_key
    if session.device_waits:
        item["device_waits"] = True
    if session.key:
        item |= {"bound_key": session.key, **key_proof_members(session)}
    return {
        "Put": {
            "TableName": tables.sessions,
            "Item": to_item(item),
            "ConditionExpression": "attribute_not_exists(session_id)",
        }
    }


def delete_session(tables: Tables, user_id: str, session_id: str, *conditions: str) -> TransactWriteItemTypeDef:
    """Return the transaction action that deletes a session. If a condition is false, DynamoDB returns the item."""
    delete: TransactWriteItemTypeDef = {
        "Delete": {"TableName": tables.sessions, "Key": session_key(user_id, session_id)}
    }
    if conditions:
        delete["Delete"] |= {
            "ConditionExpression": " AND ".join(conditions),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    return delete


def session_from_item(item: Item) -> Session:
    """Return the session in an item."""
    members = from_item(item)
    return Session(
        id=members["session_id"],
        user_id=members["user_id"],
        username=members["username"],
        created_at=members["created_at"],
        authenticated_at=members.get("authenticated_at", members["created_at"]),
        last_used_at=members["last_used_at"],
        idle_expires_at=members["idle_expires_at"],
        expires_at=members["expires_at"],
        refresh_counter=members["refresh_counter"],
        epoch=members["epoch"],
        caller=Caller(ip=members["ip"], user_agent=members["user_agent"]),
        key=members.get("bound_key", ""),
        **{name: members[name] for name in _NOT_ALWAYS_THERE if name in members},
    )


_NOT_ALWAYS_THERE = (
    "amr",
    "last_used_from",
    "retried_counter",
    "retried_in_a_row",
    "elsewhere_counter",
    "elsewhere_at",
    "key_proof_at",
    "key_proofs",
    "without_key_at",
    "device_key",
    "device_turn",
    "device_waits",
)


def retry_members(session: Session) -> dict[str, Value]:
    """Return what a session remembers of retries."""
    return {
        "retried_counter": session.retried_counter,
        "retried_in_a_row": session.retried_in_a_row,
        "elsewhere_counter": session.elsewhere_counter,
        "elsewhere_at": session.elsewhere_at,
    }


def key_proof_members(session: Session) -> dict[str, Value]:
    """Return what a bound session remembers of the proofs of its key."""
    return {"key_proof_at": session.key_proof_at, "key_proofs": session.key_proofs}


def same_proofs(session: Session) -> tuple[str, dict[str, Value]]:
    """Return the condition that a bound session has seen no other proofs than these, with its values."""
    values: dict[str, Value] = {":before_at": session.key_proof_at, ":before": session.key_proofs}
    return "key_proof_at = :before_at AND key_proofs = :before", values


def event_to_item(event: SecurityEvent) -> Item:
    """Return an item for an event. Each call makes another ``event_id``."""
    rarely: dict[str, Value] = {"count": event.count} if event.count > 1 else {}
    for name in ("actor", "actor_id", "subject"):
        if (value := getattr(event, name)) is not None:
            rarely[name] = value
    return to_item(
        {
            **rarely,
            # An event without an account goes to a random partition that nobody reads, so that it costs the same write.
            "user_id": event.user_id or secrets.token_urlsafe(16),
            # Within one second, the clock of this machine determines the order.
            "event_id": f"{event.at:012d}-{time.time_ns():020d}-{secrets.token_urlsafe(6)}",
            "type": event.type,
            "at": event.at,
            "ip": event.caller.ip,
            "user_agent": event.caller.user_agent,
            "ttl": event.at + EVENT_LIFETIME,
        }
    )


def event_from_item(item: Item) -> SecurityEvent:
    """Return the event in an item."""
    members = from_item(item)
    return SecurityEvent(
        type=EventType(members["type"]),
        user_id=members["user_id"],
        at=members["at"],
        caller=Caller(ip=members["ip"], user_agent=members["user_agent"]),
        count=members.get("count", 1),
        actor=members.get("actor"),
        actor_id=members.get("actor_id"),
        subject=members.get("subject"),
    )


def put_event(tables: Tables, event: SecurityEvent) -> TransactWriteItemTypeDef:
    """Return the transaction action that records an event."""
    return {"Put": {"TableName": tables.events, "Item": event_to_item(event)}}
