"""Each element in each of its states: accessible and no wider than 320 pixels by day, by night and from right to left,
also in other words than ours; and what it says once the network is gone.
"""

import json
import re

import pytest

from tests.browser.test_quality import RUN_AXE, TOOLS
from tests.browser.visitor import PASSWORD, REMEMBER
from tests.support.marks import NARROW

PAGE = """<!doctype html><html lang="{lang}" dir="{dir}"><head><meta charset="utf-8"><title>A site</title>
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<link rel="icon" href="/favicon.svg"><link rel="stylesheet" href="/js/elements/lychgate.css">
<style>body {{ background: Canvas }}</style>
<script type="module">{before} await import("/js/elements/index.js")</script></head>
<body><main><h1>A site</h1>{body}</main></body></html>"""
SIGN_IN = "<lychgate-sign-in></lychgate-sign-in>"
USER = "<lychgate-user sign-in='/' account='/account'></lychgate-user>"
ALL = f"{USER}{SIGN_IN}<lychgate-guard for-role=buyer>Only buyers</lychgate-guard><lychgate-account></lychgate-account>"
LINK = "<lychgate-mail-link></lychgate-mail-link>"
ELEMENTS = "lychgate-sign-in, lychgate-user, lychgate-guard, lychgate-account, lychgate-mail-link"
SECOND = {
    "error": "second_factor_required",
    "challenge": "x",
    "expires_in": 300,
    "methods": ["totp", "recovery_code"],
}
# Each text in brackets, and longer, as in a language that has long words.
PSEUDO = """
const { addWords } = await import("/js/elements/core/languages.js");
const texts = {};
for (const name of ["en", "en-steps", "en-account", "en-changes", "en-mailed"]) {
    Object.assign(texts, (await import(`/js/elements/words/${name}.js`)).default);
}
const longer = (text) => typeof text !== "string"
    ? Object.fromEntries(Object.entries(text).map(([form, one]) => [form, longer(one)]))
    : `⟦${text} ${"ẋẋ ẋẋẋ ".repeat(Math.ceil(text.length * 0.4 / 7)).trim()}⟧`;
addWords("qps", Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, longer(text)])));
"""
# What comes in by and by is looked at once it is there.
COME_TO_REST = """() => Promise.allSettled(document.getAnimations()
    .filter(({ effect }) => effect.getComputedTiming().endTime < Infinity)
    .map(({ finished }) => finished)).then(() => {})"""
# What is in no bracket: there are brackets in brackets where a link stands in a sentence.
OUTSIDE = """(selector) => {
    const texts = [];
    for (const element of document.querySelectorAll(selector)) {
        texts.push(element.innerText);
        for (const inner of element.querySelectorAll("*")) {
            if (!inner.checkVisibility()) continue;
            const names = ["aria-label", "title", "placeholder", "alt"];
            texts.push(...names.map((name) => inner.getAttribute(name) ?? ""));
        }
    }
    return texts.flatMap((text) => {
        let depth = 0;
        const left = [...text].filter((sign) => {
            if (sign === "⟦") depth += 1;
            else if (sign === "⟧") depth -= 1;
            else return depth === 0;
        });
        return left.join("").split(/\\n/).map((line) => line.trim()).filter(Boolean);
    });
}"""
# Names, addresses, numbers, dates, what browsers and systems are called, and a sign on a button.
DATA = r"""✕|✓|{name}|\S+@\S+|https?://\S+|127\.0\.0\.1(:\d+)?|localhost:\d+|[\d .,:/]+|api="\S+"|
    |(January|February|March|April|May|June|July|August).*|(September|October|November|December).*
    |.*\bago|now|Today.*|Yesterday.*
    |(Headless)?Chrom(e|ium).*|Linux.*|Mozilla/5.*|[A-Z][a-z][a-z].\d+,.\d+,.\d+:\d+:\d+.[AP]M
    |[A-Z2-7 ]{{16,}}|[·,.–—]"""
