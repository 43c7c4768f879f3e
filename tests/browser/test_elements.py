"""The elements of the log-in in pages of a site's own: each state, and whatever a page may do to them."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import PASSWORD, REMEMBER

ROOT = Path(__file__).parents[2]

HEAD = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A site</title>
<link rel="icon" href="/favicon.svg"><link rel="stylesheet" href="/js/elements/lychgate.css">
<script type="module" src="/js/elements/index.js"></script>"""
SIGN_IN = "<lychgate-sign-in></lychgate-sign-in>"
USER = "<lychgate-user sign-in='/' account='/account'></lychgate-user>"
ENTRY = "lychgate-sign-in [data-part~=logged-out]"
NAME = "lychgate-sign-in [data-part~=login-username]"
SAYS = "lychgate-sign-in [role=alert]:not(:empty)"
# Not waited for: it may lead to another page.
LOG_IN = """([name, password, selector = "lychgate-sign-in"]) =>
    void document.querySelector(selector).client.login(name, password)"""

# What was to be seen, and what was said, from the page's first moment.
WATCH = """
globalThis.seen = new Set();
globalThis.said = [];
const look = () => {
    for (const element of document.querySelectorAll("lychgate-sign-in, lychgate-user, lychgate-guard")) {
        const { dataset: { state }, localName } = element;
        if (state && element.checkVisibility()) seen.add(`${localName} ${state}`);
    }
    const things = { form: "[data-part~=logged-out]", link: "[data-part~=sign-in]", secret: "#secret" };
    for (const [what, selector] of Object.entries(things)) {
        const found = document.querySelector(selector);
        if (found?.checkVisibility({ visibilityProperty: true })) seen.add(what);
    }
};
const watch = new MutationObserver(look);
const frame = () => (look(), requestAnimationFrame(frame));
// Before the first frame nothing is painted, and style sheets may be on their way.
requestAnimationFrame(() => (frame(), watch.observe(document, { subtree: true, childList: true, attributes: true })));
for (const type of ["logged-in", "logged-out", "error"]) {
    addEventListener(`lychgate:${type}`, ({ target, detail: { user, why, error } }) =>
        said.push([target.localName, type, user?.username ?? why ?? error.name]));
}
"""


@pytest.fixture
def at_a_site(new_visitor, server):
    """Open a page of a site's own that has this in its body, beside the log-in's files."""

    def at_a_site(body, *, head="", path="/site/", visitor=None):
        visitor = visitor or new_visitor(server)
        page = f"{HEAD}{head}</head><body>{body}</body></html>"
        visitor.context.add_init_script(WATCH)
        visitor.context.route(
            re.compile(re.escape(server.url) + re.escape(path) + r"(?:[?#].*)?$"),
            lambda route: route.fulfill(body=page, content_type="text/html; charset=utf-8"),
        )
        visitor.page.goto(f"{server.url}{path}")
        return visitor

    return at_a_site


@pytest.fixture
def somebody(new_visitor, server):
    """Somebody who is logged in, and has no page open."""
    visitor = new_visitor(server)
    account = {"username": visitor.username, "password": PASSWORD, "token_delivery": "cookie"}
    answer = visitor.context.request.post(
        f"{server.url}/api/auth/register", data=account, headers={"Origin": server.url}
    )
    assert answer.status == 201
    visitor.context.add_init_script(REMEMBER % json.dumps(server.url))
    return visitor


def has_state(visitor, state, name="lychgate-sign-in"):
    expect(visitor.page.locator(name).first).to_have_attribute("data-state", state)


def seen(visitor):
    return set(visitor.page.evaluate("[...seen]"))


def test_the_page_in_ten_lines_of_the_documentation_is_a_whole_one(new_visitor, server):
    visitor = new_visitor(server)
    written = (ROOT / "docs" / "elements.md").read_text("utf-8")
    page = re.search(r"```html\n(<!doctype html>.*?)```", written, re.DOTALL)[1]
    visitor.context.route(
        "**/members/", lambda route: route.fulfill(body=page, content_type="text/html; charset=utf-8")
    )
    visitor.page.goto(f"{server.url}/members/")
    visitor.sees(NAME)
    assert visitor.page.get_by_text("Only members").is_hidden()
    visitor.sign_up()
    visitor.sees("lychgate-guard p", "Only members see this.")
    visitor.sees("lychgate-user [data-part~=user-name]", visitor.username)
    visitor.sees("lychgate-account [data-part~=greeting-username]", visitor.username)
    assert visitor.page.locator("lychgate-sign-in h1").filter(visible=True).count() == 0
    visitor.page.click("[data-part~=log-out]")
    visitor.sees(NAME)
    assert visitor.page.get_by_text("Only members").is_hidden()


