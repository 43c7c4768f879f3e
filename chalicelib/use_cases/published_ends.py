"""The feed of ended sessions as everybody may read it: plain, and signed.

Owns what the document says and for how long it is good. Both forms come from one look at the feed, which this process
makes at most once in ten seconds, so the document costs the same however many ask for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from chalicelib.use_cases.ended_sessions import LOOK_SECONDS

if TYPE_CHECKING:
    from chalicelib.tokens.issuer import TokenIssuer
    from chalicelib.use_cases.ended_sessions import EndedSessions, Look

GOOD_SECONDS = 60
"""Seconds after a look in which others may act upon it. Whoever has nothing newer afterwards knows nothing."""

SIGNED_TYP = "revoked+jwt"
"""The ``typ`` of the signed form (RFC 8725 section 3.11)."""

SIGNED_PATH = "/.well-known/revoked.jwt"


class Ends(TypedDict):
    """What has ended. All times are NumericDates, as those in the tokens that this is about."""

    issued_at: int
    expires_at: int
    sessions: list[str]
    """Digests of sessions."""
    users: list[list[str | int]]
    """Each a digest of a user, and the time before which no token of the user is good."""


class PublishedEnds:
    """Makes both forms of the document, once for each look."""

    def __init__(self, ended: EndedSessions, issuer: TokenIssuer) -> None:
        self._ended = ended
        self._issuer = issuer
        self._plain: tuple[Look, Ends] | None = None
        self._signed: tuple[Look, str] | None = None

    def plain(self) -> Ends:
        """Return the document. Raises ServiceUnavailable if the feed cannot be read: it is never an old one."""
        return self._plain_of(self._ended.latest())

    def signed(self) -> str:
        """Return the document as a JWT. Raises ServiceUnavailable, also if no key may sign.

        Its claims are ``iss``, ``sub`` (its own URL), ``iat``, ``exp`` and, as a Token Status List has it, ``ttl``: for
        how many seconds a copy may be kept.
        """
        look = self._ended.latest()
        if self._signed is None or self._signed[0] is not look:
            ends = self._plain_of(look)
            claims = {
                "iat": ends["issued_at"],
                "exp": ends["expires_at"],
                "ttl": LOOK_SECONDS,
                "sessions": ends["sessions"],
                "users": ends["users"],
            }
            self._signed = look, self._issuer.statement(SIGNED_TYP, SIGNED_PATH, claims, look.at)
        return self._signed[1]

    def _plain_of(self, look: Look) -> Ends:
        if self._plain is None or self._plain[0] is not look:
            self._plain = look, _ends(look)
        return self._plain[1]


def _ends(look: Look) -> Ends:
    """Return the document. It is sorted by digest, so that it tells nobody who ended before whom."""
    return {
        "issued_at": look.at,
        "expires_at": look.at + GOOD_SECONDS,
        "sessions": sorted(look.sessions),
        # Of the tokens of the second in which they ended, none can be told from those before.
        "users": [[digest, at + 1] for digest, at in sorted(look.users.items())],
    }