# What is suggested, while it is words of a passphrase and nothing that is said of one.
PASSPHRASE = """() => {
    const text = document.querySelector("[data-part~=suggestion]")?.textContent ?? "";
    return /^[a-z]+([- ][a-z]+){3,}$/.test(text) ? text : "";
}"""


class Tour:
    """Somebody who is led through the states, with what is looked at in each of them."""

    def __init__(self, visitor, lang, look):
        self.visitor, self.page, self.lang, self.look = visitor, visitor.page, lang, look
        self.opened = 0

    def opens(self, body, fragment=""):
        direction = "rtl" if self.lang == "ar" else "ltr"
        before = PSEUDO if self.lang == "qps" else ""
        content = PAGE.format(lang=self.lang, dir=direction, before=before, body=body)
        # A fragment alone would load nothing.
        self.opened += 1
        address = f"{self.visitor.url}/tour/?{self.opened}"
        self.visitor.context.route(
            address, lambda route: route.fulfill(body=content, content_type="text/html; charset=utf-8")
        )
        self.page.goto(f"{address}{fragment}")

    def sees(self, part):
        self.page.locator(f"[data-part~={part}]:visible:not(:empty)").first.wait_for()
        self.look(part)

    def sends(self, form, **values):
        for field, value in values.items():
            self.page.fill(f"[data-part~={form}-{field}]", value)
        self.page.click(f"[data-part~={form}-form] [type=submit]")

    def plays(self, path, **answer):
        self.visitor.reaches_again(f"**/api/{path}")
        if answer:
            self.visitor.context.route(f"**/api/{path}", lambda route: route.fulfill(**answer))


def without_a_session(tour):
    page = tour.page
    tour.opens(ALL)
    tour.sees("mail-ways")
    tour.sends("login")
    tour.sees("login-password-error")
    tour.sends("login", username="nobody", password=PASSWORD)
    tour.sees("form-error")
    tour.plays("auth/login", status=401, json=SECOND)
    tour.sends("login", password=PASSWORD)
    tour.sees("second-code-form")
    page.locator("[data-part~=second-step] button:visible").nth(1).click()
    page.click("[data-part~=second-recovery-form] [type=submit]")
    tour.sees("second-recovery-code-error")
    tour.plays("auth/login")
    page.evaluate("location.hash = 'signup'")
    page.locator("[data-part~=signup-username]").wait_for()
    tour.sends("signup", username="a b", password="short")
    tour.sees("signup-password-error")
    for step in ("forgot", "code"):
        page.evaluate("(step) => (location.hash = step)", step)
        page.locator(f"[data-part~={step}-username]").wait_for()
        tour.look(step)
        tour.sends(step, username=f"somebody.{'x' * 40}@example.org")
        tour.sees(f"{step}-sent-step")
    tour.plays("auth/options", json={"registration": "closed"})
    tour.opens(ALL, "#signup")
    tour.sees("signup-closed")
    tour.plays("auth/options")


def with_a_session(tour):
    page, visitor = tour.page, tour.visitor
    body = {"username": visitor.username, "password": PASSWORD, "token_delivery": "cookie"}
    visitor.context.request.post(f"{visitor.url}/api/auth/register", data=body, headers={"Origin": visitor.url})
    visitor.context.add_init_script(REMEMBER % json.dumps(visitor.url))
    tour.opens(ALL)
    page.locator("[data-part~=event-list] li:not([data-part~=place])").first.wait_for()
    page.locator("[data-part~=way-list] li").first.wait_for()
    for fold in ("email", "password", "delete"):
        page.click(f"[data-part~={fold}-fold] summary")
        page.locator(f"[data-part~={fold}-fold] form").wait_for()
    page.fill("[data-part~=new-password]", "short")
    page.click("[data-part~=password-form] [type=submit]")
    page.click("[data-part~=menu-button]")
    tour.sees("new-password-error")
    page.click("[data-part~=log-out-everywhere]")
    tour.sees("confirm-dialog")
    page.keyboard.press("Escape")
    page.locator("[data-part~=confirm-dialog]").wait_for(state="detached")
    page.locator("[data-part~=way-list] button").first.click()
    tour.sees("totp-form")
    tour.opens(SIGN_IN)
    tour.sees("logged-in-alone")
    page.click("[data-part~=log-out]")
    tour.sees("notice")