def test_nothing_of_the_wrong_state_is_ever_shown_to_who_is_logged_in(at_a_site, somebody):
    guarded = f"{SIGN_IN}{USER}<lychgate-guard><p id=secret>Members only</p></lychgate-guard>"
    page = at_a_site(guarded, visitor=somebody).page
    for _ in range(2):
        for name in ("lychgate-sign-in", "lychgate-user", "lychgate-guard"):
            has_state(somebody, "logged-in", name)
        somebody.sees("#secret")
        states = {
            f"{name} {state}"
            for name in ("lychgate-sign-in", "lychgate-user", "lychgate-guard")
            for state in ("loading", "logged-in")
        }
        assert seen(somebody) <= {*states, "secret"}
        page.reload()
    assert [path for _, path, _ in somebody.made()].count("auth/options") == 0


def test_nothing_of_a_guard_is_ever_shown_to_who_is_not(at_a_site):
    visitor = at_a_site(
        f"{USER}<lychgate-guard>Text <p id=secret>Members only</p>"
        "<p data-part=logged-out id=others>Not for you</p></lychgate-guard>",
        head="<style>p { display: grid !important; visibility: visible !important }</style>",
    )
    visitor.sees("#others")
    visitor.sees("lychgate-user [data-part~=sign-in]", "Log in")
    assert "secret" not in seen(visitor)
    assert visitor.page.locator("lychgate-guard").inner_text().strip() == "Not for you"


def test_a_log_in_alone_says_who_is_logged_in_and_tells_the_page(at_a_site, account):
    visitor = at_a_site(SIGN_IN)
    page = visitor.page
    page.fill(NAME, account)
    page.fill("[data-part~=login-password]", "not the password, but long enough")
    page.keyboard.press("Enter")
    visitor.sees("[data-part~=login-form] [data-form-error]", "do not match")
    page.keyboard.insert_text(PASSWORD)
    page.keyboard.press("Enter")
    visitor.sees("lychgate-sign-in h1", f"You are logged in as {account}.")
    assert page.evaluate("document.querySelector('lychgate-sign-in').client.user.username") == account
    page.click("lychgate-sign-in [data-part~=log-out]")
    visitor.sees("[data-part~=notice-place]", "You are logged out.")
    assert page.evaluate("document.activeElement.dataset.part") == "logged-out-title"
    assert page.evaluate("said") == [
        ["lychgate-sign-in", "error", "ApiError"],
        ["lychgate-sign-in", "logged-in", account],
        ["lychgate-sign-in", "logged-out", "logged out"],
    ]
    visitor.forgive(401)


def test_notices_are_where_the_page_has_a_place_for_them_whatever_its_styles_are(at_a_site, account):
    visitor = at_a_site(
        f"<header><div data-lychgate=notices></div></header>{SIGN_IN}",
        head="<style>button { all: unset } header { position: sticky; top: 0 }</style>",
    )
    page = visitor.page
    visitor.sees(NAME)
    assert page.locator("lychgate-sign-in [data-part~=notice-place]").count() == 0
    page.evaluate(LOG_IN, [account, PASSWORD])
    page.click("lychgate-sign-in [data-part~=log-out]")
    notice = visitor.sees("header [data-part~=notice]", "You are logged out.")
    dismiss = notice.locator("[data-part~=dismiss]")
    assert dismiss.evaluate("(button) => getComputedStyle(button).cursor") == "pointer"
    assert page.locator("header [role=status]").get_attribute("lang") == "en"
    dismiss.click()
    notice.wait_for(state="detached")
    assert page.evaluate("document.activeElement.dataset.part") == "logged-out-title"
    # What has left the page says nothing any more.
    page.evaluate("document.querySelector('lychgate-sign-in').remove()")
    page.locator("header [role=status]").wait_for(state="detached")


