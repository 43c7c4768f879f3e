"""The site, built once, and served where a browser sees each request that it makes."""

import functools
import http.server
import os

import pytest

from infra.docs.__main__ import ROOT, build
from tests.support.browsers import PATIENCE_MS
from tests.support.http_servers import serving
from tests.support.node_projects import TOOLS

AXE = TOOLS / "axe-core" / "axe.min.js"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Say nothing: what is wrong is seen in the browser."""


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """The folder of a build, with the site and the list of links to other hosts."""
    if not (ROOT / ".tools" / "docs").exists() and not os.environ.get("CI"):
        pytest.skip("what builds the documentation is installed by `make docs`, or `make test`")
    folder = tmp_path_factory.mktemp("docs")
    build(folder, "https://code.example/lychgate")
    return folder


@pytest.fixture(scope="session")
def address(built):
    """Where the site is served."""
    with serving(functools.partial(_Quiet, directory=str(built / "site"))) as server:
        yield f"http://127.0.0.1:{server.server_address[1]}"


@pytest.fixture
def new_reader(browser, address):
    """Open pages of the site, and hold them to asking nobody else for anything and to having no errors."""
    contexts, troubles = [], []

    def new_reader(**settings):
        context = browser.new_context(base_url=address, **settings)
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: _is_own(request.url, address) or troubles.append(request.url))
        page.on("console", lambda message: message.type == "error" and troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        return page

    yield new_reader
    for context in contexts:
        context.close()
    assert troubles == []


def _is_own(url, address):
    return url.startswith((f"{address}/", "data:", "blob:"))
