"""What the items in three of the tables look like, and the actions that put them there as part of a transaction.

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
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.accounts.caller import Caller
from chalicelib.accounts.events import EventType, SecurityEvent
from chalicelib.accounts.session import Session
from chalicelib.accounts.user import User
from chalicelib.accounts.usernames import canonical_username
from chalicelib.adapters.dynamodb.attributes import Item, Value, from_item, to_item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from chalicelib.config.api import Tables

TTL_MARGIN = 24 * 3600
"""Seconds that a session's item outlives the session at least: more than any retry window and any clock's error."""

EVENT_LIFETIME = 90 * 24 * 3600
"""Seconds for which an event is kept."""


class SessionCounts(NamedTuple):
    """What a user's item knows of the user's sessions: the ``store_state`` of a user."""

    bound: int
    """At least as many as the sessions of this epoch that are stored: raised by each log-in, counted anew when it
    reaches the limit."""
    counts: int
    """How often the sessions were counted: the bound may be the same after a count, this never is."""


def user_key(username: str) -> Item:
    """Return the key of the user with this name in any spelling."""
    return to_item({"username_key": canonical_username(username)})


def new_user_to_item(user: User) -> Item:
    """Return a user who has one session as an item."""
    return user_key(user.username) | to_item(
        {
            "user_id": user.id,
            "username": user.username,
            "password_hash": user.password_hash,
            "roles": user.roles,
            "created_at": user.created_at,
            "disabled": user.disabled,
            "session_epoch": user.session_epoch,
            "session_bound": 1,
            "session_counts": 0,
        }
    )


def user_from_item(item: Item) -> User:
    """Return the user in an item."""
    members = from_item(item)
    return User(
        id=members["user_id"],
        username=members["username"],
        password_hash=members["password_hash"],
        roles=members["roles"],
        created_at=members["created_at"],
        disabled=members["disabled"],
        session_epoch=members["session_epoch"],
        store_state=SessionCounts(members["session_bound"], members["session_counts"]),
    )


def session_key(user_id: str, session_id: str) -> Item:
    """Return the key of a session."""
    return to_item({"user_id": user_id, "session_id": session_id})


def put_session(tables: Tables, session: Session) -> TransactWriteItemTypeDef:
    """Return the action that keeps a new session."""
    item: dict[str, Value] = {
        "user_id": session.user_id,
        "session_id": session.id,
        "username": session.username,
        "created_at": session.created_at,
        "last_used_at": session.last_used_at,
        "idle_expires_at": session.idle_expires_at,
        "expires_at": session.expires_at,
        "refresh_counter": session.refresh_counter,
        "epoch": session.epoch,
        "ip": session.caller.ip,
        "user_agent": session.caller.user_agent,
        "ttl": session.expires_at + TTL_MARGIN,
    }
    return {
        "Put": {
            "TableName": tables.sessions,
            "Item": to_item(item),
            "ConditionExpression": "attribute_not_exists(session_id)",
        }
    }


def session_from_item(item: Item) -> Session:
    """Return the session in an item."""
    members = from_item(item)
    return Session(
        id=members["session_id"],
        user_id=members["user_id"],
        username=members["username"],
        created_at=members["created_at"],
        last_used_at=members["last_used_at"],
        idle_expires_at=members["idle_expires_at"],
        expires_at=members["expires_at"],
        refresh_counter=members["refresh_counter"],
        epoch=members["epoch"],
        caller=Caller(ip=members["ip"], user_agent=members["user_agent"]),
    )


def event_to_item(event: SecurityEvent) -> Item:
    """Return an event as an item, a new one each time."""
    return to_item(
        {
            # Somebody without an account has a partition too, which nobody will read: the same write for all.
            "user_id": event.user_id or secrets.token_urlsafe(16),
            # Within one second the order is that of this machine's clock, as good as any.
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
    )


def put_event(tables: Tables, event: SecurityEvent) -> TransactWriteItemTypeDef:
    """Return the action that records an event."""
    return {"Put": {"TableName": tables.events, "Item": event_to_item(event)}}
