"""What the README has a newcomer write is what the guides have, and it is tried."""

import shlex
import subprocess
import sys

from tests.guides.markdown import Page
from tests.guides.newcomer import clone, write

README = Page("README.md")
PROTECT = Page("docs/protect-your-api.md")
ROUTES = "chalicelib/site/routes.py"
PAGE = "chalicelib/site/static/mine/index.html"
SCRIPT = "chalicelib/site/static/mine/mine.js"
FIRST_THIRD = README.text[: len(README.text) // 3]


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


def test_a_route_takes_a_typed_body_from_who_has_the_role(start, new_visitor, tmp_path, monkeypatch):
    first, then = (block.text for block in README.blocks if block.language == "python")
    assert first in FIRST_THIRD
    assert then in FIRST_THIRD
    imports, _, rest = first.partition("\n\n")
    checkout = clone(tmp_path / "lychgate")
    write({ROUTES: f"{imports}\n\nfrom dataclasses import dataclass\n\n{rest}\n\n{then}"}, checkout)
    visitor = new_visitor(start(checkout=checkout), username="kim").join()

    def order(**body):
        return visitor.page.evaluate(
            """(body) => document.querySelector("lychgate-account").client.json("POST", "orders", body)
                .catch(({ status, errors }) => [status, errors.map(({ field, message }) => [field, message])])""",
            body,
        )

    works = {"article": "plank", "lengths": [1.5, 2]}
    assert order(**works) == [403, []]
    [command] = [code for code in FIRST_THIRD.split("`") if code.startswith(".venv/bin/python -m infra.operator")]
    monkeypatch.setenv("LYCHGATE_DATA_DIR", str(tmp_path / "accounts"))
    subprocess.run([sys.executable, *shlex.split(command)[1:]], cwd=checkout, check=True, capture_output=True)
    assert order(**works) == {"metres": 3.5}
    assert order(**{**works, "lengths": ["long"], "express": 1}) == [
        422,
        [["lengths[0]", "This must be a number."], ["express", "This must be a boolean."]],
    ]
    visitor.forgive(403, 422)
