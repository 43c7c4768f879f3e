"""The failure counters in DynamoDB: how an attempt is counted, and how a success takes it back.

Those of an account are in the account's own item, so that one write counts an attempt and reads the user.

The item is the user's, or one of its own if nobody has the name:

    failures         N   consecutive failures of strangers; failures_at, when the last one was
    by_network_…     N   those from one address; by_network_…_at, when the last one was
    by_device_…      N   those of a device that has logged in before; by_device_…_at, when the last one was
    by_session_…     N   those inside a session; by_session_…_at, when the last one was
    failed_day       N   the last day with failures, as a number of days
    failed_today     N   its failures, by whomever
    failed_at        N   when the last of them was; failed_ip and failed_agent, whence
    tried            N   rises whenever any of these changes

Those of addresses have a table of their own, with an item for each network and window of time:

    counter_key  S   partition key: what is counted, the network, and the number of the window
    all          N   what the network has done; net_…, what the networks in it have done
    ttl          N   when DynamoDB may delete the item: after the end of the window
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from chalicelib.adapters.dynamodb.attributes import Item, to_item
from chalicelib.adapters.dynamodb.items import failures_of_day, user_key
from chalicelib.adapters.dynamodb.updates import Changes
from chalicelib.credentials.throttling import (
    ACCOUNT_MEMORY,
    PAIR_MEMORY,
    Admission,
    Attempt,
    Counter,
    Failures,
    ThrottleRules,
    Window,
    day_of,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

_MEMORY = {"by_network_": PAIR_MEMORY, "by_device_": ACCOUNT_MEMORY, "by_session_": ACCOUNT_MEMORY}
"""Seconds for which the counters of each kind matter, by the beginning of their names."""


def count_blindly(table: str, attempt: Attempt, rules: ThrottleRules, now: int) -> dict[str, Any]:
    """Return the parameters of UpdateItem that count an attempt while no counter is near its limit.

    The condition is false if one is, if one has to be forgotten, if a day with failures is over, or if the device or
    session is not of the user who has the name.
    """
    changes = _evidence(attempt, now)
    changes.values |= {":zero": 0, ":one": 1}
    changes.sets.append("tried = if_not_exists(tried, :zero) + :one")
    conditions = ["(attribute_not_exists(failed_day) OR failed_day = :today OR failed_today <= :zero)"]
    source = rules.source_limit(attempt)
    counters = [("#source", "#source_at", source)]
    if attempt.known is None:
        counters.append(("failures", "failures_at", rules.account_limit))
    else:
        conditions.append("user_id = :known")
        changes.values[":known"] = attempt.known.user_id
    for number, (name, at, limit) in enumerate(counters):
        changes.sets += [f"{name} = if_not_exists({name}, :zero) + :one", f"{at} = :now"]
        conditions.append(f"(attribute_not_exists({name}) OR ({name} < :free{number} AND {at} > :forgotten{number}))")
        changes.values |= {f":free{number}": limit.free, f":forgotten{number}": now - limit.memory}
    changes.sets.append("failed_today = if_not_exists(failed_today, :zero) + :one")
    return changes.parameters(table, user_key(attempt.username), *conditions) | {"ReturnValues": "ALL_OLD"}


def count_exactly(table: str, attempt: Attempt, after: Failures, found: Item, now: int) -> dict[str, Any]:
    """Return the parameters of an update to these failures, if the item is still as it was found.

    Counters that no longer matter are removed, so that their number stays small.
    """
    changes = _evidence(attempt, now)
    changes.sets += ["#source = :source", "#source_at = :now", "failed_today = :count"]
    changes.values |= {
        ":source": after.source.failures if after.source else 0,
        ":count": after.today.count if after.today else 0,
    }
    if attempt.known is None and after.account is not None:
        changes.sets += ["failures = :failures", "failures_at = :now"]
        changes.values[":failures"] = after.account.failures
    for number, name in enumerate(_forgotten(found, attempt, now)):
        changes.names[f"#old{number}"] = name
        changes.removes.append(f"#old{number}")
    tried = int(found["tried"]["N"]) if "tried" in found else None
    changes.sets.append("tried = :tries")
    changes.values[":tries"] = (tried or 0) + 1
    conditions = ["attribute_not_exists(tried)"]
    if tried is not None:
        conditions = ["tried = :tried"]
        changes.values[":tried"] = tried
    if "user_id" in found:
        conditions.append("user_id = :id")
        changes.values[":id"] = found["user_id"]["S"]
    else:
        conditions.append("attribute_not_exists(user_id)")
    return changes.parameters(table, user_key(attempt.username), *conditions)


def count_in_window(table: str, window: Window) -> dict[str, Any]:
    """Return the parameters of UpdateItem that count an attempt by its address, unless a network has had its share."""
    changes = Changes(
        sets=["#ttl = :ttl"],
        adds=[f"#{number} :one" for number in range(len(window.limits))],
        names={"#ttl": "ttl"},
        values={":ttl": window.ends_at, ":one": 1},
    )
    conditions = []
    for number, (counter, most) in enumerate(window.limits.items()):
        changes.names[f"#{number}"] = counter
        changes.values[f":{number}"] = most
        conditions.append(f"(attribute_not_exists(#{number}) OR #{number} < :{number})")
    return changes.parameters(table, window_key(window), *conditions)


def take_from_window(window: Window) -> Changes:
    """Return the changes of a window's item that uncount an attempt."""
    return Changes(
        sets=["#ttl = :ttl"],
        adds=[f"#{number} :minus_one" for number in range(len(window.limits))],
        names={"#ttl": "ttl", **{f"#{number}": counter for number, counter in enumerate(window.limits)}},
        values={":ttl": window.ends_at, ":minus_one": -1},
    )


