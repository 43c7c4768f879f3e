"""What docs/add-to-your-site.md has its reader write works in a browser."""

from playwright.sync_api import expect

from tests.browser.visitor import PASSWORD
from tests.guides.markdown import Page
from tests.guides.newcomer import clone, file_server, takes_the_shop, types

PAGE = Page("docs/add-to-your-site.md")


def test_a_page_for_members_sends_to_the_log_in_and_gets_its_visitor_back(start, new_visitor, tmp_path):
    checkout = clone(tmp_path / "lychgate")
    types(PAGE.command("mkdir -p chalicelib/site/static"), checkout)
    visitor = new_visitor(start(checkout=checkout))

    visitor.page.goto(f"{visitor.url}/members/")
    visitor.page.wait_for_url(f"{visitor.url}/?return=%2Fmembers%2F")
    visitor.sign_up()

    visitor.page.wait_for_url(f"{visitor.url}/members/")
    visitor.sees("main h1", f"Hello, {visitor.username}")
    visitor.context.route("**/api/**", lambda route: route.abort())
    visitor.page.reload()
    visitor.sees("#problem", "cannot be shown at the moment")
    expect(visitor.page.locator("main")).to_be_hidden()
    visitor.reaches_again("**/api/**")
    visitor.page.click("#again")
    visitor.sees("main h1", f"Hello, {visitor.username}")
    visitor.page.wait_for_load_state("networkidle")
    expect(visitor.page.locator("#problem")).to_be_hidden()
    visitor.page.click("#leave")
    visitor.page.wait_for_url(f"{visitor.url}/")
    visitor.is_signed_out()
    for path, text in PAGE.files_below("chalicelib/site/static").items():
        assert (checkout / path).read_text("utf-8") == text
    visitor.forgive("Failed to load resource")


def test_a_page_on_another_origin_logs_in_once_its_origin_is_named(start, new_visitor, tmp_path):
    checkout, shop = clone(tmp_path / "lychgate"), tmp_path / "shop"
    with file_server(shop) as origin:
        server = start(LYCHGATE_ALLOWED_ORIGINS=origin)
        takes_the_shop(PAGE, checkout, server.url)
        visitor = new_visitor(server)
        visitor.open().sign_up()
        visitor.is_signed_in()

        visitor.page.goto(origin)
        visitor.sees("[role=status]", "Please log in.")
        visitor.page.fill("[name=username]", visitor.username)
        visitor.page.fill("[name=password]", "not the password, but long enough")
        visitor.page.click("button")
        visitor.sees("[role=alert]", "password")
        visitor.page.fill("[name=password]", PASSWORD)
        visitor.page.click("button")
        visitor.sees("[role=status]", f"Hello, {visitor.username}")

        visitor.page.reload()
        visitor.sees("[role=status]", f"Hello, {visitor.username}")
        visitor.forgive(401)
