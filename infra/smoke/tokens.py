"""What a token response holds, and whether its access token can be verified from outside."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import Any

import jwt

from infra.smoke.api import Api
from infra.smoke.diagnosis import OLD_VERSION, expect
from infra.smoke.report import FailedError
from infra.smoke.site import Answer

CLOCK_SKEW = 30
"""Seconds by which the clocks of this machine and of the API may differ before a check says so."""


def token_response(body: dict[str, Any], answer: Answer) -> dict[str, Any]:
    """Return a token response (RFC 6749 section 5.1) that has all it should have. Raises FailedError."""
    texts = ("access_token", "refresh_token")
    complete = all(isinstance(body.get(name), str) for name in texts) and isinstance(body.get("user"), dict)
    if not complete or body.get("token_type") != "Bearer" or not isinstance(body.get("expires_in"), int):
        raise FailedError(
            f"{answer.question} did not answer with a token response; it has {', '.join(sorted(body))}.", OLD_VERSION
        )
    return body


def signed_part(refresh_token: str) -> str:
    """Return the part of a token that its signature is for: ES256 signs the same twice in two ways."""
    return refresh_token.rpartition(".")[0]


def verify_access_token(api: Api, access_token: str, *, user_id: str) -> str:
    """Verify an access token with the published keys, as anybody else would who knows the site's URL alone.

    PyJWT decides, and not the verifier that Lychgate has of its own. Returns what is worth telling.

    Raises:
        FailedError: it cannot be verified, or is not this issuer's for this user.

    """
    answer = api.ask("GET", "/.well-known/jwks.json")
    try:
        keys = jwt.PyJWKSet.from_dict(expect(answer, 200))
        kid = jwt.get_unverified_header(access_token).get("kid")
    except jwt.PyJWTError as unusable:
        raise FailedError(f"The keys or the token cannot be read: {unusable}", OLD_VERSION) from None
    key = next((key for key in keys.keys if key.key_id == kid), None)
    if key is None:
        raise FailedError(
            f"The access token is signed with the key {kid}, which {answer.question} does not publish.",
            "The key that signs was not deployed, or the document comes from a cache: see docs/keys.md.",
        )
    skew = _skew(answer)
    try:
        claims = jwt.decode(
            access_token,
            key,
            algorithms=[str(key.algorithm_name)],
            leeway=CLOCK_SKEW + abs(skew),
            options={"verify_aud": False, "require": ["iss", "sub", "aud", "exp", "iat", "jti", "sid"]},
        )
    except jwt.PyJWTError as refused:
        raise FailedError(
            f"The access token is refused with the published key {kid}: {refused}.",
            "The key that signs and the published one differ: see docs/keys.md.",
        ) from None
    configured = expect(api.ask("GET", "/.well-known/openid-configuration"), 200).get("issuer")
    issuer = api.issuer if api.site.over_tls else configured
    if claims["iss"] != issuer or claims["sub"] != user_id:
        raise FailedError(
            f"The access token has iss {claims['iss']!r} and sub {claims['sub']!r};\n"
            f"they should be {issuer!r} and the user's id, {user_id!r}.",
            "Set LYCHGATE_ISSUER of the stage to the site's URL and /api and deploy.",
        )
    clocks = f", clocks {abs(skew):.0f} s apart" if abs(skew) > CLOCK_SKEW else ""
    return f"{key.algorithm_name}, for {claims['exp'] - claims['iat']} s, audience {claims['aud']}{clocks}"


def _skew(answer: Answer) -> float:
    """Return by how many seconds the clock behind an answer is ahead of this machine's; 0 if it does not say."""
    try:
        return parsedate_to_datetime(answer.header("Date") or "").timestamp() - time.time()
    except ValueError:
        return 0.0
