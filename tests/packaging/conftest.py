"""One package for all tests here, made by ``chalice package`` in a copy of the project."""

import zipfile

import pytest

from tests.support.packaging_project import chalice, copy_of_the_project


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


@pytest.fixture(scope="session")
def pythons(tmp_path_factory):
    """A folder of what other Pythons need beside what is installed here."""
    return tmp_path_factory.mktemp("pythons")
