"""A browser, a server of its own, and a page that is watched for errors.

`make test` names the browser in CHROMIUM. Without one these tests fail: a suite that skips its most important part
says nothing.
"""

import os

import pytest
from playwright.sync_api import sync_playwright

from tests.browser.development_server import DevelopmentServer
from tests.browser.visitor import Visitor
from tests.support.places import CLOCK_FOLDER, SharedClock

# A bound for what normally takes a fraction of it, not an expectation.
PATIENCE_MS = 60_000
# Without a sandbox for machines where everything runs as root; the rest keeps the browser from calling home.
BROWSER_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TELL_VIOLATIONS = (
    "addEventListener('securitypolicyviolation', (event) =>"
    " console.error('CSP: ' + event.violatedDirective + ' ' + event.blockedURI));"
)


@pytest.fixture(scope="session")
def launch():
    """Start browsers, with flags beside those that all have."""
    path = os.environ.get("CHROMIUM")
    if not path:
        pytest.fail(
            "CHROMIUM names no browser. `make test` finds or installs one, or: CHROMIUM=/path/to/chromium pytest"
        )
    browsers = []
    with sync_playwright() as playwright:

        def launch(*flags):
            browsers.append(playwright.chromium.launch(executable_path=path, args=[*BROWSER_FLAGS, *flags]))
            return browsers[-1]

        yield launch
        for browser in browsers:
            browser.close()


@pytest.fixture(scope="session")
def browser(launch):
    return launch()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    server = DevelopmentServer(tmp_path_factory.mktemp("accounts"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def hasty_server(tmp_path_factory):
    """Like ``server``, but an access token is good for ten seconds: as short as settings allow."""
    server = DevelopmentServer(tmp_path_factory.mktemp("accounts"), LYCHGATE_ACCESS_TOKEN_LIFETIME="10")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def patient_clock(tmp_path_factory):
    return SharedClock(tmp_path_factory.mktemp("clock") / "now")


@pytest.fixture(scope="session")
def patient_server(tmp_path_factory, patient_clock):
    """Like ``server``, but its time stands still until ``patient_clock`` is moved."""
    under_clock = {"LYCHGATE_TEST_CLOCK": str(patient_clock.path), "PYTHONPATH": str(CLOCK_FOLDER)}
    server = DevelopmentServer(tmp_path_factory.mktemp("accounts"), **under_clock)
    yield server
    server.stop()


@pytest.fixture
def new_visitor(browser):
    """Make visitors, each with a browser profile of their own, and hold their pages to having no errors."""
    visitors = []

    def new_visitor(server, username=None, **settings):
        context = browser.new_context(**settings)
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(TELL_VIOLATIONS)
        visitors.append(Visitor(context, server.url, username))
        return visitors[-1]

    yield new_visitor
    for visitor in visitors:
        visitor.context.close()
    assert [trouble for visitor in visitors for trouble in visitor.troubles] == []


@pytest.fixture
def visitor(new_visitor, server):
    """Somebody who opens the page for the first time."""
    return new_visitor(server).open()


@pytest.fixture
def member(visitor):
    """Somebody who has just signed up."""
    visitor.sign_up()
    visitor.is_signed_in()
    return visitor