def given_back(table: str, admission: Admission | None) -> list[TransactWriteItemTypeDef]:
    """Return the transaction actions, one at most, that uncount an admitted attempt by its address."""
    if admission is None or admission.window is None:
        return []
    return [take_from_window(admission.window).action(table, window_key(admission.window))]


def window_key(window: Window) -> Item:
    """Return the key of the item that counts in a window."""
    return to_item({"counter_key": window.key})


def failures_in(item: Item, attempt: Attempt) -> Failures:
    """Return what an item says of failures, as far as it concerns an attempt."""
    return Failures(
        source=_counter(item, attempt.source), account=_counter(item, "failures"), today=failures_of_day(item)
    )


def forget(admission: Admission) -> Changes:
    """Return the changes of the user's item after a success.

    The failures of the source and of the account are forgotten. The day's failures stay, without this attempt.
    """
    changes = Changes(
        removes=["failures", "failures_at"],
        adds=["failed_today :minus_one", "tried :one"],
        values={":one": 1, ":minus_one": -1},
    )
    forget_source(changes, admission.attempt)
    before = admission.before.today
    if before is not None:
        # The last failure is the one before this attempt again.
        changes.sets += ["failed_at = :failed_at", "failed_ip = :failed_ip", "failed_agent = :failed_agent"]
        changes.values |= {
            ":failed_at": before.at,
            ":failed_ip": before.caller.ip,
            ":failed_agent": before.caller.user_agent,
        }
    return changes


def forget_source(changes: Changes, attempt: Attempt, name: str = "source") -> None:
    """Add that the failures of an attempt's source are forgotten. ``name`` stands for the source in the expression."""
    changes.removes += [f"#{name}", f"#{name}_at"]
    changes.names |= {f"#{name}": attempt.source, f"#{name}_at": f"{attempt.source}_at"}


def _evidence(attempt: Attempt, now: int) -> Changes:
    """Return the changes that every attempt makes."""
    return Changes(
        sets=[
            "failed_day = :today",
            "failed_at = :now",
            "failed_ip = :ip",
            "failed_agent = :agent",
            # A user's item must never expire. DynamoDB deletes no item whose attribute is a string.
            "#ttl = if_not_exists(user_id, :ttl)",
        ],
        names={"#source": attempt.source, "#source_at": f"{attempt.source}_at", "#ttl": "ttl"},
        values={
            ":now": now,
            ":today": day_of(now),
            ":ip": attempt.caller.ip,
            ":agent": attempt.caller.user_agent,
            ":ttl": now + ACCOUNT_MEMORY,
        },
    )


def _counter(item: Item, name: str) -> Counter | None:
    if name not in item:
        return None
    return Counter(int(item[name]["N"]), int(item[f"{name}_at"]["N"]))


def _forgotten(item: Item, attempt: Attempt, now: int) -> Iterable[str]:
    """Yield the attributes of the counters that no longer matter."""
    for name in item:
        memory = next((seconds for kind, seconds in _MEMORY.items() if name.startswith(kind)), None)
        if memory is None or name.endswith("_at") or name == attempt.source:
            continue
        if f"{name}_at" in item and int(item[f"{name}_at"]["N"]) <= now - memory:
            yield from (name, f"{name}_at")
