"""The elements where a page, a network or an API gives them trouble."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.test_elements import HEAD, LOG_IN, NAME, SAYS, SIGN_IN, USER
from tests.browser.visitor import PASSWORD

ACCOUNT = "<lychgate-account><p data-part=end hidden>Our terms</p></lychgate-account>"
GUARD = "<lychgate-guard><p id=secret>Members only</p></lychgate-guard>"
TELL = """globalThis.said = [];
for (const type of ["logged-in", "logged-out", "error", "shown"]) {
    addEventListener(`lychgate:${type}`, ({ target, detail: { user, why, title, error } }) =>
        said.push([target.localName, type, user?.username ?? why ?? title ?? error.name]));
}"""
LIMIT_MS = 10_000
# A page's own client, for which an answer whose end the page has not read yet is not late when the files are.
PATIENT = """<script type="module">
import { createClient } from "/js/lychgate.js";
import { shareClient } from "/js/elements/core/clients.js";
shareClient(createClient({ timeout: 600_000 }));
</script>"""
FOCUSED = "[document.activeElement.closest('[data-state]')?.localName, document.activeElement.dataset.part ?? '']"


@pytest.fixture
def a_page(new_visitor, server):
    """Let somebody open a page of a site's own that has this in its body."""

    def a_page(body, *, visitor=None, member=False, head=HEAD, path="/troubled/", address=""):
        visitor = visitor or new_visitor(server)
        if member:
            visitor.has_account()
        visitor.context.add_init_script(TELL)
        page = f"{head}</head><body>{body}</body></html>"
        visitor.context.route(
            re.compile(re.escape(server.url) + re.escape(path) + r"(?:[?#].*)?$"),
            lambda route: route.fulfill(body=page, content_type="text/html; charset=utf-8"),
        )
        visitor.page.goto(f"{server.url}{path}{address}", wait_until="commit")
        return visitor

    return a_page


@pytest.fixture
def stalls(new_visitor, server):
    """Let files never come to somebody whose time is moved by hand, and return what moves it."""

    def stalls(pattern, visitor=None):
        visitor = visitor or new_visitor(server)
        asked = []

        def hold(route):
            asked.append(route)

        visitor.context.clock.install()
        visitor.context.route(re.compile(pattern), hold)

        def give_up():
            visitor.wait_for(lambda: asked)
            visitor.context.clock.fast_forward(LIMIT_MS)

        return visitor, give_up

    return stalls


def has_state(visitor, state, name="lychgate-sign-in"):
    expect(visitor.page.locator(name).first).to_have_attribute("data-state", state)


def has_focus(visitor, *parts, element=None):
    """Wait until one of these has the focus."""
    visitor.wait_for(lambda: visitor.page.evaluate(FOCUSED)[1].split(" ")[0] in parts)
    if element:
        assert visitor.page.evaluate(FOCUSED)[0] == element


# What pages keep of themselves to show it again: Turbo and htmx.
COPIES = {
    "a clone": "document.body.cloneNode(true)",
    "its markup": "Object.assign(document.createElement('body'), { innerHTML: document.body.innerHTML })",
}