def test_a_notice_of_what_went_well_goes_by_itself_but_not_while_somebody_is_at_it(at_a_site, account):
    visitor = at_a_site(f"<header><div data-lychgate=notices></div></header>{SIGN_IN}")
    page = visitor.page
    visitor.sees(NAME)
    page.evaluate(LOG_IN, [account, PASSWORD])
    visitor.sees("lychgate-sign-in h1", account)
    # It goes by this clock from now on.
    page.clock.install()
    page.click("lychgate-sign-in [data-part~=log-out]")
    notice = visitor.sees("header [data-part~=notice]", "You are logged out.")
    notice.hover()
    page.clock.run_for(60_000)
    assert notice.is_visible()
    page.mouse.move(0, 500)
    page.clock.run_for(7_000)
    notice.wait_for(state="detached")


def test_a_log_in_goes_where_its_page_says_and_only_within_the_site(at_a_site, account):
    sign_in = "<lychgate-sign-in after='/members/' return></lychgate-sign-in>"
    visitor = at_a_site("<h1>Members</h1>", path="/members/")
    for query, target in {
        "": "/members/",
        "?return=//evil.example/": "/members/",
        "?return=/members/%3Fx": "/members/?x",
    }.items():
        at_a_site(sign_in, path="/site/", visitor=visitor)
        visitor.page.goto(f"{visitor.url}/site/{query}")
        visitor.sees(NAME)
        visitor.page.evaluate(LOG_IN, [account, PASSWORD])
        visitor.page.wait_for_url(f"{visitor.url}{target}")
        visitor.context.clear_cookies()
        visitor.page.evaluate("localStorage.clear()")
    at_a_site("<lychgate-sign-in after='https://evil.example/'></lychgate-sign-in>", path="/other/", visitor=visitor)
    visitor.sees(NAME)
    visitor.page.evaluate(LOG_IN, [account, PASSWORD])
    visitor.sees("lychgate-sign-in h1", account)
    assert visitor.page.url == f"{visitor.url}/other/"
    visitor.forgive("is no path of this site")


def test_a_wrong_attribute_is_told_and_a_right_one_mends_it(at_a_site):
    visitor = at_a_site("<lychgate-sign-in api='/nowhere'></lychgate-sign-in>")
    visitor.context.route(
        "**/html/**", lambda route: route.fulfill(body="<!doctype html><p>A page", content_type="text/html")
    )
    visitor.sees(SAYS, f"No log-in answers at {visitor.url}/nowhere/")
    set_attribute = "([name, value]) => document.querySelector('lychgate-sign-in').setAttribute(name, value)"
    for name, value, text in [
        ("api", "/html", "No log-in answers at"),
        ("api", "ftp://api.example/", 'api="ftp://api.example/"'),
        ("api", " ", "names no address of an API"),
        ("api", "http://[", "names no address of an API"),
        ("storage", "pocket", "names no address of an API"),
        ("api", "/api", "no place for them"),
    ]:
        visitor.page.evaluate(set_attribute, [name, value])
        visitor.sees(SAYS, text)
        has_state(visitor, "failed")
    visitor.page.evaluate(set_attribute, ["storage", "cookie"])
    visitor.sees(NAME)
    has_state(visitor, "logged-out")
    assert visitor.page.locator(SAYS).count() == 0
    visitor.forgive(404, "<lychgate-sign-in>")


def test_an_api_that_is_down_leaves_a_form_and_tells_the_rest(at_a_site, somebody):
    visitor = somebody
    visitor.context.route("**/api/**", lambda route: route.abort())
    at_a_site(f"{SIGN_IN}<lychgate-guard><p id=secret>Members only</p></lychgate-guard>{USER}", visitor=visitor)
    visitor.sees("[data-part~=failed] h1", "cannot be opened yet")
    visitor.sees(SAYS, "cannot be reached")
    # The guard and the user leave it to the log-in.
    for tag in ("lychgate-guard", "lychgate-user"):
        has_state(visitor, "failed", tag)
    expect(visitor.page.locator("[role=alert]").filter(has_text="cannot be reached")).to_have_count(1)
    assert visitor.page.locator("lychgate-user").inner_text().strip() == ""
    assert seen(visitor).isdisjoint({"form", "secret", "link"})
    visitor.page.click("[data-part~=restore-skip]")
    visitor.sees(NAME)
    visitor.page.fill(NAME, visitor.username)
    visitor.page.fill("[data-part~=login-password]", PASSWORD)
    visitor.page.keyboard.press("Enter")
    visitor.sees("[data-part~=login-form] [data-form-error]", "cannot be reached")
    visitor.reaches_again("**/api/**")
    visitor.page.evaluate("document.querySelector('lychgate-guard').restore()")
    visitor.sees("#secret")
    for name in ("lychgate-sign-in", "lychgate-user", "lychgate-guard"):
        has_state(visitor, "logged-in", name)
    visitor.forgive("ERR_FAILED")


