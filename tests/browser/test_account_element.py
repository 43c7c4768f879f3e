"""The account as an element: in and out of the document, in another language, beside another, and without a log-in."""

import pytest

from tests.browser.visitor import PASSWORD

FAILED = "Failed to load resource"
ALONE = """<!doctype html><html lang="en"><title>A page of somebody else</title>
<link rel="stylesheet" href="/js/elements/lychgate.css">
<script type="module" src="/js/elements/account.js"></script>
<h1>My shop</h1>
<lychgate-account><p data-part="end" hidden>Our terms</p></lychgate-account></html>"""
TAKE_OUT = "window.taken = document.querySelector('lychgate-account'); taken.remove()"
FOCUS_AND_ASK = """async () => {
    dispatchEvent(new Event("focus"));
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    await fetch("/api/auth/options?own-call");
}"""
DAY_OF_THE_ACCOUNT = """() => {
    const { created_at: created } = document.querySelector("lychgate-account").client.user;
    return new Intl.DateTimeFormat("nl", { dateStyle: "long" }).format(new Date(created));
}"""
PUT_BACK = "document.querySelector('main').append(taken)"
DUTCH = """async () => {
    const { addWords } = await import("/js/elements/index.js");
    addWords("nl", { "welcome-name": "Welkom, {name}", "sessions-title": "Sessies" });
    document.querySelector("lychgate-account").lang = "nl";
}"""


def account(visitor, selector=""):
    return visitor.page.locator(f"lychgate-account {selector}".strip())


@pytest.fixture
def alone(new_visitor, server):
    """Somebody at a page that has an account and no log-in."""
    visitor = new_visitor(server)
    visitor.context.route("**/alone.html", lambda route: route.fulfill(body=ALONE, content_type="text/html"))
    return visitor


def test_an_account_that_is_taken_out_leaves_nothing_and_is_whole_when_it_is_put_back(member):
    # Nothing is under way any more: it would count as a call.
    member.is_whole(member.page)
    member.page.evaluate(TAKE_OUT)
    member.wait_for(lambda: member.page.evaluate("!taken.querySelector('[data-part~=frame]')"))
    assert member.username not in member.page.evaluate("taken.textContent")
    assert member.page.evaluate("taken.querySelector('[data-part~=end]').hidden")
    asked = []
    member.page.on("request", lambda request: asked.append(request.url))
    member.page.evaluate(FOCUS_AND_ASK)
    # What the element had asked for would have been asked for before.
    member.wait_for(lambda: any("own-call" in url for url in asked))
    assert [url for url in asked if "own-call" not in url] == []
    member.page.evaluate(PUT_BACK)
    member.is_signed_in()
    member.sees("[data-part~=event-list]", "Account made")
    assert member.page.evaluate("document.activeElement === document.body")
    assert account(member, "[data-part~=developers]").last.is_visible()


def test_an_account_that_is_moved_goes_on(member):
    member.is_whole(member.page)
    calls = len(member.made())
    member.page.click("[data-part~=password-fold] summary")
    member.page.fill("[data-part~=current-password]", "half a pass")
    member.page.evaluate("document.body.prepend(document.querySelector('lychgate-account'))")
    member.is_signed_in()
    assert member.page.input_value("[data-part~=current-password]") == "half a pass"
    assert len(member.made()) == calls


def test_a_dialog_goes_with_its_element_and_can_be_opened_in_the_next(member):
    member.page.click("[data-part~=log-out-everywhere]")
    member.sees("[data-part~=confirm-dialog]")
    member.page.evaluate(TAKE_OUT)
    member.wait_for(lambda: member.page.evaluate("!taken.querySelector('dialog')"))
    member.page.evaluate(PUT_BACK)
    member.is_signed_in()
    member.ends("[data-part~=log-out-everywhere]")
    member.is_signed_out()


def test_a_dialog_in_an_account_that_is_moved_stays_above_the_page_and_can_be_cancelled(member):
    member.page.click("[data-part~=log-out-everywhere]")
    dialog = member.sees("[data-part~=confirm-dialog]")
    member.page.evaluate("document.querySelector('main').prepend(document.querySelector('lychgate-account'))")
    assert dialog.evaluate("(dialog) => dialog.matches(':modal')")
    member.page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    member.is_signed_in()


