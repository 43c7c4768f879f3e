"""The authorizer Lambda: says to API Gateway whether a Bearer token is good, and whose it is.

Owns its entry point. Reaches tokens and settings only: this Lambda holds public keys and no permission to anything. Its
module name is part of the handler's name in every deployed stack, so it stays.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Mapping
from typing import cast

from chalice import AuthResponse, Blueprint
from chalice.app import AuthRequest, ChaliceAuthorizer

from chalicelib import telemetry
from chalicelib.clock import Clock, system_clock
from chalicelib.config.verifier import VerifierSettings
from chalicelib.errors import InvalidToken
from chalicelib.tokens.gateway_context import to_context
from chalicelib.tokens.kinds import ACCESS_TOKEN
from chalicelib.tokens.verifier import TokenVerifier

CACHE_SECONDS = 300
"""Seconds for which API Gateway may reuse an answer for the same token. Views check ``exp`` again."""

# RFC 6750 section 2.1, the scheme's name in any case (RFC 9110 section 11.1).
_BEARER = re.compile(r"bearer +([^ ]+)", re.IGNORECASE)


class Unauthorized(Exception):
    """Raised to make API Gateway answer 401: it does so for exactly this message, and 500 for any other."""

    def __init__(self) -> None:
        super().__init__("Unauthorized")


def build_verifier(environment: Mapping[str, str], clock: Clock = system_clock) -> TokenVerifier:
    """Return a verifier with these settings. Raises ConfigurationError."""
    settings = VerifierSettings.from_environment(environment)
    return TokenVerifier(issuer=settings.issuer, audience=settings.audience, keys=settings.keys, clock=clock)


def declare(blueprint: Blueprint, verifier: Callable[[], TokenVerifier]) -> ChaliceAuthorizer:
    """Return an authorizer of this blueprint, which asks for its verifier at each request."""

    @blueprint.authorizer(ttl_seconds=CACHE_SECONDS)
    def authorizer(request: AuthRequest) -> AuthResponse:
        """Return a policy that allows the bearer of a good access token every route, with its principal as context.

        API Gateway caches the policy by token for all routes, so it must not name the one that was asked for; what a
        principal may do is for the views to decide.

        Raises:
            Unauthorized: the token is missing or bad in any way.

        """
        try:
            principal = verifier().verify(ACCESS_TOKEN, _bearer_token(request.token))
        except InvalidToken as refused:
            telemetry.log_refused_token(refused.reason)
            raise Unauthorized from None
        return AuthResponse(routes=["*"], principal_id=principal.user_id, context=to_context(principal))

    return cast("ChaliceAuthorizer", authorizer)


telemetry.configure(os.environ)
blueprint = Blueprint(__name__)
# The verifier is built at the first request, so that a setting that is unusable is answered and logged.
authorizer = declare(blueprint, functools.cache(lambda: build_verifier(os.environ)))


def _bearer_token(header: str) -> str:
    match = _BEARER.fullmatch(header)
    if match is None:
        raise InvalidToken("no Bearer token")
    return match[1]