@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES)
def test_a_copy_of_a_page_shows_nothing_of_who_was_logged_in(a_page, account, copy):
    notices = "<header data-lychgate=notices><p id=ours>Hello</p></header>"
    forbidden = "<lychgate-guard for-role=buyer><p>For buyers</p></lychgate-guard>"
    visitor = a_page(f"{notices}{SIGN_IN}<lychgate-user></lychgate-user>{forbidden}{ACCOUNT}", member=True)
    page = visitor.page
    visitor.is_signed_in()
    visitor.sees("lychgate-guard [data-part~=message]")
    visitor.has_loaded(page)
    page.evaluate("document.querySelector('lychgate-account').askPassword().then(() => {}); void 0")
    visitor.sees("[data-part~=confirm-dialog]")
    page.evaluate(f"globalThis.kept = {copy}; document.querySelector('dialog').close()")
    page.click("lychgate-user [data-part~=log-out]")
    visitor.sees("[data-part~=notice]", "You are logged out")
    page.evaluate("document.querySelector('[data-part~=notice]').id = 'stale'")
    page.evaluate("kept.querySelector('header').append(document.querySelector('#stale').parentElement.cloneNode(true))")
    assert page.evaluate("document.body.replaceWith(kept); document.body.innerText").count(visitor.username) == 0
    assert page.locator("dialog, #stale, lychgate-guard [data-part~=message]").count() == 0
    visitor.sees(NAME)
    assert page.locator("#ours").is_visible()
    page.evaluate(LOG_IN, [account, PASSWORD])
    visitor.sees("[data-part~=greeting-username]", account)
    assert page.locator("lychgate-account [data-part~=logged-in]").count() == 1
    assert visitor.username not in page.locator("body").inner_text()
    expect(page.get_by_text("Our terms")).to_be_visible()


def test_words_that_do_not_come_are_told_after_a_while_and_come_when_somebody_tries_again(a_page, stalls):
    visitor, give_up = stalls(r"words/en\.js$")
    a_page(f"{SIGN_IN}<p>Below</p>", visitor=visitor)
    give_up()
    visitor.sees(SAYS, "cannot be reached")
    assert visitor.page.evaluate("said") == [["lychgate-sign-in", "error", "NetworkError"]]
    visitor.page.focus("lychgate-sign-in button")
    visitor.page.keyboard.press("Enter")
    visitor.sees(NAME)
    has_focus(visitor, "logged-out-title")
    visitor.forgive("<lychgate-sign-in>")


def test_an_element_does_without_a_style_sheet_that_does_not_come(a_page, stalls):
    visitor, give_up = stalls(r"lychgate\.css$")
    a_page(SIGN_IN, visitor=visitor, head=HEAD.replace('<link rel="stylesheet" href="/js/elements/lychgate.css">', ""))
    # They may take no longer than the sheet.
    visitor.page.evaluate("import('/js/elements/words/en.js').then(() => {})")
    give_up()
    visitor.sees(NAME)


@pytest.mark.parametrize(
    ("file", "address", "shown"),
    [
        # It is asked for once more when the log-in is there.
        ("sign-up", "#signup", "[data-part~=signup-username]"),
        ("mail-entry", "#code", NAME),
        ("mail-entry", "#forgot", NAME),
    ],
)
def test_a_form_that_does_not_come_keeps_nobody_from_the_log_in(a_page, stalls, file, address, shown):
    visitor, give_up = stalls(rf"{file}\.js$")
    a_page(SIGN_IN, visitor=visitor, address=address)
    give_up()
    visitor.sees(shown)


def test_a_sign_up_that_does_not_come_is_told_to_who_wants_it_and_comes_at_the_next_try(a_page, stalls):
    visitor, give_up = stalls(r"sign-up\.js$")
    a_page(SIGN_IN, visitor=visitor)
    visitor.sees(NAME)
    visitor.page.click("[data-part~=show-signup]")
    give_up()
    visitor.sees("[data-part~=notice]", "cannot be reached")
    visitor.page.click("[data-part~=show-signup]")
    visitor.sees("[data-part~=signup-username]")


def test_a_log_in_goes_on_where_the_way_to_another_page_does_not_come(a_page, stalls, account):
    visitor, give_up = stalls(r"leaving\.js$")
    a_page("<lychgate-sign-in after='/members/'></lychgate-sign-in>", visitor=visitor)
    give_up()
    visitor.sees(NAME)
    visitor.page.evaluate(LOG_IN, [account, PASSWORD])
    visitor.sees("lychgate-sign-in h1", account)


