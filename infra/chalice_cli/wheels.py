"""The dependencies that ship: wheels for the runtime, as requirements.txt locks them, and nothing else.

Owns how the lock is read and how pip is asked. Chalice's own builder asks for the wheels of another platform by name
and version, without the lock's hashes, and builds from source what has no wheel. pip chooses wheels for the runtime,
but decides by its own Python what is needed at all (PEP 508), so that is decided here.
"""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

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
        "No matching distribution",
        "There is no such wheel for {python} on {architecture}, and nothing is built from source. "
        "Name a version that has one in pyproject.toml, and run `make lock`; or set the stage's lambda_architecture in "
        ".chalice/config.json, arm64 or x86_64, to the other.",
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

    @property
    def machine(self) -> str:
        """The architecture as wheels name it."""
        return "aarch64" if self.platforms[0].endswith("_aarch64") else "x86_64"

    @property
    def architecture(self) -> str:
        """The architecture as Lambda names it."""
        return {"aarch64": "arm64"}.get(self.machine, self.machine)

    @property
    def environment(self) -> Mapping[str, str]:
        """What the markers of requirements may ask for (PEP 508), whichever Python runs here."""
        version = self.python.removeprefix("python")
        return {
            "implementation_name": "cpython",
            "implementation_version": f"{version}.0",
            "os_name": "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": f"{version}.0",
            "python_version": version,
            "sys_platform": "linux",
            "extra": "",
        }


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
    """Unpack the wheels of the entries of a lock that a runtime needs into ``folder``, which is created.

    pip compares each file with the lock's hashes, before it is unpacked. Raises NotPackaged, also if a wheel depends on
    what is not in the lock.
    """
    folder.mkdir(parents=True)
    entries = _needed(lock, runtime)
    if not entries:
        return
    listed = folder.with_name(LOCK)
    listed.write_text("\n".join(entries), "utf-8")
    command = [sys.executable, "-m", "pip", "install", "--require-hashes", "--only-binary", ":all:", "-r", str(listed)]
    command += ["--no-deps", "--target", str(folder), "--no-compile", "--no-user", "--no-warn-conflicts"]
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
        raise NotPackaged(f"{said}\n{advice.format(python=runtime.python, architecture=runtime.architecture)}")
    missing = _missing(folder, runtime)
    if missing:
        shutil.rmtree(folder)
        raise NotPackaged(
            f"{'; '.join(missing)}, and {LOCK} has none. Run `make lock`, which writes that file, and look at what "
            "changed."
        )


def _needed(lock: str, runtime: Runtime) -> list[str]:
    """Return the entries of a lock that a runtime needs, without the markers that say so."""
    needed = []
    for entry in lock.splitlines():
        text, *hashes = entry.split("--hash=")
        requirement = Requirement(text)
        if _applies(requirement, runtime):
            requirement.marker = None
            needed.append(" --hash=".join([str(requirement), *(each.strip() for each in hashes)]))
    return needed


def _missing(folder: Path, runtime: Runtime) -> list[str]:
    """Return a sentence for each dependency of what lies in a folder that does not lie there."""
    found = list(importlib.metadata.distributions(path=[str(folder)]))
    versions = {canonicalize_name(each.name): each.version for each in found}
    return [
        f"{each.name} needs {requirement.name}{requirement.specifier}"
        for each in sorted(found, key=lambda each: each.name)
        for requirement in map(Requirement, each.requires or [])
        if _applies(requirement, runtime) and not _is_met(requirement, versions)
    ]


def _is_met(requirement: Requirement, versions: Mapping[NormalizedName, str]) -> bool:
    version = versions.get(canonicalize_name(requirement.name))
    return version is not None and requirement.specifier.contains(version, prereleases=True)


def _applies(requirement: Requirement, runtime: Runtime) -> bool:
    return requirement.marker is None or requirement.marker.evaluate(dict(runtime.environment))


def refusing_layers(stock: Callable[..., str]) -> Callable[..., str]:
    """Return the replacement of the packager of ``automatic_layer``, which fetches without hashes."""

    def create_deployment_package(*_: object) -> str:
        raise NotPackaged(
            "automatic_layer is set in .chalice/config.json. With it Chalice fetches what ships by itself, without "
            f"the hashes of {LOCK}. Remove it"
        )

    create_deployment_package.__wrapped__ = stock  # type: ignore[attr-defined]
    return create_deployment_package
