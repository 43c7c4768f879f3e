"""One package for all tests here, made by ``chalice package`` in a copy of the project."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from infra.packaged.package import machine_architecture

PROJECT = Path(__file__).parents[2]
CHALICE = "import sys; from chalice.cli import main; sys.exit(main())"
CONFIGURATION = """{
  "version": "2.0",
  "app_name": "lychgate",
  "stages": {
    "test": {
      "api_gateway_stage": "api",
      "lambda_architecture": "%s",
      "environment_variables": {"LYCHGATE_ISSUER": "https://site.test/api"}
    }
  }
}"""


def copy_of_the_project(folder):
    unwanted = shutil.ignore_patterns("__pycache__", ".*")
    for name in ("chalicelib", "infra"):
        shutil.copytree(PROJECT / name, folder / name, ignore=unwanted)
    for name in ("app.py", "requirements.txt"):
        shutil.copy(PROJECT / name, folder / name)
    (folder / ".chalice").mkdir()
    (folder / ".chalice" / "config.json").write_text(CONFIGURATION % machine_architecture())
    return folder


def chalice(project, *arguments, **variables):
    """Run a command of Chalice's in a project and return what it said. Nothing of this shell's AWS gets in."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LYCHGATE_"))}
    environment |= {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYTHONDONTWRITEBYTECODE": "1",
        **variables,
    }
    done = subprocess.run(
        [sys.executable, "-c", CHALICE, *arguments], cwd=project, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    """A project with what lies around on a developer's machine, packaged once."""
    folder = copy_of_the_project(tmp_path_factory.mktemp("packaging") / "project")
    cache = folder / "chalicelib" / "__pycache__"
    cache.mkdir()
    (cache / "errors.cpython-311.pyc").write_bytes(b"stale")
    (folder / "chalicelib" / "signing-keys.json").write_text('{"d": "private"}')
    (folder / "chalicelib" / ".env").write_text("SECRET=1")
    (folder / "chalicelib" / "errors.py~").write_text("old")
    return folder


@pytest.fixture(scope="session")
def built(project):
    """What ``chalice package`` said, and the zip."""
    said = chalice(project, "package", "--stage", "test", str(project.parent / "out"))
    return said, project.parent / "out" / "deployment.zip"


@pytest.fixture(scope="session")
def archive(built):
    return built[1]


@pytest.fixture(scope="session")
def names(archive):
    with zipfile.ZipFile(archive) as opened:
        return opened.namelist()


@pytest.fixture(scope="session")
def code(archive, tmp_path_factory):
    """The package, unpacked."""
    folder = tmp_path_factory.mktemp("packaging") / "task"
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder)
    return folder
