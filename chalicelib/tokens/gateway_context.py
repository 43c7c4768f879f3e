"""Conversion between principals and the context of an API Gateway authorizer, which carries them to the views."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

from chalicelib.tokens.principals import Principal


def to_context(principal: Principal) -> dict[str, str]:
    """Return the principal as a flat mapping of ASCII strings, which API Gateway passes on unchanged.

    It takes no objects and no lists, so the claims of the site are one string.
    """
    context = {
        "sub": principal.user_id,
        "preferred_username": quote(principal.username, safe="@+"),
        "sid": principal.session_id,
        "jti": principal.token_id,
        "roles": " ".join(principal.roles),
        "exp": str(principal.expires_at),
        "iat": str(principal.issued_at),
    }
    if principal.claims:
        context["claims"] = json.dumps(principal.claims)
    return context


def principal_from_context(context: Mapping[str, Any]) -> Principal:
    """Return the principal that ``to_context`` put into a request's context.

    Raises KeyError or ValueError if the authorizer did not run.
    """
    return Principal(
        user_id=context["sub"],
        username=unquote(context["preferred_username"]),
        session_id=context["sid"],
        token_id=context["jti"],
        roles=tuple(context["roles"].split()),
        expires_at=int(context["exp"]),
        # API Gateway may have kept an answer of the authorizer from before a deployment.
        issued_at=int(context.get("iat", 0)),
        claims=json.loads(context["claims"]) if "claims" in context else {},
    )