def test_a_page_whose_network_is_gone_still_works_as_far_as_it_can(at_a_site):
    visitor = at_a_site(SIGN_IN)
    page = visitor.page
    page.locator("[data-part~=signup-form]").wait_for(state="attached")
    page.wait_for_load_state("networkidle")
    visitor.context.set_offline(offline=True)
    page.click("[data-part~=show-signup]")
    visitor.sees("[data-part~=signup-username]")
    page.fill("[data-part~=signup-username]", "kim")
    page.fill("[data-part~=signup-password]", "short")
    page.click("[data-part~=signup-form] [type=submit]")
    visitor.sees("[data-part~=signup-password-error]", "at least 15")
    page.fill("[data-part~=signup-password]", PASSWORD)
    page.click("[data-part~=signup-form] [type=submit]")
    visitor.sees("[data-part~=signup-form] [data-form-error]", re.compile("offline|cannot be reached"))
    page.click("[data-part~=show-login]")
    visitor.log_in()
    visitor.sees("[data-part~=login-form] [data-form-error]", re.compile("offline|cannot be reached"))
    visitor.forgive("ERR_INTERNET_DISCONNECTED")


def test_each_element_speaks_the_language_of_its_page(at_a_site):
    visitor = at_a_site("<div lang=tlh><lychgate-sign-in></lychgate-sign-in></div>")
    visitor.sees("h1", "Welcome")
    frame = visitor.page.locator("[data-part~=frame]")
    assert (frame.get_attribute("lang"), frame.get_attribute("dir")) == ("en", "ltr")
    visitor.page.evaluate(
        """async () => {
            const { addWords } = await import("/js/elements/index.js");
            const { default: english } = await import("/js/elements/words/en.js");
            addWords("tlh", { ...english, welcome: "nuqneH" });
            addWords("fa", { ...english, welcome: "خوش آمدید" });
            document.querySelector("lychgate-sign-in").setAttribute("lang", "tlh-Latn");
        }"""
    )
    visitor.sees("h1", "nuqneH")
    assert frame.get_attribute("lang") == "tlh"
    visitor.page.evaluate("document.querySelector('lychgate-sign-in').setAttribute('lang', 'fa')")
    visitor.sees("h1", "خوش آمدید")
    assert frame.get_attribute("dir") == "rtl"
    visitor.page.evaluate("document.querySelector('lychgate-sign-in').setAttribute('lang', 'xx')")
    visitor.sees("h1", "Welcome")
    visitor.forgive('No words in the language "xx"')


def test_two_of_a_kind_an_element_that_moves_and_one_that_was_away(at_a_site, account):
    visitor = at_a_site(f"<main>{SIGN_IN}</main><aside>{SIGN_IN}{USER}{USER}</aside>")
    page = visitor.page
    visitor.sees(NAME)
    visitor.sees(SAYS, "more than one <lychgate-sign-in>")
    assert page.locator(NAME).count() == 1
    assert (
        page.evaluate(
            "[...document.querySelectorAll('[id]')].map(({ id }) => id).filter((id, i, all) => all.indexOf(id) !== i)"
        )
        == []
    )
    page.fill(NAME, "typed")
    # An element that begins again takes away what it shows before the next task.
    page.evaluate("""async () => {
        document.querySelector("aside").prepend(document.querySelector("main > *"));
        await new Promise((done) => setTimeout(done));
    }""")
    assert page.input_value(NAME) == "typed"
    # The first goes, and the other takes its place.
    page.evaluate("globalThis.away = document.querySelector('lychgate-sign-in'); away.remove()")
    visitor.sees(NAME)
    assert page.input_value(NAME) == ""
    assert page.evaluate("away.childNodes.length") == 0
    page.evaluate("document.querySelector('lychgate-sign-in').remove()")
    page.evaluate("location.hash = 'signup'")
    page.evaluate("document.body.append(away)")
    visitor.sees("[data-part~=signup-username]")
    page.evaluate(LOG_IN, [account, PASSWORD])
    expect(page.locator("lychgate-user[data-state=logged-in]")).to_have_count(2)
    has_state(visitor, "logged-in")
    visitor.forgive("more than one")