def mailed_links(tour):
    for purpose in ("register", "email", "reset"):
        tour.opens(LINK, f"#{purpose}=abc")
        tour.sees(purpose)
    tour.sends("reset", password="short")
    tour.sees("reset-password-error")
    tour.sends("reset", password=PASSWORD)
    tour.sees("gone")
    tour.opens(LINK)
    tour.sees("gone")
    tour.plays("auth/password/reset", status=204)
    tour.opens(LINK, "#reset=abc")
    tour.sends("reset", password=PASSWORD)
    tour.sees("done")


def whatever_fails(tour):
    visitor = tour.visitor
    held = []
    visitor.context.add_init_script(f"localStorage['lychgate {visitor.url}/api/'] = 'in'")
    visitor.context.route("**/api/auth/refresh", lambda route: held.append(route) if route else None)
    tour.opens(ALL)
    tour.sees("waiting")
    for route in held:
        route.abort()
    visitor.reaches_again("**/api/auth/refresh")
    visitor.context.route("**/api/auth/refresh", lambda route: route.abort())
    tour.opens(ALL)
    tour.sees("failed")
    tour.opens("<lychgate-account></lychgate-account>")
    tour.sees("failed")
    tour.opens(f"{ALL}{SIGN_IN}".replace("<lychgate-user", "<lychgate-user api='ftp://x'"))
    tour.page.locator("lychgate-sign-in").last.locator("[role=alert]").wait_for()
    tour.sees("failure")


PARTS = [without_a_session, with_a_session, mailed_links, whatever_fails]
FORGIVEN = (401, 404, 410, "ERR_FAILED", "<lychgate-")
LOOKS = [
    pytest.param({"color_scheme": scheme, **more}, lang, id=f"{name}-{lang}", marks=marks)
    for name, scheme, lang, more, marks in [
        ("dark", "dark", "ar", {}, ()),
        ("light", "light", "en", {}, pytest.mark.exhaustive),
        ("dark", "dark", "en", {}, pytest.mark.exhaustive),
        ("light", "light", "ar", {}, pytest.mark.exhaustive),
        ("forced", "light", "en", {"forced_colors": "active"}, pytest.mark.exhaustive),
        ("forced-dark", "dark", "ar", {"forced_colors": "active"}, pytest.mark.exhaustive),
        ("moving", "light", "en", {"reduced_motion": "no-preference"}, pytest.mark.exhaustive),
    ]
]


@pytest.fixture
def narrow(new_visitor, server):
    """Make visitors with as narrow a window as 640 pixels are at 200 %."""

    def narrow(**settings):
        visitor = new_visitor(server, viewport={"width": NARROW, "height": 640}, bypass_csp=True, **settings)
        axe = TOOLS / "axe-core" / "axe.min.js"
        assert axe.exists(), "axe-core is missing: `make test` fetches it into .tools"
        visitor.context.add_init_script(path=axe)
        return visitor

    return narrow


def overflow(page):
    return page.evaluate("document.documentElement.scrollWidth - innerWidth")


