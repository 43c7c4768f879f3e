"""The page of docs/protect-your-api.md, which calls a route of its site's own."""

import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from tests.browser.development_server import ROOT, DevelopmentServer
from tests.guides.markdown import Page
from tests.support.site_of_ones_own import copy_with

PAGE = Page("docs/protect-your-api.md")
ROUTES = "chalicelib/site/routes.py"
FILES = {
    ROUTES: [block.text for block in PAGE.blocks if block.path == ROUTES][-1],
    **PAGE.files_below("static-site"),
}
LOG_IN = """async () => {
  const { createClient } = await import("/js/lychgate.js");
  const client = createClient();
  await client.register("kim", "seven old oak boards and a latch");
  client.close();
}"""


@pytest.fixture(scope="module")
def accounts(tmp_path_factory):
    return tmp_path_factory.mktemp("accounts")


@pytest.fixture(scope="module")
def own_server(accounts, tmp_path_factory):
    server = DevelopmentServer(accounts, checkout=copy_with(tmp_path_factory.mktemp("own") / "project", FILES))
    yield server
    server.stop()


def test_a_page_of_ones_own_orders_when_its_user_has_the_role_and_says_why_not_before(
    new_visitor, own_server, accounts
):
    page = new_visitor(own_server).context.new_page()
    page.goto(f"{own_server.url}/orders.html")
    page.wait_for_url(lambda url: urlsplit(url).path == "/")
    page.evaluate(LOG_IN)

    page.goto(f"{own_server.url}/orders.html")
    page.get_by_text("This needs the role buyer, which your account does not have.").wait_for()

    command = ["-m", "infra.operator", "users", "set-roles", "kim", "buyer", "--data-dir", accounts]
    subprocess.run([sys.executable, *command], cwd=ROOT, check=True, capture_output=True)
    page.reload()
    page.get_by_text("Thank you, kim. That makes 9.").wait_for()
