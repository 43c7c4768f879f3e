"""Password hashing and verification.

Owns the only use of bcrypt, and the form of a stored hash. Knows no user store: it takes a hash and returns whether a
password matches.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable

import bcrypt

from chalicelib.clock import Clock, system_clock
from chalicelib.credentials.password_text import normalised_password
from chalicelib.credentials.peppers import Pepper, Peppers

# A bcrypt hash in modular crypt format is "$2b$", two digits of cost, "$", and 53 characters of salt and digest. No
# known password has this hash. Checking a password against it takes as much work as checking a user's.
_DUMMY_SALT_AND_DIGEST = "xMVPfrmUcKcIJQNrOMYOuexpSYmPrMKGs6fBXlRfTHC2rtZ1Ksg7O"

# The id of the pepper, which the first pepper lacks, and bcrypt's own hash with its cost.
_STORED = re.compile(r"([A-Za-z0-9_-]*)(\$2b\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53})")


IMPORTED = "imported:"
"""What the hash that another system has made is stored after: ``foreign_hashes`` says in which forms. No pepper has
such an id."""


_LEAST_COST = 4
"""bcrypt's."""


class PasswordHasher:
    """Hashes passwords with ``bcrypt(base64(HMAC-SHA-384(pepper, NFC(password))))``, a formula of OWASP.

    Base64 of a SHA-384 is 64 bytes, so bcrypt's limit of 72 bytes cuts nothing and no NUL byte ends a password early.
    The pepper is not in the database, so a stolen table alone does not allow guessing. A stored hash is the id of its
    pepper, then bcrypt's hash: ``p3f9a1c02$2b$12$…``. The id of the first pepper is empty.

    The hash of an imported user is that of the system before, until a password is first checked with it.
    """

    def __init__(
        self,
        *,
        peppers: Peppers,
        cost: int,
        clock: Clock = system_clock,
        report: Callable[[str], None] = lambda _problem: None,
    ) -> None:
        """Hash at ``cost``. ``report`` is told what an operator has to repair: why a hash cannot be checked."""
        self._peppers = peppers
        self._cost = cost
        self._clock = clock
        self._report = report

    def hash(self, password: str) -> str:
        """Return a new hash of the password, with the current pepper."""
        pepper = self._current()
        return pepper.id + bcrypt.hashpw(_prehash(pepper, password), bcrypt.gensalt(self._cost)).decode("ascii")

    def verify(self, password: str, password_hash: str | None) -> bool:
        """Return whether the password matches the hash.

        Without a hash, for an unknown user, this does the same work and returns False: the response time must not
        reveal who has an account. A hash of a lower cost than the configured one is no different. One of a higher cost
        takes the work of that cost. A hash whose pepper is unknown is reported and fits no password.

        The hash of another system takes as much work too, as far as that can be compared, or more if it costs more.
        """
        if password_hash is not None and password_hash.startswith(IMPORTED):
            return self._verify_imported(password, password_hash.removeprefix(IMPORTED))
        pepper, bcrypt_hash, cost = self._read(password_hash)
        prehash = _prehash(pepper or self._current(), password)
        matches = bcrypt.checkpw(prehash, bcrypt_hash.encode("ascii"))
        # The work doubles with each step of the cost, so the costs from this one up to the configured one, which is not
        # among them, take exactly what is missing.
        for missing in range(cost, self._cost):
            bcrypt.checkpw(prehash, _dummy(missing).encode("ascii"))
        return matches and pepper is not None

    def needs_rehash(self, password_hash: str) -> bool:
        """Return whether the hash has another pepper than the current one, or another cost than the configured one.

        The hash of another system is always made anew.
        """
        return not password_hash.startswith(f"{self._current().id}$2b${self._cost:02d}$")

    def _verify_imported(self, password: str, text: str) -> bool:
        """Return whether a password has the hash of another system. One with absurd parameters is never computed."""
        from chalicelib.credentials import foreign_hashes  # noqa: PLC0415 - most processes never meet one

        try:
            foreign = foreign_hashes.parse(text)
        except foreign_hashes.ForeignHashRefused as refused:
            self._report(f"is of another system and not checked: {refused}")
            return self.verify(password, None)
        # Some systems have hashed an empty password for users who have none, as those of a social log-in.
        matches = foreign.matches(password) and password != ""
        # Each bit of the rounds that are missing is the work of one cost, down to bcrypt's least.
        least = 2**_LEAST_COST
        missing = 2**self._cost - foreign.rounds // least * least
        prehash = _prehash(self._current(), password)
        for cost in range(_LEAST_COST, self._cost + 1):
            if missing > 0 and missing >> cost & 1:
                bcrypt.checkpw(prehash, _dummy(cost).encode("ascii"))
        return matches

    def _current(self) -> Pepper:
        return self._peppers.current(self._clock())

    def _read(self, password_hash: str | None) -> tuple[Pepper | None, str, int]:
        """Return the pepper, bcrypt's hash and its cost; without a hash that can be checked, no pepper and a dummy."""
        if password_hash is not None:
            parts = _STORED.fullmatch(password_hash)
            pepper = self._peppers.find(parts[1]) if parts else None
            if parts and pepper:
                return pepper, parts[2], int(parts[3])
            self._report(f"needs the pepper {parts[1] or 'without an id'}" if parts else "is damaged")
        return None, _dummy(self._cost), self._cost


def _prehash(pepper: Pepper, password: str) -> bytes:
    return base64.b64encode(hmac.digest(pepper.secret, normalised_password(password).encode("utf-8"), hashlib.sha384))


def _dummy(cost: int) -> str:
    return f"$2b${cost:02d}${_DUMMY_SALT_AND_DIGEST}"
