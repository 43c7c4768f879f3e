"""Node.js, and the client's own suite, which runs beside the other tests of this folder."""

import subprocess
from pathlib import Path

import pytest

from tests.client.find_node import node_folder

HERE = Path(__file__).parent
NEEDS_THE_SUITE = "running_suite"


@pytest.fixture(scope="session")
def node():
    return str(node_folder() / "node")


@pytest.fixture(scope="session")
def running_suite(node, tmp_path_factory):
    """The process that runs the suite, and the file of what it says."""
    suite = sorted(str(file) for file in HERE.glob("*.test.mjs"))
    # They wait for timers more than they work.
    at_once = f"--test-concurrency={len(suite)}"
    said = tmp_path_factory.mktemp("suite") / "said"
    with said.open("wb") as file:
        running = subprocess.Popen(
            [node, "--test", at_once, "--test-reporter=spec", *suite], stdout=file, stderr=subprocess.STDOUT
        )
    yield running, said
    if running.poll() is None:
        running.kill()
        running.wait()


@pytest.fixture(scope="session", autouse=True)
def suite_beside(request):
    """Start the suite with the first test of this folder, if it is to run at all."""
    if any(NEEDS_THE_SUITE in item.fixturenames for item in request.session.items):
        request.getfixturevalue(NEEDS_THE_SUITE)
