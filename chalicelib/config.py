"""The settings of each Lambda, parsed once from its environment.

Owns the name of every variable, its default and what it may be. Takes the environment as an argument and opens nothing
but a file that a setting names. A setting that is missing or unusable is an error that names the variable.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from chalicelib.errors import ConfigurationError
from chalicelib.tokens.keys import SigningKeys, VerificationKeys, parse_signing_keys, parse_verification_keys

ACCESS_TOKEN_LIFETIME = 600
"""Seconds. Short, because an access token cannot be called back (RFC 9700 section 2.2.1)."""

REFRESH_IDLE_LIFETIME = 14 * 24 * 3600
"""Seconds without use after which a session cannot be refreshed any more (RFC 9700 section 4.14.2)."""

SESSION_LIFETIME = 90 * 24 * 3600
"""Seconds after its log-in at which a session ends for good."""

REFRESH_RETRY_WINDOW = 20
"""Seconds in which the previous refresh token still gets the same successor: longer than a client waits for an answer
before it tries again, and short enough to be of no use to a thief who comes later."""

MAX_SESSIONS = 50
"""Sessions that a user may have at once; a log-in beyond ends the oldest. Ending all of them still fits into one
transaction of at most 100 items."""

PAIR_FAILURES = 5
"""Consecutive failures of an account from one address after which delays begin, at one second and doubling."""

ACCOUNT_FAILURES = 100
"""Consecutive failures of an account after which delays apply from everywhere: the most that SP 800-63B-4 section 3.2.2
allows."""

ADDRESS_FAILURES = 100
"""Failures from one address, at whichever accounts, that its window allows."""

ADDRESS_WINDOW = 3600
"""Seconds."""

LONGEST_DELAY = 900
"""Seconds. Long enough to make guessing pointless, short enough for a user to wait for."""

BCRYPT_COST = 12
"""bcrypt's work factor, log2 of its rounds: about a quarter of a second of one CPU."""

MIN_BCRYPT_COST = 10
"""OWASP Password Storage Cheat Sheet."""

PASSWORD_MIN_LENGTH = 15
"""Characters. NIST SP 800-63B-4 section 3.1.1.2, for a password that is the only factor."""

LEAST_PASSWORD_MIN_LENGTH = 8
"""The shortest minimum that may be set. NIST SP 800-63B-4 section 3.1.1.2."""

MIN_PEPPER_BYTES = 32
"""SP 800-63B-4 section 3.1.1.2 asks for at least 112 bits; the size of a SHA-256 costs nothing more."""

_MAX_SECONDS = 400 * 24 * 3600
"""The longest life of a cookie that browsers keep (RFC 6265bis section 5.5)."""


@dataclass(frozen=True, slots=True)
class VerifierSettings:
    """What it takes to verify tokens: nothing secret. The authorizer has these and no others."""

    issuer: str
    """The API's root URL as clients see it: ``iss`` of every token."""
    audience: str
    """``aud`` of access tokens: which API they are for."""
    keys: VerificationKeys

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> VerifierSettings:
        """Parse the settings. Raises ConfigurationError."""
        issuer = _url(environment, "LYCHGATE_ISSUER")
        try:
            keys = parse_verification_keys(_json(environment, "LYCHGATE_PUBLIC_KEYS"))
        except ValueError as unusable:
            raise ConfigurationError("LYCHGATE_PUBLIC_KEYS", str(unusable)) from unusable
        return cls(issuer=issuer, audience=environment.get("LYCHGATE_AUDIENCE") or issuer, keys=keys)


