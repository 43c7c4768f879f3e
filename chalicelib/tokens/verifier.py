"""The verifier of tokens.

Owns every check that a token has to pass. One call checks both signature and claims; there is no way to skip one. Knows
no HTTP, no storage, and no key except those it is given.

PyJWT's algorithms verify the signature. Its ``decode`` is not used: it accepts an ``exp`` that is a string, an empty
``sub``, UTF-16, duplicate members and a trailing ``=``, and it parses the header before it knows the key.
``chalicelib.tokens.compact`` defines the syntax strictly, and everything else is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.tokens.compact import (
    Members,
    Refused,
    decode_object,
    decode_octets,
    header_segment,
    integer,
    split,
    string,
)
from chalicelib.tokens.kinds import KINDS, Content, TokenKind

if TYPE_CHECKING:
    from chalicelib.clock import Clock
    from chalicelib.tokens.keyring import VerificationKey, VerificationKeys

MAX_CLOCK_SKEW = 10
"""Seconds by which the clock of the Lambda that issues a token may be ahead of the clock of the verifier."""

THIS_MACHINE = ("http://127.0.0.1:", "http://localhost:", "http://[::1]:")
"""How an issuer on a laptop begins. Every other one has HTTPS."""

_ENDPOINTS = {kind.typ: kind.endpoint for kind in KINDS}


class RefusedForNow(Refused):
    """Raised if a token may be good later: when its time has come, or when the verifier has other keys or settings."""

    is_final = False


class TokenVerifier:
    """Verifies the tokens of one issuer with its public keys. Does no I/O."""

    def __init__(self, *, issuer: str, audience: str, keys: VerificationKeys, clock: Clock) -> None:
        self._issuer = issuer
        self._audiences = {kind.typ: kind.audience(issuer=issuer, api=audience) for kind in KINDS}
        self._keys = {key.kid: key for key in keys.keys}
        self._clock = clock
        # All tokens of one key and kind have the same header segment, so the header rarely needs parsing.
        self._known_headers = {
            header_segment(alg=key.alg, kid=key.kid, typ=kind.typ): (key, kind.typ)
            for key in keys.keys
            for kind in KINDS
        }

    def verify(self, kind: TokenKind[Content], token: str) -> Content:
        """Return the content of a token of this kind.

        Raises:
            LychgateError: the kind's ``refusal``, if any check of RFC 7519 section 7.2, RFC 8725 or, for access tokens,
                RFC 9068 section 4 failed. No other error is ever raised. It is final if the token stays refused.

        """
        try:
            return kind.read(self._claims(kind.typ, token))
        except Refused as refused:
            error = kind.refusal(str(refused))
            error.is_final = refused.is_final
            raise error from None
        except Exception as unexpected:  # any error that a token causes is a reason to refuse it
            raise kind.refusal(f"unexpected {type(unexpected).__name__}") from unexpected

    def _claims(self, typ: str, token: str) -> Members:
        """Return the claims of a token after checking its type, signature, issuer, audience, key and times."""
        header, payload, signature = split(token)
        key, token_type = self._known_headers.get(header) or self._parse_header(header)
        if token_type != typ:
            raise Refused(f"typ is not {typ}")
        if not key.verify(f"{header}.{payload}".encode(), decode_octets(signature)):
            raise Refused("bad signature")

        claims = decode_object(payload)
        issuer = string(claims, "iss")
        audience = self._audiences[typ] if issuer == self._issuer else self._audience_at(issuer, typ)
        if string(claims, "aud") != audience:
            raise RefusedForNow("wrong aud")
        now = self._clock()
        # A key that has expired verifies nothing, even if the configuration still lists it.
        if not key.is_good(now):
            raise RefusedForNow("the key is retired")
        _check_times(claims, now)
        return claims

    def _audience_at(self, issuer: str, typ: str) -> str:
        """Return the audience of a token of ours that names another issuer. Raises RefusedForNow, except on a laptop.

        There a server that starts on another port has another issuer, the same keys and the same sessions. Cookies do
        not tell ports apart (RFC 6265 section 8.5), so the refresh token that a browser sends is that of any port. An
        access token names the API that it is for, and a client gets the next one with its refresh token.
        """
        endpoint = _ENDPOINTS[typ]
        if endpoint is None or not (self._issuer.startswith(THIS_MACHINE) and issuer.startswith(THIS_MACHINE)):
            raise RefusedForNow("wrong iss")
        return f"{issuer}{endpoint}"

    def _parse_header(self, segment: str) -> tuple[VerificationKey, str]:
        """Return the key and the type in a header that is encoded differently from ours.

        It must have exactly ``alg``, ``kid`` and ``typ``. A header with ``crit``, ``jku``, ``jwk``, ``x5u``, ``b64``,
        ``zip`` or any other member is refused.
        """
        header = decode_object(segment)
        if header.keys() != {"alg", "kid", "typ"}:
            raise Refused("header members are not alg, kid and typ")
        key = self._keys.get(string(header, "kid"))
        if key is None:
            raise RefusedForNow("unknown kid")
        # RFC 8725 section 3.1: the key determines the algorithm. A header with another one is refused.
        if string(header, "alg") != key.alg:
            raise Refused("alg is not the key's")
        return key, string(header, "typ")


def _check_times(claims: Members, now: int) -> None:
    # RFC 7519 section 4.1.4: a token must not be accepted "on or after" its exp. No leeway.
    if now >= integer(claims, "exp"):
        raise Refused("expired")
    if integer(claims, "iat") > now + MAX_CLOCK_SKEW:
        raise RefusedForNow("issued in the future")
    if "nbf" in claims and integer(claims, "nbf") > now + MAX_CLOCK_SKEW:
        raise RefusedForNow("not yet good")
