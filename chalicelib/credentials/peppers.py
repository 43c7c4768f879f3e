"""Peppers: the secrets that passwords are hashed with, several while one takes another's place.

Knows neither where they are kept nor how a password is hashed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

FIRST = ""
"""The id of a stage's first pepper. Its hashes name no pepper."""


@dataclass(frozen=True, slots=True)
class Pepper:
    """A secret, the id that hashes name it by, and the time from which new hashes use it."""

    id: str
    secret: bytes = field(repr=False)
    starts_at: int = 0
    """NumericDate."""


@dataclass(frozen=True, slots=True)
class Peppers:
    """The peppers of a stage, at least one. The time decides which of them new hashes use."""

    peppers: tuple[Pepper, ...]

    @classmethod
    def of(cls, secret: bytes) -> Peppers:
        """Return the peppers of a stage that has one only."""
        return cls((Pepper(FIRST, secret),))

    def current(self, now: int) -> Pepper:
        """Return the pepper of new hashes at ``now``: of those that have begun, the one with the latest start.

        If none has begun, because this machine's clock is late, it is the earliest.
        """
        begun = [pepper for pepper in self.peppers if pepper.starts_at <= now]
        if not begun:
            return min(self.peppers, key=lambda pepper: pepper.starts_at)
        return max(reversed(begun), key=lambda pepper: pepper.starts_at)

    def find(self, pepper_id: str) -> Pepper | None:
        """Return the pepper with this id, None if there is none."""
        return next((pepper for pepper in self.peppers if pepper.id == pepper_id), None)