def leave(visitor):
    """Let nothing fail any more that is still under way: it would after what has failed was forgiven."""
    visitor.page.close()


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
@pytest.mark.parametrize(("settings", "lang"), LOOKS)
def test_each_state_is_accessible_and_fits_a_narrow_window(narrow, settings, lang, part):
    visitor = narrow(**settings)
    # The browser sees to the contrast then, and tells scripts the colours that it does not show.
    is_forced = "forced_colors" in settings
    troubles = []

    def look(name):
        visitor.page.evaluate(COME_TO_REST)
        found = [
            each for each in visitor.page.evaluate(RUN_AXE) if not (is_forced and each.startswith("color-contrast"))
        ]
        if found or overflow(visitor.page) > 0:
            troubles.append((name, found, overflow(visitor.page)))

    part(Tour(visitor, lang, look))
    leave(visitor)
    visitor.forgive(*FORGIVEN)
    assert troubles == []


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_all_that_is_said_is_in_the_catalogues_and_longer_words_fit(narrow, part):
    visitor = narrow()
    troubles = []
    known = re.compile(DATA.format(name=re.escape(visitor.username)), re.VERBOSE)

    def look(name):
        said = visitor.page.evaluate(OUTSIDE, ELEMENTS)
        passphrase = visitor.page.evaluate(PASSPHRASE)
        strange = [text for text in said if text != passphrase and not known.fullmatch(text)]
        if strange or overflow(visitor.page) > 0:
            troubles.append((name, strange, overflow(visitor.page)))

    part(Tour(visitor, "qps", look))
    leave(visitor)
    visitor.forgive(*FORGIVEN)
    assert troubles == []


def test_once_the_network_is_gone_each_action_says_so_and_nothing_typed_is_lost(narrow):
    visitor = narrow()
    page = visitor.page
    gone = re.compile("offline|cannot be reached")
    tour = Tour(visitor, "en", lambda name: None)
    tour.opens(ALL)
    page.wait_for_load_state("networkidle")
    visitor.context.set_offline(offline=True)
    for step in ("forgot", "code"):
        page.fill("[data-part~=login-username]", "kim")
        page.click(f"[data-part~=mail-ways] a[href='#{step}']")
        visitor.sees("lychgate-sign-in [data-part~=notice]", gone)
        assert page.input_value("[data-part~=login-username]") == "kim"
        page.click("[data-part~=dismiss]")
    page.evaluate("document.querySelector('lychgate-sign-in').lang = 'de'")
    visitor.sees("lychgate-sign-in [role=alert]", gone)
    visitor.context.set_offline(offline=False)
    page.click("lychgate-sign-in [data-part~=button]:visible")
    visitor.sees("lychgate-sign-in h1", "Willkommen")
    # Browsers may go on refusing what they could not load before.
    page.click("[data-part~=mail-ways] a[href='#forgot']")
    visitor.sees("lychgate-sign-in [data-part~=forgot-form]")
    leave(visitor)
    visitor.forgive("net::ERR_", "NetworkError", "Failed to fetch")


def test_an_account_whose_network_is_gone_says_so_at_each_action_and_keeps_what_was_typed(member):
    page = member.page
    gone = re.compile("offline|cannot be reached")
    member.sees("[data-part~=event-list]", "Account made")
    for fold in ("email", "password", "delete"):
        page.click(f"[data-part~={fold}-fold] summary")
        page.locator(f"[data-part~={fold}-fold] form").wait_for()
    page.wait_for_load_state("networkidle")
    member.context.set_offline(offline=True)
    page.click("[data-part~=log-out-everywhere]")
    page.click("[data-part~=confirm-dialog] [type=submit]")
    member.sees("[data-part~=confirm-dialog]", gone)
    page.keyboard.press("Escape")
    page.click("[data-part~=reload-dashboard]")
    member.sees("[data-part~=sessions-summary]", gone)
    typed = {
        "password": {"current-password": PASSWORD, "new-password": "eight old oak boards and a latch"},
        "address": {"new-email": "kim@example.org"},
        "delete": {"delete-password": PASSWORD},
    }
    for form, fields in typed.items():
        for field, value in fields.items():
            page.fill(f"[data-part~={field}]", value)
        page.click(f"[data-part~={form}-form] [type=submit]")
        member.sees(f"[data-part~={form}-form] [data-form-error]", gone)
        assert {field: page.input_value(f"[data-part~={field}]") for field in fields} == fields
    page.locator("[data-part~=way-list] button").first.click()
    member.sees("[role=alert], [role=status]", gone)
    leave(member)
    member.forgive("net::ERR_", "Failed to fetch", 401)
