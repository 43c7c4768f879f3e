"""The writes of a refresh to a session's item: using its token, and what the session remembers of other uses.

Owns the conditions that decide which of several uses is the first, and whether a proof of a session's key is new.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from botocore.exceptions import ClientError

from chalicelib.accounts.session import MOST_PROOFS, WITHOUT_KEY_INTERVAL, Session
from chalicelib.adapters.aws import unavailable_on_failure
from chalicelib.adapters.dynamodb.attributes import Item, Value, to_item
from chalicelib.adapters.dynamodb.items import (
    key_proof_members,
    put_event,
    retry_members,
    same_proofs,
    session_from_item,
    session_key,
)
from chalicelib.adapters.dynamodb.transactions import Database, after_conflicts, transact
from chalicelib.use_cases.ports import Rotation

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef, UpdateItemOutputTypeDef

    from chalicelib.accounts.events import SecurityEvent
    from chalicelib.accounts.key_proof import KeyProof

# ``Session.is_live`` and ``Session.accepts`` as condition expressions. They are false for a missing item, so a session
# that is gone is not used.
IS_LIVE = "idle_expires_at > :now AND expires_at > :now"
_ACCEPTS = f"refresh_counter = :counter AND {IS_LIVE}"

# ``Session.is_on_device`` of a caller who has shown no device.
ON_NO_DEVICE = "(attribute_not_exists(device_key) OR attribute_exists(device_waits))"

# True if the session has noted the retries that it had when it was read. A session without any lacks the attributes.
_REMEMBERS = (
    "(retried_counter = :retried OR (attribute_not_exists(retried_counter) AND :retried = :never))"
    " AND (elsewhere_counter = :elsewhere OR (attribute_not_exists(elsewhere_counter) AND :elsewhere = :never))"
)


class Use(NamedTuple):
    """The use of a refresh token."""

    counter: int
    """That of the token."""
    now: int
    idle_expires_at: int
    used_from: str
    on_device: bool = False
    """Whether the caller has shown to be on the session's device."""


class Allowed(NamedTuple):
    """``Session.allows`` for one of the cases that there are, and what its use changes beside."""

    condition: str
    changes: str
    values: dict[str, Value]


# ``Session.allows``, case by case.
_NOT_BOUND = "attribute_not_exists(bound_key)"
_LATER = "bound_key = :key AND key_proof_at < :proof_at"
_OF_SAME_SECOND = (
    "bound_key = :key AND key_proof_at = :proof_at AND NOT contains(key_proofs, :proof) AND size(key_proofs) < :most"
)

PLAIN = Allowed(_NOT_BOUND, "", {})


def allows(proof: KeyProof | None) -> tuple[str, dict[str, Value]]:
    """Return ``Session.allows`` as a condition expression, with its values, for a write that keeps no proof."""
    if proof is None:
        return _NOT_BOUND, {}
    return f"({_NOT_BOUND} OR ({_LATER}) OR ({_OF_SAME_SECOND}))", _values_of(proof)


class _Update:
    """An update that may be sent again, and so may itself be what makes its condition fail."""

    def __init__(self, client: DynamoDBClient, **parameters: Any) -> None:  # noqa: ANN401 - as botocore takes them
        self._client = client
        self._parameters = parameters
        self.was_repeated = False
        """Whether botocore has sent it more than once in any one call. A call that follows a conflict tells only of
        itself."""

    def send(self) -> UpdateItemOutputTypeDef:
        """Make one call. Raises ClientError."""
        try:
            return self._client.update_item(**self._parameters)
        except ClientError as refused:
            self.was_repeated |= refused.response["ResponseMetadata"].get("RetryAttempts", 0) > 0
            raise


def rotate(database: Database, key: Item, use: Use, proof: KeyProof | None) -> Rotation:
    """Raise the refresh counter of a session, see ``SessionStore.rotate``. Takes one conditional update.

    No update can begin a set or add to it, whichever is due. So a second proof of one second takes a second update, and
    so does a proof that nobody has asked for.
    """
    first = PLAIN if proof is None else _later(proof)
    has_noted = functools.partial(_has_noted, proof)
    rotation = rotate_where(database, key, use, first, has_noted)
    session = rotation.session
    if rotation.applied or session is None or proof is None:
        return rotation
    if session.needs_device and not use.on_device:
        return rotation
    if not (session.accepts(use.counter, use.now) and session.allows(proof)):
        return rotation
    return rotate_where(database, key, use, _of_same_second(proof) if session.key else PLAIN, has_noted)


def _later(proof: KeyProof) -> Allowed:
    """Return the case of a proof that is made later than the last one."""
    return Allowed(
        _LATER,
        ", key_proof_at = :proof_at, key_proofs = :proofs",
        {":key": proof.key, ":proof_at": proof.at, ":proofs": (proof.id,)},
    )


def _of_same_second(proof: KeyProof) -> Allowed:
    """Return the case of another proof of the same second."""
    return Allowed(_OF_SAME_SECOND, " ADD key_proofs :proofs", {":proofs": (proof.id,), **_values_of(proof)})


def _values_of(proof: KeyProof) -> dict[str, Value]:
    return {":key": proof.key, ":proof_at": proof.at, ":proof": proof.id, ":most": MOST_PROOFS}


