"""What the items in the three tables look like, and the actions that put them there as part of a transaction.

A user, under the canonical username:

    username_key     S   partition key
    user_id          S
    username         S   as the user wrote it, in NFKC
    password_hash    S
    roles            SS
    created_at       N   NumericDate, as are all times here
    disabled         BOOL
    session_epoch    N   raised to end all sessions of the user
    session_bound    N   at least as many as the stored sessions of this epoch
    session_counts   N   how often they were counted

A session, in the partition of its user. One that is ended is deleted; why it ended is an event.

    user_id          S   partition key
    session_id       S   sort key
    username         S
    created_at       N
    last_used_at     N
    idle_expires_at  N
    expires_at       N   the session's absolute end
    refresh_counter  N
    epoch            N   the user's session_epoch when the session began
    ip, user_agent   S
    ttl              N   when DynamoDB may delete the item. It does so hours to days late: nothing relies on it.

An event, in the partition of its user:

    user_id          S   partition key
    event_id         S   sort key: the time, so that the newest are read first, and what makes it unique
    type             S   an ``EventType``
    at               N
    ip, user_agent   S
    ttl              N
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.accounts.caller import Caller
from chalicelib.accounts.events import EventType, SecurityEvent
from chalicelib.accounts.session import Session
from chalicelib.accounts.user import User
from chalicelib.accounts.usernames import canonical_username

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

Item = dict[str, Any]
"""An item, or the key of one, in DynamoDB's JSON."""

TTL_MARGIN = 24 * 3600
"""Seconds that a session's item outlives the session at least: more than any retry window and any clock's error."""

EVENT_LIFETIME = 90 * 24 * 3600
"""Seconds for which an event is kept."""


@dataclass(frozen=True, slots=True)
class Tables:
    """The names of the tables."""

    users: str
    sessions: str
    events: str
    throttle: str


def user_key(username: str) -> Item:
    """Return the key of the user with this name in any spelling."""
    return {"username_key": {"S": canonical_username(username)}}


def user_to_item(user: User) -> Item:
    """Return a user as an item."""
    return {
        **user_key(user.username),
        "user_id": {"S": user.id},
        "username": {"S": user.username},
        "password_hash": {"S": user.password_hash},
        "roles": {"SS": list(user.roles)},
        "created_at": {"N": str(user.created_at)},
        "disabled": {"BOOL": user.disabled},
        "session_epoch": {"N": str(user.session_epoch)},
        "session_bound": {"N": str(user.session_bound)},
        "session_counts": {"N": str(user.session_counts)},
    }


def user_from_item(item: Item) -> User:
    """Return the user in an item."""
    return User(
        id=item["user_id"]["S"],
        username=item["username"]["S"],
        password_hash=item["password_hash"]["S"],
        roles=tuple(sorted(item["roles"]["SS"])),
        created_at=int(item["created_at"]["N"]),
        disabled=item["disabled"]["BOOL"],
        session_epoch=int(item["session_epoch"]["N"]),
        session_bound=int(item["session_bound"]["N"]),
        session_counts=int(item["session_counts"]["N"]),
    )


def session_key(user_id: str, session_id: str) -> Item:
    """Return the key of a session."""
    return {"user_id": {"S": user_id}, "session_id": {"S": session_id}}


def put_session(tables: Tables, session: Session) -> TransactWriteItemTypeDef:
    """Return the action that keeps a new session."""
    return {
        "Put": {
            "TableName": tables.sessions,
            "Item": {
                **session_key(session.user_id, session.id),
                "username": {"S": session.username},
                "created_at": {"N": str(session.created_at)},
                "last_used_at": {"N": str(session.last_used_at)},
                "idle_expires_at": {"N": str(session.idle_expires_at)},
                "expires_at": {"N": str(session.expires_at)},
                "refresh_counter": {"N": str(session.refresh_counter)},
                "epoch": {"N": str(session.epoch)},
                "ip": {"S": session.caller.ip},
                "user_agent": {"S": session.caller.user_agent},
                "ttl": {"N": str(session.expires_at + TTL_MARGIN)},
            },
            "ConditionExpression": "attribute_not_exists(session_id)",
        }
    }


def session_from_item(item: Item) -> Session:
    """Return the session in an item."""
    return Session(
        id=item["session_id"]["S"],
        user_id=item["user_id"]["S"],
        username=item["username"]["S"],
        created_at=int(item["created_at"]["N"]),
        last_used_at=int(item["last_used_at"]["N"]),
        idle_expires_at=int(item["idle_expires_at"]["N"]),
        expires_at=int(item["expires_at"]["N"]),
        refresh_counter=int(item["refresh_counter"]["N"]),
        epoch=int(item["epoch"]["N"]),
        caller=_caller_from_item(item),
    )


def event_to_item(event: SecurityEvent) -> Item:
    """Return an event as an item, a new one each time."""
    return {
        "user_id": {"S": event.user_id},
        # Within one second the order is that of this machine's clock, as good as any.
        "event_id": {"S": f"{event.at:012d}-{time.time_ns():020d}-{secrets.token_urlsafe(6)}"},
        "type": {"S": event.type.value},
        "at": {"N": str(event.at)},
        "ip": {"S": event.caller.ip},
        "user_agent": {"S": event.caller.user_agent},
        "ttl": {"N": str(event.at + EVENT_LIFETIME)},
    }


def event_from_item(item: Item) -> SecurityEvent:
    """Return the event in an item."""
    return SecurityEvent(
        type=EventType(item["type"]["S"]),
        user_id=item["user_id"]["S"],
        at=int(item["at"]["N"]),
        caller=_caller_from_item(item),
    )


def put_event(tables: Tables, event: SecurityEvent) -> TransactWriteItemTypeDef:
    """Return the action that records an event."""
    return {"Put": {"TableName": tables.events, "Item": event_to_item(event)}}


def _caller_from_item(item: Item) -> Caller:
    return Caller(ip=item["ip"]["S"], user_agent=item["user_agent"]["S"])
