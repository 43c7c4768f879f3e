"""A code by mail to log in with, which works in the browser that has asked for it."""

import pytest
from playwright.sync_api import expect

from tests.browser.person import KEPT
from tests.browser.visitor import PASSWORD


def wrong(code):
    """Return another code."""
    return f"{(int(code) + 1) % 10**6:06d}"


def test_who_gets_a_code_by_mail_logs_in_with_it_also_with_spaces(kim_outside):
    kim = kim_outside
    kim.page.fill("[data-part~=login-password]", PASSWORD)
    kim.asks("code", kim.address)
    kim.visitor.sees("[data-part~=code-digits]")
    assert kim.page.evaluate("document.activeElement.dataset.part") == "code-digits"
    code = kim.post.code()
    kim.page.evaluate("(code) => navigator.clipboard?.writeText(code).catch(() => {})", code)
    kim.page.keyboard.insert_text(f" {code[:3]} {code[3:]} ")
    kim.page.keyboard.press("Enter")
    kim.visitor.is_signed_in()
    assert [secret for secret in (code, PASSWORD) if secret in kim.page.evaluate(KEPT)] == []
    assert kim.page.evaluate("sessionStorage.length") == 0


ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
# As people type a code, and as other programs copy it.
FORMS = {
    "a hyphen": lambda code: f"{code[:3]}-{code[3:]}",
    "a full stop": lambda code: f"{code}.",
    "what nobody sees": lambda code: f"\u2066\u200e{code[:3]}\u200b{code[3:]}\u2069\ufeff",
    "Arabic digits": lambda code: code.translate(ARABIC),
}


@pytest.mark.parametrize("write", FORMS.values(), ids=FORMS)
def test_a_code_is_taken_as_people_write_it(kim_outside, write):
    kim = kim_outside
    kim.asks("code")
    kim.enters(write(kim.post.code()))
    kim.visitor.is_signed_in()


def test_a_wrong_code_is_told_at_its_field_and_the_right_one_still_works(kim_outside):
    kim = kim_outside
    kim.asks("code")
    code = kim.post.code()
    kim.enters("12 34")
    kim.visitor.sees("[data-part~=code-digits-error]", "6 digits")
    kim.enters(wrong(code))
    kim.visitor.sees("[data-part~=code-digits-error]", "This is not the code")
    assert kim.page.evaluate("getSelection().toString() || document.activeElement.dataset.part") != ""
    kim.enters(code)
    kim.visitor.is_signed_in()
    kim.visitor.forgive(401)


def enter_wrong_codes(kim, code, do_then):
    """Enter five, after which it is over, and do something after each of the first four."""
    for _ in range(4):
        kim.visitor.sees("[data-part~=code-digits]")
        kim.enters(wrong(code))
        kim.visitor.sees("[data-part~=code-digits-error]", "This is not the code")
        do_then()
    kim.enters(wrong(code))
    kim.visitor.sees("[data-part~=code-entry-form] [data-form-error]", "another one")


def test_who_has_used_a_code_without_learning_so_is_told_that_it_may_be_used(kim_outside):
    kim = kim_outside
    kim.asks("code")
    code = kim.post.code()

    def lose(route):
        route.fetch()
        route.abort()

    kim.visitor.context.route("**/api/auth/login/code/verify", lose)
    kim.enters(code)
    kim.visitor.sees("[data-part~=code-entry-form] [data-form-error]", "cannot be reached")
    kim.visitor.reaches_again("**/api/auth/login/code/verify")
    kim.enters(code)
    kim.visitor.sees("[data-part~=code-entry-form] [data-form-error]", "was used")
    kim.visitor.forgive(401, "ERR_FAILED")


def test_who_has_asked_in_two_tabs_is_told_that_the_code_may_be_the_other_ones(kim_outside):
    kim = kim_outside
    kim.asks("code")
    code = kim.post.code()
    other = kim.visitor.open_tab()
    other.goto(f"{kim.server.url}/#code")
    other.fill("[data-part~=code-username]", kim.visitor.username)
    other.click("[data-part~=code-form] [type=submit]")
    other.fill("[data-part~=code-digits]", code)
    other.click("[data-part~=code-entry-form] [type=submit]")
    expect(other.locator("[data-part~=code-digits-error]")).to_contain_text("the tab where you asked first")
    kim.enters(code)
    kim.visitor.is_signed_in()
    kim.visitor.forgive(401)


def test_the_fifth_wrong_code_is_the_last_and_the_name_stays_for_another_mail(kim_outside):
    kim = kim_outside
    kim.asks("code")
    code = kim.post.code()
    enter_wrong_codes(kim, code, lambda: kim.page.fill("[data-part~=code-digits]", ""))
    assert len([path for path in kim.posts() if path == "auth/login/code/verify"]) == 5
    kim.page.reload()
    kim.visitor.sees("[data-part~=code-form]")
    assert kim.page.input_value("[data-part~=code-username]") == kim.visitor.username
    kim.visitor.forgive(401)