def rotate_where(
    database: Database, key: Item, use: Use, allowed: Allowed, has_noted: Callable[[Session], bool]
) -> Rotation:
    """Raise the refresh counter and note the use, if the session accepts the token and ``allowed`` is true.

    ``has_noted`` says whether a session is as this has left it. Then nobody else has presented the token.
    """
    condition = " AND ".join(filter(None, (_ACCEPTS, allowed.condition, None if use.on_device else ON_NO_DEVICE)))
    needs_device = " REMOVE device_waits" if use.on_device else ""
    changes = (
        "SET refresh_counter = :next, last_used_at = :now, idle_expires_at = :idle_expires_at,"
        f" last_used_from = :from{allowed.changes}{needs_device}"
    )
    values: dict[str, Value] = {
        ":counter": use.counter,
        ":next": use.counter + 1,
        ":now": use.now,
        ":idle_expires_at": use.idle_expires_at,
        ":from": use.used_from,
        **allowed.values,
    }

    def is_ours(session: Session) -> bool:
        used = (session.refresh_counter, session.last_used_at, session.last_used_from)
        return used == (use.counter + 1, use.now, use.used_from) and has_noted(session)

    return update_session(database, key, changes, condition, values, is_ours)


def update_session(
    database: Database,
    key: Item,
    changes: str,
    condition: str,
    values: dict[str, Value],
    is_ours: Callable[[Session], bool],
) -> Rotation:
    """Make one update if its condition is true. If it is not, DynamoDB returns the item.

    If the update was applied but its answer was lost, botocore repeats it and the condition fails. The item is then as
    this update has left it, which ``is_ours`` says, and the update counts as applied.
    """
    update = _Update(
        database.client,
        TableName=database.tables.sessions,
        Key=key,
        UpdateExpression=changes,
        ConditionExpression=condition,
        ExpressionAttributeValues=to_item(values),
        ReturnValues="ALL_NEW",
        ReturnValuesOnConditionCheckFailure="ALL_OLD",
    )
    try:
        with unavailable_on_failure():
            response = after_conflicts(database, update.send)
    except database.client.exceptions.ConditionalCheckFailedException as refused:
        # The type stubs lack the item of this error.
        found = cast("Item | None", refused.response.get("Item"))
        session = session_from_item(found) if found else None
        applied = session is not None and update.was_repeated and is_ours(session)
        return Rotation(applied=applied, session=session)
    return Rotation(applied=True, session=session_from_item(response["Attributes"]))


def note_retry(database: Database, before: Session, after: Session, event: SecurityEvent | None) -> Rotation:
    """Store what a session remembers of a retry, see ``SessionStore.note_retry``.

    Takes one write, or one transaction with an event.
    """
    members, condition, values = _retried(before, after)
    update = {
        "TableName": database.tables.sessions,
        "Key": session_key(before.user_id, before.id),
        "UpdateExpression": "SET " + ", ".join(f"{name} = :{name}" for name in members),
        "ConditionExpression": f"attribute_exists(session_id) AND {condition}",
        "ExpressionAttributeValues": to_item({**{f":{name}": value for name, value in members.items()}, **values}),
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    found: Item | None = None
    if event is not None:
        actions = cast("list[TransactWriteItemTypeDef]", [{"Update": update}, put_event(database.tables, event)])
        failed = transact(database, actions)
        if not failed:
            return Rotation(applied=True, session=after)
        found = failed[0]
    else:
        note = _Update(database.client, **update)
        try:
            with unavailable_on_failure():
                after_conflicts(database, note.send)
        except database.client.exceptions.ConditionalCheckFailedException as refused:
            found = cast("Item | None", refused.response.get("Item"))
            # A proof is noted once. So a note that finds its own must not take it for another's.
            if (
                found
                and note.was_repeated
                and before.key
                and key_proof_members(session_from_item(found)) == (key_proof_members(after))
            ):
                return Rotation(applied=True, session=after)
        else:
            return Rotation(applied=True, session=after)
    return Rotation(applied=False, session=session_from_item(found) if found else None)


def _retried(before: Session, after: Session) -> tuple[dict[str, Value], str, dict[str, Value]]:
    """Return what to store of a retry, and the condition that the session remembers what it did, with its values.

    A session without a key remembers how often and from where it was retried, one with a key the proofs.
    """
    if before.key:
        return key_proof_members(after), *same_proofs(before)
    values: dict[str, Value] = {
        ":retried": before.retried_counter,
        ":elsewhere": before.elsewhere_counter,
        ":never": -1,
    }
    return retry_members(after), _REMEMBERS, values


def note_without_key(database: Database, session: Session, event: SecurityEvent) -> None:
    """Record that somebody without its key has used a session's token. Takes one transaction.

    Nothing is recorded if the session is gone, or if another request has recorded the same meanwhile.
    """
    update: TransactWriteItemTypeDef = {
        "Update": {
            "TableName": database.tables.sessions,
            "Key": session_key(session.user_id, session.id),
            "UpdateExpression": "SET without_key_at = :now",
            "ConditionExpression": (
                "attribute_exists(session_id) AND (attribute_not_exists(without_key_at) OR without_key_at <= :before)"
            ),
            "ExpressionAttributeValues": to_item({":now": event.at, ":before": event.at - WITHOUT_KEY_INTERVAL}),
        }
    }
    transact(database, [update, put_event(database.tables, event)])


def _has_noted(proof: KeyProof | None, session: Session) -> bool:
    """Return whether a session is as a request with this proof leaves it."""
    if not session.key:
        return True
    return (
        proof is not None
        and (proof.key, proof.at) == (session.key, session.key_proof_at)
        and proof.id in session.key_proofs
    )
