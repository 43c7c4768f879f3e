"""Cookies of this site (RFC 6265bis): their names, their attributes, reading them, setting them, taking them away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.api.headers import read_cookies

if TYPE_CHECKING:
    from chalice.app import Request

    from chalicelib.config.http import HttpSettings


class SiteCookie:
    """A cookie that only this host can set, and that no script can read.

    RFC 6265bis section 4.1.3.2: browsers accept the prefix ``__Host-`` only with ``Secure``, with ``Path=/`` and
    without ``Domain``. So a sibling subdomain can plant no cookie of this name, and there is only one. The prefix needs
    HTTPS.
    """

    def __init__(self, name: str, settings: HttpSettings) -> None:
        self.name = f"__Host-{name}" if settings.over_https else name
        self._settings = settings

    def values(self, request: Request) -> list[str]:
        """Return the values of all cookies of this name in a request."""
        return read_cookies(request, self.name)

    @property
    def attributes(self) -> str:
        """What is the same whatever the cookie holds, and for how long."""
        secure = " Secure;" if self._settings.over_https else ""
        return f"Path=/; HttpOnly;{secure} SameSite=Strict"

    def holding(self, value: str, max_age: int) -> str:
        """Return the ``Set-Cookie`` value that stores a value for ``max_age`` seconds."""
        return f"{self.name}={value}; {self.attributes}; Max-Age={max_age}"

    def taken_away(self, request: Request) -> list[str]:
        """Return the ``Set-Cookie`` values that delete the cookies of this name in the answer to a request."""
        return [self.holding("", 0), *self.strays_taken_away(request)]

    def strays_taken_away(self, request: Request) -> list[str]:
        """Return the ``Set-Cookie`` values that delete what stands beside the cookie, if anything does.

        Without the prefix there may be a second cookie of the name, for the path of the route, from an earlier version
        or by somebody else's hand. ``Path`` is left out: the browser takes the route's folder (RFC 6265 section 5.1.4).
        """
        if self._settings.over_https or len(self.values(request)) <= 1:
            return []
        return [f"{self.name}=; HttpOnly; SameSite=Strict; Max-Age=0"]
