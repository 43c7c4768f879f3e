"""Warnings about settings, each with what to do, and what no setting changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chalicelib.config import api
from infra.doctor.settings import Site


@dataclass(frozen=True)
class Advice:
    """A setting that makes a theft worse than it has to be, or a loss final."""

    setting: str
    what: str
    do: str


def warnings(site: Site) -> list[Advice]:
    """Return the warnings that stand, the gravest first."""
    return [
        Advice(setting, what(site), do)
        for setting, stands, what, do in _WARNINGS
        if stands(site) and not (site.is_laptop and setting in _OF_A_SITE)
    ]


_Row = tuple[str, Callable[[Site], bool], Callable[[Site], str], str]

_OF_A_SITE = ("LYCHGATE_RP_ID",)
"""Settings of which a laptop needs no warning."""

_WARNINGS: tuple[_Row, ...] = (
    (
        "LYCHGATE_EMAIL",
        lambda site: site.settings.email == "off",
        lambda _: (
            "No mail is sent. Who forgets the password of an account without a passkey has lost it, and nobody is "
            "told what happens to an account."
        ),
        "Send mail: make deploy STAGE=… ARGS='--mail-from no-reply@example.org' (docs/deployment.md, Mails). Else ask "
        "users for two passkeys.",
    ),
    (
        "LYCHGATE_RP_ID",
        lambda site: site.settings.rp_id.endswith(".cloudfront.net"),
        lambda site: (
            f"Passkeys are made for {site.settings.rp_id}, CloudFront's own name of this distribution. With "
            "another domain, or another distribution, all of them are worth nothing."
        ),
        "Give the stage a domain of yours before users add passkeys (docs/deployment.md, Passkeys and the domain).",
    ),
    (
        "LYCHGATE_RP_ID",
        lambda site: site.has_address and site.host != site.settings.rp_id,
        lambda site: (
            f"Passkeys are made for {site.settings.rp_id}, which is above {site.host}. Pages of every other host "
            "below it can ask for them, and so pretend to be this site to a passkey."
        ),
        "Let nobody else have a host below it, or leave LYCHGATE_RP_ID out before users add passkeys.",
    ),
    (
        "LYCHGATE_PASSWORD_MIN_LENGTH",
        lambda site: site.settings.password_min_length < api.PASSWORD_MIN_LENGTH,
        lambda site: (
            f"Passwords may have {site.settings.password_min_length} characters. SP 800-63B-4 asks for 15 where "
            "a password is all that a log-in needs, and without a second factor it is."
        ),
        "Leave the setting out, or set 15.",
    ),
    (
        "LYCHGATE_FRESH_SECONDS",
        lambda site: site.settings.fresh_seconds > api.FRESH_SECONDS,
        lambda site: (
            f"For {_minutes(site.settings.fresh_seconds)} after a log-in, whoever has the session can give the "
            "account another address, passkeys and a second factor: no password is asked for."
        ),
        "Leave the setting out (15 minutes), or make it shorter.",
    ),
    (
        "LYCHGATE_ACCESS_TOKEN_LIFETIME",
        lambda site: site.settings.access_token_lifetime > api.ACCESS_TOKEN_LIFETIME,
        lambda site: (
            f"An access token is good for {_minutes(site.settings.access_token_lifetime)}, elsewhere also after "
            "its session has ended."
        ),
        "Leave the setting out (10 minutes).",
    ),
    (
        "LYCHGATE_SESSION_LIFETIME",
        lambda site: (
            site.settings.sessions.absolute_lifetime > api.SESSION_LIFETIME
            or site.settings.sessions.idle_lifetime > api.REFRESH_IDLE_LIFETIME
        ),
        lambda _: (
            "Sessions last longer than 90 days, or 14 days without use. So does a stolen one while its owner is away."
        ),
        "Leave LYCHGATE_SESSION_LIFETIME and LYCHGATE_REFRESH_IDLE_LIFETIME out.",
    ),
    (
        "LYCHGATE_BCRYPT_COST",
        lambda site: site.settings.bcrypt_cost < api.BCRYPT_COST,
        lambda site: (
            f"Hashes cost {site.settings.bcrypt_cost}: whoever has the tables and the peppers guesses "
            f"{2 ** (api.BCRYPT_COST - site.settings.bcrypt_cost)} times as fast as at {api.BCRYPT_COST}."
        ),
        "Leave the setting out, or set 12 or more.",
    ),
    (
        "LYCHGATE_ALLOWED_ORIGINS",
        lambda site: not site.is_laptop and any(origin.startswith("http://") for origin in site.http.allowed_origins),
        lambda site: (
            "Pages that come without TLS may use this API: "
            + ", ".join(origin for origin in site.http.allowed_origins if origin.startswith("http://"))
            + ". Whoever is between can write such a page."
        ),
        "List origins with https:// only.",
    ),
)


def _minutes(seconds: int) -> str:
    return f"{seconds} s" if seconds % 60 else f"{seconds // 60} min"


NOT_PROTECTED = (
    "A page that looks like this one and passes on at once what is typed into it gets a session by password and code. "
    "Only passkeys withstand that.",
    "Whoever has the password of an account with TOTP can use up its tries of second factors, 20 an hour and 50 a day, "
    "and so delays the owner's log-in by a code. A passkey of the owner's goes on working.",
    "Whoever has a session that is fresh needs no password to change what an account is entered with.",
    "Whoever has lost the TOTP app and all recovery codes, and has no passkey, is out: a reset leaves the second "
    "factor on.",
    "Where the address is the name, a page of your own that confirms a registration and sends no password makes an "
    "account with the password of whoever registered. That may be a stranger. The page of mailed links asks for one.",
    "No notice has a button that undoes what it tells of.",
    "Whoever may write to the tables, or deploy, can take any account.",
)
"""What no setting changes."""
