"""What the README shows in its first third is what the guides have, and what they have is tried."""

from tests.guides.markdown import Page
from tests.guides.newcomer import clone, write

README = Page("README.md")
PROTECT = Page("docs/protect-your-api.md")
ROUTES = "chalicelib/site/routes.py"
PAGE = """<!doctype html>
<html lang="en">
<title>Own</title>
<link rel="icon" href="/favicon.svg">
<script type="module" src="/own.js"></script>
</html>
"""


def test_the_route_is_the_guides_first():
    assert README.file(ROUTES) == next(block.text for block in PROTECT.blocks if block.path == ROUTES)


def test_the_lines_for_a_page_and_for_a_call_of_the_route_work(start, new_visitor, tmp_path):
    log_in, call = (block.text for block in README.blocks if block.language == "js")
    end = "\ndocument.title = `${user.username} ${dashboard.user.username} ${hello}`;\n"
    checkout = clone(tmp_path / "lychgate")
    write({"static-site/own.html": PAGE, "static-site/own.js": log_in + call + end}, checkout)
    write({ROUTES: README.file(ROUTES)}, checkout)
    visitor = new_visitor(start(checkout=checkout), username="kim").open()
    visitor.sign_up()
    visitor.is_signed_in()
    visitor.sign_out()
    visitor.is_signed_out()

    visitor.page.goto(f"{visitor.url}/own.html")

    visitor.wait_for(lambda: visitor.page.title() == "kim kim kim")
