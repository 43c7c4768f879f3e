"""The kinds of tokens: what each has to say, whom it is for, and how it is refused.

A kind is data. One verifier and one issuer read it; a new kind needs neither to change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from chalicelib.errors import InvalidGrant, InvalidToken, LychgateError
from chalicelib.tokens.compact import Members, integer, string, strings
from chalicelib.tokens.principals import Principal, RefreshGrant

Content = TypeVar("Content")

Claim = tuple[str, Callable[[Members, str], Any]]
"""The name of a claim, and what reads it."""


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
        """The header's ``typ``. A type of its own keeps a kind apart from all others (RFC 8725 section 3.11)."""
        self.endpoint = endpoint
        """The path below the issuer that takes these tokens, and is their audience. None: the API's audience is."""
        self.refusal = refusal
        """Makes the error by which a token of this kind is refused, out of the reason."""
        self._content = content
        self._claims = tuple((field, name, read) for field, (name, read) in claims.items())

    def audience(self, *, issuer: str, api: str) -> str:
        """Return ``aud`` of these tokens, where ``issuer`` issues them and ``api`` is the audience of its API."""
        return api if self.endpoint is None else f"{issuer}{self.endpoint}"

    def read(self, claims: Members) -> Content:
        """Return what verified claims say. Raises Refused if one is missing or of another type."""
        return self._content(**{field: read(claims, name) for field, name, read in self._claims})


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
    },
    refusal=InvalidToken,
)
"""Authorizes requests for a user. Claims: RFC 9068 section 2.2, without ``client_id``: there are no clients to tell
apart."""

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

KINDS = (ACCESS_TOKEN, REFRESH_TOKEN)

ACCESS_TOKEN_CLAIMS = ("iss", "sub", "aud", "exp", "iat", "jti", "sid", "preferred_username", "roles")
"""What an access token says, for those who look for it in the discovery document."""
