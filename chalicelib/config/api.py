"""The settings of the API Lambda, except those of the HTTP layer and of token verification.

Owns the name, the default and the valid values of each variable. A setting that is missing or invalid is an error that
names the variable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.accounts.session import SessionRules
from chalicelib.config.environment import host, integer, mails_per_day, one_of, required, site_name
from chalicelib.credentials.throttling import MailRules, ThrottleRules
from chalicelib.errors import ConfigurationError

ACCESS_TOKEN_LIFETIME = 600
"""Seconds (10 minutes). Short, because an access token cannot be revoked (RFC 9700 section 2.2.1)."""

REFRESH_IDLE_LIFETIME = 14 * 24 * 3600
"""Seconds without use (14 days) after which a session can no longer be refreshed (RFC 9700 section 4.14.2)."""

SESSION_LIFETIME = 90 * 24 * 3600
"""Seconds after its log-in (90 days) at which a session ends, however much it is used."""

REFRESH_RETRY_WINDOW = 20
"""Seconds during which the previous refresh token still gets the same successor. This is longer than a client waits
before it retries, and too short for a thief who comes later."""

FRESH_SECONDS = 900
"""Seconds (15 minutes) after an authentication during which a session may do what ends other sessions. Long enough for
what one came for, too short for a token that was stolen earlier."""

MAX_SESSIONS = 50
"""Sessions that a user may have at once. One more log-in ends the oldest. Ending all of them still fits into one
transaction of at most 100 items."""

PAIR_FAILURES = 5
"""Consecutive failures of an account from one address after which delays begin. The first delay is one second, and each
further failure doubles it."""

ACCOUNT_FAILURES = 100
"""Consecutive failures of an account after which delays apply to every address. SP 800-63B-4 section 3.2.2 allows no
more."""

DEVICE_FAILURES = 10
"""Consecutive failures of a device that has logged in before, or inside a session, after which delays begin."""

ADDRESS_FAILURES = 100
"""Failures that one IPv4 address or IPv6 /64 may have within its window, over all accounts. An IPv6 /56 may have twice
as many, and a /48 four times."""

REGISTRATIONS_PER_HOUR = 20
"""Accounts that may be created from one IPv4 address or IPv6 /64 in an hour: enough for a class or an office. A /56 and
a /48 may create twice and four times as many."""

ADDRESS_WINDOW = 3600
"""Seconds (1 hour)."""

LONGEST_DELAY = 900
"""Seconds (15 minutes). Long enough to make guessing pointless, short enough for a user to wait."""

MAILS_PER_IP = 30
"""Mails that may be asked for from one IPv4 address or IPv6 /64 in an hour, over all accounts. A /56 and a /48 may ask
for twice and four times as many."""

_LOOPBACK = ("127.0.0.1", "::1")

IDENTIFIERS = ("username", "email")
EMAIL_CHOICES = ("off", "optional", "required")

BCRYPT_COST = 12
"""bcrypt's work factor, log2 of its rounds: about a quarter of a second of one CPU."""

MIN_BCRYPT_COST = 10
"""OWASP Password Storage Cheat Sheet."""

PASSWORD_MIN_LENGTH = 15
"""Characters. NIST SP 800-63B-4 section 3.1.1.2, for a password that is the only factor."""

LEAST_PASSWORD_MIN_LENGTH = 8
"""The shortest minimum that may be set. NIST SP 800-63B-4 section 3.1.1.2."""

_MAX_SECONDS = 400 * 24 * 3600
"""400 days, the longest lifetime that browsers give a cookie (RFC 6265bis section 5.5)."""


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """The names of the DynamoDB tables."""

    users: str
    sessions: str
    events: str
    throttle: str
    mail: str


