"""The signing keys and the pepper of the stage `dev`, created at the first start and kept in the data directory.

Owns the two files. `chalicelib.tokens.keys` owns the form of a key.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

from chalicelib.config.signing_secrets import SigningSecrets
from chalicelib.errors import ConfigurationError
from chalicelib.tokens.keys import public_jwks
from infra.keys.ring import new_ring
from infra.local.data_directory import DataDirectory, replace_file
from infra.local.errors import LocalError


class DevelopmentKeys(NamedTuple):
    """Two JSON documents: the value of the SSM parameter, and the public JWK Set."""

    signing_keys: str
    public_keys: str


def development_keys(directory: DataDirectory) -> DevelopmentKeys:
    """Return the keys. Create them if there are none. Raises LocalError if the file is damaged.

    A damaged file is not replaced: with another pepper no password in the snapshot could be verified.
    """
    path = directory.path / "signing-keys.json"
    if not path.exists():
        replace_file(path, json.dumps(new_ring(), indent=1).encode())
    text, document = _read(path)
    public_keys = json.dumps(public_jwks(document), indent=1)
    public_path = directory.path / "public-keys.json"
    if not public_path.exists() or public_path.read_text("utf-8") != public_keys:
        replace_file(public_path, public_keys.encode())
    return DevelopmentKeys(text, public_keys)


def _read(path: Path) -> tuple[str, dict[str, Any]]:
    try:
        text = path.read_text("utf-8")
        document = json.loads(text)
    except (OSError, ValueError) as error:
        raise _damaged(path, str(error)) from error
    try:
        SigningSecrets.from_json(text, source="it")
    except ConfigurationError as unusable:
        raise _damaged(path, str(unusable)) from unusable
    return text, document


def _damaged(path: Path, reason: str) -> LocalError:
    return LocalError(
        f"{path} is damaged: {reason}. Restore it, or delete it together with snapshot.json to start with new keys "
        "and without accounts"
    )