def test_a_page_with_the_same_names_and_a_base_elsewhere_changes_nothing(at_a_site, account):
    visitor = at_a_site(
        """<form id=login-form name=getElementById><input id=login-username name=username value=theirs></form>
        <form name=forms><input name=password type=password aria-label=Theirs></form>
        <div class="button primary card tabs entry gate" id=logged-out hidden></div>"""
        f"{SIGN_IN}{USER}",
        head="<base href='/elsewhere/'><style>.button, .card, #login-form { display: none }</style>",
    )
    page = visitor.page
    visitor.sees(NAME)
    page.click("lychgate-sign-in [data-part~=signup-offer] a")
    visitor.sees("[data-part~=signup-username]")
    assert page.url == f"{visitor.url}/site/#signup"
    page.click("[data-part~=show-login]")
    page.fill(NAME, account)
    page.fill("[data-part~=login-password]", PASSWORD)
    page.click("[data-part~=login-form] [type=submit]")
    has_state(visitor, "logged-in")
    visitor.sees("lychgate-user [data-part~=user-name]", account)
    assert page.url == f"{visitor.url}/site/"
    assert page.input_value("#login-username") == "theirs"


def test_in_a_strangers_frame_there_is_no_form(at_a_site, server):
    stranger = server.url.replace("127.0.0.1", "localhost")
    visitor = at_a_site(SIGN_IN)
    visitor.context.route(
        f"{stranger}/stranger",
        lambda route: route.fulfill(
            body=f"<!doctype html><iframe src='{server.url}/site/'></iframe>", content_type="text/html"
        ),
    )
    visitor.page.goto(f"{stranger}/stranger")
    frame = visitor.page.frame_locator("iframe")
    expect(frame.locator("[role=alert]")).to_contain_text("Another site shows this page in a frame")
    assert frame.locator("form").count() == 0
    visitor.forgive("Another site shows")


def test_a_guard_runs_the_scripts_of_its_children_once_and_follows_other_tabs(at_a_site, account):
    count = "<script>globalThis.{0} = (globalThis.{0} ?? 0) + 1</script>"
    visitor = at_a_site(
        f"""<lychgate-sign-in></lychgate-sign-in>
        <lychgate-guard hidden><p id=secret>Members only</p>{count.format("plain")}
            <template><p id=later>Later</p>{count.format("stamped")}</template></lychgate-guard>
        <lychgate-guard for-role=buyer id=own><p data-part=logged-out>Become a buyer</p></lychgate-guard>
        <lychgate-guard for-role=buyer><p id=buyers>Buyers only</p></lychgate-guard>"""
    )
    page = visitor.page
    visitor.sees(NAME)
    assert page.evaluate("[globalThis.plain, globalThis.stamped]") == [1, None]
    for _ in range(2):
        page.evaluate(LOG_IN, [account, PASSWORD])
        visitor.sees("#secret")
        visitor.sees("#later")
        visitor.sees("lychgate-guard[data-state=forbidden] [data-part~=message]", "may not see this")
        # The site's own words, and not ours beside them.
        assert page.locator("#own").inner_text().strip() == "Become a buyer"
        other = visitor.context.new_page()
        other.goto(page.url)
        other.locator("lychgate-sign-in [data-part~=log-out]").click()
        visitor.sees("[data-part~=notice-place]", "in another tab")
        expect(page.locator("#secret")).to_be_hidden()
        expect(page.locator("#later")).to_be_hidden()
        other.close()
    assert page.evaluate("[plain, stamped]") == [1, 1]
    assert page.locator("#buyers").is_hidden()


