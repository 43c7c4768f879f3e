"""The one place that imports PyJWT and cryptography.

Owns how PyJWT is imported: without four parts that Lychgate does not use and that would lengthen every cold start.

- ``bcrypt``: cryptography imports it, if it is installed, to read encrypted OpenSSH keys. The authorizer Lambda does
  not hash passwords.
- PyJWT's client for the key sets of other issuers, with its HTTP client and TLS. Our keys come from settings.
- X.509, with which PyJWT reads keys from certificates. Our keys are JWKs.
- OpenSSH keys, for the same reason.

They are absent only during this import. Afterwards each is imported at its first use, so PyJWT works in full for other
code that uses it.

Also owns how ES256 signs, which is deterministically, and how it verifies.
"""

from __future__ import annotations

from typing import Any

from chalicelib.deferred import LoadedWhenAsked, function_of, left_out, module_of, take_when_asked

_OPENSSH = "cryptography.hazmat.primitives.serialization.ssh"
_OF_OPENSSH = (
    "SSHCertPrivateKeyTypes",
    "SSHCertPublicKeyTypes",
    "SSHCertificate",
    "SSHCertificateBuilder",
    "SSHCertificateType",
    "SSHPrivateKeyTypes",
    "SSHPublicKeyTypes",
    "load_ssh_private_key",
    "load_ssh_public_identity",
    "load_ssh_public_key",
    "ssh_key_fingerprint",
)

with left_out(
    {
        "bcrypt": None,
        "cryptography.x509": LoadedWhenAsked("cryptography.x509"),
        "jwt.jwks_client": module_of("jwt.jwks_client", PyJWKClient=function_of("jwt.jwks_client", "PyJWKClient")),
        _OPENSSH: module_of(_OPENSSH, **{name: function_of(_OPENSSH, name) for name in _OF_OPENSSH}),
    }
) as _left_out:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
    from cryptography.hazmat.primitives.hashes import SHA256
    from jwt import PyJWK
    from jwt.algorithms import Algorithm, ECAlgorithm, OKPAlgorithm, RSAAlgorithm
    from jwt.exceptions import PyJWTError

if _OPENSSH in _left_out:
    take_when_asked(serialization, _OPENSSH, _OF_OPENSSH)

__all__ = [
    "ES256",
    "Algorithm",
    "ECAlgorithm",
    "OKPAlgorithm",
    "PyJWK",
    "PyJWTError",
    "RSAAlgorithm",
    "add_entropy",
    "algorithm_of",
    "point_of_p256",
]


class _ES256(ECAlgorithm):
    """ES256 with deterministic signatures (RFC 6979): the signature depends on the key and the message alone.

    Processes restored from one snapshot have the same random state. They cannot leak the key by signing two messages
    with the same nonce. Signing the same claims again gives exactly the same token.

    The two forms of a signature, that of RFC 7518 section 3.4 and DER, are turned into each other here: by way of
    hexadecimal, as PyJWT does it, that takes a fifth of a verification.
    """

    def __init__(self) -> None:
        super().__init__(ECAlgorithm.SHA256)
        self._ecdsa = ECDSA(SHA256(), deterministic_signing=True)

    def sign(self, msg: bytes, key: Any) -> bytes:  # noqa: ANN401 - the private key of a curve, as in PyJWT
        """Return the signature in the form of RFC 7518 section 3.4: R and S, 32 octets each."""
        r, s = decode_dss_signature(key.sign(msg, self._ecdsa))
        return r.to_bytes(_OCTETS, "big") + s.to_bytes(_OCTETS, "big")

    def verify(self, msg: bytes, key: Any, sig: bytes) -> bool:  # noqa: ANN401 - as above
        """Return whether this is a signature over the message, in that form."""
        if len(sig) != 2 * _OCTETS:
            return False
        r, s = int.from_bytes(sig[:_OCTETS], "big"), int.from_bytes(sig[_OCTETS:], "big")
        try:
            key.verify(encode_dss_signature(r, s), msg, self._ecdsa)
        except InvalidSignature:
            return False
        return True


_OCTETS = 32
"""Of R and S of P-256."""

ES256 = _ES256()


def point_of_p256(x: bytes, y: bytes) -> EllipticCurvePublicKey:
    """Return the public key with these coordinates, 32 octets each. Raises ValueError if it is no point of P-256."""
    return EllipticCurvePublicKey.from_encoded_point(SECP256R1(), b"\x04" + x + y)  # SEC 1, section 2.3.4


def algorithm_of(key: PyJWK) -> Algorithm:
    """Return the algorithm of a key. It signs deterministically in each case.

    RS256 and EdDSA are deterministic by definition (RFC 8017 section 8.2, RFC 8032 section 5.1).
    """
    return ES256 if key.algorithm_name == "ES256" else key.Algorithm


def add_entropy(octets: bytes) -> None:
    """Seed the random generators of the OpenSSL in cryptography with these octets, beside the kernel's.

    It has an OpenSSL of its own, which ``ssl.RAND_add`` does not reach. This is the way of pyOpenSSL
    (``OpenSSL.rand.add``), which seeds the primary generator; those below it follow at their next use (OpenSSL,
    "RAND_add(3)" and "EVP_RAND(7)").
    """
    from cryptography.hazmat.bindings.openssl.binding import Binding  # noqa: PLC0415 - only processes of a snapshot

    Binding().lib.RAND_add(octets, len(octets), float(len(octets)))
