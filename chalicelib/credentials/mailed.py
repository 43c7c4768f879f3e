"""Secrets that are sent by mail: tokens in links, and codes to type in.

Owns their form, how long they are good, and what is stored of them: digests only. Whoever reads the tables learns
nothing to act with. Knows no storage and no mail.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chalicelib.accounts.mail import MailKind

if TYPE_CHECKING:
    from collections.abc import Mapping

LIFETIMES: Mapping[MailKind, int] = {
    MailKind.REGISTER: 3600,
    MailKind.EMAIL: 3600,
    MailKind.RESET: 1800,
    MailKind.INVITATION: 24 * 3600,
    MailKind.LOGIN_CODE: 600,
}
"""Seconds after the request for which what was mailed is good. SP 800-63B-4 section 4.2.1.2 allows a day, ASVS 5.0
(6.5.5) ten minutes for a code to log in with."""

MOST_TRIES = 5
"""Tries that a challenge allows: one in 200,000 guesses right."""

CODE_DIGITS = 6

MAX_TOKEN_LENGTH = 128
"""Characters of what is presented as a token or a challenge. Ours have fewer."""

_ID_LENGTH = 22
_TOKEN = re.compile(r"[A-Za-z0-9_-]{65}")
_CODE = re.compile(r"[0-9]{6}")


@dataclass(frozen=True, slots=True, eq=False)
class MailedProof:
    """What a mailed token or code stands for, as it is stored with its mail."""

    mail_id: str
    kind: MailKind
    expires_at: int
    """NumericDate."""
    used: bool
    user_id: str | None
    """None if there was nobody to write to, or if the user is yet to be."""
    username: str | None
    email: str | None
    """The address that it was sent to."""
    password_version: int
    """How often the user's password had changed. After one more change the proof is void."""
    session_id: str | None
    """The session that asked for another address."""
    token_digests: tuple[str, ...] = field(default=(), repr=False)
    """Of the tokens that were mailed."""
    shown_digest: str | None = field(default=None, repr=False)
    """Of the token that an administrator was shown."""
    code_digest: str | None = field(default=None, repr=False)
    tries: int = 0
    """How many codes were tried, the present one included."""
    handed_over: bool = False
    """Whether an administrator was shown a link. It is good without a verified address."""

    def problem(self, kinds: tuple[MailKind, ...], now: int) -> str | None:
        """Return why it is not good for any of these kinds of action at ``now``, None if it is."""
        if self.kind not in kinds:
            return f"mailed for {self.kind}"
        if self.used:
            return "used"
        return "expired" if now >= self.expires_at else None


@dataclass(frozen=True, slots=True, eq=False)
class KeptRegistration:
    """A registration whose address is yet to be confirmed. No account exists until then."""

    mail_id: str
    email: str
    password_hash: str = field(repr=False)
    language: str
    expires_at: int
    """NumericDate."""


def new_mail_id() -> str:
    """Return an identifier of a mail: 128 bits."""
    return secrets.token_urlsafe(16)


def new_token(mail_id: str) -> str:
    """Return a token to be sent with a mail: its id, and 256 bits that are stored nowhere."""
    return mail_id + secrets.token_urlsafe(32)


def read_token(token: str) -> tuple[str, str] | None:
    """Return the mail's id and the token's digest, None if it has not the form of a token."""
    if not _TOKEN.fullmatch(token):
        return None
    return token[:_ID_LENGTH], token_digest(token)


def token_digest(token: str) -> str:
    """Return what is stored of a token. It has 256 random bits, so nothing slower is needed (ASVS 5.0, 11.4.2)."""
    return hashlib.sha256(token.encode()).hexdigest()


def new_challenge() -> str:
    """Return a challenge: 256 bits that only the browser has which asks for a code."""
    return secrets.token_urlsafe(32)


def mail_id_of_challenge(challenge: str) -> str:
    """Return the id of the mail that a challenge belongs to. The challenge cannot be told from it."""
    return hashlib.sha256(challenge.encode("utf-8", "replace")).hexdigest()[:32]


def new_code() -> str:
    """Return a code to be sent by mail."""
    return f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"


def code_digest(code: str, mail_id: str) -> str:
    """Return what is stored of a code.

    It is slow, because there are few codes. Whoever reads the table and finds the code still lacks the challenge.
    """
    return hashlib.scrypt(code.encode(), salt=mail_id.encode(), n=2**14, r=8, p=1, dklen=32).hex()


def code_fits(code: str, proof: MailedProof) -> bool:
    """Return whether a code is the mailed one. It takes the same time if none was mailed, and ignores spaces."""
    given = "".join(code.split())
    digest = code_digest(given if _CODE.fullmatch(given) else "", proof.mail_id)
    return hmac.compare_digest(digest, proof.code_digest or "0" * 64) and proof.code_digest is not None