def test_a_guard_sends_who_is_not_logged_in_to_the_log_in_and_gets_them_back(at_a_site, account):
    visitor = at_a_site("<lychgate-sign-in return></lychgate-sign-in>", path="/log-in/")
    guard = "<lychgate-guard sign-in='/log-in/?x=1'><p id=secret>Members only</p></lychgate-guard>"
    at_a_site(guard, path="/members/", visitor=visitor)
    visitor.page.wait_for_url(f"{visitor.url}/log-in/?x=1&return=%2Fmembers%2F")
    visitor.page.goto(f"{visitor.url}/members/?page=2&all#end")
    visitor.page.wait_for_url(f"{visitor.url}/log-in/?x=1&return=%2Fmembers%2F%3Fpage%3D2%26all%23end")
    visitor.sees("[data-part~=lead]", "the page you wanted")
    visitor.page.evaluate(LOG_IN, [account, PASSWORD])
    visitor.page.wait_for_url(f"{visitor.url}/members/?page=2&all#end")
    visitor.sees("#secret")
    at_a_site(
        "<lychgate-guard sign-in='javascript:document.title=1'><p id=secret>Members only</p></lychgate-guard>",
        visitor=visitor,
    )
    visitor.sees("#secret")
    visitor.page.evaluate("document.querySelector('lychgate-guard').client.logout().then(() => true)")
    has_state(visitor, "logged-out", "lychgate-guard")
    assert visitor.page.title() == "A site"
    visitor.forgive("is no address")


def test_the_menu_of_a_user_opens_and_closes_as_menus_do(at_a_site, somebody):
    page = at_a_site(f"<h1>A site</h1>{USER}<input aria-label=Search>", visitor=somebody).page
    button, menu = page.locator("[data-part~=menu-button]"), page.locator("[data-part~=menu]")
    expect(button).to_have_text(somebody.username)
    expect(menu).to_be_hidden()
    for close in (
        lambda: page.keyboard.press("Escape"),
        lambda: page.click("h1"),
        button.click,
        lambda: page.focus("input"),
    ):
        button.click()
        expect(button).to_have_attribute("aria-expanded", "true")
        expect(menu.locator("a")).to_have_attribute("href", "/account")
        button.focus()
        close()
        expect(menu).to_be_hidden()
        expect(button).to_have_attribute("aria-expanded", "false")
    button.click()
    menu.locator("a").focus()
    page.keyboard.press("Escape")
    expect(button).to_be_focused()
    expect(menu).to_be_hidden()
    button.click()
    menu.get_by_text("Log out").click()
    expect(page.locator("lychgate-user a")).to_have_attribute("href", "/")


def test_password_managers_have_nothing_to_complain_of(at_a_site):
    visitor = at_a_site("")
    messages = []
    visitor.page.on("console", lambda message: messages.append(message.text))
    at_a_site(SIGN_IN, path="/again/", visitor=visitor)
    visitor.page.locator("[data-part~=signup-form]").wait_for(state="attached")
    fields = visitor.page.eval_on_selector_all(
        "form",
        """(all) => all.map(({ method, elements }) =>
            [method, ...[...elements].filter(({ name }) => name).map((e) => `${e.name}: ${e.autocomplete}`)])""",
    )
    assert fields == [
        ["post", "username: username webauthn", "password: current-password"],
        ["post", "username: username", "email: email", "password: new-password"],
    ]
    assert [message for message in messages if "[DOM]" in message] == []


IN_A_SHADOW = """async (names) => {
    const host = document.createElement("div");
    document.querySelector("[lang=de]").append(host);
    const root = host.attachShadow({ mode: "open" });
    for (const name of names) {
        const element = document.createElement(name);
        element.setAttribute("sign-in", "/site/");
        element.setAttribute("account", "/account");
        const secret = Object.assign(document.createElement("p"), { id: "secret" });
        if (name === "lychgate-guard") element.append("bare", secret);
        root.append(element);
    }
}"""


def test_in_a_shadow_root_of_the_sites_own_an_element_hides_looks_speaks_and_works_the_same(at_a_site, account):
    visitor = at_a_site("<div lang=de></div>")
    page = visitor.page
    page.evaluate(IN_A_SHADOW, ["lychgate-sign-in", "lychgate-user", "lychgate-guard"])
    visitor.sees("lychgate-sign-in h1", "Willkommen")
    expect(page.locator("lychgate-guard #secret")).to_be_hidden()
    # Only with the sheet are there margins to take away.
    expect(page.locator("lychgate-sign-in h1")).to_have_css("margin-top", "0px")
    page.fill(NAME, account)
    page.fill("lychgate-sign-in [data-part~=login-password]", PASSWORD)
    page.keyboard.press("Enter")
    page.click("lychgate-user [data-part~=menu-button]")
    page.click("lychgate-user [data-part~=menu] [data-part~=log-out]")
    visitor.sees("lychgate-user [data-part~=sign-in]")
    visitor.sees(NAME)


