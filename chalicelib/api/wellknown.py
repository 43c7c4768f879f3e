"""The routes that need no credential and read no database: the public keys, and whether the API is up."""

from __future__ import annotations

from typing import Any, TypedDict

from chalicelib import wiring
from chalicelib.api.responses import Answer
from chalicelib.api.routing import Call, Routes
from chalicelib.version import VERSION

JWKS_SECONDS = 300
"""How long others may keep the public keys. A new key has to be published for longer than this before it signs."""

routes = Routes(__name__)


class JwkSet(TypedDict):
    """The public keys (RFC 7517 section 5)."""

    keys: list[dict[str, Any]]


class HealthBody(TypedDict):
    """That the API answers."""

    status: str
    version: str


@routes.operation("GET", "/.well-known/jwks.json", headers=("Cache-Control",))
def jwks(_call: Call) -> Answer[JwkSet]:
    """Publish the keys that verify our tokens (RFC 7517 section 5)."""
    keys = wiring.verifier_settings().keys.jwks["keys"]
    return Answer({"keys": keys}, {"Cache-Control": f"public, max-age={JWKS_SECONDS}"})


@routes.operation("GET", "/health")
def health(_call: Call) -> Answer[HealthBody]:
    """Say that the API answers, and which version it is."""
    return Answer({"status": "ok", "version": VERSION})
