"""A newcomer's way from a clone to a site of his own, all guides one after the other, in one browser."""

import shutil
import sys

from tests.browser.visitor import PASSWORD
from tests.guides.markdown import Page
from tests.guides.newcomer import clone, file_server, held_origin, takes_the_shop, types, vite_server, write
from tests.support import npm_package
from tests.support.commands import run_to_end
from tests.support.node_projects import ROOT, tsc, vite

SITE = Page("docs/add-to-your-site.md")
API = Page("docs/protect-your-api.md")
ROUTES = "chalicelib/site/routes.py"
STATIC = "chalicelib/site/static"
OF_VITE = ROOT / "tests" / "client" / "react_ts"
HERE = "http://127.0.0.1:8000"


def logs_in(visitor):
    visitor.page.fill("[name=username]", visitor.username)
    visitor.page.fill("[name=password]", PASSWORD)
    visitor.page.keyboard.press("Enter")


def test_from_a_clone_to_a_site_with_a_log_in_of_its_own(start, new_visitor, tmp_path):
    checkout = clone(tmp_path / "lychgate")
    *_, routes = [block.text for block in API.blocks if block.path == ROUTES]
    write({ROUTES: routes} | API.files_below(STATIC), checkout)
    types(SITE.command("mkdir -p chalicelib/site/static"), checkout)
    shop = tmp_path / "shop"
    with file_server(shop) as shops_origin, held_origin() as vites_origin:
        server = start(checkout=checkout, LYCHGATE_ALLOWED_ORIGINS=f"{shops_origin},{vites_origin}")
        visitor = new_visitor(server).open()
        visitor.sign_up()
        visitor.is_signed_in()

        opens_the_page_for_members(visitor)
        orders_once_the_role_is_given(visitor, checkout, tmp_path / "accounts")
        cancels_once_the_password_is_confirmed(visitor)
        logs_in_on_another_port(visitor, checkout, shops_origin)
        builds_and_logs_in_with_react(visitor, checkout, tmp_path, vites_origin)
    # A refused call, and the icons that these pages do not have.
    visitor.forgive(401, 403, 404)


def opens_the_page_for_members(visitor):
    visitor.page.goto(f"{visitor.url}/members/")
    visitor.sees("main h1", f"Hello, {visitor.username}")


def orders_once_the_role_is_given(visitor, checkout, accounts):
    visitor.page.goto(f"{visitor.url}/orders.html")
    visitor.sees("[role=status]", "This needs the role buyer")
    command = [sys.executable, "-m", "infra.operator", "users", "set-roles", visitor.username, "buyer,user"]
    given = run_to_end([*command, f"--data-dir={accounts}"], checkout)
    assert given.returncode == 0, given.stdout
    visitor.page.reload()
    visitor.sees("[role=status]", f"Thank you, {visitor.username}. That makes 9.")


def cancels_once_the_password_is_confirmed(visitor):
    """The API is taken to want it: nobody waits for a quarter of an hour here."""
    refusal = {"error": "insufficient_user_authentication", "max_age": 900, "status": 401}
    confirmed = []
    visitor.page.on("response", lambda answer: answer.url.endswith("/reauthenticate") and confirmed.append(answer.ok))
    visitor.page.route(
        "**/api/orders",
        lambda route: route.fallback() if confirmed else route.fulfill(status=401, json=refusal),
    )
    visitor.page.goto(f"{visitor.url}/cancel.html")
    visitor.sees("lychgate-user[data-state=logged-in]")
    visitor.page.click("#cancel")
    visitor.page.fill("[data-part~=confirm-password]", PASSWORD)
    visitor.page.keyboard.press("Enter")
    visitor.sees("[role=status]", f"Cancelled by {visitor.username}.")
    assert confirmed == [True]


def logs_in_on_another_port(visitor, checkout, origin):
    takes_the_shop(SITE, checkout, visitor.url)
    visitor.page.goto(origin)
    visitor.sees("[role=status]", "Please log in.")
    logs_in(visitor)
    visitor.sees("[role=status]", f"Hello, {visitor.username}")


def builds_and_logs_in_with_react(visitor, checkout, folder, origin):
    project = npm_package.project(folder / "my-app")
    shutil.copytree(OF_VITE, project, ignore=shutil.ignore_patterns("session.ts"), dirs_exist_ok=True)
    files = SITE.files_below("my-app").items()
    write({path.removeprefix("my-app/"): text.replace(HERE, visitor.url) for path, text in files}, project)
    with vite_server(project, origin):
        visitor.page.goto(origin)
        logs_in(visitor)
        visitor.sees("main h1", f"Hello, {visitor.username}")
        visitor.page.reload()
        visitor.sees("main h1", f"Hello, {visitor.username}")
        # The page asks again and again for a development server that has ended.
        visitor.page.goto("about:blank")

    for tool, arguments in ((tsc, ["-b"]), (vite, ["build"])):
        ran = tool(*arguments, folder=project)
        assert ran.returncode == 0, ran.stdout
    shutil.copytree(project / "dist", checkout / STATIC, dirs_exist_ok=True)
    visitor.page.goto(visitor.url)
    visitor.sees("main h1", f"Hello, {visitor.username}")
    visitor.page.click("text=Log out")
    logs_in(visitor)
    visitor.sees("main h1", f"Hello, {visitor.username}")
