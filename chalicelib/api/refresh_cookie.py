"""The cookie that carries the refresh token, and who may use it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from chalicelib.api.cookies import SiteCookie
from chalicelib.api.headers import check_origin
from chalicelib.api.schemas import Keywords

if TYPE_CHECKING:
    from chalice.app import Request

    from chalicelib.config.http import HttpSettings


TokenDelivery = Annotated[
    Literal["body", "cookie"], Keywords(component="TokenDelivery", description="Where the refresh token goes.")
]


class RefreshCookie(SiteCookie):
    """The refresh cookie of one site."""

    def __init__(self, settings: HttpSettings) -> None:
        super().__init__("refresh_token", settings)

    @classmethod
    def asked_for(cls, token_delivery: str, request: Request, settings: HttpSettings) -> RefreshCookie | None:
        """Return the cookie if the refresh token is to go there, None if it goes into the body.

        Raises OriginRejected if a page of another origin asks: it could log its visitor in as somebody else.
        """
        if token_delivery != "cookie":
            return None
        check_origin(request, settings)
        return cls(settings)

    def values_from_allowed_origin(self, request: Request) -> list[str]:
        """Return the same as ``values``. Raises OriginRejected if the page that sent a cookie may not use it."""
        refresh_tokens = self.values(request)
        if refresh_tokens:
            check_origin(request, self._settings)
        return refresh_tokens
