"""The element of mailed links in any page: moved, put there again, and where something is wrong."""

import pytest
from playwright.sync_api import expect

WRONG = """<!doctype html><lychgate-mail-link api="ftp://x"></lychgate-mail-link>
<script type="module" src="/js/elements/mail-link.js"></script>"""
AGAIN = """() => {
    const element = document.querySelector("lychgate-mail-link");
    const place = element.parentElement;
    element.remove();
    return new Promise((resolve) => setTimeout(() => resolve(place.append(element))));
}"""


@pytest.fixture
def reader(new_visitor, server):
    """Somebody who has opened a mailed link, which the API takes."""
    visitor = new_visitor(server)
    visitor.context.route("**/api/auth/email/confirm", lambda route: route.fulfill(status=204))
    visitor.page.goto(f"{server.url}/account.html#email=abc")
    visitor.sees("[data-part~=email-title]")
    return visitor


def test_an_element_that_leaves_and_comes_back_still_has_its_link_and_then_what_became_of_it(reader):
    reader.page.evaluate(AGAIN)
    reader.sees("[data-part~=email-title]")
    reader.page.click("[data-part~=email-form] [type=submit]")
    reader.sees("[data-part~=done-title]", "Your address is confirmed")
    reader.page.evaluate(AGAIN)
    reader.sees("[data-part~=done-title]", "Your address is confirmed")
    assert [path for method, path, _ in reader.made() if method == "POST"] == ["auth/email/confirm"]
    expect(reader.page.locator("[data-part~=mailed]")).to_have_count(1)


def test_an_element_that_is_gone_hears_of_no_other_link(reader):
    page = reader.page
    page.evaluate("document.querySelector('lychgate-mail-link').remove()")
    page.evaluate("new Promise((resolve) => setTimeout(resolve))")
    page.evaluate("location.hash = 'reset=def'")
    page.evaluate("new Promise((resolve) => setTimeout(resolve))")
    assert page.url.endswith("#reset=def")


def test_a_site_says_where_its_log_in_and_its_account_are(reader):
    page = reader.page
    page.evaluate("document.querySelector('lychgate-mail-link').setAttribute('account', '/me/')")
    page.click("[data-part~=email-form] [type=submit]")
    reader.sees("[data-part~=done-title]")
    assert page.get_attribute("[data-part~=done-next]", "href") == "/me/"
    page.evaluate("document.querySelector('lychgate-mail-link').setAttribute('sign-in', '/enter.html')")
    page.evaluate("location.hash = 'other=abc'")
    reader.sees("[data-part~=gone-title]", "Open the link in your mail")
    assert page.get_attribute("[data-part~=gone-next]", "href") == "/enter.html"


@pytest.mark.parametrize("file", ["words/en-mailed.js", "words/en.js"])
def test_where_words_do_not_come_the_page_says_to_try_again_and_not_to_reload_it_without_its_link(
    new_visitor, server, file
):
    visitor = new_visitor(server)
    visitor.context.route(f"**/{file}*", lambda route: route.abort())
    visitor.page.goto(f"{server.url}/account.html#email=abc")
    said = visitor.sees("lychgate-mail-link [data-part~=failure]", "try again").inner_text()
    assert "reload" not in said
    visitor.reaches_again(f"**/{file}*")
    visitor.page.click("lychgate-mail-link button")
    visitor.sees("[data-part~=email-title]")
    visitor.forgive("<lychgate-mail-link>", "ERR_FAILED")


def test_a_long_link_in_the_shape_of_a_button_is_centred_as_a_button_is(new_visitor, server):
    visitor = new_visitor(server, viewport={"width": 320, "height": 800}, locale="fr")
    visitor.context.route(
        "**/api/auth/password/reset", lambda route: route.fulfill(status=410, json={"error": "link_expired"})
    )
    page = visitor.page
    page.goto(f"{server.url}/account.html#reset=abc")
    page.fill("[data-part~=reset-password]", "seven old oak boards and a latch")
    page.click("[data-part~=reset-form] [type=submit]")
    visitor.sees("[data-part~=gone-next]")
    lines = page.evaluate(
        """() => {
            const link = document.querySelector("[data-part~=gone-next]");
            const { left, right } = link.getBoundingClientRect();
            const range = document.createRange();
            range.selectNodeContents(link);
            return [...range.getClientRects()].map((line) => Math.abs(line.left - left - (right - line.right)));
        }"""
    )
    assert len(lines) > 1
    assert max(lines) < 8
    visitor.forgive(410)


def test_a_token_leaves_the_address_even_where_the_element_cannot_work(new_visitor, server):
    visitor = new_visitor(server)
    page = visitor.page
    visitor.context.route("**/wrong.html", lambda route: route.fulfill(content_type="text/html", body=WRONG))
    page.goto(f"{server.url}/wrong.html#reset=abc")
    visitor.sees("[data-part~=failure]", "names no address of an API")
    assert page.url == f"{server.url}/wrong.html"
    visitor.forgive("names no address of an API")
