"""The packages that the benchmark compares: ours, the same code packaged by Chalice itself, and a floor.

The floor, ``bench/floor/``, is a separate project whose two functions import the libraries and do nothing. It is
packaged exactly like ours, from the same wheels.
"""

from __future__ import annotations

import importlib.util
import inspect
import os
import shutil
import subprocess
import sysconfig
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chalice.deploy.packager import DependencyBuilder, LambdaDeploymentPackager, PipRunner, SubprocessPip
from chalice.utils import UI, OSUtils

from bench.figures import LeftOut, Progress
from infra.chalice_cli.packaging import CreatePackage, made_for_lambda
from infra.runtime import interpreter_of
from tests.support.packaged.function import REGION
from tests.support.packaged.package import PROJECT, Package, build, for_this_machine, machine_architecture

ISSUER = "https://site.test/api"

_CONFIGURATION: Mapping[str, Any] = {
    "api_gateway_stage": "api",
    "autogen_policy": False,
    "iam_policy_file": "policy.json",
    **for_this_machine(),
    "environment_variables": {"LYCHGATE_ISSUER": ISSUER, "AWS_DEFAULT_REGION": REGION},
}
_NO_PERMISSIONS: Mapping[str, Any] = {"Version": "2012-10-17", "Statement": []}
_FLOOR = Path(__file__).parent / "floor"
_STOCK: CreatePackage = inspect.unwrap(LambdaDeploymentPackager.create_deployment_package)


@dataclass(frozen=True)
class ComparedPackages:
    """Packages whose functions have the same names."""

    ours: Package
    stock: Package
    floor: Package


@contextmanager
def compared_packages(progress: Progress) -> Iterator[ComparedPackages]:
    """Build the packages. They exist as long as the context. Raises LeftOut."""
    if importlib.util.find_spec("awslambdaric") is None:
        raise LeftOut("awslambdaric is not installed: `make test` installs it")
    progress("packaging as it is deployed")
    ours = build("bench", _CONFIGURATION, {"policy.json": _NO_PERMISSIONS})
    with _read_only_folder() as folder:
        progress("packaging the same code as Chalice does it")
        stock = _package(_STOCK, PROJECT, folder / "stock", ours)
        progress("packaging the floor")
        floor = _package(made_for_lambda(_STOCK), _FLOOR, folder / "floor", ours)
        yield ComparedPackages(ours, stock, floor)


@contextmanager
def floor_of(ours: Package) -> Iterator[Package]:
    """Build the floor only. It exists as long as the context."""
    with _read_only_folder() as folder:
        yield _package(made_for_lambda(_STOCK), _FLOOR, folder / "floor", ours)


@contextmanager
def _read_only_folder() -> Iterator[Path]:
    """Yield a temporary folder, which is removed even if files in it are read-only."""
    with tempfile.TemporaryDirectory(prefix="lychgate-bench-") as temporary:
        folder = Path(temporary)
        try:
            yield folder
        finally:
            for path in folder.rglob("code/**/"):
                path.chmod(0o755)


def _package(create: CreatePackage, project: Path, folder: Path, ours: Package) -> Package:
    """Package a project's two functions and unpack them read-only, with our template."""
    copy = folder / "project"
    shutil.copytree(project / "chalicelib", copy / "chalicelib", ignore=shutil.ignore_patterns("__pycache__", ".*"))
    shutil.copyfile(project / "app.py", copy / "app.py")
    shutil.copyfile(PROJECT / "requirements.txt", copy / "requirements.txt")
    (runtime,) = {function.runtime for function in ours.functions.values()}
    osutils, architecture = _OfTheRuntime(runtime), machine_architecture()
    builder = DependencyBuilder(osutils, PipRunner(SubprocessPip(osutils), osutils), architecture)
    packager = LambdaDeploymentPackager(osutils, builder, _Silent(), architecture)
    archive = Path(create(packager, str(copy), runtime))
    code = folder / "code"
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(code)
    for path in [code, *code.rglob("*")]:
        path.chmod(0o555)
    return replace(ours, archive=archive, code=code)


class _OfTheRuntime(OSUtils):
    """Runs pip under the Python of a runtime: Chalice's builder finds compiled wheels for the running Python only."""

    def __init__(self, runtime: str) -> None:
        self._python = str(interpreter_of(runtime))

    def popen(
        self,
        command: list[str],
        stdout: int | None = None,
        stderr: int | None = None,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[Any]:
        """Start a process of that Python, with the pip that is installed here."""
        environment = {**(env or os.environ), "PYTHONPATH": sysconfig.get_path("purelib")}
        return super().popen([self._python, *command[1:]], stdout, stderr, environment)


class _Silent(UI):
    def write(self, msg: str) -> None:
        """Print nothing: the benchmark has its own progress messages."""