@dataclass(frozen=True, slots=True)
class IssuerSettings:
    """What the API Lambda needs beside ``VerifierSettings``. Nothing secret either: the keys are where it says."""

    signing_keys_parameter: str
    """The SSM parameter that holds ``SigningSecrets``."""
    users_table: str
    sessions_table: str
    events_table: str
    throttle_table: str
    throttle_pair_failures: int
    throttle_account_failures: int
    throttle_address_failures: int
    throttle_address_window: int
    throttle_longest_delay: int
    access_token_lifetime: int
    refresh_idle_lifetime: int
    session_lifetime: int
    refresh_retry_window: int
    max_sessions: int
    bcrypt_cost: int
    password_min_length: int
    registration_open: bool
    check_pwned_passwords: bool

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> IssuerSettings:
        """Parse the settings. Raises ConfigurationError."""
        registration = environment.get("LYCHGATE_REGISTRATION", "open")
        if registration not in {"open", "closed"}:
            raise ConfigurationError("LYCHGATE_REGISTRATION", "must be open or closed")
        pwned_passwords = environment.get("LYCHGATE_PWNED_PASSWORDS") or "off"
        if pwned_passwords not in {"on", "off"}:
            raise ConfigurationError("LYCHGATE_PWNED_PASSWORDS", "must be on or off")
        return cls(
            signing_keys_parameter=_required(environment, "LYCHGATE_SIGNING_KEYS_PARAMETER"),
            users_table=_required(environment, "LYCHGATE_USERS_TABLE"),
            sessions_table=_required(environment, "LYCHGATE_SESSIONS_TABLE"),
            events_table=_required(environment, "LYCHGATE_EVENTS_TABLE"),
            throttle_table=_required(environment, "LYCHGATE_THROTTLE_TABLE"),
            throttle_pair_failures=_integer(environment, "LYCHGATE_THROTTLE_PAIR_FAILURES", PAIR_FAILURES, 1, 100),
            throttle_account_failures=_integer(
                environment, "LYCHGATE_THROTTLE_ACCOUNT_FAILURES", ACCOUNT_FAILURES, 1, ACCOUNT_FAILURES
            ),
            throttle_address_failures=_integer(
                environment, "LYCHGATE_THROTTLE_ADDRESS_FAILURES", ADDRESS_FAILURES, 1, 100_000
            ),
            throttle_address_window=_integer(
                environment, "LYCHGATE_THROTTLE_ADDRESS_WINDOW", ADDRESS_WINDOW, 60, 86_400
            ),
            throttle_longest_delay=_integer(environment, "LYCHGATE_THROTTLE_LONGEST_DELAY", LONGEST_DELAY, 1, 86_400),
            access_token_lifetime=_integer(
                environment, "LYCHGATE_ACCESS_TOKEN_LIFETIME", ACCESS_TOKEN_LIFETIME, 10, 3600
            ),
            refresh_idle_lifetime=_integer(
                environment, "LYCHGATE_REFRESH_IDLE_LIFETIME", REFRESH_IDLE_LIFETIME, 60, _MAX_SECONDS
            ),
            session_lifetime=_integer(environment, "LYCHGATE_SESSION_LIFETIME", SESSION_LIFETIME, 60, _MAX_SECONDS),
            refresh_retry_window=_integer(environment, "LYCHGATE_REFRESH_RETRY_WINDOW", REFRESH_RETRY_WINDOW, 1, 60),
            max_sessions=_integer(environment, "LYCHGATE_MAX_SESSIONS", MAX_SESSIONS, 1, 50),
            bcrypt_cost=_integer(environment, "LYCHGATE_BCRYPT_COST", BCRYPT_COST, MIN_BCRYPT_COST, 16),
            password_min_length=_integer(
                environment, "LYCHGATE_PASSWORD_MIN_LENGTH", PASSWORD_MIN_LENGTH, LEAST_PASSWORD_MIN_LENGTH, 64
            ),
            registration_open=registration == "open",
            check_pwned_passwords=pwned_passwords == "on",
        )


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """What the HTTP layer needs: who may call from a browser, and how the refresh cookie is set."""

    own_origin: str
    """The API's own origin, which is also that of its page."""
    allowed_origins: tuple[str, ...]
    """Origins of the pages that may use the cookie and, from elsewhere, read answers (RFC 6454 section 6.2)."""
    cookie_path: str
    over_https: bool
    """Whether the API is reached by HTTPS: everywhere but on a developer's machine."""
    distribution_secret_sha256: str | None
    """The SHA-256, in hex, of what the distribution sends in ``X-Lychgate-Distribution``; None if there is none. A hash
    of a random secret may stand in plain configuration."""

    @property
    def cookie_name(self) -> str:
        """RFC 6265bis section 4.1.3.1: browsers take ``__Secure-`` only with ``Secure``: none over HTTP."""
        return "__Secure-refresh_token" if self.over_https else "refresh_token"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> HttpSettings:
        """Parse the settings. Raises ConfigurationError."""
        issuer = urlsplit(_url(environment, "LYCHGATE_ISSUER"))
        own_origin = f"{issuer.scheme}://{issuer.netloc}"
        listed = environment.get("LYCHGATE_ALLOWED_ORIGINS") or own_origin
        origins = tuple(origin.strip() for origin in listed.split(","))
        for origin in origins:
            parts = urlsplit(origin)
            if parts.scheme not in {"http", "https"} or origin != f"{parts.scheme}://{parts.netloc}":
                raise ConfigurationError(
                    "LYCHGATE_ALLOWED_ORIGINS", f"must list origins such as https://example.org, but has {origin!r}"
                )
        secret_sha256 = environment.get("LYCHGATE_DISTRIBUTION_SECRET_SHA256") or None
        if secret_sha256 is not None and not re.fullmatch(r"[0-9a-f]{64}", secret_sha256):
            raise ConfigurationError("LYCHGATE_DISTRIBUTION_SECRET_SHA256", "must be a SHA-256 in hex")
        return cls(
            own_origin=own_origin,
            allowed_origins=origins,
            cookie_path=f"{issuer.path}/auth",
            over_https=issuer.scheme == "https",
            distribution_secret_sha256=secret_sha256,
        )


