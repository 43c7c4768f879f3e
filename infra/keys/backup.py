"""A backup of a ring: a file that only a passphrase opens, and what its restore changes.

Owns the form of the file: JSON whose header says of what it is a backup, and which keys and peppers are in it, by their
ids. The ring itself is encrypted with AES-256-GCM under a key that scrypt makes from the passphrase (RFC 7914), and the
header is authenticated with it. The functions that change rings are pure.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from chalicelib.config.signing_secrets import parse_peppers
from infra.keys.peppers import name_of
from infra.keys.places import PlaceError, checked
from infra.keys.ring import Change, RefusedError, Ring, at, in_service
from infra.local.data_directory import sync_folder
from infra.local.environment import STAGE

LEAST_PASSPHRASE = 16
"""Characters. Whoever has the file can try passphrases for as long as he likes."""

_SCRYPT = {"n": 2**17, "r": 8, "p": 1}
"""128 MB and half a second for each guess (OWASP Password Storage Cheat Sheet)."""

_SCRYPT_MEMORY = 256 * 2**20
_KEY_BYTES = 32
_SALT_BYTES = 16
_NONCE_BYTES = 12
_FORM = "lychgate-keys-backup"
_VERSION = 1


@dataclass(frozen=True)
class Backup:
    """What a backup holds."""

    stage: str
    created_at: int
    ring: Ring


def sealed(backup: Backup, secret: str) -> bytes:
    """Return the contents of a backup's file that ``secret`` opens. Raises RefusedError if that is too short."""
    if len(secret) < LEAST_PASSPHRASE:
        raise RefusedError(
            f"the passphrase has to have {LEAST_PASSPHRASE} characters or more: five random words are good"
        )
    salt, nonce = secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_NONCE_BYTES)
    header = {
        "form": _FORM,
        "version": _VERSION,
        "stage": backup.stage,
        "created_at": backup.created_at,
        "keys": [key["kid"] for key in backup.ring["keys"]],
        "peppers": [name_of(pepper_id) for pepper_id in _peppers(backup.ring)],
        "scrypt": {**_SCRYPT, "salt": _encoded(salt)},
        "nonce": _encoded(nonce),
    }
    text = json.dumps(backup.ring, separators=(",", ":")).encode()
    encrypted = AESGCM(_key(secret, salt)).encrypt(nonce, text, _authenticated(header))
    return json.dumps({**header, "encrypted": _encoded(encrypted)}, indent=1).encode() + b"\n"


def opened(contents: bytes, secret: str, name: str) -> Backup:
    """Return what a backup's file holds that ``secret`` opens. ``name`` is for messages. Raises PlaceError."""
    try:
        header = json.loads(contents)
        encrypted = base64.b64decode(header.pop("encrypted"), validate=True)
        costs = {cost: header["scrypt"][cost] for cost in _SCRYPT}
        salt, nonce = (base64.b64decode(text, validate=True) for text in (header["scrypt"]["salt"], header["nonce"]))
        form = (header["form"], header["version"], costs)
        backup = {"stage": str(header["stage"]), "created_at": int(header["created_at"])}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise PlaceError(f"{name} is damaged, or no backup of keys") from None
    if form != (_FORM, _VERSION, _SCRYPT):
        raise PlaceError(f"{name} is no backup that this version of Lychgate can read")
    try:
        text = AESGCM(_key(secret, salt)).decrypt(nonce, encrypted, _authenticated(header))
    except (InvalidTag, ValueError):
        raise PlaceError(f"{name} cannot be opened: the passphrase is wrong, or the file was changed") from None
    return Backup(**backup, ring=checked(text.decode(), name))  # type: ignore[arg-type]


