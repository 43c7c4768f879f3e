"""The runtime of the functions on Lambda, and the interpreter on this machine that makes its bytecode.

Owns the version. Chalice takes that of the Python that deploys, so the same commit would run under another Python for
each developer (docs/decisions/0044-one-runtime-whoever-deploys.md).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath

RUNTIME = "python3.13"
"""As Lambda names it. Its support ends on 30 June 2029, that of python3.12 on 31 October 2028 and that of python3.14
on the day of this one (AWS Lambda Developer Guide, "Lambda runtimes")."""

_SUFFIXES = frozenset({".py", ".bin"})
_SUFFIXES_OF_MAILS = frozenset({".css", ".html", ".txt"})
_FOLDERS_OF_MAILS = (PurePath("chalicelib", "mails"), PurePath("chalicelib", "site", "mails"))
_SITES_STATIC_FILES = PurePath("chalicelib", "site", "static")
_SITES_USE_OF_AWS = PurePath("chalicelib", "site", "aws.json")

_NAME = re.compile(r"python3\.[1-9][0-9]*")
_WHO = "import sys; print(sys.implementation.name, *sys.version_info[:2], sys.version_info.releaselevel)"
_PATIENCE_SECONDS = 30


def is_runtime(name: str) -> bool:
    """Return whether this is the form of Lambda's names of Pythons."""
    return _NAME.fullmatch(name) is not None


def is_application_file(path: PurePath) -> bool:
    """Return whether a file is packaged: a source, data of ours, or a template of a mail.

    ``path`` is relative to the project.
    """
    if is_of_no_function(path):
        return False
    if path.suffix in _SUFFIXES:
        return True
    is_of_mails = any(path.is_relative_to(folder) for folder in _FOLDERS_OF_MAILS)
    return is_of_mails and path.suffix in _SUFFIXES_OF_MAILS and not path.name.startswith(".")


def is_of_no_function(path: PurePath) -> bool:
    """Return whether a file of the site's own is for browsers, or for whoever deploys: no function needs it."""
    return path.is_relative_to(_SITES_STATIC_FILES) or path == _SITES_USE_OF_AWS


def this_python() -> str:
    """Return the version of this process's Python, in the form of Lambda's names."""
    return f"python{sys.version_info.major}.{sys.version_info.minor}"


def interpreter_of(runtime: str, environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return a CPython on this machine that is of a runtime's version, without a virtual environment; None without one.

    Looks at this process's own, then where pyenv and uv keep theirs, then on PATH, where pyenv has slow scripts.
    """
    return next((path for path in _candidates(runtime, environ) if _is(path, runtime)), None)


def _candidates(runtime: str, environ: Mapping[str, str]) -> Iterator[Path]:
    if runtime == this_python():
        yield Path(getattr(sys, "_base_executable", sys.executable))
    home = Path(environ.get("HOME", "/nowhere"))
    version = runtime.removeprefix("python")
    pyenv = Path(environ.get("PYENV_ROOT") or home / ".pyenv") / "versions"
    uv = Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share") / "uv" / "python"
    yield from sorted(pyenv.glob(f"{version}.*/bin/{runtime}"))
    yield from sorted(uv.glob(f"cpython-{version}.*/bin/{runtime}"))
    for folder in environ.get("PATH", "").split(os.pathsep):
        found = shutil.which(runtime, path=folder) if folder else None
        if found is not None:
            yield Path(found)


def _is(path: Path, runtime: str) -> bool:
    """Return whether this interpreter runs and is of a runtime's version: a shim on PATH may lead nowhere."""
    try:
        done = subprocess.run(  # noqa: S603 - an interpreter of this machine and our own arguments
            [path, "-I", "-S", "-c", _WHO], capture_output=True, text=True, check=False, timeout=_PATIENCE_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.stdout.split() == ["cpython", *runtime.removeprefix("python").split("."), "final"]
