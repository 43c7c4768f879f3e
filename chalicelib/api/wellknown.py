"""The routes that need no credential and no database: the public keys, the discovery document and the health check."""

from __future__ import annotations

from typing import Any, TypedDict

from chalicelib.api.responses import Answer
from chalicelib.api.routing import Call, Routes
from chalicelib.tokens.keys import JWKS_SECONDS
from chalicelib.tokens.kinds import ACCESS_TOKEN_CLAIMS
from chalicelib.version import VERSION

routes = Routes()

_KEPT = {"Content-Type": "application/json", "Cache-Control": f"public, max-age={JWKS_SECONDS}"}


class JwkSet(TypedDict):
    """The public keys (RFC 7517 section 5)."""

    keys: list[dict[str, Any]]


class OpenIdConfiguration(TypedDict):
    """The discovery document (OpenID Connect Discovery 1.0 section 3)."""

    issuer: str
    jwks_uri: str
    id_token_signing_alg_values_supported: list[str]
    subject_types_supported: list[str]
    response_types_supported: list[str]
    claims_supported: list[str]


class HealthBody(TypedDict):
    """The health of the API."""

    status: str
    version: str


@routes.operation("GET", "/.well-known/jwks.json", headers=("Cache-Control",))
def jwks(call: Call) -> Answer[JwkSet]:
    """Return the public keys that verify our tokens (RFC 7517 section 5)."""
    keys = call.lychgate.verifying.keys.published(call.lychgate.clock())["keys"]
    return Answer({"keys": keys}, {**_KEPT})


@routes.operation("GET", "/.well-known/openid-configuration", headers=("Cache-Control",))
def openid_configuration(call: Call) -> Answer[OpenIdConfiguration]:
    """Return the discovery document, with what a verifier of tokens needs.

    It has the members of OpenID Connect Discovery 1.0 section 3 that apply to a service without an authorization
    endpoint. An API Gateway JWT authorizer reads `issuer` and `jwks_uri`.
    """
    settings = call.lychgate.verifying
    body: OpenIdConfiguration = {
        "issuer": settings.issuer,
        "jwks_uri": f"{settings.issuer}/.well-known/jwks.json",
        "id_token_signing_alg_values_supported": settings.keys.algorithms(call.lychgate.clock()),
        "subject_types_supported": ["public"],
        "response_types_supported": [],
        "claims_supported": list(ACCESS_TOKEN_CLAIMS),
    }
    return Answer(body, {**_KEPT})


@routes.operation("GET", "/health")
def health(_call: Call) -> Answer[HealthBody]:
    """Return that the API is up, and its version."""
    return Answer({"status": "ok", "version": VERSION})
