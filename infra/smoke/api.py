"""The API of a site: how it is asked, in the words of docs/http-api.md."""

from __future__ import annotations

import json
from collections.abc import Mapping

from infra.smoke.site import Answer, Site

API = "/api"


class Api:
    """Asks the routes of one site."""

    def __init__(self, site: Site) -> None:
        self.site = site

    @property
    def issuer(self) -> str:
        """What the API should call itself."""
        return f"{self.site.origin}{API}"

    def ask(
        self,
        method: str,
        route: str,
        body: Mapping[str, object] | bytes | None = None,
        *,
        bearer: str | None = None,
        origin: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make a request of a route; a mapping is sent as JSON. Raises FailedError if nobody answers."""
        sent = dict(headers or {})
        if isinstance(body, Mapping):
            sent.setdefault("Content-Type", "application/json")
            body = json.dumps(body).encode()
        if bearer is not None:
            sent["Authorization"] = f"Bearer {bearer}"
        if origin is not None:
            sent["Origin"] = origin
        return self.site.ask(method, f"{API}{route}", sent, body)
