"""PyJWT, the one door to it.

Owns how it is loaded: without two things that nobody here uses, and that every cold start would wait for.
``cryptography``, which PyJWT stands on, imports bcrypt wherever that is installed, to read encrypted OpenSSH keys; the
authorizer's Lambda has no business with a password hash. And PyJWT imports its client for other issuers' key sets, with
an HTTP client and TLS below it; our keys come from settings. For the time of this import neither is there.
"""

from __future__ import annotations

import sys
from types import ModuleType

_no_key_set_client = ModuleType("jwt.jwks_client")
_no_key_set_client.PyJWKClient = None  # type: ignore[attr-defined]  # the one name that PyJWT takes from it

_left_out: dict[str, ModuleType | None] = {
    name: stand_in
    for name, stand_in in (("bcrypt", None), ("jwt.jwks_client", _no_key_set_client))
    if name not in sys.modules
}
sys.modules.update(_left_out)  # type: ignore[arg-type]  # None is the documented way to make an import fail

from jwt import PyJWK  # noqa: E402
from jwt.algorithms import Algorithm, ECAlgorithm, OKPAlgorithm, RSAAlgorithm  # noqa: E402
from jwt.exceptions import PyJWTError  # noqa: E402

for _name in _left_out:
    del sys.modules[_name]

__all__ = ["Algorithm", "ECAlgorithm", "OKPAlgorithm", "PyJWK", "PyJWTError", "RSAAlgorithm"]
