"""The kinds of tokens: the claims, the audience and the error of each.

A kind is data that the verifier and the issuer read. A new kind needs no change to either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from chalicelib.errors import InvalidGrant, InvalidToken, LychgateError
from chalicelib.tokens.compact import Members, integer, string, strings
from chalicelib.tokens.principals import BoundSession, KnownDevice, Principal, RefreshGrant

Content = TypeVar("Content")

Claim = tuple[str, Callable[[Members, str], Any]]
"""The name of a claim, and the function that reads it. The one that reads what is left gets no name."""


class TokenKind(Generic[Content]):
    """What all tokens of one type have in common."""

    def __init__(
        self,
        typ: str,
        *,
        endpoint: str | None,
        content: Callable[..., Content],
        claims: Mapping[str, Claim],
        refusal: Callable[[str], LychgateError],
    ) -> None:
        self.typ = typ
        """The header's ``typ``, different for each kind (explicit typing, RFC 8725 section 3.11)."""
        self.endpoint = endpoint
        """The path below the issuer that accepts these tokens and is their audience. None: the whole API."""
        self.refusal = refusal
        """Takes a reason and returns the error to raise if a token of this kind is refused."""
        self._content = content
        self._claims = tuple((field, name, read) for field, (name, read) in claims.items())

    def audience(self, *, issuer: str, api: str) -> str:
        """Return the ``aud`` of these tokens. ``api`` is the audience of the issuer's API."""
        return api if self.endpoint is None else f"{issuer}{self.endpoint}"

    def read(self, claims: Members) -> Content:
        """Return the content of verified claims. Raises Refused if one is missing or has the wrong type."""
        return self._content(**{field: read(claims, name) for field, name, read in self._claims})


ACCESS_TOKEN_CLAIMS = (
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "amr",
    "acr",
    "jti",
    "sid",
    "preferred_username",
    "roles",
)
"""The claims of an access token, for the discovery document."""

RESERVED_CLAIMS = frozenset(
    {
        *ACCESS_TOKEN_CLAIMS,
        "nbf",  # RFC 7519 section 4.1
        "client_id",  # RFC 9068 sections 2.2 to 2.2.3.1, as the next three
        "scope",
        "groups",
        "entitlements",
        "cnf",  # RFC 7800: a token that is bound to a key
        "act",  # RFC 8693 section 4: who acts in the name of another, as the next
        "may_act",
    }
)
"""The claims whose names a site cannot use: verifiers act upon them."""


def _own(members: Members, _name: str) -> Members:
    """Return the claims that the site has added."""
    if RESERVED_CLAIMS.issuperset(members):
        return {}
    return {name: value for name, value in members.items() if name not in RESERVED_CLAIMS}


ACCESS_TOKEN = TokenKind(
    "at+jwt",  # RFC 9068 section 2.1
    endpoint=None,
    content=Principal,
    claims={
        "user_id": ("sub", string),
        "username": ("preferred_username", string),
        "session_id": ("sid", string),
        "token_id": ("jti", string),
        "roles": ("roles", strings),
        "expires_at": ("exp", integer),
        "issued_at": ("iat", integer),
        "claims": ("", _own),
    },
    refusal=InvalidToken,
)
"""Authorizes requests for a user. It has the claims of RFC 9068 section 2.2 except ``client_id``, because Lychgate does
not distinguish clients."""

REFRESH_TOKEN = TokenKind(
    "refresh+jwt",
    endpoint="/auth/refresh",
    content=RefreshGrant,
    claims={
        "user_id": ("sub", string),
        "session_id": ("sid", string),
        "counter": ("counter", integer),
        "expires_at": ("exp", integer),
    },
    refusal=InvalidGrant,
)
"""Continues a session, once. The counter tells the tokens of one session apart."""

DEVICE_TOKEN = TokenKind(
    "device+jwt",
    endpoint="/auth/login",
    content=KnownDevice,
    claims={"user_id": ("sub", string), "device_id": ("jti", string)},
    refusal=InvalidGrant,
)
"""Shows at a log-in that the user has logged in from this device before. It authenticates nobody."""

BOUND_TOKEN = TokenKind(
    "bound+jwt",
    endpoint="/auth/refresh",
    content=BoundSession,
    claims={"session_id": ("sid", string)},
    refusal=InvalidGrant,
)
"""Shows for some minutes that a browser has proven the key of a session's device. It authenticates nobody."""

KINDS = (ACCESS_TOKEN, REFRESH_TOKEN, DEVICE_TOKEN, BOUND_TOKEN)
