"""The time that the application adds, in a warm process, to the verification of a signature and to a password hash.

Stores answer at once. The floor of each operation is its unavoidable cryptography, with the same libraries. The
operation and its floor alternate in one process.
"""

from __future__ import annotations

import base64
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import bcrypt
import jwt
from chalice.app import Chalice
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from bench.figures import Figure, Progress, differences, figure, ratios
from bench.instant import CALLER, ISSUER, USERNAME, Instant, instant_application, key_with_proof
from bench.interleaving import interleaved
from bench.lambda_events import api_event, authorizer_event
from chalicelib.config.api import BCRYPT_COST
from chalicelib.credentials.passwords import PasswordHasher
from chalicelib.credentials.peppers import Peppers
from chalicelib.tokens.kinds import REFRESH_TOKEN
from tests.support.scenarios import PASSWORD

TITLE = "Warm: a process's own work, over what its cryptography costs"

_PEPPER = bytes(range(32))
_CLAIMS = ["iss", "sub", "aud", "exp", "iat", "jti", "sid"]
_MICROSECONDS = 1e6
_MILLISECONDS = 1e3


@dataclass(frozen=True)
class _Effort:
    """The numbers of repetitions."""

    rounds: int
    calls: int
    password_rounds: int


_FULL = _Effort(rounds=400, calls=20, password_rounds=40)
_QUICK = _Effort(rounds=20, calls=5, password_rounds=2)


def measure(progress: Progress, *, quick: bool = False) -> list[Figure]:
    """Measure authorizer, refresh and log-in."""
    effort = _QUICK if quick else _FULL
    figures = []
    for alg in ("ES256", "RS256", "EdDSA"):
        progress(f"authorizer, {alg}")
        # The hash is not measured here, so its cost is bcrypt's minimum.
        with instant_application(PasswordHasher(peppers=Peppers.of(_PEPPER), cost=4), alg=alg) as instant:
            figures += _authorizer(instant, alg, effort)
    progress("refresh")
    with instant_application(PasswordHasher(peppers=Peppers.of(_PEPPER), cost=4)) as instant:
        figures += _refresh(instant, effort)
        figures += _signature(instant, effort)
        progress("protected request")
        figures += _protected(instant, effort)
    progress("refresh with a proof")
    client_key, proof = key_with_proof("/auth/refresh")
    with instant_application(PasswordHasher(peppers=Peppers.of(_PEPPER), cost=4), client_key=client_key) as instant:
        figures += _refresh_with_proof(instant, proof, effort)
    progress("log-in")
    with instant_application(PasswordHasher(peppers=Peppers.of(_PEPPER), cost=BCRYPT_COST)) as instant:
        figures += _log_in(instant, effort)
    return figures


def _authorizer(instant: Instant, alg: str, effort: _Effort) -> list[Figure]:
    event = authorizer_event(instant.access_token)
    answer = instant.authorizer(event, {})
    if answer["principalId"] != instant.user.id:
        raise AssertionError("the authorizer did not let its own token pass")
    actions: dict[str, Callable[[], object]] = {
        "ours": lambda: instant.authorizer(event, {}),
        "floor": lambda: _decoded(instant.access_token, instant, ISSUER),
    }
    if alg == "ES256":
        actions["signature"] = _raw_verification(instant)
    seconds = interleaved(actions, rounds=effort.rounds, calls=effort.calls)
    aim = 1.10 if alg == "ES256" else None
    figures = [
        figure(f"authorizer, {alg} / `jwt.decode`", "x", ratios(seconds["ours"], seconds["floor"]), at_most=aim),
        figure(f"authorizer, {alg}", "us", _in(_MICROSECONDS, seconds["ours"])),
        figure(f"`jwt.decode`, {alg}", "us", _in(_MICROSECONDS, seconds["floor"])),
    ]
    if alg == "ES256":
        against = ratios(seconds["ours"], seconds["signature"])
        figures += [
            figure("authorizer, ES256 / the signature alone", "x", against),
            figure("the signature alone, ES256", "us", _in(_MICROSECONDS, seconds["signature"])),
        ]
    return figures


