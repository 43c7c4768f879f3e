"""The application of one process over stores that answer at once, so that what is left is its own work.

Owns such stores, and how they come into the application's place of composition for a while.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast
from unittest import mock

from bench.scenarios import PASSWORD
from chalicelib import authorizer, telemetry, wiring
from chalicelib.accounts.caller import Caller
from chalicelib.accounts.session import Session
from chalicelib.accounts.user import User
from chalicelib.clock import system_clock
from chalicelib.config import MAX_SESSIONS, REFRESH_IDLE_LIFETIME, REFRESH_RETRY_WINDOW, SESSION_LIFETIME
from chalicelib.credentials.passwords import PasswordHasher, PasswordPolicy
from chalicelib.credentials.throttling import Attempt
from chalicelib.tokens.compact import TokenIssuer, TokenVerifier
from chalicelib.tokens.keys import (
    SigningKey,
    VerificationKey,
    generate_signing_jwk,
    parse_signing_keys,
    parse_verification_keys,
    public_jwks,
)
from chalicelib.use_cases.account import AccountService
from chalicelib.use_cases.log_in import AuthService, SessionRules
from chalicelib.use_cases.ports import EventLog, LoginThrottle, Rotation, SessionStore, Stores, UserStore

ISSUER = "https://site.example/api"
USERNAME = "alice@example.org"
CALLER = Caller(ip="203.0.113.7", user_agent="bench")


class _Users:
    def __init__(self, user: User) -> None:
        self._user = user

    def find(self, _username: str) -> User:
        return self._user


class _Sessions:
    """Takes every refresh token that is signed by us for the first use of it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def begin(self, *_arguments: object, **_options: object) -> None:
        return

    def rotate(self, _user_id: str, _session_id: str, counter: int, *, now: int, idle_expires_at: int) -> Rotation:
        rotated = replace(self._session, refresh_counter=counter + 1, last_used_at=now, idle_expires_at=idle_expires_at)
        return Rotation(applied=True, session=rotated)


class _Events:
    def record(self, _event: object) -> None:
        return


class _Throttle:
    def admit(self, _attempt: Attempt, _now: int) -> None:
        return

    def succeeded(self, _attempt: Attempt) -> None:
        return


@dataclass(frozen=True)
class Instant:
    """One user with one session, the use cases over stores that know them, and the keys."""

    auth: AuthService
    signing_key: SigningKey
    verification_key: VerificationKey
    user: User
    access_token: str
    refresh_token: str


@contextmanager
def instant_application(hasher: PasswordHasher, *, alg: str = "ES256") -> Iterator[Instant]:
    """Make this process's application, both Lambdas of it, work over such stores and with a new key.

    Their log lines are made as on Lambda, and go nowhere.
    """
    private = {"keys": [generate_signing_jwk(alg)]}
    public = public_jwks(private)
    signing_keys, verification_keys = parse_signing_keys(private), parse_verification_keys(public)
    now = int(time.time())
    user = User(
        id="u" * 22,
        username=USERNAME,
        password_hash=hasher.hash(PASSWORD),
        roles=("user",),
        created_at=now,
        session_bound=1,
    )
    session = Session(
        id="s" * 22,
        user_id=user.id,
        username=user.username,
        created_at=now,
        last_used_at=now,
        idle_expires_at=now + REFRESH_IDLE_LIFETIME,
        expires_at=now + SESSION_LIFETIME,
        refresh_counter=0,
        epoch=0,
        caller=CALLER,
    )
    issuer = TokenIssuer(
        issuer=ISSUER, audience=ISSUER, signing_keys=signing_keys, access_lifetime=3600, clock=system_clock
    )
    stores = Stores(
        users=cast("UserStore", _Users(user)),
        sessions=cast("SessionStore", _Sessions(session)),
        events=cast("EventLog", _Events()),
        throttle=cast("LoginThrottle", _Throttle()),
    )
    policy = PasswordPolicy(min_length=15)
    auth = AuthService(
        stores=stores,
        hasher=hasher,
        policy=policy,
        issuer=issuer,
        verifier=TokenVerifier(issuer=ISSUER, audience=ISSUER, keys=verification_keys, clock=system_clock),
        rules=SessionRules(
            idle_lifetime=REFRESH_IDLE_LIFETIME,
            absolute_lifetime=SESSION_LIFETIME,
            retry_window=REFRESH_RETRY_WINDOW,
            max_sessions=MAX_SESSIONS,
        ),
        registration_open=True,
        clock=system_clock,
    )
    account = AccountService(stores=stores, hasher=hasher, policy=policy, clock=system_clock)
    services = wiring.Services(auth, account)

    def this_services() -> wiring.Services:  # no mock, which would take its time and note every call
        return services

    settings = {
        "LYCHGATE_ISSUER": ISSUER,
        "LYCHGATE_PUBLIC_KEYS": json.dumps(public),
        "AWS_LAMBDA_FUNCTION_NAME": "bench",
    }
    with (
        mock.patch.dict(os.environ, settings),
        mock.patch.object(wiring, "services", this_services),
        _settings_read_anew(),
        _log_lines_thrown_away(),
    ):
        yield Instant(
            auth=auth,
            signing_key=signing_keys.keys[0],
            verification_key=verification_keys.keys[0],
            user=user,
            access_token=issuer.issue_access_token(user, session, now),
            refresh_token=issuer.issue_refresh_token(session),
        )


@contextmanager
def _settings_read_anew() -> Iterator[None]:
    caches = (wiring.http_settings, wiring.verifier_settings, authorizer.verifier)
    for cached in caches:
        cached.cache_clear()
    try:
        yield
    finally:
        for cached in caches:
            cached.cache_clear()


@contextmanager
def _log_lines_thrown_away() -> Iterator[None]:
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        with contextlib.redirect_stdout(nowhere):
            telemetry.configure(os.environ)
        try:
            yield
        finally:
            telemetry.configure({})
