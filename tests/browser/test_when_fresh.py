"""A call of the page's own that wants a fresh session: the question for who it is comes by itself."""

from types import SimpleNamespace

import pytest
from playwright.sync_api import expect

from tests.browser.test_factors import Member
from tests.browser.visitor import PASSWORD

FRESH_SECONDS = 900
PAGE = """<!doctype html><html lang="{lang}"><title>A page of somebody else</title>
<link rel="stylesheet" href="/js/elements/lychgate.css">
<script type="module" src="/js/elements/index.js"></script>
<h1>My shop</h1>{elements}</html>"""
START = """async () => {
    const { clientOf, whenFresh } = await import("/js/elements/index.js");
    Object.assign(globalThis, { told: [], whenFresh });
    addEventListener("lychgate:step-up", ({ target }) => told.push(target.localName));
    globalThis.buy = () => whenFresh((client) => client.json("POST", "auth/totp", {})).then(
        ({ uri }) => told.push(uri.split(":")[0]), (error) => told.push(error.error ?? error.name));
    return (await clientOf().restore()).username;
}"""
DIALOG, FIELD = "[data-part~=confirm-dialog]", "[data-part~=confirm-password]"
REFUSED = "insufficient_user_authentication"


class Buyer(Member):
    """Somebody at a page that has a call for which the log-in must be fresh, a while after it."""

    def opens(self, elements="<lychgate-user></lychgate-user><lychgate-sign-in></lychgate-sign-in>", lang="en"):
        text = PAGE.format(elements=elements, lang=lang)
        self.visitor.context.route("**/shop.html", lambda route: route.fulfill(body=text, content_type="text/html"))
        self.page.goto(f"{self.visitor.url}/shop.html")
        assert self.page.evaluate(START) == self.visitor.username
        for name in ("lychgate-user", "lychgate-account"):
            if name in elements:
                self.page.locator(f"{name}[data-state=logged-in]").wait_for(state="attached")
        self.clock.advance(FRESH_SECONDS + 1)
        return self

    def buys(self):
        self.page.evaluate("buy(), null")
        return self.visitor.sees(DIALOG)

    def hears(self, *told):
        self.page.wait_for_function("(count) => told.length >= count", arg=len(told))
        assert self.page.evaluate("told") == list(told)
        expect(self.page.locator("dialog")).to_have_count(0)


@pytest.fixture
def named(patient_server):
    """The server at its address with a name, where passkeys work."""
    return SimpleNamespace(url=patient_server.url.replace("127.0.0.1", "localhost"))


@pytest.fixture
def buyer(new_visitor, named, patient_clock):
    buyer = Buyer(new_visitor(named), patient_clock)
    yield buyer
    # The access token has expired meanwhile, and the call is refused first.
    buyer.visitor.forgive(401, 403, 429)


@pytest.fixture
def member(buyer):
    buyer.visitor.has_account()
    return buyer


def test_the_right_password_makes_the_call_once_more_in_an_element_of_the_page(member):
    member.opens(lang="de")
    dialog = member.buys()
    expect(dialog.locator("h2")).to_have_text("Sind Sie es?")
    expect(dialog.locator("[data-part~=actions]")).to_have_text("BestätigenAbbrechen")
    assert dialog.evaluate("(one) => one.parentElement.localName") == "lychgate-user"
    assert dialog.evaluate("(one) => getComputedStyle(one).inlineSize") == "432px"
    member.answers_the_question(password=PASSWORD)
    member.hears("lychgate-user", "otpauth")
    assert [status for path, status in member.posts() if path == "auth/totp"][-2:] == [401, 200]


def test_a_wrong_password_is_told_in_the_question_which_stays(member):
    member.opens().buys()
    member.answers_the_question(password="a guess of nobody")
    member.visitor.sees(DIALOG, "This is not your password.")
    member.answers_the_question(password=PASSWORD)
    member.hears("lychgate-user", "otpauth")


def test_who_cancels_gets_the_first_refusal_and_can_be_asked_again(member):
    member.opens().buys()
    member.page.keyboard.press("Escape")
    member.hears("lychgate-user", REFUSED)
    member.buys()
    member.page.click(f"{DIALOG} [data-part~=actions] >> text=Cancel")
    member.hears("lychgate-user", REFUSED, "lychgate-user", REFUSED)


def test_calls_that_want_it_at_the_same_time_share_the_question(member):
    member.opens()
    member.page.evaluate("buy(), null")
    member.buys()
    member.page.wait_for_load_state("networkidle")
    member.answers_the_question(password=PASSWORD)
    member.hears("lychgate-user", "otpauth", "otpauth")


def test_a_fresh_session_is_asked_nothing_and_another_error_is_the_calls_own(member):
    member.opens()
    member.buys()
    member.answers_the_question(password=PASSWORD)
    member.hears("lychgate-user", "otpauth")
    member.page.evaluate("buy()")
    member.hears("lychgate-user", "otpauth", "otpauth")
    failing = "whenFresh(async () => { throw new RangeError(); }).catch(({ name }) => told.push(name))"
    member.page.evaluate(failing)
    member.hears("lychgate-user", "otpauth", "otpauth", "RangeError")


def test_the_account_is_where_it_is_asked_if_the_page_has_one(member):
    member.opens("<lychgate-user></lychgate-user><lychgate-account></lychgate-account>").buys()
    member.answers_the_question(password=PASSWORD)
    member.hears("lychgate-account", "otpauth")


@pytest.mark.parametrize("elements", ["<p>Nothing</p>", "<lychgate-user style='display: none'></lychgate-user>"])
def test_where_no_element_is_to_be_seen_the_question_has_a_place_of_its_own_and_its_styles(member, elements):
    dialog = member.opens(elements).buys()
    assert dialog.evaluate("(one) => getComputedStyle(one).inlineSize") == "432px"
    member.answers_the_question(password=PASSWORD)
    member.hears("div", "otpauth")
    expect(member.page.locator("[data-lychgate=question]")).to_have_count(0)


def test_a_second_factor_is_asked_for_with_the_password(buyer):
    buyer.is_outside()
    buyer.visitor.log_in()
    buyer.enters(buyer.app.code())
    buyer.visitor.is_signed_in()
    buyer.opens().buys()
    buyer.answers_the_question(password=PASSWORD, code=buyer.app.code())
    buyer.hears("lychgate-user", "otpauth")


def test_a_passkey_will_do_and_who_has_none_is_offered_none(buyer):
    buyer.signs_up()
    buyer.opens().buys()
    expect(buyer.page.locator("[data-part~=passkey-proof]")).to_be_hidden()
    buyer.page.keyboard.press("Escape")
    buyer.hears("lychgate-user", REFUSED)
    buyer.visitor.has_come_back().open()
    buyer.adds_a_passkey()
    buyer.opens().buys()
    buyer.page.click("[data-part~=passkey-proof] button")
    buyer.hears("lychgate-user", "otpauth")


def test_a_question_that_cannot_be_loaded_is_an_error_of_the_network(member):
    member.opens()
    member.visitor.context.route("**/core/confirmation.js*", lambda route: route.abort())
    member.page.evaluate("buy()")
    member.hears("NetworkError")
    member.visitor.forgive("Failed to load resource")
