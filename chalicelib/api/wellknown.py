"""The routes that need no credential and no database: public keys, discovery, what a log-in page asks for, health."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypedDict

from chalicelib.api.responses import Answer, SecondFactor
from chalicelib.api.routing import Call, Routes, Tag
from chalicelib.api.schemas import Keywords
from chalicelib.config.api import EMAIL_CHOICES, IDENTIFIERS
from chalicelib.credentials.password_text import MAX_LENGTH
from chalicelib.tokens.keys import JWKS_SECONDS
from chalicelib.tokens.kinds import ACCESS_TOKEN_CLAIMS
from chalicelib.version import VERSION

OPTIONS_SECONDS = 60
"""Seconds for which others may keep the options: after a deployment a page may be out of date as long."""

routes = Routes(Tag.DISCOVERY)

_KEPT = {"Content-Type": "application/json", "Cache-Control": f"public, max-age={JWKS_SECONDS}"}


class JwkSet(TypedDict):
    """The public keys (RFC 7517 section 5)."""

    keys: list[dict[str, Any]]


class OpenIdConfiguration(TypedDict):
    """The discovery document (OpenID Connect Discovery 1.0 section 3)."""

    issuer: str
    jwks_uri: str
    id_token_signing_alg_values_supported: list[str]
    dpop_signing_alg_values_supported: list[str]
    subject_types_supported: list[str]
    response_types_supported: list[str]
    claims_supported: list[str]


class PasswordLengths(TypedDict):
    """How long a new password may be, in characters after NFC."""

    min_length: int
    max_length: int


class OptionsBody(TypedDict):
    """What this site offers to whoever logs in or signs up."""

    registration: Literal["open", "closed"]
    identifier: Annotated[str, Keywords(enum=[*IDENTIFIERS], description="What names an account.")]
    email: Annotated[str, Keywords(enum=[*EMAIL_CHOICES], description="Whether an account has an e-mail address.")]
    password: PasswordLengths
    methods: Annotated[list[Literal["password", "passkey", "email_code"]], Keywords(description="The ways to log in.")]
    second_factors: Annotated[list[SecondFactor], Keywords(description="What may be asked for beside the first.")]
    dpop: Annotated[bool, Keywords(description="Whether a session can be bound to a key of its client (RFC 9449).")]


class HealthBody(TypedDict):
    """The health of the API."""

    status: str
    version: str


@routes.operation("GET", "/.well-known/jwks.json", headers=("Cache-Control",))
def get_jwks(call: Call) -> Answer[JwkSet]:
    """Return the public keys that verify our tokens (RFC 7517 section 5).

    The `kid` in a token's header names its key. Keys are rotated: a token with an unknown one is a reason to fetch the
    set again.
    """
    keys = call.lychgate.verifying.keys.published(call.lychgate.clock())["keys"]
    return Answer({"keys": keys}, {**_KEPT})


@routes.operation("GET", "/.well-known/openid-configuration", headers=("Cache-Control",))
def get_openid_configuration(call: Call) -> Answer[OpenIdConfiguration]:
    """Return the discovery document, with what a verifier of tokens needs.

    It has the members of OpenID Connect Discovery 1.0 section 3 that apply to a service without an authorization
    endpoint. An API Gateway JWT authorizer reads `issuer` and `jwks_uri`.
    """
    from chalicelib.accounts.key_proof import PROOF_ALGORITHM  # noqa: PLC0415 - few requests need it

    settings = call.lychgate.verifying
    body: OpenIdConfiguration = {
        "issuer": settings.issuer,
        "jwks_uri": f"{settings.issuer}/.well-known/jwks.json",
        "id_token_signing_alg_values_supported": settings.keys.algorithms(call.lychgate.clock()),
        "dpop_signing_alg_values_supported": [PROOF_ALGORITHM],  # RFC 9449 section 5.1
        "subject_types_supported": ["public"],
        "response_types_supported": [],
        "claims_supported": list(ACCESS_TOKEN_CLAIMS),
    }
    return Answer(body, {**_KEPT})


@routes.operation("GET", "/auth/options", headers=("Cache-Control",), tag=Tag.AUTHENTICATION)
def get_options(call: Call) -> Answer[OptionsBody]:
    """Return what a log-in page has to know of this site before anybody logs in.

    It follows the settings of the site. Later versions may add members, and values of those that are here.
    """
    settings = call.lychgate.settings
    body: OptionsBody = {
        "registration": "open" if settings.registration_open else "closed",
        "identifier": settings.identifier,
        "email": settings.email,
        "password": {"min_length": settings.password_min_length, "max_length": MAX_LENGTH},
        "methods": ["password", "passkey"],
        "second_factors": ["totp", "recovery_code", "passkey"],
        "dpop": True,
    }
    if settings.email != "off":
        body["methods"].append("email_code")
    kept = {"Content-Type": "application/json", "Cache-Control": f"public, max-age={OPTIONS_SECONDS}"}
    return Answer(body, {**kept})


@routes.operation("GET", "/health")
def get_health(_call: Call) -> Answer[HealthBody]:
    """Return that the API is up, and its version.

    It asks no database, so it is no proof that one could log in.
    """
    return Answer({"status": "ok", "version": VERSION})