@pytest.mark.parametrize("file", [r"en-steps\.js$", r"messages\.js$", r"problems\.js$"])
def test_a_form_is_usable_again_where_the_words_for_its_error_do_not_come(a_page, stalls, account, file):
    visitor, give_up = stalls(file)
    # The page of mailed links brings some of them.
    a_page(SIGN_IN, visitor=visitor, head=PATIENT + HEAD.replace("index.js", "sign-in.js"))
    visitor.sees(NAME)
    visitor.page.fill(NAME, account)
    visitor.page.fill("[data-part~=login-password]", "not the password, but long enough")
    with visitor.page.expect_response("**/auth/login"):
        visitor.page.keyboard.press("Enter")
    give_up()
    visitor.sees("[data-part~=login-form] [data-form-error]", re.compile("cannot be reached|do not match"))
    expect(visitor.page.locator("[data-part~=login-form] [type=submit]")).to_have_text("Log in")
    visitor.forgive(401)


def test_an_account_that_does_not_come_is_told_and_comes_when_somebody_tries_again(a_page, stalls):
    visitor, give_up = stalls(r"account/start\.js$")
    a_page(ACCOUNT, visitor=visitor, member=True)
    give_up()
    visitor.sees("lychgate-account [role=alert]", "cannot be reached")
    visitor.page.click("lychgate-account button:has-text('Try again')")
    visitor.is_signed_in()


@pytest.mark.parametrize("status", [408, 425, 429])
def test_an_api_that_asks_for_patience_is_no_broken_page(a_page, new_visitor, server, status):
    visitor = new_visitor(server)
    visitor.context.route(
        "**/auth/options",
        lambda route: route.fulfill(status=status, json={"message": "Too Many Requests"}, headers={"Retry-After": "1"}),
    )
    a_page(SIGN_IN, visitor=visitor)
    visitor.sees(NAME)
    has_state(visitor, "logged-out")
    visitor.forgive(status)


def test_what_a_firewall_refuses_can_be_tried_again_or_left(a_page, new_visitor, server):
    visitor = new_visitor(server)
    refused = {"status": 403, "json": {"message": "Forbidden"}}
    visitor.context.route("**/auth/options", lambda route: route.fulfill(**refused))
    a_page(SIGN_IN, visitor=visitor)
    visitor.sees(SAYS, "No log-in answers at")
    assert visitor.page.locator("[data-part~=restore-skip]").count() == 0
    visitor.reaches_again("**/auth/options")
    visitor.page.click("text=Try again")
    visitor.sees(NAME)
    visitor.has_account()
    visitor.context.route("**/auth/refresh", lambda route: route.fulfill(**refused))
    visitor.page.reload()
    visitor.sees(SAYS, "No log-in answers at")
    visitor.page.click("[data-part~=restore-skip]")
    visitor.sees(NAME)
    visitor.forgive(403)


PLACES = """() => [["local", localStorage], ["session", sessionStorage]]
    .filter(([, kept]) => Object.values(kept).some((value) => value.length > 20)).map(([name]) => name)"""


@pytest.mark.parametrize(
    ("body", "places"),
    [
        (f"<lychgate-user storage=session></lychgate-user>{SIGN_IN}", ["session"]),
        (f"{SIGN_IN}<lychgate-user storage=session></lychgate-user>", ["session"]),
        (
            f"<lychgate-guard storage=pocket></lychgate-guard>{SIGN_IN}<lychgate-user storage=local></lychgate-user>",
            ["local"],
        ),
        (f"<lychgate-user api=/other storage=local></lychgate-user>{SIGN_IN}", []),
        (
            "<lychgate-user storage=session></lychgate-user><lychgate-sign-in storage=local></lychgate-sign-in>",
            ["session"],
        ),
    ],
)
def test_the_first_that_says_where_the_refresh_token_is_kept_counts_for_all(a_page, account, body, places):
    visitor = a_page(body)
    visitor.sees(NAME)
    visitor.page.evaluate(LOG_IN, [account, PASSWORD])
    has_state(visitor, "logged-in")
    visitor.wait_for(lambda: visitor.page.evaluate(PLACES) == places)
    if body.count("storage=") == 2 and "pocket" not in body:
        visitor.wait_for(lambda: any("the first counts: session local" in line for line in visitor.troubles))
    visitor.forgive("the first counts", "no place for them", "several APIs", "storage=", 404)


