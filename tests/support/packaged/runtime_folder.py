"""The replacement for Lambda's `/var/runtime`: AWS's runtime client and, if requested, boto3.

Owns the folders, made of the distributions that are installed for tests: the function's process sees these and nothing
else of this machine's packages.
"""

import compileall
import importlib.metadata
import re
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from tests.support.packaged.errors import PackageError

_CLIENT = "awslambdaric"
_SDK = "boto3"
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def runtime_folder(cache: Path, *, with_sdk: bool) -> Path:
    """Return the folder for `LAMBDA_RUNTIME_DIR`. Raises PackageError if the client is not installed.

    Lambda's own has boto3 in it, and the package goes before it. ``with_sdk`` is for packages that have none.
    """
    roots = [_CLIENT, *([_SDK] if with_sdk else [])]
    try:
        version = importlib.metadata.version(_CLIENT)
        folder = cache / f"runtime-{version}{'-sdk' if with_sdk else ''}"
        if not folder.exists():
            cache.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=cache, prefix=".building-") as temporary:
                made = Path(temporary) / "runtime"
                for name in _with_requirements(roots):
                    _copy(name, made)
                compileall.compile_dir(made, quiet=2)
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


def _copy(name: str, folder: Path) -> None:
    distribution = importlib.metadata.distribution(name)
    for file in distribution.files or []:
        # Scripts lie beside the packages, and bytecode names the folder that it was made in.
        if ".." in file.parts or file.suffix == ".pyc":
            continue
        target = folder.joinpath(*file.parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(str(file.locate()), target)
