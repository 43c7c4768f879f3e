"""The routes of the feed of ended sessions: for services elsewhere that verify access tokens by themselves."""

from __future__ import annotations

from typing import Annotated, TypedDict

from chalicelib.api.responses import Answer
from chalicelib.api.routing import Call, Routes, Tag
from chalicelib.api.schemas import Keywords
from chalicelib.errors import ServiceUnavailable

ENDS_SECONDS = 10
"""Seconds for which others may keep the feed."""

SIGNED_MEDIA_TYPE = "application/revoked+jwt"

routes = Routes(Tag.DISCOVERY, raises=(ServiceUnavailable,))

# Nobody may answer with an old one when this API has an error: RFC 9111 section 5.2.2.2 and, as CloudFront does not
# heed that then, RFC 5861 section 4.
_KEPT = {"Cache-Control": f"public, max-age={ENDS_SECONDS}, must-revalidate, stale-if-error=0"}

_NumericDate = Annotated[int, Keywords(minimum=0, description="A NumericDate (RFC 7519 section 2).")]
_Digest = Annotated[
    str,
    Keywords(
        description="The first 8 octets of the SHA-256 of the id's text, in base64url without padding.",
        pattern="^[A-Za-z0-9_-]{11}$",
        examples=["n4bQgYhMfWU"],
    ),
]
_EndedUser = Annotated[
    list[str | int],
    Keywords(
        description="The digest of a `sub`, and a NumericDate: tokens of that user with an earlier `iat` are void.",
        minItems=2,
        maxItems=2,
        examples=[["n4bQgYhMfWU", 1799999999]],
    ),
]

SignedEnds = Annotated[str, Keywords(description="A JWS in compact serialization.", examples=["eyJ…"])]


class EndsBody(TypedDict):
    """What has ended within the life of an access token."""

    issued_at: _NumericDate
    expires_at: _NumericDate
    sessions: Annotated[list[_Digest], Keywords(description="Digests of the `sid` of sessions that have ended.")]
    users: Annotated[list[_EndedUser], Keywords(description="Users all of whose sessions have ended at some time.")]


@routes.operation("GET", "/.well-known/revoked.json", headers=("Cache-Control",))
def get_revoked(call: Call) -> Answer[EndsBody]:
    """Return which sessions have ended within the life of an access token.

    A service that verifies access tokens by itself refuses the tokens of those. Not after `expires_at`: then it has to
    ask again, or to refuse all.
    """
    return Answer(call.use_cases.published_ends.plain(), {"Content-Type": "application/json", **_KEPT})


@routes.operation("GET", "/.well-known/revoked.jwt", headers=("Cache-Control",))
def get_signed_revoked(call: Call) -> Answer[SignedEnds]:
    """Return the same, signed with a key of `/.well-known/jwks.json`.

    The `typ` is `revoked+jwt`, `sub` is the URL of this document, `iat` and `exp` are `issued_at` and `expires_at`, and
    `ttl` is how many seconds a copy may be kept.
    """
    return Answer(call.use_cases.published_ends.signed(), {"Content-Type": SIGNED_MEDIA_TYPE, **_KEPT})
