"""The routes that need no credential and read no database: the public keys, and whether the API is up."""

from __future__ import annotations

from typing import Any

from chalice import Blueprint, Response

from chalicelib import wiring
from chalicelib.api.boundary import answering
from chalicelib.keys import JWKS_SECONDS
from chalicelib.tokens import ACCESS_TOKEN_CLAIMS
from chalicelib.version import VERSION

blueprint = Blueprint(__name__)


@blueprint.route("/.well-known/jwks.json", methods=["GET"], content_types=[])
@answering
def jwks() -> Response:
    """Publish the keys that verify our tokens (RFC 7517 section 5)."""
    return _public(wiring.verifier_settings().keys.published(wiring.clock()))


@blueprint.route("/.well-known/openid-configuration", methods=["GET"], content_types=[])
@answering
def openid_configuration() -> Response:
    """Say where the keys are and what they verify, as far as a verifier of tokens needs it.

    The members of OpenID Connect Discovery 1.0 section 3 that a service without an authorization endpoint can fill
    in truthfully. An API Gateway JWT authorizer reads ``issuer`` and ``jwks_uri``.
    """
    settings = wiring.verifier_settings()
    return _public(
        {
            "issuer": settings.issuer,
            "jwks_uri": f"{settings.issuer}/.well-known/jwks.json",
            "id_token_signing_alg_values_supported": settings.keys.algorithms(wiring.clock()),
            "subject_types_supported": ["public"],
            "response_types_supported": [],
            "claims_supported": list(ACCESS_TOKEN_CLAIMS),
        }
    )


@blueprint.route("/health", methods=["GET"], content_types=[])
@answering
def health() -> Response:
    """Say that the API answers, and which version it is."""
    return Response({"status": "ok", "version": VERSION})


def _public(document: dict[str, Any]) -> Response:
    return Response(document, {"Content-Type": "application/json", "Cache-Control": f"public, max-age={JWKS_SECONDS}"})
