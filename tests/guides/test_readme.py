"""What the README has a newcomer write is what the guides have, and it is tried."""

from tests.guides.markdown import Page
from tests.guides.newcomer import clone, write

README = Page("README.md")
PROTECT = Page("docs/protect-your-api.md")
ROUTES = "chalicelib/site/routes.py"
PAGE = "chalicelib/site/static/mine/index.html"
SCRIPT = "chalicelib/site/static/mine/mine.js"


def test_the_route_is_the_guides_first():
    assert README.file(ROUTES) == next(block.text for block in PROTECT.blocks if block.path == ROUTES)


def test_a_page_has_a_log_in_and_then_calls_a_route(start, new_visitor, tmp_path):
    page, line = (block.text for block in README.blocks if block.language == "html")
    other = '<script type="module" src="/js/elements/index.js"></script>\n'
    assert other in page
    checkout = clone(tmp_path / "lychgate")
    # All files at once, though the reader writes one after the other: without a token the route is not called.
    files = {PAGE: page.replace(other, line + other), ROUTES: README.file(ROUTES), SCRIPT: README.file(SCRIPT)}
    write(files, checkout)
    visitor = new_visitor(start(checkout=checkout), username="kim")

    visitor.page.goto(f"{visitor.url}/mine/")
    visitor.sees("lychgate-sign-in [data-part~=login-form]")
    assert not visitor.page.locator("#greeting").is_visible()
    visitor.sign_up()

    visitor.sees("#greeting", "The API greets kim.")
    visitor.page.click("lychgate-user [data-part~=log-out]")
    visitor.sees("lychgate-sign-in [data-part~=login-form]")
    assert not visitor.page.locator("#greeting").is_visible()


def test_the_page_works_before_there_is_a_route(start, new_visitor, tmp_path):
    checkout = clone(tmp_path / "lychgate")
    write({PAGE: README.file(PAGE)}, checkout)
    visitor = new_visitor(start(checkout=checkout), username="kim")

    visitor.page.goto(f"{visitor.url}/mine/")
    visitor.sign_up()

    visitor.sees("#greeting", "Only members see this.")
