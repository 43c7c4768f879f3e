"""examples/vite-react with the npm package of this repository: its types, its build, and its page in a browser."""

import json
import shutil

import pytest
from playwright.sync_api import expect

from infra.examples.vite_react import ViteReact
from tests.browser.visitor import PASSWORD
from tests.client.find_node import node_folder
from tests.support import npm_package
from tests.support.node_projects import ROOT, tsc, vite

EXAMPLE = ROOT / "examples" / "vite-react"
OWN = shutil.ignore_patterns("node_modules", "dist")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The example, with its packages installed."""
    folder = npm_package.project(tmp_path_factory.mktemp("vite") / "project")
    shutil.copytree(EXAMPLE, folder, ignore=OWN, dirs_exist_ok=True)
    (folder / "node_modules" / ".package-lock.json").touch()
    return folder


def test_it_has_the_packages_that_are_tested_and_a_lock_that_names_no_registry():
    package, lock = (json.loads((EXAMPLE / name).read_text("utf-8")) for name in ("package.json", "package-lock.json"))
    tools = json.loads((ROOT / "tests" / "tools" / "package.json").read_text("utf-8"))["dependencies"]
    wanted = package["dependencies"] | package["devDependencies"]
    assert wanted.pop("lychgate") == "file:../.."
    assert wanted.items() <= tools.items()
    assert lock["packages"][""]["dependencies"] == package["dependencies"]
    assert lock["packages"][""]["devDependencies"] == package["devDependencies"]
    assert {each["resolved"] for each in lock["packages"].values() if "resolved" in each} == {"file:../.."}


def test_it_compiles_and_its_build_has_the_client_once(project):
    checked = tsc(folder=project)
    assert checked.returncode == 0, checked.stdout
    built = vite("build", folder=project)
    assert built.returncode == 0, built.stdout
    scripts = [file.read_text("utf-8") for file in (project / "dist" / "assets").glob("*.js")]
    assert sum("auth/logout-all" in text for text in scripts) == 1
    styles = [file.read_text("utf-8") for file in (project / "dist" / "assets").glob("*.css")]
    assert styles
    assert not [text for text in styles if "data:" in text], "the site's policy would block it"
    assert 'src="/assets/' in (project / "dist" / "index.html").read_text("utf-8")


def test_its_page_logs_in_by_the_cookie_and_keeps_the_session(project, server, known_origin, new_visitor, account):
    page = ViteReact(int(known_origin.rpartition(":")[2]), {"PATH": str(node_folder())}, project)
    try:
        origin = page.start(server.url)
        visitor = new_visitor(server)
        visitor.page.goto(origin)
        visitor.page.fill("[name=username]", account.username)
        visitor.page.fill("[name=password]", PASSWORD)
        visitor.page.keyboard.press("Enter")
        visitor.sees("h1", f"Hello, {account.username}")
        visitor.sees("p", "You are logged in in 2 places.")
        [cookie] = visitor.refresh_cookies()
        assert cookie["httpOnly"]

        visitor.page.reload()

        visitor.sees("h1", f"Hello, {account.username}")
        visitor.page.click("text=Log out")
        visitor.sees("h1", "Members")
        visitor.sees("[name=password]")
        visitor.wait_for(lambda: account.sessions() == [])

        visitor.page.fill("[name=username]", account.username)
        visitor.page.fill("[name=password]", PASSWORD)
        visitor.page.keyboard.press("Enter")
        visitor.sees("h1", f"Hello, {account.username}")
        visitor.context.route("**/api/**", lambda route: route.abort())
        visitor.page.reload()
        visitor.sees("lychgate-sign-in [role=alert]", "The service cannot be reached.")
        expect(visitor.page.locator("main > [role=alert]")).to_have_count(0)
        visitor.reaches_again("**/api/**")
        visitor.page.click("text=Try again")
        visitor.sees("h1", f"Hello, {account.username}")
        visitor.context.route("**/api/auth/logout", lambda route: route.abort())
        visitor.page.click("text=Log out")
        visitor.sees("[data-part~=notice]", "keeps trying to tell the service")
        expect(visitor.page.locator("main > [role=alert]")).to_have_count(0)
        visitor.forgive("Failed to load resource")
    finally:
        page.stop()
