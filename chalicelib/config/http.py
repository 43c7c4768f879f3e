"""The settings of the HTTP layer: who may call from a browser, and how the refresh cookie is set."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from chalicelib.config.environment import url
from chalicelib.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """What the HTTP layer needs: who may call from a browser, and how the refresh cookie is set."""

    own_origin: str
    """The API's own origin, which is also that of its page."""
    allowed_origins: tuple[str, ...]
    """Origins of the pages that may use the cookie and, from elsewhere, read answers (RFC 6454 section 6.2)."""
    cookie_path: str
    over_https: bool
    """Whether the API is reached by HTTPS: everywhere but on a developer's machine."""
    distribution_secret_sha256: str | None
    """The SHA-256, in hex, of what the distribution sends in ``X-Lychgate-Distribution``; None if there is none. A hash
    of a random secret may stand in plain configuration."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> HttpSettings:
        """Parse the settings. Raises ConfigurationError."""
        issuer = urlsplit(url(environment, "LYCHGATE_ISSUER"))
        own_origin = f"{issuer.scheme}://{issuer.netloc}"
        listed = environment.get("LYCHGATE_ALLOWED_ORIGINS") or own_origin
        origins = tuple(origin.strip() for origin in listed.split(","))
        for origin in origins:
            parts = urlsplit(origin)
            if parts.scheme not in {"http", "https"} or origin != f"{parts.scheme}://{parts.netloc}":
                raise ConfigurationError(
                    "LYCHGATE_ALLOWED_ORIGINS", f"must list origins such as https://example.org, but has {origin!r}"
                )
        secret_sha256 = environment.get("LYCHGATE_DISTRIBUTION_SECRET_SHA256") or None
        if secret_sha256 is not None and not re.fullmatch(r"[0-9a-f]{64}", secret_sha256):
            raise ConfigurationError("LYCHGATE_DISTRIBUTION_SECRET_SHA256", "must be a SHA-256 in hex")
        return cls(
            own_origin=own_origin,
            allowed_origins=origins,
            cookie_path=f"{issuer.path}/auth",
            over_https=issuer.scheme == "https",
            distribution_secret_sha256=secret_sha256,
        )