def test_no_rule_of_a_sites_own_shows_what_a_guard_hides(at_a_site):
    rules = """#secret, #others { display: block !important; visibility: visible !important }
        lychgate-guard > * { display: block !important } lychgate-guard { visibility: visible !important }"""
    visitor = at_a_site(
        "<lychgate-guard>bare<p id=secret>Members only</p>"
        "<p id=others data-part=logged-out>Others</p></lychgate-guard>",
        head=f"<style>{rules}</style><style>@layer theirs {{ {rules} }}</style>",
    )
    has_state(visitor, "logged-out", "lychgate-guard")
    visitor.sees("#others")
    expect(visitor.page.locator("#secret")).to_be_hidden()
    assert visitor.page.locator("lychgate-guard").inner_text().strip() == "Others"
    assert "secret" not in seen(visitor)


def test_attributes_that_change_one_after_the_other_all_count(at_a_site):
    visitor = at_a_site(f"<main>{SIGN_IN}</main>{SIGN_IN}")
    visitor.sees(NAME)
    visitor.page.evaluate(
        """() => {
            const [first] = document.querySelectorAll("lychgate-sign-in");
            first.lang = "es";
            first.lang = "fr";
            setTimeout(() => (first.lang = "de"));
        }"""
    )
    visitor.sees("main h1", "Willkommen")
    visitor.sees("body > lychgate-sign-in [data-part~=failure]")
    # It stays the one that works.
    expect(visitor.page.locator("main form").first).to_be_visible()
    assert visitor.page.locator("body > lychgate-sign-in form").count() == 0
    visitor.forgive("more than one")


def test_no_attribute_breaks_the_log_in_or_the_page(at_a_site, new_visitor, server):
    narrow = new_visitor(server, viewport={"width": 320, "height": 600})
    visitor = at_a_site("<lychgate-sign-in after='http://['></lychgate-sign-in>", visitor=narrow)
    visitor.sees(NAME)
    page = visitor.page
    page.evaluate("document.querySelector('lychgate-sign-in').setAttribute('after', '/site/')")
    visitor.sees(NAME)
    for api, text in {
        "https://kim:secret@api.example/": "names no address of an API",
        f"/{'x' * 3000}": "No log-in answers",
        f"ftp://{'x' * 3000}": "names no address of an API",
    }.items():
        page.evaluate("(api) => document.querySelector('lychgate-sign-in').setAttribute('api', api)", api)
        visitor.sees(SAYS, text)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    visitor.forgive("is no path of this site", "names no address", 404)


def test_what_is_in_the_way_is_told_beside_a_log_in_that_is_not_to_be_seen(at_a_site, somebody):
    somebody.context.route("**/api/**", lambda route: route.abort())
    visitor = at_a_site(f"<dialog>{SIGN_IN}</dialog>{USER}<lychgate-account></lychgate-account>", visitor=somebody)
    visitor.sees("lychgate-user [role=alert]", "cannot be reached")
    visitor.sees("lychgate-account [role=alert]", "cannot be reached")
    visitor.forgive("ERR_FAILED")


ROOM_OF_THE_REVEAL = """() => [...document.querySelectorAll("lychgate-sign-in [data-part~=reveal]")].map((button) => {
    const room = parseFloat(getComputedStyle(button.parentElement.querySelector("input")).paddingInlineEnd);
    return room - button.offsetWidth;
})"""


def test_a_password_does_not_run_below_the_button_that_shows_it_in_any_language(at_a_site):
    visitor = at_a_site(SIGN_IN)
    for language in ("en", "de", "fr", "es", "ar"):
        visitor.page.evaluate("(lang) => (document.querySelector('lychgate-sign-in').lang = lang)", language)
        visitor.sees(f"lychgate-sign-in [lang={language}] [data-part~=reveal]")
        for _ in ("show", "hide"):
            assert min(visitor.page.evaluate(ROOM_OF_THE_REVEAL)) >= 0, language
            visitor.page.click("[data-part~=login-form] [data-part~=reveal]")
