"""The authorizer Lambda: says to API Gateway whether a Bearer token is good, and whose it is.

Owns its entry point, and the form in which a principal travels through API Gateway to the views. Reaches tokens, keys,
settings and models only: this Lambda holds public keys and no permission to anything. Its module name is part of the
handler's name in every deployed stack, so it stays.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

from chalice import AuthResponse, Blueprint
from chalice.app import AuthRequest

from chalicelib import telemetry
from chalicelib.clock import system_clock
from chalicelib.config import VerifierSettings
from chalicelib.errors import InvalidToken
from chalicelib.tokens.compact import TokenVerifier
from chalicelib.tokens.principals import Principal

CACHE_SECONDS = 300
"""Seconds for which API Gateway may reuse an answer for the same token. Views check ``exp`` again."""

# RFC 6750 section 2.1, the scheme's name in any case (RFC 9110 section 11.1).
_BEARER = re.compile(r"bearer +([^ ]+)", re.IGNORECASE)

telemetry.configure(os.environ)

blueprint = Blueprint(__name__)


class Unauthorized(Exception):
    """Raised to make API Gateway answer 401: it does so for exactly this message, and 500 for any other."""

    def __init__(self) -> None:
        super().__init__("Unauthorized")


@blueprint.authorizer(ttl_seconds=CACHE_SECONDS)
def authorizer(request: AuthRequest) -> AuthResponse:
    """Return a policy that allows the bearer of a good access token every route, with its principal as context.

    API Gateway caches the policy by token for all routes, so it must not name the one that was asked for; what a
    principal may do is for the views to decide.

    Raises:
        Unauthorized: the token is missing or bad in any way.

    """
    try:
        principal = verifier().verify_access_token(_bearer_token(request.token))
    except InvalidToken as refused:
        telemetry.log_refused_token(refused.reason)
        raise Unauthorized from None
    return AuthResponse(routes=["*"], principal_id=principal.user_id, context=_to_context(principal))


@functools.cache
def verifier() -> TokenVerifier:
    """Return this process's verifier, built at the first call. Raises ConfigurationError."""
    settings = VerifierSettings.from_environment(os.environ)
    return TokenVerifier(issuer=settings.issuer, audience=settings.audience, keys=settings.keys, clock=system_clock)


def principal_from_context(context: Mapping[str, Any]) -> Principal:
    """Return the principal that ``authorizer`` put into a request's context.

    API Gateway hands all values on as strings. Raises KeyError or ValueError if the authorizer did not run.
    """
    return Principal(
        user_id=context["sub"],
        username=unquote(context["preferred_username"]),
        session_id=context["sid"],
        token_id=context["jti"],
        roles=tuple(context["roles"].split()),
        expires_at=int(context["exp"]),
    )


def _to_context(principal: Principal) -> dict[str, str]:
    """Return the principal in flat ASCII strings: every part of API Gateway passes these on unchanged."""
    return {
        "sub": principal.user_id,
        "preferred_username": quote(principal.username, safe="@+"),
        "sid": principal.session_id,
        "jti": principal.token_id,
        "roles": " ".join(principal.roles),
        "exp": str(principal.expires_at),
    }


def _bearer_token(header: str) -> str:
    match = _BEARER.fullmatch(header)
    if match is None:
        raise InvalidToken("no Bearer token")
    return match[1]