def test_tries_are_counted_over_a_reload(kim_outside):
    kim = kim_outside
    kim.asks("code")
    code = kim.post.code()
    enter_wrong_codes(kim, code, kim.page.reload)
    kim.page.click("[data-part~=code-entry-form] >> text=Another name")
    kim.visitor.sees("[data-part~=code-form]")
    kim.visitor.forgive(401)


def test_a_code_stays_good_when_another_request_sends_no_mail(new_person, patient_server):
    kim = new_person(patient_server)
    kim.page.clock.install()
    kim.is_outside().asks("code")
    code = kim.post.code()
    # A mail may come before the answer, which the leap would have the page give up.
    kim.visitor.sees("[data-part~=code-digits]")
    # The page's minute is over, and that of the API is not: it says the same, and sends nothing.
    kim.page.clock.fast_forward(61_000)
    again = kim.page.locator("[data-part~=code-entry-form] [data-part~=again] button").first
    expect(again).to_have_text("Send again")
    again.click()
    kim.visitor.sees("[data-part~=code-entry-form] [role=status]", "not every request sends a mail")
    kim.enters(wrong(code))
    kim.visitor.sees("[data-part~=code-digits-error]", "This is not the code")
    kim.page.reload()
    kim.enters(code)
    kim.visitor.is_signed_in()
    assert kim.page.evaluate("sessionStorage.length") == 0
    kim.visitor.forgive(401)


def test_who_asks_for_another_name_and_comes_back_to_the_first_can_use_its_code(kim_outside):
    kim = kim_outside
    kim.asks("code")
    code = kim.post.code()
    for name in ("nobody.at.all", kim.visitor.username):
        kim.page.click("[data-part~=code-entry-form] >> text=Another name")
        kim.page.fill("[data-part~=code-username]", name)
        kim.page.click("[data-part~=code-form] [type=submit]")
        kim.visitor.sees("[data-part~=code-sent-step] [data-part~=to]", name)
    kim.enters(code)
    kim.visitor.is_signed_in()
    kim.visitor.forgive(401)


def test_the_way_to_another_name_looks_the_same_in_each_step(kim_outside):
    kim = kim_outside
    looks = []
    for step in ("code", "forgot"):
        kim.asks(step)
        button = kim.page.locator(f"[data-part~={step}-sent-step] >> text=Another name")
        button.wait_for()
        kim.page.mouse.move(1, 1)
        other, border = button.evaluate(
            "(one) => [one, one.previousElementSibling].map((each) => getComputedStyle(each).borderColor)"
        )
        assert other == border
        looks.append(other)
        kim.page.click("[data-part~=step] >> visible=true >> text=Back to the log-in")
    assert looks[0] == looks[1]


def test_the_title_follows_what_was_sent(kim_outside):
    kim = kim_outside
    for step, title in (("code", "Enter the code"), ("forgot", "Look into your mailbox")):
        kim.asks(step)
        kim.visitor.sees(f"[data-part~={step}-sent-step]", kim.visitor.username)
        expect(kim.page).to_have_title(f"{title} · Lychgate")
        kim.page.reload()
        kim.visitor.sees(f"[data-part~={step}-sent-step]", kim.visitor.username)
        expect(kim.page).to_have_title(f"{title} · Lychgate")
        expect(kim.page.locator(f"[data-part~={step}-sent-step] [data-part~=counting]")).to_contain_text("in")
        kim.page.click("[data-part~=step] >> visible=true >> text=Back to the log-in")
        expect(kim.page).to_have_title("Log in · Lychgate")


def test_a_phone_that_forgets_the_page_while_the_mail_is_read_still_takes_the_code(kim_outside):
    kim = kim_outside
    kim.asks("code")
    code = kim.post.code()
    kim.page.reload()
    kim.visitor.sees("[data-part~=code-digits]")
    kim.enters(code)
    kim.visitor.is_signed_in()


def test_a_code_is_worth_nothing_to_another_browser(kim_outside, new_person):
    kim = kim_outside
    kim.asks("code")
    code = kim.post.code()
    thief = new_person()
    thief.visitor.open()
    thief.asks("code", kim.visitor.username)
    thief.visitor.sees("[data-part~=code-digits]")
    thief.enters(code)
    thief.visitor.sees("[data-part~=code-digits-error]", "This is not the code")
    kim.enters(code)
    kim.visitor.is_signed_in()
    thief.visitor.forgive(401)


def test_the_way_back_and_forth_loses_no_code(kim_outside):
    kim = kim_outside
    kim.asks("code")
    code = kim.post.code()
    kim.page.go_back()
    kim.visitor.sees("[data-part~=login-form]")
    kim.page.go_forward()
    kim.visitor.sees("[data-part~=code-digits]")
    kim.enters(code)
    kim.visitor.is_signed_in()
