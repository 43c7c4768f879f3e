"""The claims that a site adds to access tokens: which they may be, and an issuer that adds them.

Loaded where a site adds some.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from chalicelib.tokens.compact import MAX_TOKEN_LENGTH
from chalicelib.tokens.issuer import TokenIssuer
from chalicelib.tokens.kinds import ACCESS_TOKEN, RESERVED_CLAIMS, TokenKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.accounts.results import TokenPair
    from chalicelib.accounts.session import Session
    from chalicelib.accounts.user import User

MAX_CLAIMS_LENGTH = 1024
"""Characters of all own claims of a user together, as JSON in ASCII: a third of ``MAX_TOKEN_LENGTH`` in base64url."""

_REST_OF_TOKEN = 1250
"""Characters, at most, of a token's times, ids and ``amr``, and of its signature with an RSA key of 4,096 bits."""

MAX_NAME_LENGTH = 128


class UnusableClaims(ValueError):
    """Raised if claims cannot be added to a token. The message says why, with nothing of their values."""


def checked(claims: object, room: int = MAX_CLAIMS_LENGTH) -> dict[str, Any]:
    """Return claims as their reader gets them: as JSON has them, without duplicates. Raises UnusableClaims.

    ``room`` is how many characters they may take.
    """
    if not isinstance(claims, Mapping):
        raise UnusableClaims("claims are a mapping")
    for name in claims:
        if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME_LENGTH or not name.isprintable():
            raise UnusableClaims(f"the name of a claim is a printable string of 1 to {MAX_NAME_LENGTH} characters")
        if name in RESERVED_CLAIMS:
            raise UnusableClaims(f"the claim {name} has a meaning of its own and cannot be set")
    try:
        text = json.dumps(dict(claims), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        text.encode("utf-8")  # an unpaired surrogate would break those who print the claim
        plain: dict[str, Any] = json.loads(text)
        length = len(json.dumps(plain, separators=(",", ":")))
    except (TypeError, ValueError, RecursionError):
        raise UnusableClaims("claims have values that JSON has, in valid Unicode") from None
    if plain and length > room:
        raise UnusableClaims(f"the claims take {length} characters, and there is room for {room}")
    return plain


class IssuerWithClaims(TokenIssuer):
    """An issuer whose access tokens say more of their users. It is asked what, once for each."""

    def __init__(self, issuer: TokenIssuer, claims_of: Callable[[User, int], Mapping[str, Any]]) -> None:
        """``claims_of`` takes a user and the characters that there is room for, and returns what ``checked`` does."""
        vars(self).update(vars(issuer))
        self._plain = issuer
        self._claims_of = claims_of

    def prepared(self, user: User) -> TokenIssuer:
        """See ``TokenIssuer.prepared``. Raises what ``claims_of`` raises."""
        return _OfOneUser(self._plain, self._claims_of(user, self._room_for(user)))

    def token_pair(self, user: User, session: Session, now: int) -> TokenPair:
        """See ``TokenIssuer.token_pair``."""
        return self.prepared(user).token_pair(user, session, now)

    def access_token(self, user: User, session: Session, now: int) -> str:
        """See ``TokenIssuer.access_token``."""
        return self.prepared(user).access_token(user, session, now)

    def _room_for(self, user: User) -> int:
        """Return how long own claims of a user may be, so that every verifier of ours takes the token."""
        header = max(map(len, self._headers.values()))
        ours = len(json.dumps([self._issuer, self._audiences[ACCESS_TOKEN.typ], user.id, user.username, user.roles]))
        return min(MAX_CLAIMS_LENGTH, (MAX_TOKEN_LENGTH - header - _REST_OF_TOKEN) * 3 // 4 - ours)


class _OfOneUser(TokenIssuer):
    """An issuer for a user whose claims are known."""

    def __init__(self, issuer: TokenIssuer, claims: Mapping[str, Any]) -> None:
        vars(self).update(vars(issuer))
        self._claims = claims

    def _signed(self, kind: TokenKind[Any], claims: dict[str, Any], now: int) -> str:
        return super()._signed(kind, {**self._claims, **claims} if kind is ACCESS_TOKEN else claims, now)
