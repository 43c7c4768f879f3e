"""The replacement for Lambda's `/var/runtime`: AWS's runtime client and, if requested, boto3.

Owns the folders, made of the distributions that are installed for tests, or of the wheels that are locked for them if
the function runs under another Python: the function's process sees these and nothing else of this machine's packages.
"""

import importlib.metadata
import platform
import re
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from packaging.utils import canonicalize_name

from infra.runtime import this_python
from tests.support.packaged.errors import PackageError

_PROJECT = Path(__file__).parents[3]
_LOCK = "requirements-test.txt"
_CLIENT = "awslambdaric"
_SDK = "boto3"
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def runtime_folder(cache: Path, runtime: str, python: Path, *, with_sdk: bool) -> Path:
    """Return the folder for `LAMBDA_RUNTIME_DIR` of a runtime. Raises PackageError if the client is not installed.

    ``python`` is an interpreter of the runtime.

    Lambda's own has boto3 in it, and the package goes before it. ``with_sdk`` is for packages that have none.
    """
    roots = [_CLIENT, *([_SDK] if with_sdk else [])]
    try:
        version = importlib.metadata.version(_CLIENT)
        folder = cache / f"runtime-{version}-{runtime}{'-sdk' if with_sdk else ''}"
        if not folder.exists():
            cache.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=cache, prefix=".building-") as temporary:
                made = Path(temporary) / "runtime"
                if runtime == this_python():
                    for name in _with_requirements(roots):
                        _copy(name, made)
                else:
                    fetch_locked(_with_requirements(roots), runtime, made)
                subprocess.run([python, "-S", "-s", "-m", "compileall", "-qq", made], cwd=temporary, check=False)
                with suppress(OSError):  # another process was faster; its folder is as good
                    made.rename(folder)
    except importlib.metadata.PackageNotFoundError as missing:
        raise PackageError(f"{missing.name} is not installed; `make test` installs what the tests need") from missing
    return folder


def _with_requirements(names: list[str]) -> list[str]:
    found: list[str] = []
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.append(name)
            # An extra is something that one has to ask for.
            required = [text for text in importlib.metadata.requires(name) or [] if "extra ==" not in text]
            waiting.extend(match[0] for text in required if (match := _NAME.match(text)))
    return found


def fetch_locked(names: list[str], runtime: str, folder: Path) -> None:
    """Unpack the wheels that are locked for the tests, for another Python on this machine. Raises PackageError."""
    # Imported here since it brings Chalice's command line.
    from infra.chalice_cli.wheels import NotPackaged, Runtime, fetch_wheels, read_lock

    machine = platform.machine()
    platforms = [*(f"manylinux_2_{minor}_{machine}" for minor in range(17, 35)), f"manylinux2014_{machine}"]
    entries = read_lock(_PROJECT, _LOCK).splitlines()
    known = {canonicalize_name(name) for name in names}
    wanted = [entry for entry in entries if canonicalize_name(entry.partition("==")[0]) in known]
    try:
        abi = runtime.replace("python", "cp").replace(".", "")
        fetch_wheels("\n".join(wanted), Runtime(runtime, abi, platforms), folder)
    except NotPackaged as failed:
        raise PackageError(failed.message) from failed


def _copy(name: str, folder: Path) -> None:
    distribution = importlib.metadata.distribution(name)
    for file in distribution.files or []:
        # Scripts lie beside the packages, and bytecode names the folder that it was made in.
        if ".." in file.parts or file.suffix == ".pyc":
            continue
        target = folder.joinpath(*file.parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(str(file.locate()), target)