def write_new(path: Path, contents: bytes, project: Path) -> None:
    """Write a new file that only its owner can read. Raises PlaceError if it exists or would be in a repository."""
    folder = path.expanduser().resolve().parent
    for parent in (folder, *folder.parents):
        if parent == project.resolve() or (parent / ".git").exists():
            raise PlaceError(f"{path} would be in the repository {parent}. Keep backups of keys elsewhere")
    try:
        descriptor = os.open(folder / path.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise PlaceError(f"{path} exists already, and no backup is overwritten. Choose another name") from None
    except OSError as error:
        raise PlaceError(f"{path} cannot be written: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(contents)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        (folder / path.name).unlink(missing_ok=True)
        raise
    sync_folder(folder)


def read(path: Path) -> bytes:
    """Return the contents of a backup's file. Raises PlaceError."""
    try:
        return path.expanduser().read_bytes()
    except OSError as error:
        raise PlaceError(f"{path} cannot be read: {error.strerror}") from error


def passphrase(options: Namespace, ask: Callable[[str], str], file: Path, *, twice: bool = False) -> str:
    """Return the passphrase of a backup's ``file``, from ``options.passphrase_file`` or from the terminal.

    Raises:
        PlaceError: there is neither.
        RefusedError: it was to be given twice, and the two differ.

    """
    if options.passphrase_file is not None:
        return read(options.passphrase_file).decode("utf-8", "replace").partition("\n")[0].rstrip("\r")
    try:
        given = ask(f"Passphrase of {file}: ")
        again = ask("Again: ") if twice else given
    except EOFError:
        raise PlaceError("there is no terminal to ask for the passphrase on: --passphrase-file FILE") from None
    if given != again:
        raise RefusedError("the passphrases differ. Nothing was written")
    return given


def restored(
    current: Ring | None, backup: Backup, *, stage: str, add_peppers: bool = False, replace: bool = False
) -> Change:
    """Return the ring after a restore of a backup. ``current`` is the one that there is, None if it was lost.

    ``add_peppers`` adds the peppers that are missing and nothing else, ``replace`` takes the backup as it is.

    Raises:
        RefusedError: the backup is of another stage, or there is another ring and neither is asked for.

    """
    if backup.stage != stage:
        raise RefusedError(f"this is a backup of the stage {backup.stage}, and not of {stage}")
    first = f"The backup is of {at(backup.created_at)}."
    if current is None:
        none_signs = (
            () if in_service(backup.ring) else ("None of its keys can sign: `python -m infra.keys add --in 10m`.",)
        )
        return Change(backup.ring, (first, *_changes({"keys": []}, backup.ring), *none_signs, *_afterwards(stage)))
    if current == backup.ring:
        return Change(current, (first, "The ring is the same: nothing is missing."))
    if add_peppers:
        return _with_peppers(current, backup.ring, first)
    changes = _changes(current, backup.ring)
    if not replace:
        raise RefusedError(
            "there is another ring, and it may be newer. With --replace:\n"
            + "\n".join(f"  {sentence}" for sentence in changes)
            + "\nWith --add-peppers only peppers are added that are missing. Nothing was changed"
        )
    ring = _still_revoked(current, backup.ring)
    if not in_service(ring):
        raise RefusedError("no key of the backup could sign: all are retired or revoked by now. Nothing was changed")
    return Change(ring, (first, *changes, *_afterwards(stage)))


def _with_peppers(current: Ring, saved: Ring, first: str) -> Change:
    there, known = _peppers(current), _peppers(saved)
    clashing = [name_of(each) for each in known if each in there and known[each] != there[each]]
    if clashing:
        raise RefusedError(f"the ring has another pepper of the same id: {', '.join(clashing)}. Nothing was changed")
    missing = {each: known[each] for each in known if each not in there}
    if not missing:
        return Change(current, (first, "No pepper is missing."))
    ring = dict(current)
    if "" in missing:
        ring["pepper"] = saved["pepper"]
    later = [pepper for pepper in saved.get("peppers", []) if pepper["id"] in missing]
    if later:
        ring["peppers"] = [*later, *current.get("peppers", [])]
    return Change(
        ring,
        (
            first,
            *(f"The pepper {name_of(each)} comes back." for each in missing),
            "Keys and all else stay. Processes that run now do not learn of it. AWS ends each of them within hours, and"
            " all of them at a deployment of changed code or of another memory size.",
        ),
    )


def _changes(current: Ring, saved: Ring) -> tuple[str, ...]:
    """Return what a ring loses and gains when a backup takes its place, by ids alone."""
    told = []
    before, after = ({key["kid"]: key for key in ring["keys"]} for ring in (current, saved))
    for kid in after:
        if kid not in before:
            told.append(f"The key {kid} comes back.")
        elif after[kid] != before[kid]:
            told.append(f"The key {kid} gets the times of then{', and stays revoked' * ('revoked' in before[kid])}.")
    told += [f"The key {kid} is lost, and all its tokens are refused." for kid in before if kid not in after]
    there, known = _peppers(current) if before else {}, _peppers(saved)
    told += [f"The pepper {name_of(each)} comes back." for each in known if each not in there]
    told += [
        f"The pepper {name_of(each)} becomes another." for each in known if there.get(each, known[each]) != known[each]
    ]
    told += [
        f"The pepper {name_of(each)} is lost: no password with it can be verified any more."
        for each in there
        if each not in known
    ]
    return tuple(told)


def _afterwards(stage: str) -> tuple[str, ...]:
    if stage == STAGE:
        return ("Next: restart `make dev`.",)
    return (
        f"Next: `make deploy STAGE={stage}`. It publishes the keys and encrypts them with the stage's KMS key.",
        f"`python -m infra.restore drill --stage {stage}` says whether a pepper is still missing.",
    )


def _still_revoked(current: Ring, saved: Ring) -> Ring:
    """Return the saved ring, with the keys revoked that are revoked now."""
    revoked = {key["kid"]: key for key in current["keys"] if "revoked" in key}
    return {**saved, "keys": [revoked.get(key["kid"], key) for key in saved["keys"]]}


def _peppers(ring: Ring) -> dict[str, bytes]:
    return {pepper.id: pepper.secret for pepper in parse_peppers(ring).peppers}


def _key(secret: str, salt: bytes) -> bytes:
    return hashlib.scrypt(secret.encode(), salt=salt, maxmem=_SCRYPT_MEMORY, dklen=_KEY_BYTES, **_SCRYPT)


def _authenticated(header: Mapping[str, Any]) -> bytes:
    return json.dumps(header, sort_keys=True, separators=(",", ":")).encode()


def _encoded(octets: bytes) -> str:
    return base64.b64encode(octets).decode()
