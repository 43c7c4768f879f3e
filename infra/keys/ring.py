"""The life cycle of keys, as changes to the ring, which is the document in the encrypted parameter.

Owns the order of changes that keeps every token verifiable, and the messages that tell the operator what to do next.
Its functions are pure: they take a ring and the time and return a ring. `chalicelib.tokens.keys` owns the form of keys.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chalicelib.config.signing_secrets import MIN_PEPPER_BYTES
from chalicelib.tokens.keys import JWKS_SECONDS, generate_signing_jwk
from infra.local.environment import STAGE

Jwk = dict[str, Any]
Ring = dict[str, Any]

DEPLOYMENT_SECONDS = 300
"""Seconds that a deployment may take, from its first function to its last."""

LEAST_DELAY = JWKS_SECONDS + DEPLOYMENT_SECONDS
"""Seconds between the creation of a key and its first signature. By then the authorizer has the key, and so do others
who cache the published set."""

DEFAULT_DELAY = 24 * 3600
"""Seconds (1 day): the time for the deployment."""

RETIREMENT_MARGIN = 300
"""Seconds that a key verifies after its last token has expired, because clocks differ and requests take time."""

REVOKED_SECONDS = 3600
"""Seconds (1 hour) that a revoked private key stays in the ring, for processes that start before the deployment and
know no other key."""


class RefusedError(Exception):
    """Raised if a change would leave the stage without a key, or makes no sense. The message says what to do."""


@dataclass(frozen=True)
class Change:
    """The new ring, and messages for the operator in ``account``. The messages hold no secrets."""

    ring: Ring
    account: tuple[str, ...]


def new_ring(alg: str = "ES256", *, now: int | None = None) -> Ring:
    """Return a ring with a new pepper and one new key, which signs at once."""
    pepper = base64.urlsafe_b64encode(secrets.token_bytes(MIN_PEPPER_BYTES)).rstrip(b"=").decode()
    key: Jwk = {**generate_signing_jwk(alg), **({} if now is None else {"iat": now})}
    return {"keys": [key], "pepper": pepper}


def add(ring: Ring, *, now: int, alg: str, delay: int | None, stage: str) -> Change:
    """Add a key that signs ``delay`` seconds from now. If a key waits already, change its start instead."""
    if delay is not None and delay < LEAST_DELAY:
        raise RefusedError(f"a new key signs in {LEAST_DELAY} seconds at the earliest: verifiers need that long")
    starts_at = now + (DEFAULT_DELAY if delay is None else delay)
    waiting = [key for key in in_service(ring) if key.get("nbf", 0) > now]
    if not waiting:
        key: Jwk = {**generate_signing_jwk(alg), "iat": now, "nbf": starts_at}
        keys = [*ring["keys"], key]
        first = f"New key {key['kid']} ({alg}). It will sign from {at(starts_at)} on, not before."
    elif delay is None:
        key = waiting[-1]
        keys = ring["keys"]
        first = (
            f"Key {key['kid']} ({key['alg']}) waits already. It will sign from {at(key['nbf'])} on. No key was added."
        )
    else:
        key = waiting[-1] | {"nbf": starts_at}
        keys = [key if other["kid"] == key["kid"] else other for other in ring["keys"]]
        first = f"Key {key['kid']} ({key['alg']}) waited already. It will now sign from {at(starts_at)} on."
    return Change(
        {**ring, "keys": keys},
        (
            first,
            f"Next: {_deployment(stage)}, finished before {at(key['nbf'] - JWKS_SECONDS)}. It publishes the"
            " key and brings it to the authorizer.",
            f"If that is too early, move the time: `python -m infra.keys add --stage {stage} --in 48h`.",
            "Nobody is logged out: tokens of the older keys stay valid.",
            f"After {at(key['nbf'])}: `python -m infra.keys retire --stage {stage}`.",
        ),
    )


def retire(ring: Ring, *, now: int, kid: str | None, longest_token: int, stage: str) -> Change:
    """Set the expiry of keys that have a newer one to the time when their last token expires.

    Raises:
        RefusedError: there is no newer key, or no such key.

    """
    succeeded = [key for key in in_service(ring) if _successor(ring, key, by=now)]
    retired = [key for key in ring["keys"] if "exp" in key and "revoked" not in key]
    chosen = [find(ring, kid)] if kid else succeeded or retired
    if not chosen:
        raise RefusedError(
            "there is nothing to retire: no newer key has begun to sign."
            f" To add one: `python -m infra.keys add --stage {stage}`"
        )
    keys = list(ring["keys"])
    account = []
    for key in chosen:
        if "exp" in key:
            account.append(f"Key {key['kid']} is retired already and verifies until {at(key['exp'])}.")
            continue
        successor = _successor(ring, key)
        if successor is None:
            raise RefusedError(
                f"{key['kid']} is the newest key: nothing could sign after it."
                f" First `python -m infra.keys add --stage {stage}`"
            )
        last_signature = max(now, successor.get("nbf", 0))
        ends_at = last_signature + longest_token + RETIREMENT_MARGIN
        keys[keys.index(key)] = key | {"exp": ends_at}
        account.append(
            f"Key {key['kid']} ({key['alg']}) signs until {at(last_signature)} at the latest. Its last token expires"
            f" {longest_token} seconds later, and the key at {at(ends_at)}."
        )
    account += [
        f"Next: {_deployment(stage)}, at any time before that. Verifiers then stop by their own clocks.",
        "Nobody is logged out, provided that the newer key has been deployed by now.",
        "The first change after the key has expired removes it from the ring.",
    ]
    return Change({**ring, "keys": keys}, tuple(account))


def revoke(ring: Ring, *, now: int, kid: str, stage: str) -> Change:
    """Revoke a key at once, and make another one sign. Raises RefusedError if there is no such key."""
    key = find(ring, kid)
    if "revoked" in key:
        ring_after = ring
        account = [f"Key {key['kid']} was revoked at {at(key['revoked']['revoked_at'])} already."]
    else:
        gone = key | {"revoked": {"revoked_at": now}, "exp": now + REVOKED_SECONDS}
        ring_after = {**ring, "keys": [gone if other is key else other for other in ring["keys"]]}
        account = [f"Key {key['kid']} ({key['alg']}) is revoked."]
        signing = [other for other in in_service(ring_after) if other.get("nbf", 0) <= now]
        waiting = [other for other in in_service(ring_after) if other.get("nbf", 0) > now]
        if signing:
            account.append(f"Key {signing[-1]['kid']} ({signing[-1]['alg']}) signs from now on.")
        elif waiting:
            promoted = waiting[0] | {"nbf": now}
            ring_after["keys"][ring_after["keys"].index(waiting[0])] = promoted
            account.append(f"Key {promoted['kid']} ({promoted['alg']}), which waited, signs from now on.")
        else:
            successor: Jwk = {**generate_signing_jwk(key["alg"]), "iat": now, "nbf": now}
            ring_after["keys"].append(successor)
            account.append(f"New key {successor['kid']} ({successor['alg']}) signs from now on.")
    account += [
        f"Next, at once: {_deployment(stage)}. Until then, tokens of the key are still accepted, and processes that"
        " know no other key still issue them.",
        "Then empty the gateway's cache, which may accept them for 300 seconds more:"
        " `aws apigateway flush-stage-authorizers-cache --rest-api-id ID --stage-name api`.",
        f"Others who verify our tokens may cache the published keys for {JWKS_SECONDS} seconds.",
        "Every access and refresh token of the key is then refused: its users log in again. Their passwords stay.",
    ]
    return Change(ring_after, tuple(account))


def pruned(ring: Ring, *, now: int) -> Ring:
    """Return the ring without the keys that have expired at ``now``."""
    return {**ring, "keys": [key for key in ring["keys"] if "exp" not in key or now < key["exp"]]}


def in_service(ring: Ring) -> list[Jwk]:
    """Return the keys that are neither retired nor revoked, sorted by their start."""
    return sorted((key for key in ring["keys"] if not {"exp", "revoked"} & key.keys()), key=_starts_at)


def find(ring: Ring, kid: str) -> Jwk:
    """Return the one key whose ``kid`` begins with ``kid``. Raises RefusedError if there is not exactly one."""
    found: list[Jwk] = [key for key in ring["keys"] if key["kid"].startswith(kid)]
    if len(found) != 1:
        raise RefusedError(f"{len(found)} keys of the ring have a kid that begins with {kid}")
    return found[0]


def state(key: Mapping[str, Any], *, now: int, signing_kid: str) -> str:
    """Return a short description of what a key does at ``now``."""
    if "revoked" in key:
        return f"revoked at {at(key['revoked']['revoked_at'])}"
    if "exp" in key and key["exp"] <= now:
        return f"ended at {at(key['exp'])}"
    until = f" until {at(key['exp'])}" if "exp" in key else ""
    if key["kid"] == signing_kid:
        return f"signs{until}"
    if key.get("nbf", 0) > now:
        return f"signs from {at(key['nbf'])} on"
    return f"verifies{until}" if until else "verifies; to be retired"


def at(numeric_date: int) -> str:
    """Return a NumericDate as an RFC 3339 timestamp in UTC."""
    return datetime.fromtimestamp(numeric_date, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _deployment(stage: str) -> str:
    return "restart `make dev`" if stage == STAGE else f"`chalice deploy --stage {stage}`"


def _starts_at(key: Jwk) -> int:
    return int(key.get("nbf", 0))


def _successor(ring: Ring, key: Jwk, *, by: int | None = None) -> Jwk | None:
    """Return the first key that signs after ``key``, None if there is none that starts ``by`` the given time."""
    order = in_service(ring)
    later = order[order.index(key) + 1 :] if key in order else []
    begun = [other for other in later if by is None or _starts_at(other) <= by]
    return begun[0] if begun else None
