"""For whom passkeys are made: what the settings say of the Relying Party.

Loaded with the first request that has to do with a passkey.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chalicelib.credentials.webauthn import RelyingParty

if TYPE_CHECKING:
    from chalicelib.config.api import ApiSettings
    from chalicelib.config.http import HttpSettings


def relying_party(settings: ApiSettings, http: HttpSettings) -> RelyingParty:
    """Return the Relying Party. Its origins are those of the allowed ones whose pages may use its passkeys."""
    origins = tuple(origin for origin in http.allowed_origins if _may_use(origin, settings.rp_id))
    return RelyingParty(id=settings.rp_id, name=settings.site_name, origins=origins)


def _may_use(origin: str, rp_id: str) -> bool:
    """Return whether a browser lets a page of this origin use passkeys of the RP ID (WebAuthn Level 3, section 4).

    The RP ID is its host or a domain above it, and the page came by HTTPS, or from ``localhost``.
    """
    parts = urlsplit(origin)
    host = parts.hostname or ""
    secure = parts.scheme == "https" or host == "localhost" or host.endswith(".localhost")
    return secure and (host == rp_id or host.endswith(f".{rp_id}"))
