"""What a request has proven about a key of its client (RFC 9449). Knows no token format."""

from __future__ import annotations

from dataclasses import dataclass

PROOF_ALGORITHM = "ES256"
"""The one algorithm of proofs, which browsers, TPMs and every library have."""


@dataclass(frozen=True, slots=True)
class KeyProof:
    """A proof that whoever sent a request holds a private key."""

    key: str
    """The thumbprint of the public key (RFC 7638), which names the key."""
    id: str
    """A digest of the proof's ``jti``: no two proofs of a key have the same."""
    at: int
    """When the client made the proof, by its own clock: its ``iat``, a NumericDate."""
