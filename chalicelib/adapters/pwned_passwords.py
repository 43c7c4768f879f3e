"""The range API of Pwned Passwords: whether a password has been seen in a leak, asked without telling it.

Owns the one request. The service learns the first five hexadecimal digits of a SHA-1, which some two thousand leaked
passwords share, and padding hides from others how long its answer was. Off unless a setting asks for it: a
registration then depends on somebody else's service, for a second at most.
"""

from __future__ import annotations

import hashlib
import logging
import time
import unicodedata
from collections.abc import Callable

import urllib3

RANGE_URL = "https://api.pwnedpasswords.com/range/"

TIME_LIMIT = 1.0
"""Seconds for the whole answer."""

MAX_ANSWER = 1024 * 1024
"""Octets. A range has some 40 KiB."""

_PREFIX = 5
_CHUNK = 16 * 1024

_log = logging.getLogger("lychgate")


class PwnedPasswords:
    """Asks the range API. Fails open: without an answer a password is not known to be leaked, and a log says so."""

    def __init__(
        self, *, url: str = RANGE_URL, time_limit: float = TIME_LIMIT, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._url = url
        self._time_limit = time_limit
        self._clock = clock
        self._http = urllib3.PoolManager(retries=False)

    def contains(self, password: str) -> bool:
        """Whether the password is known from a leak."""
        normalised = unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
        # The API speaks SHA-1. Nothing is protected by it: the words are public.
        hashed = hashlib.sha1(normalised, usedforsecurity=False).hexdigest().upper()
        try:
            answer = self._range(hashed[:_PREFIX])
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as failure:
            _log.warning("Pwned Passwords gave no answer (%s): the password was not checked", type(failure).__name__)
            return False
        return _count(answer, hashed[_PREFIX:]) > 0

    def _range(self, prefix: str) -> str:
        deadline = self._clock() + self._time_limit
        response = self._http.request(
            "GET",
            f"{self._url}{prefix}",
            headers={"Add-Padding": "true", "User-Agent": "lychgate"},
            timeout=urllib3.Timeout(total=self._time_limit),
            redirect=False,
            preload_content=False,
        )
        try:
            if response.status != 200:  # noqa: PLR2004 - the one status that comes with a range
                raise ValueError(response.status)
            body = b""
            # The time limit above is that of each read: an answer that drips would keep the caller for ever, and so
            # would a read that waits until it has all that it asked for.
            while chunk := response.read1(_CHUNK):
                body += chunk
                if len(body) > MAX_ANSWER or self._clock() > deadline:
                    raise TimeoutError
            return body.decode("ascii")
        finally:
            response.close()


def _count(answer: str, suffix: str) -> int:
    """Return how often a hash was seen. Padding comes with a count of 0."""
    for line in answer.splitlines():
        found, _, count = line.partition(":")
        if found.strip().upper() == suffix:
            return int(count) if count.strip().isdecimal() else 0
    return 0
