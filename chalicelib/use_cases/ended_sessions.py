"""What one process remembers of the feed of ended sessions.

Owns how often the feed is looked at, how far back, and what is remembered for how long. Whoever asks learns of an end
``LOOK_SECONDS`` after it was answered, and one more because a clock counts whole seconds, at no read of its own.
"""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING

from chalicelib.accounts.ended import digest_of
from chalicelib.errors import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chalicelib.clock import Clock
    from chalicelib.tokens.principals import Principal
    from chalicelib.use_cases.ports import EndedFeed

LOOK_SECONDS = 10
"""Seconds for which a look at the feed is good."""

OVERLAP_SECONDS = 60
"""Seconds by which a look begins before the last one. A new entry may say an earlier time than the last look: it has
the time of another clock, and shows up when its transaction is done, half a minute later if a request takes longest."""

SKEW_SECONDS = 10
"""Seconds by which the clocks of two processes may differ, with room to spare."""

RETRY_SECONDS = 1
"""Seconds after a look that failed in which there is no other."""

_DIGESTS = 1024
"""How many digests are kept. A process sees the same sessions again and again."""

_digest = functools.lru_cache(_DIGESTS)(digest_of)


class Look:
    """What was seen at one look, and at those before it. It never changes."""

    __slots__ = ("at", "sessions", "users")

    def __init__(self, at: int, sessions: Mapping[str, int], users: Mapping[str, int]) -> None:
        self.at = at
        """NumericDate from before the look: what had been answered by then is in here."""
        self.sessions = sessions
        """The digests of sessions that have ended, and when each did."""
        self.users = users
        """The digests of users all of whose sessions have ended, and when they last did."""

    def names(self, user_id: str, session_id: str) -> bool:
        """Return whether the session has ended, or all of the user's have at some time."""
        return (bool(self.sessions) and _digest(session_id) in self.sessions) or (
            bool(self.users) and _digest(user_id) in self.users
        )


class EndedSessions:
    """The memory of one process. Threads may share it."""

    def __init__(
        self,
        feed: EndedFeed,
        *,
        access_lifetime: int,
        clock: Clock,
        report: Callable[[str | None], None],
        look_seconds: int = LOOK_SECONDS,
        overlap: int = OVERLAP_SECONDS,
    ) -> None:
        """Begin without a look. ``report`` is told why a look has failed.

        ``access_lifetime`` is that of an access token, in seconds.
        """
        self._feed = feed
        self._oldest = access_lifetime + SKEW_SECONDS
        """Seconds for which a token can be good. An older one is from before a deployment that shortened lives, and has
        outlived what is remembered."""
        self._remembered = access_lifetime + SKEW_SECONDS + OVERLAP_SECONDS
        """Seconds for which an entry can matter. A token may be issued until the entry's transaction is done, which is
        after the time that the entry says."""
        self._look_seconds = look_seconds
        self._overlap = overlap
        self._clock = clock
        self._report = report
        self._looking = threading.Lock()
        self._last: Look | None = None
        self._failed_at: int | None = None
        """When a look last failed."""

    def may_have_ended(self, principal: Principal) -> bool:
        """Return whether the feed names a principal's session or user, cannot be read, or cannot know any more.

        A suspicion only: the user may have begun the session after the others had ended, and two ids may have one
        digest. ``Account.live`` decides.
        """
        if self._clock() - principal.issued_at > self._oldest:
            return True
        try:
            return self.latest().names(principal.user_id, principal.session_id)
        except ServiceUnavailable:
            return True

    def latest(self) -> Look:
        """Return the last look, if it is younger than ``LOOK_SECONDS``, else a new one.

        Raises ServiceUnavailable if the feed cannot be read, or could not within the last ``RETRY_SECONDS``.
        """
        if (last := self._good_at(self._clock())) is not None:
            return last
        with self._looking:
            # Another thread may have looked while this one waited.
            now = self._clock()
            return self._good_at(now) or self._look(now)

    def _good_at(self, now: int) -> Look | None:
        """Return the last look if it is still good. One of the future is not: the clock was set back."""
        last = self._last
        return last if last is not None and 0 <= now - last.at < self._look_seconds else None

    def _look(self, now: int) -> Look:
        last = self._last
        if self._failed_at is not None and 0 <= now - self._failed_at < RETRY_SECONDS:
            raise ServiceUnavailable("the feed of ended sessions could not be read a moment ago")
        matters = now - self._remembered
        # A clock that was set back may have been wrong at every look until then.
        since = matters if last is None or now < last.at else max(matters, last.at - self._overlap)
        try:
            entries = self._feed.since(since)
        except ServiceUnavailable as failure:
            self._failed_at = self._clock()
            self._report(failure.reason)
            raise
        sessions, users = {}, {}
        if last is not None:
            sessions, users = _younger(last.sessions, matters), _younger(last.users, matters)
        for entry in entries:
            (users if entry.is_user else sessions)[entry.digest] = entry.at
        self._last = Look(now, sessions, users)
        return self._last


def _younger(known: Mapping[str, int], oldest: int) -> dict[str, int]:
    """Return what has not ended before ``oldest``."""
    return {digest: at for digest, at in known.items() if at >= oldest}
