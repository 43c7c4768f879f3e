"""The routes that need no credential and read no database: the public keys, and whether the API is up."""

from __future__ import annotations

from chalice import Blueprint, Response

from chalicelib import wiring
from chalicelib.api.boundary import answering
from chalicelib.version import VERSION

JWKS_SECONDS = 300
"""How long others may keep the public keys. A new key has to be published for longer than this before it signs."""

blueprint = Blueprint(__name__)


@blueprint.route("/.well-known/jwks.json", methods=["GET"], content_types=[])
@answering
def jwks() -> Response:
    """Publish the keys that verify our tokens (RFC 7517 section 5)."""
    return Response(dict(wiring.verifier_settings().keys.jwks), {"Cache-Control": f"public, max-age={JWKS_SECONDS}"})


@blueprint.route("/health", methods=["GET"], content_types=[])
@answering
def health() -> Response:
    """Say that the API answers, and which version it is."""
    return Response({"status": "ok", "version": VERSION})
