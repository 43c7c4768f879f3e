"""The authorizer Lambda: tells API Gateway whether a Bearer token is valid, and whose it is.

Owns its entry point. Uses tokens and settings only: this Lambda has public keys and no permissions. Do not rename this
module: its name is part of the handler's name in every deployed stack.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Mapping
from typing import Any, cast

from chalice import AuthResponse, Blueprint
from chalice.app import AuthRequest, ChaliceAuthorizer

from chalicelib.clock import Clock, system_clock
from chalicelib.config.verifier import VerifierSettings
from chalicelib.errors import InvalidToken
from chalicelib.telemetry import log
from chalicelib.tokens.gateway_context import to_context
from chalicelib.tokens.kinds import ACCESS_TOKEN
from chalicelib.tokens.verifier import TokenVerifier

CACHE_SECONDS = 300
"""Seconds for which API Gateway may reuse the answer for a token. Views check ``exp`` again."""

# RFC 6750 section 2.1. The scheme is case-insensitive (RFC 9110 section 11.1).
_BEARER = re.compile(r"bearer +([^ ]+)", re.IGNORECASE)


_DENIED: dict[str, Any] = {
    "principalId": "refused",
    "policyDocument": {
        "Version": "2012-10-17",
        "Statement": [{"Action": "execute-api:Invoke", "Effect": "Deny", "Resource": ["*"]}],
    },
}
"""The answer for a token that stays refused. API Gateway answers 401, as the stage's gateway responses say, and caches
it by token: the same token is not asked about again."""


class Unauthorized(Exception):
    """Raised to make API Gateway answer 401 and cache nothing.

    It does so for exactly this message, and answers 500 for any other. Lambda counts it as an error of the function.
    """

    def __init__(self) -> None:
        super().__init__("Unauthorized")


def build_verifier(environment: Mapping[str, str], clock: Clock = system_clock) -> TokenVerifier:
    """Return a verifier with the settings in ``environment``. Raises ConfigurationError."""
    settings = VerifierSettings.from_environment(environment)
    return TokenVerifier(issuer=settings.issuer, audience=settings.audience, keys=settings.keys, clock=clock)


def declare(blueprint: Blueprint, verifier: Callable[[], TokenVerifier]) -> ChaliceAuthorizer:
    """Return an authorizer of this blueprint. It calls ``verifier`` at each request."""

    @blueprint.authorizer(ttl_seconds=CACHE_SECONDS)
    def authorizer(request: AuthRequest) -> AuthResponse | dict[str, Any]:
        """Return a policy that allows every route, with the token's principal as context, or one that allows none.

        API Gateway caches the policy by token and uses it for all routes, so it must not name the requested route. The
        views decide what a principal may do.

        Raises:
            Unauthorized: the token is not valid, and may be later. A cached refusal would outlive that: with an unknown
                ``kid``, a new key may be on its way to this function.

        """
        try:
            principal = verifier().verify(ACCESS_TOKEN, _bearer_token(request.token))
        except InvalidToken as refused:
            log.log_refused_token(refused.reason, is_final=refused.is_final)
            if refused.is_final:
                return _DENIED
            raise Unauthorized from None
        return AuthResponse(routes=["*"], principal_id=principal.user_id, context=to_context(principal))

    return cast("ChaliceAuthorizer", authorizer)


log.configure(os.environ)
blueprint = Blueprint(__name__)
# The verifier is built at the first request, so that an invalid setting is answered and logged.
authorizer = declare(blueprint, functools.cache(lambda: build_verifier(os.environ)))


def _bearer_token(header: str) -> str:
    match = _BEARER.fullmatch(header)
    if match is None:
        refusal = InvalidToken("no Bearer token")
        refusal.is_final = True
        raise refusal
    return match[1]
