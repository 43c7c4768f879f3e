"""Builds the deployment's package with `chalice package` and unpacks it as Lambda does: read-only.

Owns the cache of builds. A build is made in a copy of the project's sources, with the caller's configuration, so that
nothing else of this machine affects it.
"""

import functools
import hashlib
import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.runtime import RUNTIME, interpreter_of, this_python
from tests.support.packaged.errors import PackageError
from tests.support.packaged.template import FunctionDefinition, read_functions, read_swagger

PROJECT = Path(__file__).parents[3]
CACHE = PROJECT / ".tools" / "packages"
"""Where builds are kept, the newest few of them."""

_KEPT_BUILDS = 4
_KEPT_SECONDS = 3600.0
_SOURCES_AND_CONFIGURATION = re.compile("[0-9a-f]{16}-[0-9a-f]{16}")
_DEPLOYMENTS = "-deployments"
_SOURCES = ("app.py", "chalicelib", "infra", "requirements.txt", "vendor")
_NOT_SOURCES = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")
_READ_ONLY = 0o555
_WRITABLE = 0o755
_CHALICE = "import sys; from chalice.cli import main; sys.exit(main())"
# pip asks for its index, certificates and proxy by these; nothing else of this process reaches the build.
_PASSED_ON = ("HOME", "LANG", "PATH", "PIP_", "SSL_", "SYSTEMROOT", "TEMP", "TMP")


@dataclass(frozen=True)
class Package:
    """An unpacked package."""

    archive: Path
    """The zip that a deployment uploads."""
    code: Path
    """Its contents: a read-only folder."""
    template: Mapping[str, Any]
    """The SAM template, as Chalice wrote it."""

    @functools.cached_property
    def functions(self) -> Mapping[str, FunctionDefinition]:
        """The Lambda functions by Chalice's names."""
        return read_functions(self.template)

    @property
    def stage_name(self) -> str:
        """The first part of every path at API Gateway."""
        return read_swagger(self.template)[0]

    @property
    def swagger(self) -> Mapping[str, Any]:
        """The REST API's definition, with API Gateway's extensions."""
        return read_swagger(self.template)[1]


def machine_architecture() -> str:
    """Return Lambda's name for this machine's architecture: what a package must be built for to run here."""
    return "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64"


def for_this_machine() -> dict[str, str]:
    """Return what a stage has to say for its package to run here: the architecture, and if need be another Python.

    Without an interpreter of the runtime the package is for the Python that runs the tests. What is tested then is the
    same code with other wheels.
    """
    runtime = {} if interpreter_of(RUNTIME) else {"lambda_python_version": this_python()}
    return {"lambda_architecture": machine_architecture(), **runtime}


def build(
    stage: str,
    configuration: Mapping[str, Any],
    policies: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    project: Path = PROJECT,
    cache: Path = CACHE,
) -> Package:
    """Package the project for a stage, or return an earlier build of the same sources.

    Takes the stage's entry of `.chalice/config.json`, and the files beside it that it names: policy documents by file
    name. Raises PackageError.
    """
    config = {"version": "2.0", "app_name": "lychgate", "stages": {stage: configuration}}
    files = {"config.json": config, **(policies or {})}
    texts = {name: json.dumps(content, indent=2, sort_keys=True) for name, content in files.items()}
    sources = _digest_of_sources(project)[:16]
    folder = cache / f"{sources}-{hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:16]}"
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix=".building-") as temporary:
            built = _chalice_package(stage, texts, Path(temporary), project, cache / f"{sources}{_DEPLOYMENTS}")
            _unpack(built / "deployment.zip", built / "code")
            try:
                built.rename(folder)
            except OSError:  # another process was faster; its build is as good
                _make_writable(built)
    folder.touch()
    _forget_old_builds(cache)
    template = json.loads((folder / "sam.json").read_text("utf-8"))
    return Package(folder / "deployment.zip", folder / "code", template)


def _chalice_package(stage: str, texts: Mapping[str, str], temporary: Path, project: Path, deployments: Path) -> Path:
    copy = temporary / "project"
    chalice_folder = copy / ".chalice"
    chalice_folder.mkdir(parents=True)
    for name, text in texts.items():
        (chalice_folder / name).write_text(text, "utf-8")
    for name in _SOURCES:
        if (project / name).is_dir():
            shutil.copytree(project / name, copy / name, ignore=_NOT_SOURCES)
        elif (project / name).exists():
            shutil.copy2(project / name, copy / name)
    # Chalice reuses a zip of the same requirements and sources that it finds here, whatever the configuration.
    if deployments.exists():
        shutil.copytree(deployments, chalice_folder / "deployments")
    output = temporary / "package"
    command = [sys.executable, "-c", _CHALICE, "package", "--stage", stage, "--template-format", "json", str(output)]
    environment = {name: value for name, value in os.environ.items() if name.upper().startswith(_PASSED_ON)}
    environment |= {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    # Importing the application must not leave bytecode in the copy, which would be packaged.
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    # Chalice makes a client, which it does not use. It needs a region, and must not look for the developer's.
    environment |= {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    ran = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    # Chalice leaves out what it could not find a wheel for, says so, and succeeds.
    if ran.returncode != 0 or "Could not install dependencies" in ran.stdout:
        raise PackageError(f"`chalice package` failed. It said: {(ran.stdout + ran.stderr).strip()[-4000:]}")
    with suppress(OSError):
        (chalice_folder / "deployments").rename(deployments)
    return output


def _unpack(archive: Path, code: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(code)
    for path in [code, *code.rglob("*")]:
        path.chmod(_READ_ONLY)


def _make_writable(path: Path) -> None:
    for folder in [path, *(found for found in path.rglob("*") if found.is_dir())]:
        folder.chmod(_WRITABLE)


def _forget_old_builds(cache: Path) -> None:
    """Keep the newest builds, and those that may be in use; with each build the zips of its sources."""
    ours = [path for path in cache.iterdir() if not path.name.startswith("runtime-")]
    newest_first = sorted(ours, key=_modified, reverse=True)
    young = {path for path in ours if _modified(path) > time.time() - _KEPT_SECONDS}
    builds = young.union(
        [path for path in newest_first if _SOURCES_AND_CONFIGURATION.fullmatch(path.name)][:_KEPT_BUILDS]
    )
    sources = {path.name.partition("-")[0] for path in builds}
    for path in ours:
        if path not in builds and not (path.name.endswith(_DEPLOYMENTS) and path.name.partition("-")[0] in sources):
            with suppress(OSError):  # another process was faster
                _make_writable(path)
                shutil.rmtree(path)


def _modified(path: Path) -> float:
    with suppress(OSError):
        return path.stat().st_mtime
    return 0.0


def _digest_of_sources(project: Path) -> str:
    digest = hashlib.sha256()
    digest.update(f"{sys.version_info[:2]} {importlib.metadata.version('chalice')}".encode())
    for path in _source_files(project):
        content = path.read_bytes()
        digest.update(f"\n{path.relative_to(project)} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def _source_files(project: Path) -> Iterator[Path]:
    for name in _SOURCES:
        root = project / name
        if root.is_file():
            yield root
            continue
        for path in sorted(root.rglob("*")):
            parts = path.relative_to(project).parts
            hidden = any(part.startswith(".") or part == "__pycache__" for part in parts)
            if path.is_file() and not hidden and path.suffix != ".pyc":
                yield path
