"""Clients of bound sessions that others have written, under Node.js, against the whole of a development server."""

import shutil
from pathlib import Path

import pytest

from tests.browser.development_server import DevelopmentServer
from tests.support.node_projects import install, run

PROGRAM = Path(__file__).with_name("foreign_proofs.mjs")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = DevelopmentServer(tmp_path_factory.mktemp("accounts"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A folder with the program and the libraries."""
    folder = tmp_path_factory.mktemp("project")
    install(folder)
    return Path(shutil.copy(PROGRAM, folder))


@pytest.mark.parametrize("library", ["dpop", "oauth4webapi", "jose"])
def test_a_library_of_somebody_else_keeps_a_bound_session(server, project, library):
    ended = run(project, library, f"{server.url}/api", folder=project.parent)
    assert ended.returncode == 0, ended.stdout