def test_of_two_accounts_the_first_works_and_the_second_says_so_until_the_first_is_gone(member):
    member.page.evaluate("document.querySelector('main').append(document.createElement('lychgate-account'))")
    member.sees("lychgate-account:last-child [role=alert]", "more than one <lychgate-account>")
    assert account(member, "[data-part~=logged-in]").count() == 1
    member.page.evaluate("document.querySelector('lychgate-account').remove()")
    member.sees("lychgate-account:last-child [data-part~=logged-in]")
    member.is_signed_in()
    member.forgive("more than one")


def test_an_account_is_in_another_language_as_soon_as_that_is_wanted(member):
    member.sees("[data-part~=event-list]", "Account made")
    member.page.evaluate(DUTCH)
    member.sees("[data-part~=sessions-title]", "Sessies")
    member.sees("[data-part~=logged-in-title]", f"Welkom, {member.username}")
    frame = account(member, "> [data-part~=frame]")
    assert frame.get_attribute("lang") == "nl"
    day = member.page.evaluate(DAY_OF_THE_ACCOUNT)
    member.sees("[data-part~=profile-created]", day)


def test_without_a_log_in_beside_it_an_account_is_nothing_to_whom_nobody_knows(alone):
    alone.page.goto(f"{alone.url}/alone.html")
    alone.page.locator("lychgate-account[data-state=logged-out]").wait_for(state="attached")
    assert account(alone).inner_text().strip() == ""


def test_without_a_log_in_beside_it_an_account_says_what_keeps_it_and_tries_again(alone):
    alone.has_account()
    tries = []

    def fail_once(route):
        tries.append(route)
        if len(tries) == 1:
            route.abort()

    alone.context.route("**/api/auth/refresh", fail_once)
    alone.page.goto(f"{alone.url}/alone.html")
    alone.sees("lychgate-account[data-state=failed] [role=alert]", "cannot be reached")
    # The client tries again by itself too: that takes the button away if it is answered first.
    account(alone).get_by_role("button", name="Try again").click()
    alone.wait_for(lambda: len(tries) > 1)
    alone.reaches_again("**/api/auth/refresh")
    tries[-1].continue_()
    alone.is_signed_in()
    assert alone.page.evaluate("document.activeElement.dataset.part") == "logged-in-title"
    assert alone.page.get_by_text("Our terms").is_visible()
    alone.forgive(FAILED)


def test_without_a_log_in_beside_it_an_account_says_that_it_is_deleted_and_is_gone(alone):
    alone.has_account()
    alone.page.goto(f"{alone.url}/alone.html")
    alone.page.click("[data-part~=delete-fold] summary")
    alone.page.fill("[data-part~=delete-password]", PASSWORD)
    alone.page.click("[data-part~=delete-form] [type=submit]")
    alone.sees("[data-part~=notice]", "Your account is deleted")
    assert account(alone, "[data-part~=logged-in]").is_hidden()
    assert alone.page.get_by_text("Our terms").is_hidden()


def test_what_cannot_be_loaded_when_somebody_wants_to_do_something_is_told(alone):
    alone.has_account()
    alone.context.route("**/account/changes.js*", lambda route: route.abort())
    alone.page.goto(f"{alone.url}/alone.html")
    alone.page.click("[data-part~=log-out-everywhere]")
    alone.sees("[data-part~=notice]", "cannot be reached")
    alone.forgive(FAILED)


def test_a_page_can_ask_who_it_is_and_is_told_that_somebody_was_asked(member):
    asked = """() => {
        window.told = [];
        addEventListener("lychgate:step-up", ({ target }) => told.push(target.localName));
        document.querySelector("lychgate-account").askPassword().then((is) => told.push(is));
    }"""
    member.has_loaded(member.page)
    member.page.evaluate(asked)
    member.page.fill("[data-part~=confirm-password]", PASSWORD)
    member.page.click("[data-part~=confirm-dialog] [type=submit]")
    member.wait_for(lambda: member.page.evaluate("told.length") == 2)
    assert member.page.evaluate("told") == ["lychgate-account", True]
    assert ("POST", "auth/reauthenticate", 200) in member.made()
