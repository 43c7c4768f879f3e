"""The client of Pwned Passwords' range API, which tells whether a password has leaked without receiving it.

Owns the one request. The service learns the first five hexadecimal digits of a SHA-1, which about two thousand leaked
passwords share. Padding hides the length of the response from eavesdroppers. The check is off by default, because with
it a registration waits up to a second for another service.
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
"""Seconds for the whole response."""

MAX_ANSWER = 1024 * 1024
"""Octets (1 MiB). A range has about 40 KiB."""

_PREFIX = 5
_CHUNK = 16 * 1024

_log = logging.getLogger("lychgate")


class PwnedPasswords:
    """A ``LeakedPasswords`` over the range API. Fails open: without a response it logs a warning and returns False."""

    def __init__(
        self, *, url: str = RANGE_URL, time_limit: float = TIME_LIMIT, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._url = url
        self._time_limit = time_limit
        self._clock = clock
        self._http = urllib3.PoolManager(retries=False)

    def contains(self, password: str) -> bool:
        """Return whether the password is known from a leak."""
        normalised = unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
        # The API uses SHA-1. It protects nothing here.
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
            # The timeout above applies to each read. Without a deadline a slow response would never end, and neither
            # would a read that waits for a full chunk.
            while chunk := response.read1(_CHUNK):
                body += chunk
                if len(body) > MAX_ANSWER or self._clock() > deadline:
                    raise TimeoutError
            return body.decode("ascii")
        finally:
            response.close()


def _count(answer: str, suffix: str) -> int:
    """Return how often a hash was seen, 0 if it is not in the response. Padding entries have a count of 0."""
    for line in answer.splitlines():
        found, _, count = line.partition(":")
        if found.strip().upper() == suffix:
            return int(count) if count.strip().isdecimal() else 0
    return 0
