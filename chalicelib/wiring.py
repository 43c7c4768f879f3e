"""The composition root of the API Lambda: the only place that builds adapters and puts them together."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.adapters.aws import dynamodb_client, ssm_client
from chalicelib.adapters.dynamodb.events import DynamoDBEventLog
from chalicelib.adapters.dynamodb.items import Tables
from chalicelib.adapters.dynamodb.sessions import DynamoDBSessionStore
from chalicelib.adapters.dynamodb.throttle import DynamoDBLoginThrottle
from chalicelib.adapters.dynamodb.users import DynamoDBUserStore
from chalicelib.adapters.parameter_store import read_secret
from chalicelib.adapters.pwned_passwords import PwnedPasswords
from chalicelib.clock import Clock, system_clock
from chalicelib.config import HttpSettings, IssuerSettings, SigningSecrets, VerifierSettings
from chalicelib.credentials.passwords import PasswordHasher, PasswordPolicy
from chalicelib.credentials.throttling import ThrottleRules
from chalicelib.errors import ConfigurationError
from chalicelib.tokens.compact import TokenIssuer, TokenVerifier
from chalicelib.use_cases.account import AccountService
from chalicelib.use_cases.log_in import AuthService, SessionRules
from chalicelib.use_cases.ports import Stores

clock: Clock = system_clock
"""The time as the views see it."""


@dataclass(frozen=True, slots=True)
class Services:
    """The use cases, over one set of stores."""

    auth: AuthService
    account: AccountService


_failures: list[Exception] = []


def prepare() -> None:
    """Build this process's services before the first request. If that fails, the first to ask for them is told so.

    Lambda gives a process that is starting a whole CPU, whatever its memory, and starts some before they are needed. A
    failure must not escape: Lambda would start one process after the other, and answer nobody with a problem document.
    """
    try:
        services()
    except Exception as failure:  # noqa: BLE001 - raised again by the first request, which answers it
        _failures.append(failure)


@functools.cache
def services() -> Services:
    """Return this process's services, built at the first call; if that fails, at the next."""
    if _failures:
        raise _failures.pop()
    return build_services(os.environ, clock=clock)


def auth_service() -> AuthService:
    """Return the use cases of logging in and out."""
    return services().auth


def account_service() -> AccountService:
    """Return the use cases of a user who is logged in."""
    return services().account


@functools.cache
def http_settings() -> HttpSettings:
    """Return this process's settings of the HTTP layer."""
    return HttpSettings.from_environment(os.environ)


@functools.cache
def verifier_settings() -> VerifierSettings:
    """Return this process's settings for verifying tokens, public keys included."""
    return VerifierSettings.from_environment(os.environ)


def build_services(environment: Mapping[str, str], *, clock: Clock) -> Services:
    """Return the services that these settings describe, on AWS as the SDK finds it.

    Raises:
        ConfigurationError: a setting is missing or unusable; it names the variable.
        ServiceUnavailable: the signing keys could not be read for now.

    """
    verifying = VerifierSettings.from_environment(environment)
    settings = IssuerSettings.from_environment(environment)
    secrets = SigningSecrets.from_json(
        read_secret(ssm_client(), settings.signing_keys_parameter, variable="LYCHGATE_SIGNING_KEYS_PARAMETER"),
        source=settings.signing_keys_parameter,
    )
    signing_keys = secrets.signing_keys.known_to(verifying.keys)
    if not any(key.is_good(clock()) for key in signing_keys.keys):
        raise ConfigurationError(
            "LYCHGATE_PUBLIC_KEYS", "does not hold the key that signs: nobody could use its tokens"
        )
    dynamodb = dynamodb_client()
    tables = Tables(
        users=settings.users_table,
        sessions=settings.sessions_table,
        events=settings.events_table,
        throttle=settings.throttle_table,
    )
    throttle_rules = ThrottleRules(
        pair_failures=settings.throttle_pair_failures,
        account_failures=settings.throttle_account_failures,
        address_failures=settings.throttle_address_failures,
        address_window=settings.throttle_address_window,
        longest_delay=settings.throttle_longest_delay,
    )
    stores = Stores(
        users=DynamoDBUserStore(dynamodb, tables),
        sessions=DynamoDBSessionStore(dynamodb, tables),
        events=DynamoDBEventLog(dynamodb, tables),
        throttle=DynamoDBLoginThrottle(dynamodb, tables, throttle_rules),
    )
    hasher = PasswordHasher(pepper=secrets.pepper, cost=settings.bcrypt_cost)
    policy = PasswordPolicy(
        min_length=settings.password_min_length,
        leaked=PwnedPasswords() if settings.check_pwned_passwords else None,
    )
    auth = AuthService(
        stores=stores,
        hasher=hasher,
        policy=policy,
        issuer=TokenIssuer(
            issuer=verifying.issuer,
            audience=verifying.audience,
            signing_keys=signing_keys,
            access_lifetime=settings.access_token_lifetime,
            clock=clock,
        ),
        verifier=TokenVerifier(issuer=verifying.issuer, audience=verifying.audience, keys=verifying.keys, clock=clock),
        rules=SessionRules(
            idle_lifetime=settings.refresh_idle_lifetime,
            absolute_lifetime=settings.session_lifetime,
            retry_window=settings.refresh_retry_window,
            max_sessions=settings.max_sessions,
        ),
        registration_open=settings.registration_open,
        clock=clock,
    )
    return Services(auth, AccountService(stores=stores, hasher=hasher, policy=policy, clock=clock))
