"""The elements inside React 19, React 18, Vue 3 and Svelte 5: pages that Vite builds with the npm package."""

import mimetypes
import os
import shutil

import pytest

from tests.browser.visitor import PASSWORD
from tests.support import npm_package
from tests.support.node_projects import ROOT, run

APPS = ROOT / "tests" / "client" / "npm"
FRAMEWORKS = {"react19": "react", "react18": "react", "vue3": "vue", "svelte5": "svelte"}
# React mounts everything twice in the strict mode of its development build alone, and warns there only.
AS_IN_DEVELOPMENT = {"NODE_ENV": "development"}
# Frameworks that parse markup make a policy for it, by this name. The elements need none.
TRUSTED = {"vue3": "vue", "svelte5": "svelte-trusted-html"}
SIGN_IN = "lychgate-sign-in"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder of a framework's page, which is built once."""

    def build(framework):
        folder = npm_package.project(tmp_path_factory.mktemp(framework), react=18 if framework == "react18" else 19)
        shutil.copytree(APPS / FRAMEWORKS[framework], folder, dirs_exist_ok=True)
        shutil.copy(APPS / "index.html", folder)
        options = (f"--base=/{framework}/", "--mode=development")
        ran = run("vite/bin/vite.js", "build", *options, folder=folder, env={**os.environ, **AS_IN_DEVELOPMENT})
        assert ran.returncode == 0, ran.stdout
        return folder / "dist"

    return build


def serve(visitor, framework, folder):
    """Let a page be on the API's own origin, under the policy that all its pages have, and open it."""
    policy = visitor.context.request.get(visitor.url).headers["content-security-policy"]
    nothing = "trusted-types 'none'"
    assert nothing in policy
    if framework in TRUSTED:
        policy = policy.replace(nothing, f"trusted-types {TRUSTED[framework]}")

    def answer(route):
        path = route.request.url.partition(f"/{framework}/")[2].partition("?")[0] or "index.html"
        file = folder / path
        kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
        headers = {"Content-Type": kind, "Content-Security-Policy": policy}
        route.fulfill(body=file.read_bytes(), headers=headers)

    visitor.context.route(f"{visitor.url}/{framework}/**", answer)
    visitor.page.goto(f"{visitor.url}/{framework}/")
    return visitor.page


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_somebody_logs_in_inside_a_framework_which_takes_the_element_away_and_brings_it_back(
    new_visitor, server, account, built, framework
):
    visitor = new_visitor(server, account)
    page = serve(visitor, framework, built(framework))
    element = page.locator(SIGN_IN)
    page.locator(f'{SIGN_IN}[data-state="logged-out"]').wait_for()
    page.locator("#strangers").wait_for()
    assert page.locator("#user").inner_text() == "nobody"
    assert page.locator("#members").is_hidden()
    assert element.get_attribute("class") == "card"

    page.click("#toggle")
    element.wait_for(state="detached")
    page.click("#toggle")
    page.locator(f'{SIGN_IN}[data-state="logged-out"]').wait_for()
    element.locator('[autocomplete~="username"]').first.fill(account)
    element.locator('[autocomplete="current-password"]').first.fill(PASSWORD)
    element.locator('[autocomplete="current-password"]').first.press("Enter")

    page.locator("#user", has_text=account).wait_for()
    page.locator("#members").wait_for()
    assert page.locator("#heard").inner_text() == "lychgate:logged-in"
    assert page.locator("#strangers").is_hidden()
    page.locator("lychgate-user", has_text=account).wait_for()

    page.click("#toggle")
    element.wait_for(state="detached")
    page.click("#toggle")
    page.locator(f'{SIGN_IN}[data-state="logged-in"]').wait_for(state="attached")
    page.reload()
    page.locator("#user", has_text=account).wait_for()
