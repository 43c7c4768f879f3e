"""The cookie that carries the refresh token: its name, its attributes, and who may use it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from chalicelib.api.parsing import check_origin, read_cookie
from chalicelib.api.schemas import Keywords

if TYPE_CHECKING:
    from chalice.app import Request

    from chalicelib.config.http import HttpSettings


TokenDelivery = Annotated[Literal["body", "cookie"], Keywords(description="Where the refresh token goes.")]


class RefreshCookie:
    """The refresh cookie of one site (RFC 6265bis)."""

    def __init__(self, settings: HttpSettings) -> None:
        self._settings = settings
        # RFC 6265bis section 4.1.3.1: browsers accept ``__Secure-`` only with ``Secure``, which needs HTTPS.
        self.name = "__Secure-refresh_token" if settings.over_https else "refresh_token"

    @classmethod
    def asked_for(cls, token_delivery: str, request: Request, settings: HttpSettings) -> RefreshCookie | None:
        """Return the cookie if the refresh token is to go there, None if it goes into the body.

        Raises OriginRejected if a page of another origin asks: it could log its visitor in as somebody else.
        """
        if token_delivery != "cookie":
            return None
        check_origin(request, settings)
        return cls(settings)

    def read(self, request: Request) -> str | None:
        """Return the refresh token in the request's cookie, or None if there is no such cookie."""
        return read_cookie(request, self.name)

    def read_from_allowed_origin(self, request: Request) -> str | None:
        """Return the same as ``read``. Raises OriginRejected if the page that sent the cookie may not use it."""
        refresh_token = self.read(request)
        if refresh_token is not None:
            check_origin(request, self._settings)
        return refresh_token

    def holding(self, refresh_token: str, max_age: int) -> str:
        """Return the ``Set-Cookie`` value that stores a refresh token for ``max_age`` seconds."""
        secure = " Secure;" if self._settings.over_https else ""
        return (
            f"{self.name}={refresh_token}; Path={self._settings.cookie_path}; HttpOnly;{secure} SameSite=Strict;"
            f" Max-Age={max_age}"
        )

    def taken_away(self) -> str:
        """Return the ``Set-Cookie`` value that deletes the cookie."""
        return self.holding("", 0)