def test_elements_of_two_apis_are_told_on_the_console(a_page):
    visitor = a_page(f"{SIGN_IN}<lychgate-user api='/apii'></lychgate-user>")
    visitor.sees(NAME)
    visitor.wait_for(lambda: visitor.troubles)
    (line,) = visitor.troubles
    assert f"{visitor.url}/api/" in line
    assert f"{visitor.url}/apii/" in line
    visitor.forgive("several APIs")


@pytest.mark.parametrize("body", [SIGN_IN, GUARD, USER, ACCOUNT], ids=["sign-in", "guard", "user", "account"])
def test_the_focus_stays_in_an_element_that_is_tried_again(a_page, new_visitor, server, body):
    visitor = new_visitor(server)
    visitor.context.route("**/auth/refresh", lambda route: route.fulfill(status=503))
    a_page(body, visitor=visitor, member=True)
    page = visitor.page
    element = re.match(r"<([\w-]+)", body)[1]
    again = page.locator(f"{element} button", has_text="Try again")
    again.wait_for()
    assert page.evaluate("document.activeElement === document.body")
    for _ in range(2):
        again.focus()
        with page.expect_response("**/auth/refresh"):
            page.keyboard.press("Enter")
        expect(again).to_be_focused()
    visitor.reaches_again("**/auth/refresh")
    page.keyboard.press("Enter")
    has_state(visitor, "logged-in", element)
    visitor.wait_for(lambda: page.evaluate(FOCUSED)[0] == element)
    visitor.forgive(503)


@pytest.mark.parametrize(
    ("body", "focused"),
    [
        (SIGN_IN, ["lychgate-sign-in", "logged-in-title"]),
        (f"{SIGN_IN}<lychgate-user></lychgate-user>", ["lychgate-user", ""]),
    ],
)
def test_the_focus_follows_a_log_in_where_there_is_no_account(a_page, account, body, focused):
    visitor = a_page(body)
    visitor.page.fill(NAME, account)
    visitor.page.fill("[data-part~=login-password]", PASSWORD)
    visitor.page.keyboard.press("Enter")
    has_state(visitor, "logged-in")
    visitor.wait_for(lambda: visitor.page.evaluate(FOCUSED) == focused)


def test_the_focus_leaves_a_dialog_of_a_session_that_has_ended(a_page):
    visitor = a_page(f"{SIGN_IN}{ACCOUNT}", member=True)
    visitor.is_signed_in()
    visitor.has_loaded(visitor.page)
    visitor.page.evaluate("document.querySelector('lychgate-account').askPassword().then(() => {}); void 0")
    visitor.sees("[data-part~=confirm-dialog]")
    visitor.page.evaluate("void document.querySelector('lychgate-sign-in').client.logout()")
    visitor.sees(NAME)
    has_focus(visitor, "logged-out-title")


def test_each_event_is_told_once_and_of_whom_it_is(a_page, new_visitor, server, account):
    visitor = a_page(f"{USER}<lychgate-guard for-role=buyer></lychgate-guard>", member=True)
    page = visitor.page
    has_state(visitor, "forbidden", "lychgate-guard")
    page.evaluate("document.querySelector('lychgate-user').client.refresh()")
    other = visitor.context.new_page()
    other.goto(page.url)
    other.locator("lychgate-user [data-part~=user-name]").wait_for()
    other.evaluate(LOG_IN, [account, PASSWORD, "lychgate-user"])
    visitor.sees("lychgate-user [data-part~=user-name]", account)
    page.evaluate("void document.querySelector('lychgate-user').client.logout()")
    has_state(visitor, "logged-out", "lychgate-guard")
    told = page.evaluate("said")
    for name in ("lychgate-user", "lychgate-guard"):
        assert [event for event in told if event[0] == name] == [
            [name, "logged-in", visitor.username],
            [name, "logged-in", account],
            [name, "logged-out", "logged out"],
        ]


