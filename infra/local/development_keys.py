"""The signing keys and the pepper of the stage `dev`, made at the first start and kept in the data directory.

Owns the two files. What a key is, `chalicelib.keys` knows.
"""

import base64
import binascii
import json
import secrets
from pathlib import Path
from typing import Any, NamedTuple

from chalicelib.keys import generate_signing_jwk, public_jwks
from infra.local.data_directory import DataDirectory, replace_file
from infra.local.errors import LocalError

# As long as the output of the hash that it keys is strong: 256 bits.
PEPPER_BYTES = 32


class DevelopmentKeys(NamedTuple):
    """Two JSON texts: the value of the SSM parameter, and the public set."""

    signing_keys: str
    public_keys: str


def development_keys(directory: DataDirectory) -> DevelopmentKeys:
    """Return the keys, and make them if there are none. Raises LocalError if the file is damaged.

    A damaged file is not replaced: with another pepper no password of the snapshot would be right any more.
    """
    path = directory.path / "signing-keys.json"
    if not path.exists():
        replace_file(path, json.dumps(_new_keys(), indent=1).encode())
    text, document = _read(path)
    public_keys = json.dumps(public_jwks(document), indent=1)
    public_path = directory.path / "public-keys.json"
    if not public_path.exists() or public_path.read_text("utf-8") != public_keys:
        replace_file(public_path, public_keys.encode())
    return DevelopmentKeys(text, public_keys)


def _new_keys() -> dict[str, Any]:
    pepper = base64.urlsafe_b64encode(secrets.token_bytes(PEPPER_BYTES)).rstrip(b"=").decode()
    return {"keys": [generate_signing_jwk()], "pepper": pepper}


def _read(path: Path) -> tuple[str, dict[str, Any]]:
    try:
        text = path.read_text("utf-8")
        document = json.loads(text)
    except (OSError, ValueError) as error:
        raise _damaged(path, str(error)) from error
    if not isinstance(document, dict) or not _are_private_keys(document.get("keys")):
        raise _damaged(path, '"keys" must be a list of private JWKs')
    if not _is_pepper(document.get("pepper")):
        raise _damaged(path, f'"pepper" must be {PEPPER_BYTES} bytes in base64url')
    return text, document


def _are_private_keys(keys: object) -> bool:
    needed = {"kty", "crv", "x", "y", "d", "kid"}
    return isinstance(keys, list) and bool(keys) and all(isinstance(key, dict) and needed <= key.keys() for key in keys)


def _is_pepper(pepper: object) -> bool:
    if not isinstance(pepper, str):
        return False
    try:
        decoded = base64.b64decode(pepper + "=" * (-len(pepper) % 4), altchars="-_", validate=True)
    except (ValueError, binascii.Error):
        return False
    return len(decoded) == PEPPER_BYTES


def _damaged(path: Path, reason: str) -> LocalError:
    return LocalError(
        f"{path} is damaged: {reason}. Restore it, or delete it together with snapshot.json to start with new keys "
        "and without accounts"
    )
