"""The issuer of tokens: their claims about a user and a session, signed with the current key.

Knows no HTTP, no storage, and no key except those it is given.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from chalicelib.accounts.results import TokenPair
from chalicelib.tokens.compact import encode_object, encode_octets, header_segment
from chalicelib.tokens.kinds import ACCESS_TOKEN, BOUND_TOKEN, DEVICE_TOKEN, KINDS, REFRESH_TOKEN, TokenKind

if TYPE_CHECKING:
    from chalicelib.accounts.session import Session
    from chalicelib.accounts.user import User
    from chalicelib.tokens.keyring import SigningKey, SigningKeys

_TOKEN_ID_BYTES = 16
"""128 bits: no two tokens have the same ``jti``."""

DEVICE_LIFETIME = 365 * 24 * 3600
"""Seconds (a year) after its last log-in for which a device is known."""


class TokenIssuer:
    """Issues the tokens of one issuer."""

    def __init__(self, *, issuer: str, audience: str, signing_keys: SigningKeys, access_lifetime: int) -> None:
        self._issuer = issuer
        self._audiences = {kind.typ: kind.audience(issuer=issuer, api=audience) for kind in KINDS}
        self._keys = signing_keys
        self._headers = {
            (key.kid, kind.typ): header_segment(alg=key.alg, kid=key.kid, typ=kind.typ)
            for key in signing_keys.keys
            for kind in KINDS
        }
        self._access_lifetime = access_lifetime

    def prepared(self, user: User) -> TokenIssuer:  # noqa: ARG002 - see ``own_claims``
        """Return an issuer that needs to ask nobody more for the access tokens of this user.

        Whoever stores something before the token is issued calls this first: what cannot be told fails here.
        """
        return self

    def token_pair(self, user: User, session: Session, now: int) -> TokenPair:
        """Return an access token for the user in this session, and the session's current refresh token.

        Raises ServiceUnavailable if no key may sign at ``now``.
        """
        return TokenPair(
            access_token=self.access_token(user, session, now),
            expires_in=self.expires_in(session, now),
            refresh_token=self.refresh_token(session, now),
            refresh_expires_in=session.refresh_expires_at - now,
        )

    def access_token(self, user: User, session: Session, now: int) -> str:
        """Return an access token for the user in this session.

        It has the claims of RFC 9068 section 2.2, among them ``auth_time``, ``amr`` and ``acr`` (section 2.2.1, RFC
        9470 section 6.1), and the session's id. It expires no later than the session.
        """
        claims = {
            "sub": user.id,
            "exp": self._access_token_expires_at(session, now),
            "iat": now,
            "auth_time": session.authenticated_at,
            "amr": session.amr,
            "acr": session.acr,
            "jti": secrets.token_urlsafe(_TOKEN_ID_BYTES),
            "sid": session.id,
            "preferred_username": user.username,
            "roles": list(user.roles),
        }
        return self._signed(ACCESS_TOKEN, claims, now)

    def refresh_token(self, session: Session, now: int) -> str:
        """Return the session's current refresh token, signed with the key that is current at ``now``.

        The claims depend on the session alone, so a retry gets exactly the same token.
        """
        claims = {
            "sub": session.user_id,
            "exp": session.expires_at,
            "iat": session.created_at,
            "sid": session.id,
            "counter": session.refresh_counter,
        }
        return self._signed(REFRESH_TOKEN, claims, now)

    def expires_in(self, session: Session, now: int) -> int:
        """Return the seconds for which an access token that is issued now is valid."""
        return self._access_token_expires_at(session, now) - now

    def device_token(self, user_id: str, device_id: str, now: int) -> str:
        """Return a token that is valid for ``DEVICE_LIFETIME`` and names a device and the user who has logged in there.

        Raises ServiceUnavailable if no key may sign at ``now``.
        """
        claims = {"sub": user_id, "exp": now + DEVICE_LIFETIME, "iat": now, "jti": device_id}
        return self._signed(DEVICE_TOKEN, claims, now)

    def bound_token(self, session: Session, now: int, *, lifetime: int) -> str:
        """Return a token that says for ``lifetime`` seconds that its holder is on the session's device.

        Raises ServiceUnavailable if no key may sign at ``now``.
        """
        claims = {"sub": session.user_id, "exp": now + lifetime, "iat": now, "sid": session.id}
        return self._signed(BOUND_TOKEN, claims, now)

    def statement(self, typ: str, path: str, claims: dict[str, Any], now: int) -> str:
        """Return what the issuer states to everybody at a path below it, as a JWT whose ``sub`` is that URL.

        It has no ``aud``, and no verifier of tokens takes it for one: ``typ`` is that of no kind. Raises
        ServiceUnavailable if no key may sign at ``now``.
        """
        key = self._keys.current(now)
        header = header_segment(alg=key.alg, kid=key.kid, typ=typ)
        payload = encode_object({"iss": self._issuer, "sub": f"{self._issuer}{path}", **claims})
        return _signed_by(key, f"{header}.{payload}")

    def _access_token_expires_at(self, session: Session, now: int) -> int:
        return min(now + self._access_lifetime, session.expires_at)

    def _signed(self, kind: TokenKind[Any], claims: dict[str, Any], now: int) -> str:
        key = self._keys.current(now)
        payload = encode_object({"iss": self._issuer, "aud": self._audiences[kind.typ], **claims})
        return _signed_by(key, f"{self._headers[key.kid, kind.typ]}.{payload}")


def _signed_by(key: SigningKey, signing_input: str) -> str:
    return f"{signing_input}.{encode_octets(key.sign(signing_input.encode()))}"
