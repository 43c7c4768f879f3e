"""The verifier of DPoP proofs (RFC 9449): JWTs with which a client shows that it holds a private key.

Owns the checks of section 4.3 that apply to a request without an access token, over those that all proofs share. Knows
no HTTP but a method and a path, and no storage: whether a proof was used before is for whoever stores the session.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING

from chalicelib.accounts.key_proof import KeyProof
from chalicelib.errors import InvalidDPoPProof
from chalicelib.tokens.compact import Refused, integer, string
from chalicelib.tokens.keys import thumbprint
from chalicelib.tokens.proofs import signed_by_own_key

if TYPE_CHECKING:
    from chalicelib.clock import Clock

PROOF_TYPE = "dpop+jwt"
MAX_PROOF_LENGTH = 2048
"""Characters. A proof by ES256 has under 500, and the limit bounds the work for a forgery."""

WINDOW = 60
"""Seconds by which a proof's ``iat`` may differ from our clock (RFC 9449 section 11.1)."""

_ID_OCTETS = 16
"""128 bits of a ``jti``'s digest: two of one key are not alike by chance."""

_LOOPBACK = re.compile(r"http://(?:127\.0\.0\.1|localhost|\[::1\])(?::[0-9]{1,5})?(?=/)")


class ProofVerifier:
    """Verifies the proofs for the requests of one API. Does no I/O."""

    def __init__(self, *, issuer: str, clock: Clock) -> None:
        """``issuer`` is the URL that clients reach the API at. No request is asked for it."""
        self._issuer = issuer
        self._clock = clock

    def verify(self, proof: str, *, method: str, path: str) -> KeyProof:
        """Return what a proof shows that was sent with a request. ``path`` is that below the issuer.

        Raises:
            InvalidDPoPProof: any check of RFC 9449 section 4.3 failed. No other error is ever raised. If it is the
                clock's, the error has the ``key``.

        """
        try:
            return self._verify(proof, method, path)
        except InvalidDPoPProof:
            raise
        except Refused as refused:
            raise InvalidDPoPProof(str(refused)) from None
        except Exception as unexpected:  # any error that a proof causes is a reason to refuse it
            raise InvalidDPoPProof(f"unexpected {type(unexpected).__name__}") from unexpected

    def _verify(self, proof: str, method: str, path: str) -> KeyProof:
        jwk, claims = signed_by_own_key(proof, PROOF_TYPE, longest=MAX_PROOF_LENGTH)
        if string(claims, "htm") != method:
            raise Refused("htm is not the request's method")
        url = f"{self._issuer}{path}"
        if not self._is_own(string(claims, "htu"), url):
            raise Refused(f"htu is not {url}")
        made_at = integer(claims, "iat")
        if abs(made_at - self._clock()) > WINDOW:
            raise InvalidDPoPProof("iat is too far from our clock", key=thumbprint(jwk))
        return KeyProof(thumbprint(jwk), _digest(string(claims, "jti")), made_at)

    @staticmethod
    def _is_own(htu: str, url: str) -> bool:
        """Return whether this is a URL of ours, to the character.

        Section 4.3 allows to normalise both. Clients take it from the URL that they fetch, which their own URL parser
        has normalised. On a laptop a page may reach the API by another name or port of the same machine.
        """
        if htu == url:
            return True
        named, meant = _LOOPBACK.match(htu), _LOOPBACK.match(url)
        return named is not None and meant is not None and htu[named.end() :] == url[meant.end() :]


def _digest(text: str) -> str:
    octets = hashlib.sha256(text.encode()).digest()[:_ID_OCTETS]
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")
