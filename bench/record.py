"""The record of a run: every figure, with its machine and its command.

Owns the form of ``bench/results.json``, and writes it atomically. Knows no section.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import os
import platform
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.figures import Figure

RESULTS = Path(__file__).parent / "results.json"
"""The record of the last complete run. The tables and plots of the documentation are made from it."""

_PROJECT = Path(__file__).parent.parent
_VERSIONS_OF = ("bcrypt", "boto3", "botocore", "chalice", "cryptography", "PyJWT")


@dataclass(frozen=True)
class Circumstances:
    """The machine, the time and the sources of a section's figures."""

    date: str
    """RFC 3339, in UTC."""
    commit: str
    """The commit of the sources. It ends in ``-dirty`` if they differ from the commit."""
    machine: str
    python: str
    versions: Mapping[str, str]
    quick: bool
    """Whether fewer samples than usual were taken."""


@dataclass(frozen=True)
class Measured:
    """A section of the benchmark that ran or was skipped."""

    title: str
    command: str
    circumstances: Circumstances
    figures: tuple[Figure, ...] = ()
    left_out: str | None = None
    """Why there are no figures: what this machine lacks."""


Record = dict[str, Measured]
"""The results of each section, by its name."""


def circumstances(*, quick: bool) -> Circumstances:
    """Return the current ones."""
    return Circumstances(
        date=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        commit=_commit(),
        machine=_machine(),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        versions={name: importlib.metadata.version(name) for name in _VERSIONS_OF},
        quick=quick,
    )


def write(record: Record, path: Path) -> None:
    """Write the record atomically: a reader always sees a complete file, even after an interruption."""
    document = {"sections": {name: _to_json(measured) for name, measured in record.items()}}
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=2, ensure_ascii=False)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        # Temporary files are readable by their owner only. This one is a file of the project.
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(temporary).unlink()
        raise


def read(path: Path) -> Record:
    """Return the record in a file, an empty record if there is no file. Raises ValueError if it is not a record."""
    if not path.exists():
        return {}
    try:
        sections = json.loads(path.read_text("utf-8"))["sections"]
        return {name: _from_json(section) for name, section in sections.items()}
    except (KeyError, TypeError, AttributeError, ValueError) as malformed:
        raise ValueError(f"{path} is no record of a benchmark: remove it, or put back the committed one") from malformed


def _to_json(measured: Measured) -> dict[str, Any]:
    section = dataclasses.asdict(measured)
    section["figures"] = [
        {**dataclasses.asdict(figure), "meets_aim": figure.meets_aim, "command": measured.command}
        for figure in measured.figures
    ]
    return section


def _from_json(section: dict[str, Any]) -> Measured:
    names = [field.name for field in dataclasses.fields(Figure)]
    figures = tuple(Figure(**{name: figure[name] for name in names}) for figure in section["figures"])
    return Measured(**{**section, "circumstances": Circumstances(**section["circumstances"]), "figures": figures})


def _commit() -> str:
    try:
        described = subprocess.run(
            # The files that the run itself writes do not count as changes.
            ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],  # noqa: S607 - whichever git
            cwd=_PROJECT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return described.stdout.strip()


def _machine() -> str:
    processor = platform.processor() or platform.machine()
    with suppress(OSError):
        names = [
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines()
            if line.startswith("model name")
        ]
        processor = names[0] if names else processor
    return f"{os.cpu_count()} × {processor}, {platform.system()} {platform.release()}"
