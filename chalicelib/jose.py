"""PyJWT, the one door to it.

Owns how it is loaded. ``cryptography``, which PyJWT stands on, imports bcrypt wherever that is installed, to read
encrypted OpenSSH keys. Nobody here reads such keys, and the authorizer's Lambda has no business with a password hash:
for the time of this import bcrypt is not there.
"""

from __future__ import annotations

import sys

_ours_to_hide = "bcrypt" not in sys.modules
if _ours_to_hide:
    sys.modules["bcrypt"] = None  # type: ignore[assignment]  # the documented way to make an import fail

from jwt import PyJWK, encode  # noqa: E402
from jwt.algorithms import Algorithm, ECAlgorithm, OKPAlgorithm, RSAAlgorithm  # noqa: E402
from jwt.exceptions import PyJWTError  # noqa: E402

if _ours_to_hide:
    del sys.modules["bcrypt"]

__all__ = ["Algorithm", "ECAlgorithm", "OKPAlgorithm", "PyJWK", "PyJWTError", "RSAAlgorithm", "encode"]
