"""A code by mail to log in with, which works in the browser that has asked for it."""

from tests.browser.person import KEPT
from tests.browser.visitor import PASSWORD


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


def test_a_wrong_code_is_told_at_its_field_and_the_right_one_still_works(kim_outside):
    kim = kim_outside
    kim.asks("code")
    code = kim.post.code()
    kim.enters("12 34")
    kim.visitor.sees("[data-part~=code-digits-error]", "6 digits")
    kim.enters(f"{(int(code) + 1) % 10**6:06d}")
    kim.visitor.sees("[data-part~=code-digits-error]", "This is not the code")
    assert kim.page.evaluate("getSelection().toString() || document.activeElement.dataset.part") != ""
    kim.enters(code)
    kim.visitor.is_signed_in()
    kim.visitor.forgive(401)


def test_after_five_wrong_codes_the_page_says_to_ask_for_another(kim_outside):
    kim = kim_outside
    kim.asks("code")
    code = kim.post.code()
    for _ in range(5):
        kim.enters(f"{(int(code) + 1) % 10**6:06d}")
        kim.visitor.sees("[data-part~=code-digits-error]", "This is not the code")
        kim.page.fill("[data-part~=code-digits]", "")
    kim.enters(code)
    kim.visitor.sees("[data-part~=code-entry-form] [data-form-error]", "another one")
    kim.page.click("[data-part~=code-entry-form] >> text=Another name")
    kim.visitor.sees("[data-part~=code-form]")
    kim.visitor.forgive(401)


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
