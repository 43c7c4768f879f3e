"""The settings of the HTTP layer: CORS, the refresh cookie and the distribution."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from chalicelib.config.environment import issuer_url
from chalicelib.errors import ConfigurationError


@dataclass(frozen=True, slots=True, eq=False)
class HttpSettings:
    """The settings of the HTTP layer."""

    own_origin: str
    """The origin of the API and of its page."""
    allowed_origins: tuple[str, ...]
    """Origins (RFC 6454 section 6.2) whose pages may use the refresh cookie and read responses."""
    over_https: bool
    """Whether clients reach the API by HTTPS: everywhere except on a developer's machine."""
    distribution_secrets_sha256: frozenset[str]
    """The SHA-256, in hex, of each secret that the distribution may send in ``X-Lychgate-Distribution``: two, so that
    it can change from one to the other. Empty without a distribution. The secrets are random, so their hashes need not
    be secret."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> HttpSettings:
        """Parse the settings. Raises ConfigurationError."""
        issuer = urlsplit(issuer_url(environment))
        own_origin = f"{issuer.scheme}://{issuer.netloc}"
        listed = environment.get("LYCHGATE_ALLOWED_ORIGINS") or own_origin
        origins = tuple(origin.strip() for origin in listed.split(","))
        for origin in origins:
            if not _is_origin(origin):
                raise ConfigurationError(
                    "LYCHGATE_ALLOWED_ORIGINS", f"must list origins such as https://example.org, but has {origin!r}"
                )
        secrets_sha256 = environment.get("LYCHGATE_DISTRIBUTION_SECRET_SHA256") or None
        if secrets_sha256 is not None and not re.fullmatch(r"[0-9a-f]{64}(,[0-9a-f]{64})*", secrets_sha256):
            raise ConfigurationError(
                "LYCHGATE_DISTRIBUTION_SECRET_SHA256", "must be a SHA-256 in hex, or several with commas between them"
            )
        return cls(
            own_origin=own_origin,
            allowed_origins=origins,
            over_https=issuer.scheme == "https",
            distribution_secrets_sha256=frozenset(secrets_sha256.split(",") if secrets_sha256 else ()),
        )


def _is_origin(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and text == f"{parts.scheme}://{parts.netloc}"
