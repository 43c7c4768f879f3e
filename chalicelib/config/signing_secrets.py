"""The private keys and the pepper, which are the value of one encrypted SSM parameter."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field

from chalicelib.errors import ConfigurationError
from chalicelib.tokens.keyring import SigningKeys
from chalicelib.tokens.keys import parse_signing_keys

MIN_PEPPER_BYTES = 32
"""256 bits. SP 800-63B-4 section 3.1.1.2 asks for at least 112."""


@dataclass(frozen=True, slots=True)
class SigningSecrets:
    """Secrets that must never leave the API Lambda. They are the value of one encrypted SSM parameter."""

    signing_keys: SigningKeys
    pepper: bytes = field(repr=False)

    @classmethod
    def from_json(cls, text: str, *, source: str) -> SigningSecrets:
        """Parse ``{"keys": [<private JWK>…], "pepper": "<base64url>"}``.

        Raises a ConfigurationError that names ``source`` and never quotes ``text``.
        """
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            raise ConfigurationError(source, "must hold JSON") from None
        try:
            signing_keys = parse_signing_keys(document)
        except ValueError as unusable:
            raise ConfigurationError(source, str(unusable)) from None
        try:
            encoded = document["pepper"]
            pepper = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
        except (KeyError, TypeError, ValueError):
            raise ConfigurationError(source, "must hold a member pepper, base64url") from None
        if len(pepper) < MIN_PEPPER_BYTES:
            raise ConfigurationError(source, f"must hold a pepper of at least {MIN_PEPPER_BYTES} bytes")
        return cls(signing_keys, pepper)
