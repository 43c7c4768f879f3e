"""The settings for verifying tokens. The authorizer has no others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.config.environment import issuer_url, json_value
from chalicelib.errors import ConfigurationError
from chalicelib.tokens.keyring import VerificationKeys
from chalicelib.tokens.keys import parse_verification_keys


@dataclass(frozen=True, slots=True, eq=False)
class VerifierSettings:
    """The settings for verifying tokens. None of them is secret."""

    issuer: str
    """The API's root URL as clients see it, and the ``iss`` of every token."""
    audience: str
    """The ``aud`` of access tokens: the API that they are for."""
    keys: VerificationKeys

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> VerifierSettings:
        """Parse the settings. Raises ConfigurationError."""
        issuer = issuer_url(environment)
        try:
            keys = parse_verification_keys(json_value(environment, "LYCHGATE_PUBLIC_KEYS"))
        except ValueError as unusable:
            raise ConfigurationError("LYCHGATE_PUBLIC_KEYS", str(unusable)) from unusable
        return cls(issuer=issuer, audience=environment.get("LYCHGATE_AUDIENCE") or issuer, keys=keys)
