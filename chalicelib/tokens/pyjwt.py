"""PyJWT and cryptography: the one door to both.

Owns how PyJWT is loaded: without three things that Lychgate does not use, and that every cold start would wait for.

- ``bcrypt``: cryptography imports it, where it is installed, to read encrypted OpenSSH keys. The authorizer's Lambda
  has no business with a password hash.
- PyJWT's client for other issuers' key sets, with an HTTP client and TLS below it. Our keys come from settings.
- X.509, by which PyJWT takes a certificate for a key. Our keys are JWKs.

The three are missing only while PyJWT is imported. Each is loaded when somebody asks for it: PyJWT stays whole for
those who use it in routes of their own.

Owns also how ES256 signs: deterministically.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType


class _LoadedWhenAsked(ModuleType):
    """Stands for a module until something of it is asked for."""

    def __getattr__(self, name: str) -> object:
        return getattr(importlib.import_module(self.__name__), name)


def _key_set_client(*arguments: object, **options: object) -> object:
    return importlib.import_module("jwt.jwks_client").PyJWKClient(*arguments, **options)


_key_set_clients = ModuleType("jwt.jwks_client")
_key_set_clients.PyJWKClient = _key_set_client  # type: ignore[attr-defined]  # all that PyJWT takes from it

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
    "signing_algorithm",
]


class _DeterministicES256(ECAlgorithm):
    """ES256 whose signature follows from the key and the message alone (RFC 6979).

    Two processes with the same state of their random generator, restored from one snapshot, cannot leak the key by
    signing two messages with one nonce. And what is signed again is the same token, octet for octet.
    """

    def __init__(self) -> None:
        super().__init__(ECAlgorithm.SHA256)
        self._ecdsa = ECDSA(SHA256(), deterministic_signing=True)

    def sign(self, msg: bytes, key: object) -> bytes:
        """Return the signature as RFC 7518 section 3.4 writes it: R and S, 32 octets each."""
        return der_to_raw_signature(key.sign(msg, self._ecdsa), key.curve)  # type: ignore[attr-defined]


def signing_algorithm(key: PyJWK) -> Algorithm:
    """Return the algorithm by which a private key signs: its own, deterministic in each case.

    RS256 and EdDSA are so by themselves (RFC 8017 section 8.2, RFC 8032 section 5.1).
    """
    return _DeterministicES256() if key.algorithm_name == "ES256" else key.Algorithm
