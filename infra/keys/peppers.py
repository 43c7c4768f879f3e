"""The life cycle of peppers, as changes to the ring, and the messages that tell the operator what to do next.

Its functions are pure: they take a ring, the time and the numbers of users, and return a ring.
`chalicelib.credentials.peppers` owns which pepper is current.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping

from chalicelib.config.signing_secrets import MIN_PEPPER_BYTES, parse_peppers
from chalicelib.credentials.peppers import FIRST, Pepper
from infra.keys.ring import DEFAULT_DELAY, Change, RefusedError, Ring, at
from infra.local.environment import STAGE

NAME_OF_FIRST = "first"
"""What the command calls the pepper without an id. An id of a later pepper is `p` and eight digits."""

LEAST_DELAY = 6 * 3600
"""Seconds (6 hours) until a new pepper is used. A process that started before does not know it, and AWS ends each
execution environment after a few hours (Lambda's documentation, "Lambda execution environment lifecycle")."""

MARGIN = 300
"""Seconds after which the clocks of all processes agree that a pepper has begun."""

_ID_BYTES = 4

UsersOf = Mapping[str, int]
"""The number of users whose hash has a pepper, by the pepper's id."""


def add(ring: Ring, *, now: int, delay: int | None, stage: str) -> Change:
    """Add a pepper that new hashes use ``delay`` seconds from now. If one waits already, change its start instead.

    Raises RefusedError if the delay is too short for processes that run now.
    """
    if stage != STAGE and delay is not None and delay < LEAST_DELAY:
        raise RefusedError(
            f"a new pepper is used in {LEAST_DELAY} seconds at the earliest: a process that runs now does not know it,"
            " and AWS ends each of them after a few hours"
        )
    starts_at = now + (DEFAULT_DELAY if delay is None else delay)
    later = list(ring.get("peppers", []))
    waiting = next((pepper for pepper in later if pepper["nbf"] > now), None)
    if waiting is None:
        # No "-" at the beginning: the command would take it for an option.
        pepper_id = f"p{secrets.token_hex(_ID_BYTES)}"
        later.append({"id": pepper_id, "pepper": _new_secret(), "nbf": starts_at})
        first = f"New pepper {pepper_id}. New hashes use it from {at(starts_at)} on, not before."
    elif delay is None:
        starts_at = waiting["nbf"]
        first = f"Pepper {waiting['id']} waits already. New hashes use it from {at(starts_at)} on. No pepper was added."
    else:
        later[later.index(waiting)] = waiting | {"nbf": starts_at}
        first = f"Pepper {waiting['id']} waited already. New hashes will now use it from {at(starts_at)} on."
    return Change(
        {**ring, "peppers": later},
        (
            first,
            "Next: restart `make dev`."
            if stage == STAGE
            else "Nothing has to be deployed: AWS replaces every process within hours, and new ones read the parameter."
            " Back up the parameter now: without this pepper its passwords cannot be verified.",
            "Nobody is logged out. From then on each user's next log-in replaces the hash.",
            f"Some time later: `python -m infra.keys pepper retire --stage {stage} --dry-run` counts who is missing.",
        ),
    )


def retire(ring: Ring, *, now: int, pepper_id: str | None, users: UsersOf, losing_users: bool, stage: str) -> Change:
    """Remove a pepper that has a newer one, or all of them.

    Raises:
        RefusedError: there is no newer pepper or no such pepper, or users need it and ``losing_users`` is not set.

    """
    chosen = _chosen(ring, now=now, pepper_id=pepper_id, stage=stage)
    needed = {pepper.id: users.get(pepper.id, 0) for pepper in chosen}
    lost = sum(needed.values())
    if lost and not losing_users:
        counts = ", ".join(f"{name_of(key)}: {_people(number)}" for key, number in needed.items() if number)
        raise RefusedError(
            f"passwords need what would be removed ({counts}). These users have not logged in since the newer pepper"
            " began. Wait until they have. With --losing-users it is removed all the same: none of their passwords will"
            " ever be right again, and each of them needs a reset, which Lychgate does not have"
        )
    gone = {pepper.id for pepper in chosen}
    after: Ring = {**ring, "peppers": [later for later in ring.get("peppers", []) if later["id"] not in gone]}
    if FIRST in gone:
        del after["pepper"]
    account = [f"Pepper {name_of(pepper.id)} is removed; {_people(needed[pepper.id])} had it." for pepper in chosen]
    account += [
        f"{_people(lost)} can no longer log in." if lost else "Nobody loses a password.",
        "Processes that run now keep it until they end. Nothing has to be deployed."
        if stage != STAGE
        else "Next: restart `make dev`.",
        "Backups and earlier versions of the parameter still hold it: a table restored to an earlier time needs it.",
    ]
    return Change(after, tuple(account))


def states(ring: Ring, *, now: int) -> list[tuple[str, str]]:
    """Return the name of each pepper, and what it does at ``now``."""
    peppers = parse_peppers(ring)
    current = peppers.current(now)
    return [(name_of(pepper.id), _state(pepper, current, now)) for pepper in peppers.peppers]


def name_of(pepper_id: str) -> str:
    """Return what the command calls a pepper."""
    return pepper_id or NAME_OF_FIRST


def _state(pepper: Pepper, current: Pepper, now: int) -> str:
    if pepper == current:
        return "in use for new hashes"
    if pepper.starts_at > now:
        return f"in use from {at(pepper.starts_at)} on"
    return "verifies; to be retired when no user needs it"


def _chosen(ring: Ring, *, now: int, pepper_id: str | None, stage: str) -> list[Pepper]:
    peppers = parse_peppers(ring)
    current = peppers.current(now - MARGIN)
    older = [pepper for pepper in peppers.peppers if pepper != current and pepper.starts_at <= current.starts_at]
    if pepper_id is None:
        if not older:
            raise RefusedError(
                f"there is nothing to retire: no newer pepper has been in use for {MARGIN} seconds."
                f" To add one: `python -m infra.keys pepper add --stage {stage}`"
            )
        return older
    found = [pepper for pepper in peppers.peppers if name_of(pepper.id).startswith(pepper_id)]
    if len(found) != 1:
        raise RefusedError(f"{len(found)} peppers of the ring have an id that begins with {pepper_id}")
    if found[0] not in older:
        raise RefusedError(
            f"{name_of(found[0].id)} is in use or waits to be, and no newer pepper has been in use for {MARGIN} seconds"
        )
    return found


def _people(number: int) -> str:
    return "1 user" if number == 1 else f"{number} users"


def _new_secret() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(MIN_PEPPER_BYTES)).rstrip(b"=").decode()
