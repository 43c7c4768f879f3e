"""Checks of what only a site on the net has. `make smoke` runs them, and nothing else does: they need a site."""

import pytest

from tests.support.live.client import LIVE


def pytest_ignore_collect(collection_path, config):
    if LIVE not in config.stash:
        return True
    # Nobody has said what the API's own address is.
    return True if collection_path.name == "test_around.py" and config.stash[LIVE].api_site is None else None


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.parent.name == "live":
            item.add_marker(pytest.mark.live_safe)


@pytest.fixture(scope="session")
def connection(request):
    """The site, for checks of the connection itself, which nothing is sent over."""
    live = request.config.stash[LIVE]
    if not live.site.over_tls:
        pytest.skip("this machine is asked by http://, without TLS")
    return live


@pytest.fixture(scope="session")
def live(request):
    """The site, over a connection that may be used."""
    live = request.config.stash[LIVE]
    if live.why_unasked:
        pytest.skip(live.why_unasked)
    return live


@pytest.fixture(scope="session")
def api(live):
    """The site, whose API answers."""
    if live.why_no_api:
        pytest.skip(live.why_no_api)
    return live
