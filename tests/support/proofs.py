"""Clients with a key: they make the proofs of RFC 9449, right or wrong in whatever a test wants."""

import base64
import json
import secrets
import time

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from chalicelib.tokens.keys import thumbprint
from tests.support.samples import ISSUER


def segment(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def jws(header, payload, private_key):
    """Return a compact JWS by ES256 over a header and a payload, each members or octets."""
    parts = [segment(part if isinstance(part, bytes) else json.dumps(part).encode()) for part in (header, payload)]
    signing_input = ".".join(parts)
    return f"{signing_input}.{signature_of(signing_input, private_key)}"


def signature_of(signing_input, private_key):
    """Return the segment of a signature by ES256 (RFC 7518 section 3.4)."""
    r, s = decode_dss_signature(private_key.sign(signing_input.encode(), ec.ECDSA(SHA256())))
    return segment(r.to_bytes(32, "big") + s.to_bytes(32, "big"))


class ClientKey:
    """A private key of a client, and proofs by it for the API of one issuer."""

    def __init__(self, issuer=ISSUER, clock=lambda: int(time.time())):
        self.private_key = ec.generate_private_key(ec.SECP256R1())
        self.issuer = issuer
        self.clock = clock

    @property
    def jwk(self):
        numbers = self.private_key.public_key().public_numbers()
        return {
            "kty": "EC",
            "crv": "P-256",
            "x": segment(numbers.x.to_bytes(32, "big")),
            "y": segment(numbers.y.to_bytes(32, "big")),
        }

    @property
    def thumbprint(self):
        return thumbprint(self.jwk)

    def proof(self, path, method="POST", *, header=None, without=(), **claims):
        """Return a proof for a request. ``claims`` and ``header`` replace members, ``without`` leaves claims out."""
        members = {"jti": secrets.token_urlsafe(16), "htm": method, "htu": f"{self.issuer}{path}", "iat": self.clock()}
        members = {name: value for name, value in (members | claims).items() if name not in without}
        return jws({"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk} | (header or {}), members, self.private_key)

    def headers(self, path, method="POST", **changes):
        """Return the header of a proof for a request."""
        return {"DPoP": self.proof(path, method, **changes)}
