"""The signing keys and the pepper of the stage `dev`, created at the first start and kept in the data directory.

Owns the two files, and that keys and accounts belong together. `chalicelib.tokens.keys` owns the form of a key.
"""

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

from chalicelib.config.signing_secrets import SigningSecrets
from chalicelib.credentials.webhook_secrets import new_secret, written
from chalicelib.errors import ConfigurationError
from chalicelib.tokens.keys import public_jwks
from infra.keys.places import PlaceError
from infra.keys.ring import new_ring
from infra.keys.webhook_secrets import FILE, FileSecrets
from infra.local import item_store
from infra.local.data_directory import DataDirectory
from infra.local.errors import LocalError
from infra.local.item_store import ItemStore

_FILE = "signing-keys.json"


class DevelopmentKeys(NamedTuple):
    """Two JSON documents: the value of the SSM parameter, and the public JWK Set."""

    signing_keys: str
    public_keys: str


def development_keys(directory: DataDirectory, store: ItemStore) -> DevelopmentKeys:
    """Return the keys. Create them if there are none. Remember their peppers in the store.

    Raises LocalError if the file is damaged, or if it is gone or another one while there are accounts: with another
    pepper none of their passwords could be verified.
    """
    path = directory.path / _FILE
    accounts = store.passwords()
    if not path.exists():
        if accounts:
            raise LocalError(
                f"{path} is missing. Without it no password of {_counted(accounts)} in {store.path} can be verified. "
                f"{_ways_out(store.path)}"
            )
        directory.replace(path, json.dumps(new_ring(), indent=1).encode())
    text, secrets = _read(path)
    digests = {pepper.id: hashlib.sha256(pepper.secret).hexdigest() for pepper in secrets.peppers.peppers}
    known = store.peppers()
    if accounts and any(known.get(name, digest) != digest for name, digest in digests.items()):
        raise LocalError(
            f"{path} is not the one with which {_counted(accounts)} in {store.path} began: its pepper is another, so "
            f"their passwords cannot be verified. {_ways_out(store.path)}"
        )
    store.remember_peppers(digests)
    return _with_public_set(directory, text)


def webhook_secrets(directory: DataDirectory) -> str:
    """Return the secrets that sign webhooks, as the SSM parameter has them. Create one if there is none.

    Raises LocalError if the file is damaged.
    """
    place = FileSecrets(directory.path)
    try:
        found = place.read()
    except PlaceError as damaged:
        raise LocalError(str(damaged)) from damaged
    if found is None:
        found = (new_secret(),)
        directory.replace(directory.path / FILE, written(found).encode())
    return written(found)


def keys_in_use(directory: DataDirectory) -> DevelopmentKeys:
    """Return the keys with which a database runs. Raises LocalError if the file is gone or damaged."""
    path = directory.path / _FILE
    if not path.exists():
        raise LocalError(
            f"{path} is missing, with which the database was started. Restore it, or end that database and "
            "start it again"
        )
    text, _ = _read(path)
    return _with_public_set(directory, text)


def _with_public_set(directory: DataDirectory, signing_keys: str) -> DevelopmentKeys:
    public_keys = json.dumps(public_jwks(json.loads(signing_keys)), indent=1)
    path = directory.path / "public-keys.json"
    if not _holds(path, public_keys.encode()):
        directory.replace(path, public_keys.encode())
    return DevelopmentKeys(signing_keys, public_keys)


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except OSError:
        return False


def _read(path: Path) -> tuple[str, SigningSecrets]:
    try:
        text = path.read_text("utf-8")
        return text, SigningSecrets.from_json(text, source="it")
    except OSError as error:
        raise LocalError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, ConfigurationError) as unusable:
        raise LocalError(
            f"{path} is damaged: {unusable}. Restore it, or delete it and {item_store.FILE} beside it to start with "
            "new keys and without accounts"
        ) from unusable


def _counted(accounts: int) -> str:
    return "the account" if accounts == 1 else f"the {accounts} accounts"


def _ways_out(store: Path) -> str:
    return f"Restore it, or delete {store.name} beside it to start with new keys and without accounts"