@dataclass(frozen=True, slots=True)
class SigningSecrets:
    """What must never leave the API Lambda. The value of one encrypted SSM parameter."""

    signing_keys: SigningKeys
    pepper: bytes = field(repr=False)

    @classmethod
    def from_json(cls, text: str, *, source: str) -> SigningSecrets:
        """Parse ``{"keys": [<private JWK>…], "pepper": "<base64url>"}``.

        Raises ConfigurationError that names ``source`` and never quotes the text.
        """
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            raise ConfigurationError(source, "must hold JSON") from None
        try:
            signing_keys = parse_signing_keys(document)
        except ValueError as unusable:
            raise ConfigurationError(source, str(unusable)) from None
        try:
            encoded = document["pepper"]
            pepper = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
        except (KeyError, TypeError, ValueError):
            raise ConfigurationError(source, "must hold a member pepper, base64url") from None
        if len(pepper) < MIN_PEPPER_BYTES:
            raise ConfigurationError(source, f"must hold a pepper of at least {MIN_PEPPER_BYTES} bytes")
        return cls(signing_keys, pepper)


def _required(environment: Mapping[str, str], variable: str) -> str:
    value = environment.get(variable, "").strip()
    if not value:
        raise ConfigurationError(variable, "is not set")
    return value


def _url(environment: Mapping[str, str], variable: str) -> str:
    value = _required(environment, variable)
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment or value[-1] == "/":
        raise ConfigurationError(variable, "must be a URL such as https://example.org/api, without a slash at its end")
    if parts.scheme == "http" and parts.hostname not in {"127.0.0.1", "localhost", "::1"}:
        raise ConfigurationError(variable, "must begin with https:// unless it is this machine's own address")
    return value


def _json(environment: Mapping[str, str], variable: str) -> object:
    """Return the JSON in a variable, or in the file that it names: ``file://`` and a path from the working folder."""
    value = _required(environment, variable)
    if value.startswith("file://"):
        path = Path(value.removeprefix("file://"))
        try:
            value = path.read_text("utf-8")
        except OSError as unreadable:
            raise ConfigurationError(
                variable, f"names {path}, which cannot be read ({unreadable.strerror}); `make dynamodb` makes it"
            ) from unreadable
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise ConfigurationError(variable, "must hold JSON") from None


def _integer(environment: Mapping[str, str], variable: str, default: int, least: int, most: int) -> int:
    value = environment.get(variable) or str(default)
    if not value.isascii() or not value.isdigit() or not least <= int(value) <= most:
        raise ConfigurationError(variable, f"must be a whole number from {least} to {most}")
    return int(value)
