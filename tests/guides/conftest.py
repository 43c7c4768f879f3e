"""A server and a browser of one's own for whatever a guide says."""

import pytest

from tests.browser.conftest import new_visitor  # noqa: F401 - a fixture of these tests too
from tests.browser.development_server import DevelopmentServer


@pytest.fixture
def start(tmp_path):
    """Start a development server, of this checkout or of another, with accounts of its own."""
    servers = []

    def start(**how):
        servers.append(DevelopmentServer(tmp_path / "accounts", **how))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()
