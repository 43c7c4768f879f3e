"""The dependencies that ship: wheels for the runtime, as requirements.txt locks them, and nothing else.

Owns how the lock is read and how pip is asked. Chalice's own builder asks for the wheels of another platform by name
and version, without the lock's hashes, and builds from source what has no wheel.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

LOCK = "requirements.txt"

_ENTRY = re.compile(r"[a-z0-9._-]+==[^\s;]+(\s*;.*?)?(\s+--hash=sha256:[0-9a-f]{64})+", re.IGNORECASE)
_COMMENT = re.compile(r"(^|\s)#.*")

# What pip says, and what to do about it.
_ADVICE = (
    (
        "DO NOT MATCH THE HASHES",
        f"A file is not the one that {LOCK} locks, so nothing was packaged. Find out who changed it before you go on.",
    ),
    (
        "--require-hashes mode",
        f"A dependency is not in {LOCK}. Run `make lock`, which writes that file, and look at what changed.",
    ),
    (
        "No matching distribution",
        "There is no such wheel for {python} on this architecture, and nothing is built from source. "
        "Name a version that has one in pyproject.toml, and run `make lock`.",
    ),
)
_OTHERWISE = f"The wheels that {LOCK} locks could not be fetched."


class NotPackaged(click.ClickException):
    """Raised if the package cannot be made, with a message that says what to do."""


@dataclass(frozen=True)
class Runtime:
    """A runtime of Lambda on one architecture, by the tags of the wheels that it can use (PEP 425)."""

    python: str
    """Such as ``python3.11``."""
    abi: str
    platforms: Sequence[str]


FetchWheels = Callable[[str, Runtime, Path], None]


def read_lock(project: Path, name: str = LOCK) -> str:
    """Return the entries of a lock, a line each. Raises NotPackaged if one is not a single version with its hashes."""
    try:
        text = (project / name).read_text("utf-8")
    except OSError as unreadable:
        raise NotPackaged(f"{name} cannot be read: {unreadable.strerror}. `make lock` writes it") from unreadable
    lines = (_COMMENT.sub("", line).strip() for line in text.replace("\\\n", " ").splitlines())
    entries = [line for line in lines if line]
    for entry in entries:
        if not _ENTRY.fullmatch(entry):
            raise NotPackaged(
                f"{name} may list versions with SHA-256 hashes only, and has {entry[:60]!r}. "
                "Name what is needed in pyproject.toml, and run `make lock`, which writes the hashes"
            )
    return "\n".join(entries)


def fetch_wheels(lock: str, runtime: Runtime, folder: Path) -> None:
    """Unpack the wheels of the entries of a lock into ``folder``, which is created.

    pip compares each file with the lock's hashes, before it is unpacked, and accepts no dependency that is not listed.
    Raises NotPackaged.
    """
    folder.mkdir(parents=True)
    if not lock:
        return
    listed = folder.with_name(LOCK)
    listed.write_text(lock, "utf-8")
    command = [sys.executable, "-m", "pip", "install", "--require-hashes", "--only-binary", ":all:", "-r", str(listed)]
    command += ["--target", str(folder), "--no-compile", "--no-user", "--no-warn-conflicts"]
    command += ["--no-input", "--disable-pip-version-check", "--quiet"]
    command += ["--implementation", "cp", "--abi", runtime.abi]
    command += ["--python-version", runtime.python.removeprefix("python")]
    command += [argument for platform in runtime.platforms for argument in ("--platform", platform)]
    done = subprocess.run(  # noqa: S603 - this interpreter and our own arguments
        command, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = done.stderr.strip()
        advice = next((advice for words, advice in _ADVICE if words in said), _OTHERWISE)
        raise NotPackaged(f"{said}\n{advice.format(python=runtime.python)}")


def refusing_layers(stock: Callable[..., str]) -> Callable[..., str]:
    """Return the replacement of the packager of ``automatic_layer``, which fetches without hashes."""

    def create_deployment_package(*_: object) -> str:
        raise NotPackaged(
            "automatic_layer is set in .chalice/config.json. With it Chalice fetches what ships by itself, without "
            f"the hashes of {LOCK}. Remove it"
        )

    create_deployment_package.__wrapped__ = stock  # type: ignore[attr-defined]
    return create_deployment_package