def _refresh(instant: Instant, effort: _Effort) -> list[Figure]:
    event = api_event("POST", "/auth/refresh", {"refresh_token": instant.refresh_token})
    _check(instant.app, event)
    seconds = interleaved(
        {
            "use case": lambda: instant.use_cases.refresh_tokens.exchange(instant.refresh_token, CALLER),
            "handler": lambda: instant.app(event, None),
            "floor": _floor_of_a_refresh(instant),
        },
        rounds=effort.rounds,
        calls=effort.calls,
    )
    return [
        figure(
            "refresh, whole handler / one `jwt.decode` and two `jwt.encode`",
            "x",
            ratios(seconds["handler"], seconds["floor"]),
            at_most=1.5,
        ),
        figure(
            "refresh, use case / one `jwt.decode` and two `jwt.encode`",
            "x",
            ratios(seconds["use case"], seconds["floor"]),
            at_most=1.5,
        ),
        figure("refresh, whole handler", "us", _in(_MICROSECONDS, seconds["handler"])),
        figure("refresh, use case", "us", _in(_MICROSECONDS, seconds["use case"])),
        figure("one `jwt.decode` and two `jwt.encode`", "us", _in(_MICROSECONDS, seconds["floor"])),
    ]


def _refresh_with_proof(instant: Instant, proof: str, effort: _Effort) -> list[Figure]:
    """Compare the refresh of a bound session with the same floor. The store takes one proof again and again."""
    event = api_event("POST", "/auth/refresh", {"refresh_token": instant.refresh_token}, proof=proof)
    _check(instant.app, event)
    floor = _floor_of_a_refresh(instant)

    def floor_with_proof() -> None:
        floor()
        key = jwt.PyJWK(jwt.get_unverified_header(proof)["jwk"], "ES256")
        jwt.decode(proof, key, algorithms=["ES256"], options={"require": ["iat", "jti"]})

    seconds = interleaved(
        {"handler": lambda: instant.app(event, None), "floor": floor, "floor with proof": floor_with_proof},
        rounds=effort.rounds,
        calls=effort.calls,
    )
    return [
        figure(
            "refresh with a proof, whole handler / one `jwt.decode` and two `jwt.encode`",
            "x",
            ratios(seconds["handler"], seconds["floor"]),
            at_most=1.9,
        ),
        figure(
            "refresh with a proof, whole handler / the same and one `jwt.decode` of the proof",
            "x",
            ratios(seconds["handler"], seconds["floor with proof"]),
        ),
        figure("refresh with a proof, whole handler", "us", _in(_MICROSECONDS, seconds["handler"])),
    ]


def _protected(instant: Instant, effort: _Effort) -> list[Figure]:
    """Compare one view behind the feed of ended sessions, and behind the live check, with the same view open to all."""
    context = instant.authorizer(authorizer_event(instant.access_token), {})["context"]
    events = {name: api_event("GET", f"/bench/{name}", authorizer=context) for name in ("open", "feed", "live")}
    for event in events.values():
        _check(instant.app, event)
    seconds = interleaved(
        {name: functools.partial(instant.app, event, None) for name, event in events.items()},
        rounds=effort.rounds,
        calls=effort.calls,
    )
    more = differences(seconds["feed"], seconds["open"])
    return [
        figure("protected request behind the feed, more than open to all", "us", _in(_MICROSECONDS, more), at_most=20),
        figure(
            "protected request behind the feed / open to all",
            "x",
            ratios(seconds["feed"], seconds["open"]),
            headline=True,
        ),
        figure(
            "protected request, live, without the database's time / open to all",
            "x",
            ratios(seconds["live"], seconds["open"]),
            headline=True,
        ),
        figure("protected request behind the feed", "us", _in(_MICROSECONDS, seconds["feed"]), headline=True),
    ]


