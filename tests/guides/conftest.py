"""A server and a browser of one's own for whatever a guide says, and a site with what the guides have one write."""

import pytest

from tests.browser.conftest import new_visitor  # noqa: F401 - a fixture of these tests too
from tests.browser.development_server import DevelopmentServer
from tests.guides.markdown import Page
from tests.support import places
from tests.support.site_of_ones_own import copy_with

HOOKS, ROUTES = "chalicelib/site/hooks.py", "chalicelib/site/routes.py"
PAGE_OF_ROUTES, PAGE_OF_HOOKS = Page("docs/protect-your-api.md"), Page("docs/hooks.md")
ONLY_ALICE = """

def only_alice(attempt) -> None:
    from chalicelib.use_cases.hooks import RegistrationRefused

    if attempt.username != "Alice":
        raise RegistrationRefused("username", "Be Alice.")


hooks.before_registration = only_alice
"""


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


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    """A site with the routes of one page and the hooks of another, and the routes that go with these."""
    _, orders = PAGE_OF_ROUTES.texts(ROUTES)
    [prices] = [block.text for block in PAGE_OF_ROUTES.blocks if "credential=Credential.BEARER" in block.text]
    plan = PAGE_OF_HOOKS.file(ROUTES).split("routes = Routes()\n")[1]
    _, claims, *_ = PAGE_OF_HOOKS.texts(HOOKS)
    files = {
        ROUTES: orders + prices + plan,
        HOOKS: claims + ONLY_ALICE,
        **PAGE_OF_ROUTES.files_below("chalicelib/site/static"),
    }
    return copy_with(tmp_path_factory.mktemp("own") / "project", files)


@pytest.fixture(scope="session", params=["make-dev", "chalice-local", "packaged"])
def running(request, project, tmp_path_factory, shared_clock, local_database):
    """A place where that site runs."""
    dynamodb_local = request.getfixturevalue("dynamodb_local") if request.param == "packaged" else None
    folder = tmp_path_factory.mktemp(request.param)
    with places.PLACES[request.param](folder, shared_clock, local_database, dynamodb_local, source=project) as place:
        yield place


@pytest.fixture
def place(running, shared_clock):
    """A place where that site runs, without accounts."""
    shared_clock.reset()
    running.empty()
    return running