def test_what_is_wrong_with_a_page_is_an_error_for_it_too_and_a_form_is_shown_once(a_page):
    visitor = a_page(
        f"<lychgate-user api=' '></lychgate-user><lychgate-guard storage=x></lychgate-guard>{SIGN_IN}{SIGN_IN}"
    )
    visitor.sees(NAME)
    visitor.sees(SAYS, "more than one")
    visitor.page.click("[data-part~=show-signup]")
    visitor.sees("[data-part~=signup-username]")
    visitor.page.click("[data-part~=show-login]")
    visitor.sees(NAME)
    told = visitor.page.evaluate("said")
    assert sorted(event for event in told if event[1] == "error") == [
        ["lychgate-guard", "error", "Error"],
        ["lychgate-sign-in", "error", "Error"],
        ["lychgate-user", "error", "Error"],
    ]
    assert [title for _, event, title in told if event == "shown"] == ["Log in", "Sign up", "Log in"]
    visitor.forgive("<lychgate-", "several APIs")


def test_whoever_hears_of_a_log_out_may_begin_the_elements_again(a_page):
    visitor = a_page(f"{USER}{SIGN_IN}{ACCOUNT}{GUARD}", member=True)
    visitor.is_signed_in()
    visitor.page.evaluate(
        """() => {
            const all = document.querySelectorAll("lychgate-user, lychgate-sign-in, lychgate-guard, lychgate-account");
            const begin = () => all.forEach((element) => (element.lang = "de"));
            addEventListener("lychgate:logged-out", begin, { once: true });
            void document.querySelector("lychgate-user").client.logout();
        }"""
    )
    visitor.sees("lychgate-sign-in h1", "Willkommen")
    visitor.wait_for(lambda: [event[1] for event in visitor.page.evaluate("said")].count("logged-out") == 4)


def test_an_element_that_is_moved_into_a_shadow_root_keeps_its_looks(a_page):
    visitor = a_page(f"<div id=host></div>{SIGN_IN}")
    visitor.sees(NAME)
    visitor.page.evaluate(
        "host.attachShadow({ mode: 'open' }).append(document.querySelector('lychgate-sign-in'))",
    )
    # Only with the sheet are there margins to take away.
    expect(visitor.page.locator("lychgate-sign-in h1").first).to_have_css("margin-top", "0px")


@pytest.mark.parametrize(
    ("around", "direction"),
    [
        ("<div dir=rtl>{}</div>", "rtl"),
        ("<div dir=rtl lang=de>{}</div>", "rtl"),
        ("<div dir=rtl><p lang=de>{}</p></div>", "ltr"),
        ("<div lang=ar><p dir=ltr>{}</p></div>", "ltr"),
        ("<div dir=ltr><p lang=ar>{}</p></div>", "rtl"),
    ],
)
def test_the_nearest_that_names_a_direction_or_a_language_mirrors_an_element(a_page, around, direction):
    visitor = a_page(around.replace("p", "section").format(SIGN_IN))
    visitor.sees(NAME)
    assert visitor.page.locator("lychgate-sign-in [data-part~=frame]").get_attribute("dir") == direction
    expect(visitor.page.locator("[data-part~=login-form]")).to_have_css("direction", direction)


def test_a_notice_finds_a_place_that_the_page_has_made_anew(a_page, account):
    visitor = a_page(f"<header><div data-lychgate=notices></div></header>{SIGN_IN}")
    visitor.sees(NAME)
    visitor.page.evaluate("const header = document.querySelector('header'); header.innerHTML = header.innerHTML")
    visitor.page.evaluate(LOG_IN, [account, PASSWORD])
    visitor.page.click("lychgate-sign-in [data-part~=log-out]")
    visitor.sees("header [data-part~=notice]", "You are logged out.")