def _floor_of_a_refresh(instant: Instant) -> Callable[[], None]:
    """Return the cryptography of a refresh: one token is verified and two are signed."""
    claims = jwt.decode(instant.access_token, options={"verify_signature": False})
    refresh_claims = jwt.decode(instant.refresh_token, options={"verify_signature": False})
    key = instant.signing_key

    def floor() -> None:
        _decoded(instant.refresh_token, instant, REFRESH_TOKEN.audience(issuer=ISSUER, api=ISSUER))
        jwt.encode(claims, key.private_key, key.alg, {"typ": "at+jwt", "kid": key.kid})
        jwt.encode(refresh_claims, key.private_key, key.alg, {"typ": "refresh+jwt", "kid": key.kid})

    return floor


def _signature(instant: Instant, effort: _Effort) -> list[Figure]:
    """Compare our deterministic ES256 signature (RFC 6979) with PyJWT's, which draws a random number."""
    key, message, stock = instant.signing_key, b"x" * 300, jwt.get_algorithm_by_name("ES256")
    seconds = interleaved(
        {"ours": lambda: key.sign(message), "floor": lambda: stock.sign(message, key.private_key)},
        rounds=effort.rounds,
        calls=effort.calls,
    )
    return [
        figure("ES256 signature, deterministic / random", "x", ratios(seconds["ours"], seconds["floor"])),
        figure("ES256 signature, deterministic", "us", _in(_MICROSECONDS, seconds["ours"])),
    ]


def _log_in(instant: Instant, effort: _Effort) -> list[Figure]:
    event = api_event("POST", "/auth/login", {"username": USERNAME, "password": PASSWORD})
    _check(instant.app, event)
    password, hashed = PASSWORD.encode(), bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(BCRYPT_COST))
    seconds = interleaved(
        {
            "use case": lambda: instant.use_cases.log_in.with_password(USERNAME, PASSWORD, CALLER),
            "handler": lambda: instant.app(event, None),
            "floor": lambda: bcrypt.checkpw(password, hashed),
        },
        rounds=effort.password_rounds,
        calls=1,
    )
    return [
        figure(
            "log-in, whole handler / one `bcrypt.checkpw`",
            "x",
            ratios(seconds["handler"], seconds["floor"]),
            at_most=1.02,
        ),
        figure(
            "log-in, use case / one `bcrypt.checkpw`", "x", ratios(seconds["use case"], seconds["floor"]), at_most=1.02
        ),
        figure("log-in, whole handler", "ms", _in(_MILLISECONDS, seconds["handler"])),
        figure(f"one `bcrypt.checkpw` of cost {BCRYPT_COST}", "ms", _in(_MILLISECONDS, seconds["floor"])),
    ]


def _decoded(token: str, instant: Instant, audience: str) -> dict[str, Any]:
    """Return the claims with PyJWT alone, with a prepared key and the checks that Lychgate makes."""
    claims: dict[str, Any] = jwt.decode(
        token,
        instant.verification_key.public_key,
        algorithms=[instant.verification_key.alg],
        issuer=ISSUER,
        audience=audience,
        options={"require": _CLAIMS if audience == ISSUER else [name for name in _CLAIMS if name != "jti"]},
    )
    return claims


def _raw_verification(instant: Instant) -> Callable[[], None]:
    """Return a function that verifies the signature of decoded parts and does nothing else."""
    signed, _, signature = instant.access_token.rpartition(".")
    octets = base64.urlsafe_b64decode(signature + "==")
    half = len(octets) // 2
    der = encode_dss_signature(int.from_bytes(octets[:half], "big"), int.from_bytes(octets[half:], "big"))
    message, key, algorithm = signed.encode(), instant.verification_key.public_key, ec.ECDSA(hashes.SHA256())
    return lambda: key.verify(der, message, algorithm)


def _check(application: Chalice, event: dict[str, Any]) -> None:
    """Raise AssertionError unless the request succeeds, because refusals are fast too."""
    answer = application(event, None)
    if answer["statusCode"] != 200:  # noqa: PLR2004 - OK, RFC 9110 section 15.3.1
        raise AssertionError(f"{event['path']} answered {answer['statusCode']}: {answer['body']}")


def _in(units_a_second: float, seconds: list[float]) -> list[float]:
    return [sample * units_a_second for sample in seconds]