@dataclass(frozen=True, slots=True, eq=False)
class ApiSettings:
    """The settings of the API Lambda beside ``VerifierSettings``. None of them is secret."""

    signing_keys_parameter: str
    """The name of the SSM parameter that holds ``SigningSecrets``."""
    tables: Tables
    throttle: ThrottleRules
    sessions: SessionRules
    max_sessions: int
    fresh_seconds: int
    access_token_lifetime: int
    bcrypt_cost: int
    password_min_length: int
    context_words: tuple[str, ...]
    """Words that no password is made from, such as the name of the site."""
    registration_open: bool
    identifier: str
    """What names an account: "username", or "email" where the address is the username."""
    email: str
    """Whether an account has an address: "off", "optional" or "required"."""
    mails: MailRules
    check_pwned_passwords: bool
    site_name: str
    """What authenticators and authenticator apps call the site."""
    rp_id: str
    """The domain that passkeys are made for (WebAuthn Level 3, section 4)."""
    device_bound: bool
    """Whether browsers are asked to bind sessions to their device (Device Bound Session Credentials)."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> ApiSettings:
        """Parse the settings. Raises ConfigurationError."""

        def number(variable: str, default: int, least: int, most: int) -> int:
            return integer(environment, variable, default, least, most)

        return cls(
            signing_keys_parameter=required(environment, "LYCHGATE_SIGNING_KEYS_PARAMETER"),
            tables=Tables(
                users=required(environment, "LYCHGATE_USERS_TABLE"),
                sessions=required(environment, "LYCHGATE_SESSIONS_TABLE"),
                events=required(environment, "LYCHGATE_EVENTS_TABLE"),
                throttle=required(environment, "LYCHGATE_THROTTLE_TABLE"),
                mail=required(environment, "LYCHGATE_MAIL_TABLE"),
            ),
            throttle=ThrottleRules(
                pair_failures=number("LYCHGATE_THROTTLE_PAIR_FAILURES", PAIR_FAILURES, 1, 100),
                account_failures=number("LYCHGATE_THROTTLE_ACCOUNT_FAILURES", ACCOUNT_FAILURES, 1, ACCOUNT_FAILURES),
                device_failures=number("LYCHGATE_THROTTLE_DEVICE_FAILURES", DEVICE_FAILURES, 1, ACCOUNT_FAILURES),
                address_failures=number("LYCHGATE_THROTTLE_ADDRESS_FAILURES", ADDRESS_FAILURES, 1, 100_000),
                address_window=number("LYCHGATE_THROTTLE_ADDRESS_WINDOW", ADDRESS_WINDOW, 60, 86_400),
                longest_delay=number("LYCHGATE_THROTTLE_LONGEST_DELAY", LONGEST_DELAY, 1, 86_400),
                registrations=number("LYCHGATE_REGISTRATIONS_PER_HOUR", REGISTRATIONS_PER_HOUR, 1, 100_000),
            ),
            sessions=SessionRules(
                idle_lifetime=number("LYCHGATE_REFRESH_IDLE_LIFETIME", REFRESH_IDLE_LIFETIME, 60, _MAX_SECONDS),
                absolute_lifetime=number("LYCHGATE_SESSION_LIFETIME", SESSION_LIFETIME, 60, _MAX_SECONDS),
                retry_window=number("LYCHGATE_REFRESH_RETRY_WINDOW", REFRESH_RETRY_WINDOW, 1, 60),
            ),
            max_sessions=number("LYCHGATE_MAX_SESSIONS", MAX_SESSIONS, 1, 50),
            fresh_seconds=number("LYCHGATE_FRESH_SECONDS", FRESH_SECONDS, 60, 86_400),
            access_token_lifetime=number("LYCHGATE_ACCESS_TOKEN_LIFETIME", ACCESS_TOKEN_LIFETIME, 10, 3600),
            bcrypt_cost=number("LYCHGATE_BCRYPT_COST", BCRYPT_COST, MIN_BCRYPT_COST, 16),
            password_min_length=number(
                "LYCHGATE_PASSWORD_MIN_LENGTH", PASSWORD_MIN_LENGTH, LEAST_PASSWORD_MIN_LENGTH, 64
            ),
            context_words=_context_words(environment),
            registration_open=one_of(environment, "LYCHGATE_REGISTRATION", ("open", "closed"), "open") == "open",
            identifier=one_of(environment, "LYCHGATE_IDENTIFIER", IDENTIFIERS, "username"),
            email=_email(environment),
            mails=MailRules(
                per_ip=number("LYCHGATE_MAILS_PER_IP", MAILS_PER_IP, 1, 100_000),
                per_day=mails_per_day(environment),
            ),
            check_pwned_passwords=one_of(environment, "LYCHGATE_PWNED_PASSWORDS", ("on", "off"), "off") == "on",
            site_name=site_name(environment),
            rp_id=rp_id(environment),
            device_bound=one_of(environment, "LYCHGATE_DBSC", ("on", "off"), "off") == "on",
        )


def _email(environment: Mapping[str, str]) -> str:
    """Return whether accounts have addresses. A site that has no sender sends no mail, so it asks for no address."""
    can_send = bool(environment.get("LYCHGATE_MAIL_FROM", "").strip())
    chosen = one_of(environment, "LYCHGATE_EMAIL", EMAIL_CHOICES, "optional" if can_send else "off")
    if chosen != "off" and not can_send:
        raise ConfigurationError(
            "LYCHGATE_MAIL_FROM", f"must be the sender's address, because LYCHGATE_EMAIL is {chosen}"
        )
    if environment.get("LYCHGATE_IDENTIFIER") == "email":
        if chosen == "off":
            raise ConfigurationError(
                "LYCHGATE_IDENTIFIER", "must be username where no mail is sent: set LYCHGATE_MAIL_FROM to the sender's"
            )
        return "required"
    return chosen


def rp_id(environment: Mapping[str, str]) -> str:
    """Return the RP ID: by default the issuer's host, on a laptop ``localhost``, because no address can be one.

    It is the host of the site or a domain above it. Browsers refuse one that is a public suffix. Raises
    ConfigurationError.
    """
    of_site = host(environment, "LYCHGATE_ISSUER")
    if of_site in _LOOPBACK:
        of_site = "localhost"
    chosen = environment.get("LYCHGATE_RP_ID", "").strip() or of_site
    if of_site == "localhost" != chosen:
        raise ConfigurationError("LYCHGATE_RP_ID", "must be localhost, because LYCHGATE_ISSUER is on this machine")
    if of_site and chosen != of_site and not (of_site.endswith(f".{chosen}") and "." in chosen):
        raise ConfigurationError(
            "LYCHGATE_RP_ID",
            f"must be {of_site}, the host of LYCHGATE_ISSUER, or a domain above it that is yours, such as example.org",
        )
    return chosen


def _context_words(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the words that the setting lists, else "lychgate" and the names in the issuer's host.

    Of ``www.my-site.example`` these are the host itself, ``my-site.example``, each label, and ``mysite``.
    """
    if listed := environment.get("LYCHGATE_CONTEXT_WORDS"):
        words = tuple(word.strip() for word in listed.split(","))
        if not all(words):
            raise ConfigurationError("LYCHGATE_CONTEXT_WORDS", "must list words, separated by commas")
        return words
    labels = host(environment, "LYCHGATE_ISSUER").split(".")
    names = [".".join(labels[start:]) for start in range(len(labels))] + labels
    names += [label.replace("-", "") for label in labels]
    return tuple(dict.fromkeys(["lychgate", *(name for name in names if any(map(str.isalpha, name)))]))
