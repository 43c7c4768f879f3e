"""Access tokens and refresh tokens: issue and verify.

Owns the format of both (RFC 7519 in the JWS Compact Serialization, RFC 9068's profile for access tokens) and every
check that a token has to pass. One call does signature and claims; there is no way to ask for less. Knows no HTTP, no
storage, and no key but those it is given.

Signature algorithms come from PyJWT. Its ``decode`` does not decide: it takes an ``exp`` that is a string, an empty
``sub``, UTF-16, doubled members and a trailing ``=``, and parses the header before it knows the key. What a token may
look like is therefore said here, strictly, and anything else is refused.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
from typing import TYPE_CHECKING, Any

from chalicelib.clock import Clock
from chalicelib.errors import InvalidGrant, InvalidToken
from chalicelib.tokens.keys import SigningKey, SigningKeys, VerificationKey, VerificationKeys
from chalicelib.tokens.principals import Principal, RefreshGrant

if TYPE_CHECKING:
    from chalicelib.accounts.session import Session
    from chalicelib.accounts.user import User

ACCESS_TOKEN_TYPE = "at+jwt"
"""RFC 9068 section 2.1."""
ACCESS_TOKEN_CLAIMS = ("iss", "sub", "aud", "exp", "iat", "jti", "sid", "preferred_username", "roles")
"""RFC 9068 section 2.2, without ``client_id``: there are no clients to tell apart."""
REFRESH_TOKEN_TYPE = "refresh+jwt"
"""Ours. A type of its own keeps refresh tokens and access tokens apart (RFC 8725 section 3.11)."""

MAX_TOKEN_LENGTH = 4096
"""Characters. Ours have well under 1,500 with an RSA signature; the cap bounds the work that a forgery can cause."""

MAX_CLOCK_SKEW = 10
"""Seconds by which the clock of the Lambda that issued a token may be ahead of the one that verifies it."""

# RFC 7515 section 7.1: three base64url segments. No padding, no white space, none empty.
_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_MAX_TEXT_CLAIM = 512


class _Refused(Exception):
    """Why a token is not accepted. Becomes InvalidToken or InvalidGrant before it leaves this module."""


class TokenIssuer:
    """Issues the tokens of one issuer, each with the key whose time it is."""

    def __init__(
        self, *, issuer: str, audience: str, signing_keys: SigningKeys, access_lifetime: int, clock: Clock
    ) -> None:
        self._issuer = issuer
        self._audience = audience
        self._keys = signing_keys
        self._clock = clock
        self._headers = {
            (key.kid, typ): _header_segment(key, typ)
            for key in signing_keys.keys
            for typ in (ACCESS_TOKEN_TYPE, REFRESH_TOKEN_TYPE)
        }
        self.access_lifetime = access_lifetime

    def issue_access_token(self, user: User, session: Session, now: int) -> str:
        """Return an access token for the user in this session, good for ``access_lifetime`` seconds.

        It never outlives the session's absolute end. Claims are those of RFC 9068 section 2.2, and the session's id.
        """
        return self._sign(
            ACCESS_TOKEN_TYPE,
            {
                "iss": self._issuer,
                "sub": user.id,
                "aud": self._audience,
                "exp": min(now + self.access_lifetime, session.expires_at),
                "iat": now,
                "jti": secrets.token_urlsafe(16),
                "sid": session.id,
                "preferred_username": user.username,
                "roles": list(user.roles),
            },
        )

    def issue_refresh_token(self, session: Session) -> str:
        """Return the current refresh token of the session.

        The claims follow from the session alone, so that a retry is given the same token again (ES256 signatures
        differ from call to call, the claims under them do not).
        """
        return self._sign(
            REFRESH_TOKEN_TYPE,
            {
                "iss": self._issuer,
                "sub": session.user_id,
                "aud": refresh_audience(self._issuer),
                "exp": session.refresh_expires_at,
                "iat": session.last_used_at,
                "sid": session.id,
                "counter": session.refresh_counter,
            },
        )

    def _sign(self, typ: str, claims: dict[str, Any]) -> str:
        key = self._keys.current(self._clock())
        signing_input = f"{self._headers[key.kid, typ]}.{_encode_segment(_to_json(claims))}"
        return f"{signing_input}.{_encode_segment(key.sign(signing_input.encode()))}"


class TokenVerifier:
    """Verifies the tokens of one issuer with its public keys. Does no I/O, whatever a token says."""

    def __init__(self, *, issuer: str, audience: str, keys: VerificationKeys, clock: Clock) -> None:
        self._issuer = issuer
        self._audience = audience
        self._keys = {key.kid: key for key in keys.keys}
        self._clock = clock
        # All tokens of one key and type have the same header segment: as a rule the header needs no parsing.
        self._known_headers = {
            _header_segment(key, typ): (key, typ)
            for key in keys.keys
            for typ in (ACCESS_TOKEN_TYPE, REFRESH_TOKEN_TYPE)
        }

    def verify_access_token(self, access_token: str) -> Principal:
        """Return who the bearer of an access token is.

        Raises:
            InvalidToken: any check of RFC 9068 section 4 or RFC 8725 failed. Nothing else is ever raised.

        """
        try:
            claims = self._verify(access_token, ACCESS_TOKEN_TYPE, self._audience)
            return Principal(
                user_id=_text(claims, "sub"),
                username=_text(claims, "preferred_username"),
                session_id=_text(claims, "sid"),
                token_id=_text(claims, "jti"),
                roles=_texts(claims, "roles"),
                expires_at=_integer(claims, "exp"),
            )
        except _Refused as refused:
            raise InvalidToken(str(refused)) from None
        except Exception as unexpected:  # whatever a token provokes is a reason to refuse it
            raise InvalidToken(f"unexpected {type(unexpected).__name__}") from unexpected

    def verify_refresh_token(self, refresh_token: str) -> RefreshGrant:
        """Return which session a refresh token belongs to, and which of its tokens it is.

        Raises:
            InvalidGrant: it is not a refresh token that this issuer signed, or it has expired. Nothing else is raised.

        """
        try:
            claims = self._verify(refresh_token, REFRESH_TOKEN_TYPE, refresh_audience(self._issuer))
            return RefreshGrant(
                user_id=_text(claims, "sub"),
                session_id=_text(claims, "sid"),
                counter=_integer(claims, "counter"),
                expires_at=_integer(claims, "exp"),
            )
        except _Refused as refused:
            raise InvalidGrant(str(refused)) from None
        except Exception as unexpected:  # as above
            raise InvalidGrant(f"unexpected {type(unexpected).__name__}") from unexpected

    def _verify(self, compact: str, typ: str, audience: str) -> dict[str, Any]:
        """Return the claims of a token that one of the keys signed, of this type, for this audience, and current."""
        if len(compact) > MAX_TOKEN_LENGTH:
            raise _Refused("too long")
        parts = _COMPACT.fullmatch(compact)
        if parts is None:
            raise _Refused("not in compact serialization")
        header_segment, payload_segment, signature_segment = parts.groups()
        key, token_type = self._known_headers.get(header_segment) or self._parse_header(header_segment)
        if token_type != typ:
            raise _Refused(f"typ is not {typ}")
        if not key.verify(f"{header_segment}.{payload_segment}".encode(), _decode_segment(signature_segment)):
            raise _Refused("bad signature")

        claims = _parse_object(_decode_segment(payload_segment))
        if _text(claims, "iss") != self._issuer:
            raise _Refused("wrong iss")
        if _text(claims, "aud") != audience:
            raise _Refused("wrong aud")
        now = self._clock()
        # A key that was taken out of service verifies nothing, also where the configuration still lists it.
        if not key.is_good(now):
            raise _Refused("the key is retired")
        _check_times(claims, now)
        return claims

    def _parse_header(self, segment: str) -> tuple[VerificationKey, str]:
        """Return key and type for a header that is written otherwise than ours are, but says the same.

        Exactly ``alg``, ``kid`` and ``typ``: no ``crit``, ``jku``, ``jwk``, ``x5u``, ``b64`` or ``zip`` is heeded.
        """
        header = _parse_object(_decode_segment(segment))
        if header.keys() != {"alg", "kid", "typ"}:
            raise _Refused("header members are not alg, kid and typ")
        key = self._keys.get(_text(header, "kid"))
        if key is None:
            raise _Refused("unknown kid")
        # RFC 8725 section 3.1: the algorithm is the key's, and a header that says another is refused.
        if _text(header, "alg") != key.alg:
            raise _Refused("alg is not the key's")
        return key, _text(header, "typ")


def refresh_audience(issuer: str) -> str:
    """Return the audience of refresh tokens: the one endpoint that takes them."""
    return f"{issuer}/auth/refresh"


def _check_times(claims: dict[str, Any], now: int) -> None:
    # RFC 7519 section 4.1.4: "on or after" the time in exp the token must not be accepted. No leeway.
    if now >= _integer(claims, "exp"):
        raise _Refused("expired")
    if _integer(claims, "iat") > now + MAX_CLOCK_SKEW:
        raise _Refused("issued in the future")
    if "nbf" in claims and _integer(claims, "nbf") > now + MAX_CLOCK_SKEW:
        raise _Refused("not yet good")


def _header_segment(key: SigningKey | VerificationKey, typ: str) -> str:
    return _encode_segment(_to_json({"alg": key.alg, "kid": key.kid, "typ": typ}))


def _encode_segment(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def _decode_segment(segment: str) -> bytes:
    try:
        decoded = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except ValueError:  # a length that no octets have
        raise _Refused("base64url is not canonical") from None
    # The last character may have bits to spare: without this check several spellings stand for the same bytes.
    if base64.urlsafe_b64encode(decoded).rstrip(b"=") != segment.encode():
        raise _Refused("base64url is not canonical")
    return decoded


def _to_json(members: dict[str, Any]) -> bytes:
    return _ENCODER.encode(members).encode("ascii")


def _parse_object(utf8: bytes) -> dict[str, Any]:
    """Return the JSON object in ``utf8``, its members unique (RFC 7519 section 4, RFC 8725 section 3.7)."""
    try:
        value = _DECODER.decode(utf8.decode("utf-8"))
    except (ValueError, RecursionError):
        raise _Refused("not JSON in UTF-8") from None
    if not isinstance(value, dict):
        raise _Refused("not a JSON object")
    return value


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Refused("doubled member")
    return members


def _refuse_constant(constant: str) -> None:
    raise _Refused(f"{constant} is not JSON")


# Made once: json.dumps and json.loads make one at each call that asks for anything but the defaults.
_ENCODER = json.JSONEncoder(separators=(",", ":"))
_DECODER = json.JSONDecoder(object_pairs_hook=_unique_members, parse_constant=_refuse_constant)


def _text(claims: dict[str, Any], name: str) -> str:
    value = claims.get(name)
    # A lone surrogate or a control character is valid JSON, and breaks the next one who encodes or prints it.
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_TEXT_CLAIM or not value.isprintable():
        raise _Refused(f"{name} is missing or not a text")
    return value


def _texts(claims: dict[str, Any], name: str) -> tuple[str, ...]:
    value = claims.get(name)
    if not isinstance(value, list) or not all(isinstance(item, str) and item.isprintable() and item for item in value):
        raise _Refused(f"{name} is missing or not a list of texts")
    return tuple(value)


def _integer(claims: dict[str, Any], name: str) -> int:
    value = claims.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _Refused(f"{name} is missing or not a whole number")
    return value
