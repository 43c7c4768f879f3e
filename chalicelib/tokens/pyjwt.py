"""PyJWT, the one door to it.

Owns how it is loaded: without three things that nobody here uses, and that every cold start would wait for.
``cryptography``, which PyJWT stands on, imports bcrypt wherever that is installed, to read encrypted OpenSSH keys; the
authorizer's Lambda has no business with a password hash. PyJWT imports its client for other issuers' key sets, with an
HTTP client and TLS below it; our keys come from settings. And it imports X.509, to take a certificate for a key; ours
are JWKs. For the time of this import none of them is there. Each is loaded when somebody asks for it: PyJWT stays whole
for those who use it in routes of their own.
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

from jwt import PyJWK  # noqa: E402
from jwt.algorithms import Algorithm, ECAlgorithm, OKPAlgorithm, RSAAlgorithm  # noqa: E402
from jwt.exceptions import PyJWTError  # noqa: E402

for _name in _left_out:
    del sys.modules[_name]

__all__ = ["Algorithm", "ECAlgorithm", "OKPAlgorithm", "PyJWK", "PyJWTError", "RSAAlgorithm"]
