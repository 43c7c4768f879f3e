"""Signing up with an address: optional, required, or the name itself, and confirmed by a mailed link."""

from playwright.sync_api import expect

from tests.browser.development_server import eventually
from tests.browser.person import text_of


def test_who_signs_up_with_an_address_confirms_it_by_a_link_and_the_first_tab_sees_it_at_once(new_person):
    kim = new_person().signs_up()
    kim.visitor.is_signed_in()
    kim.visitor.sees("[data-part~=profile-email]", kim.address)
    kim.visitor.sees("[data-part~=email-state]", "Not confirmed yet")
    linked = kim.opens(kim.post.link("email"))
    assert linked.inner_text("h1 >> visible=true") == "Confirm your address"
    assert kim.posts(linked) == []
    kim.presses("email", linked)
    kim.visitor.sees("[data-part~=email-state]", "Confirmed")
    assert kim.page.locator("[data-part~=email-unconfirmed]").is_hidden()


def test_an_address_is_optional_and_can_be_added_later(new_person):
    kim = new_person()
    kim.visitor.join()
    kim.visitor.sees("[data-part~=profile-email]", "None")
    kim.page.click("[data-part~=email-fold] summary")
    kim.page.fill("[data-part~=new-email]", kim.address)
    kim.page.click("[data-part~=address-form] [type=submit]")
    kim.visitor.sees("[data-part~=email-state]", "Not confirmed yet")
    kim.presses("email", kim.opens(kim.post.link("email")))
    kim.visitor.sees("[data-part~=email-state]", "Confirmed")


def test_what_is_no_address_is_an_error_at_its_field(new_person):
    kim = new_person().signs_up(address="kim@example")
    kim.visitor.sees("[data-part~=signup-email-error]", "such as name@example.org")
    assert kim.page.evaluate("document.activeElement.dataset.part") == "signup-email"
    kim.visitor.forgive(422)


def test_where_the_address_is_required_the_form_asks_for_it(new_person):
    kim = new_person()
    options = {"registration": "open", "identifier": "username", "email": "required", "password": {}}
    kim.visitor.context.route("**/api/auth/options", lambda route: route.fulfill(json=options))
    kim.signs_up(address="")
    kim.visitor.sees("[data-part~=signup-email-error]", "Enter an e-mail address")
    assert kim.page.locator("[data-part~=signup-email-optional]").is_hidden()
    assert kim.posts() == []


def test_where_the_address_is_the_name_the_account_exists_once_the_link_is_used(new_person, address_server):
    kim = new_person(address_server, by_address=True).signs_up()
    kim.visitor.sees("h2", "Confirm your address")
    kim.visitor.sees("[data-part~=to]", kim.address)
    linked = kim.opens(kim.post.link("register"))
    assert "only if you signed up yourself" in text_of(linked, "register")
    assert kim.posts(linked) == []
    kim.presses("register", linked)
    kim.visitor.is_signed_in()
    kim.visitor.sees("[data-part~=email-state]", "Confirmed")
    assert kim.page.locator("[data-part~=profile-username]").is_hidden()
    linked.click("[data-part~=done-next]")
    linked.locator("[data-part~=logged-in]").wait_for()
    kim.visitor.has_loaded(linked)
    assert kim.post.mails()[0]["subject"]


def test_who_signs_up_twice_sees_the_same_and_is_told_by_mail(new_person, address_server):
    kim = new_person(address_server, by_address=True).signs_up()
    kim.presses("register", kim.opens(kim.post.link("register")))
    again = new_person(address_server, by_address=True)
    again.visitor.username = kim.address
    refused = []
    again.page.on("response", lambda answer: refused.append(answer.status) if "/auth/register" in answer.url else None)
    again.signs_up()
    eventually(lambda: refused or again.page.wait_for_timeout(20))
    # One mail a minute goes to an address: the page says so, or that a mail is on its way.
    assert refused[0] in {202, 429}
    again.visitor.forgive(429)


def test_log_in_and_sign_up_ask_for_the_address_where_it_is_the_name(new_person, address_server):
    page = new_person(address_server).visitor.open().page
    for form, passkeys in (("login", " webauthn"), ("signup", "")):
        page.click(f"[data-part~=show-{form}]")
        expect(page.locator(f"[data-part~={form}-username-field] label")).to_have_text("E-mail address")
        field = page.locator(f"[data-part~={form}-username]")
        found = field.evaluate("(field) => [field.type, field.inputMode, field.getAttribute('autocomplete')]")
        assert found == ["email", "email", f"username email{passkeys}"]
    assert page.locator("[data-part~=signup-email]").is_hidden()
    page.click("[data-part~=signup-form] [type=submit]")
    expect(page.locator("[data-part~=signup-username-error]")).to_contain_text("e-mail address")
    page.click("[data-part~=show-login]")
    page.click("[data-part~=login-form] [type=submit]")
    expect(page.locator("[data-part~=login-username-error]")).to_have_text("Enter your e-mail address.")
