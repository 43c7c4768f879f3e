"""The one place that imports PyJWT and cryptography.

Owns how PyJWT is imported: without three parts that Lychgate does not use and that would lengthen every cold start.

- ``bcrypt``: cryptography imports it, if it is installed, to read encrypted OpenSSH keys. The authorizer Lambda does
  not hash passwords.
- PyJWT's client for the key sets of other issuers, with its HTTP client and TLS. Our keys come from settings.
- X.509, with which PyJWT reads keys from certificates. Our keys are JWKs.

The three are absent only during this import. Afterwards each is imported at its first use, so PyJWT works in full for
other code that uses it.

Also owns how ES256 signs: deterministically.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType


class _LoadedWhenAsked(ModuleType):
    """A stand-in for a module. It imports the module when an attribute is first read."""

    def __getattr__(self, name: str) -> object:
        return getattr(importlib.import_module(self.__name__), name)


def _key_set_client(*arguments: object, **options: object) -> object:
    return importlib.import_module("jwt.jwks_client").PyJWKClient(*arguments, **options)


_key_set_clients = ModuleType("jwt.jwks_client")
_key_set_clients.PyJWKClient = _key_set_client  # type: ignore[attr-defined]  # all that PyJWT imports from it

_left_out: dict[str, ModuleType | None] = {
    name: stand_in
    for name, stand_in in (
        ("bcrypt", None),
        ("cryptography.x509", _LoadedWhenAsked("cryptography.x509")),
        ("jwt.jwks_client", _key_set_clients),
    )
    if name not in sys.modules
}
sys.modules.update(_left_out)  # type: ignore[arg-type]  # None is the documented way to make an import fail

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA  # noqa: E402
from cryptography.hazmat.primitives.hashes import SHA256  # noqa: E402
from jwt import PyJWK  # noqa: E402
from jwt.algorithms import Algorithm, ECAlgorithm, OKPAlgorithm, RSAAlgorithm  # noqa: E402
from jwt.exceptions import PyJWTError  # noqa: E402
from jwt.utils import der_to_raw_signature  # noqa: E402

for _name in _left_out:
    del sys.modules[_name]

__all__ = [
    "Algorithm",
    "ECAlgorithm",
    "OKPAlgorithm",
    "PyJWK",
    "PyJWTError",
    "RSAAlgorithm",
    "add_entropy",
    "signing_algorithm",
]


class _DeterministicES256(ECAlgorithm):
    """ES256 with deterministic signatures (RFC 6979): the signature depends on the key and the message alone.

    Processes restored from one snapshot have the same random state. They cannot leak the key by signing two messages
    with the same nonce. Signing the same claims again gives exactly the same token.
    """

    def __init__(self) -> None:
        super().__init__(ECAlgorithm.SHA256)
        self._ecdsa = ECDSA(SHA256(), deterministic_signing=True)

    def sign(self, msg: bytes, key: object) -> bytes:
        """Return the signature in the form of RFC 7518 section 3.4: R and S, 32 octets each."""
        return der_to_raw_signature(key.sign(msg, self._ecdsa), key.curve)  # type: ignore[attr-defined]


def signing_algorithm(key: PyJWK) -> Algorithm:
    """Return the algorithm with which a private key signs. It is deterministic in each case.

    RS256 and EdDSA are deterministic by definition (RFC 8017 section 8.2, RFC 8032 section 5.1).
    """
    return _DeterministicES256() if key.algorithm_name == "ES256" else key.Algorithm


def add_entropy(octets: bytes) -> None:
    """Seed the random generators of the OpenSSL in cryptography with these octets, beside the kernel's.

    It has an OpenSSL of its own, which ``ssl.RAND_add`` does not reach. This is the way of pyOpenSSL
    (``OpenSSL.rand.add``), which seeds the primary generator; those below it follow at their next use (OpenSSL,
    "RAND_add(3)" and "EVP_RAND(7)").
    """
    from cryptography.hazmat.bindings.openssl.binding import Binding  # noqa: PLC0415 - only processes of a snapshot

    Binding().lib.RAND_add(octets, len(octets), float(len(octets)))
