"""The floor of an authorizer: it imports PyJWT, and allows every request."""

from __future__ import annotations

import jwt  # noqa: F401
from chalice import AuthResponse, Blueprint
from chalice.app import AuthRequest

blueprint = Blueprint(__name__)


@blueprint.authorizer(ttl_seconds=300)
def authorizer(_request: AuthRequest) -> AuthResponse:
    """Do nothing."""
    return AuthResponse(routes=["*"], principal_id="somebody")
