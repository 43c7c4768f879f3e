"""The life cycle of peppers, as changes to the ring, and the messages that tell the operator what to do next.

Its functions are pure: they take a ring, the time and who needs which pepper, and return a ring.
`chalicelib.credentials.peppers` owns which pepper is current.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from chalicelib.config.signing_secrets import MIN_PEPPER_BYTES, parse_peppers
from chalicelib.credentials.peppers import FIRST, Pepper
from infra.keys.ring import DEFAULT_DELAY, Change, RefusedError, Ring, at
from infra.keys.users import Needs
from infra.local.environment import STAGE

NAME_OF_FIRST = "first"
"""What the command calls the pepper without an id. An id of a later pepper is `p` and eight digits."""

LEAST_DELAY = 6 * 3600
"""Seconds (6 hours) until a new pepper is used. A process that started before does not know it, and AWS ends each
execution environment after a few hours (Lambda's documentation, "Lambda execution environment lifecycle")."""

MARGIN = 300
"""Seconds after which the clocks of all processes agree that a pepper has begun."""

_ID_BYTES = 4


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


@dataclass(frozen=True)
class Loss:
    """What may be lost with a pepper: what nobody said is a reason to refuse."""

    users: bool = False
    """Passwords and TOTP apps, and recovery codes."""
    recovery_codes: bool = False
    """Recovery codes alone."""


def retire(ring: Ring, *, now: int, pepper_id: str | None, needs: Needs, losing: Loss, stage: str) -> Change:
    """Remove a pepper that has a newer one, or all of them.

    Raises:
        RefusedError: there is no newer pepper or no such pepper, or users need it and may not lose it.

    """
    chosen = _chosen(ring, now=now, pepper_id=pepper_id, stage=stage)
    _refuse_loss(chosen, needs, losing)
    gone = {pepper.id for pepper in chosen}
    after: Ring = {**ring, "peppers": [later for later in ring.get("peppers", []) if later["id"] not in gone]}
    if FIRST in gone:
        del after["pepper"]
    account = [
        f"Pepper {name_of(pepper.id)} is removed; {_people(needs.passwords[pepper.id])} had it." for pepper in chosen
    ]
    account += [
        *_lost(chosen, needs),
        "Processes that run now keep it until they end. Nothing has to be deployed."
        if stage != STAGE
        else "Next: restart `make dev`.",
        "Backups and earlier versions of the parameter still hold it: a table restored to an earlier time needs it.",
    ]
    return Change(after, tuple(account))


def _refuse_loss(chosen: list[Pepper], needs: Needs, losing: Loss) -> None:
    passwords, totp = _listed(chosen, needs.passwords), _listed(chosen, needs.totp)
    codes = _listed(chosen, needs.recovery_codes)
    if passwords and not losing.users:
        raise RefusedError(
            f"passwords need what would be removed ({passwords}). These users have not logged in since the newer pepper"
            " began. Wait until they have. With --losing-users it is removed all the same: none of their passwords will"
            " ever be right again, and each of them needs a new one, by mail where an address is verified"
        )
    if totp and not losing.users:
        raise RefusedError(
            f"authenticator apps need what would be removed ({totp}). These users have not given a code of theirs since"
            " the newer pepper began. Wait until they have. With --losing-users it is removed all the same: none of"
            " their codes will ever be right again, and nobody but a passkey gets them in"
        )
    if codes and not losing.users and not losing.recovery_codes:
        raise RefusedError(
            f"recovery codes need what would be removed ({codes}). A log-in changes nothing of that: only these users"
            " can make new ones. Ask them to. With --losing-recovery-codes it is removed all the same: their apps and"
            " passkeys go on, and the recovery codes that they keep will never be right again"
        )


def _lost(chosen: list[Pepper], needs: Needs) -> Iterator[str]:
    """Yield what is lost with these peppers."""
    ids = [pepper.id for pepper in chosen]
    passwords, totp, codes = (
        sum(found[each] for each in ids) for found in (needs.passwords, needs.totp, needs.recovery_codes)
    )
    yield f"{_people(passwords)} can no longer log in." if passwords else "Nobody loses a password."
    if totp:
        yield f"{_people(totp)} can no longer use an authenticator app."
    if codes:
        yield f"{_people(codes)} can no longer use recovery codes made before."


def _listed(chosen: list[Pepper], found: Mapping[str, int]) -> str:
    return ", ".join(
        f"{name_of(pepper.id)}: {_people(found[pepper.id])}" for pepper in chosen if found.get(pepper.id, 0)
    )


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
