"""Whoever has left a step of what is done by mail stays where they are when its answer comes; what came is kept."""

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import PASSWORD

BACK = "[data-part~=step] >> visible=true >> text=Back to the log-in"
FORMS = """[...document.querySelectorAll("[data-part~=entry] form")]
    .filter((form) => form.checkVisibility({ visibilityProperty: true })).length"""
FOCUSED = "document.activeElement.dataset.part"
STEPS = {"code": "login/code", "forgot": "password/forgot"}


@pytest.fixture
def hold():
    """Hold what a browser asks of the API, and return what lets it go on."""

    def hold(visitor, path):
        held = []
        # Playwright marks its handlers.
        visitor.context.route(f"**/api/auth/{path}", lambda route: held.append(route))  # noqa: PLW0108

        def let_go():
            visitor.wait_for(lambda: held)
            with visitor.page.expect_response(f"**/api/auth/{path}") as answer:
                held.pop().continue_()
            answer.value.finished()

        return let_go

    return hold


@pytest.mark.parametrize("step", STEPS)
def test_whoever_types_a_password_by_now_goes_on_typing_it(kim_outside, hold, step):
    kim, page = kim_outside, kim_outside.page
    let_go = hold(kim.visitor, STEPS[step])
    kim.asks(step)
    page.click(BACK)
    page.fill("[data-part~=login-username]", kim.visitor.username)
    page.focus("[data-part~=login-password]")
    page.keyboard.type(PASSWORD[:9])
    let_go()
    page.keyboard.type(PASSWORD[9:], delay=5)
    assert page.input_value("[data-part~=login-password]") == PASSWORD
    assert page.evaluate(FOCUSED) == "login-password"
    assert page.evaluate(FORMS) == 1
    expect(page.locator("[data-part~=entry-tabs]")).to_be_visible()
    expect(page).to_have_title("Log in · Lychgate")
    page.click(f"[data-part~=mail-ways] a[href='#{step}']")
    kim.visitor.sees(f"[data-part~={step}-sent-step]", kim.visitor.username)
    if step == "code":
        kim.enters(kim.post.code())
        kim.visitor.is_signed_in()


def test_whoever_has_left_the_sign_up_sees_when_coming_back_that_a_mail_is_on_its_way(new_person, address_server, hold):
    kim = new_person(address_server, by_address=True)
    let_go = hold(kim.visitor, "register")
    kim.signs_up()
    page = kim.page
    page.click("[data-part~=show-login]")
    page.focus("[data-part~=login-password]")
    let_go()
    page.keyboard.type(PASSWORD, delay=5)
    assert page.input_value("[data-part~=login-password]") == PASSWORD
    assert page.evaluate(FORMS) == 1
    expect(page.locator("[data-part~=entry-tabs]")).to_be_visible()
    page.click("[data-part~=show-signup]")
    kim.visitor.sees("[data-part~=signup-sent-step]", kim.address)
    assert page.evaluate(FORMS) == 0


def test_an_answer_that_comes_after_the_log_in_is_not_kept(kim_outside, hold):
    kim, page = kim_outside, kim_outside.page
    let_go = hold(kim.visitor, "login/code")
    kim.asks("code")
    page.click(BACK)
    kim.visitor.log_in()
    kim.visitor.is_signed_in()
    let_go()
    assert page.evaluate("new Promise((done) => setTimeout(() => done(sessionStorage.length)))") == 0
    kim.logs_out()
    page.click("[data-part~=mail-ways] a[href='#code']")
    kim.visitor.sees("[data-part~=code-form]")
