"""Signing up with an address: optional, required, or the name itself, and confirmed by a mailed link."""

import json
import re
import urllib.error

import pytest
from playwright.sync_api import expect

from tests.browser.development_server import eventually
from tests.browser.person import KEPT, call_api, text_of
from tests.browser.visitor import PASSWORD

STRANGERS = "a password that a stranger has chosen"


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


def test_a_link_that_is_used_where_somebody_else_is_logged_in_does_not_lead_to_their_account(new_person):
    kim = new_person().has_account()
    lee = new_person().is_a_member()
    page = lee.opens(kim.post.link("email"))
    lee.presses("email", page)
    assert "Another account is logged in here" in text_of(page, "done-text")
    assert page.locator("[data-part~=done] a").count() == 0
    kim.visitor.open()
    kim.visitor.sees("[data-part~=email-state]", "Confirmed")


FAILURES = {"refused": {"status": 503, "json": {"error": "service_unavailable"}}, "lost": None}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
@pytest.mark.parametrize("since", ["before", "after"])
def test_whose_session_it_is_is_not_said_where_that_cannot_be_learnt(new_person, failure, since):
    kim = new_person().has_account()
    link = kim.post.link("email")
    confirmed = []

    def confirm(route):
        confirmed.append(route)
        route.continue_()

    def refresh(route):
        if since == "after" and not confirmed:
            route.continue_()
        elif failure:
            route.fulfill(**failure)
        else:
            route.abort()

    kim.visitor.context.route("**/api/auth/email/confirm", confirm)
    kim.visitor.context.route("**/api/auth/refresh", refresh)
    page = kim.opens(link)
    kim.presses("email", page)
    assert text_of(page, "done-text") == "Your account has this address now."
    assert page.get_attribute("[data-part~=done-next]", "href") == "/"
    assert confirmed
    kim.visitor.forgive(503, "ERR_FAILED")


def test_a_link_that_is_used_where_nobody_is_logged_in_leads_to_the_log_in(new_person):
    kim = new_person().has_account()
    page = new_person().opens(kim.post.link("email"))
    page.click("[data-part~=email-form] [type=submit]")
    page.locator("[data-part~=done-text]", has_text="Your account has this address now").wait_for()
    page.click("[data-part~=done-next]")
    page.locator("[data-part~=login-form]").wait_for()


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
    assert "only if you want this account" in text_of(linked, "register")
    assert kim.posts(linked) == []
    linked.fill("[data-part~=register-password]", PASSWORD)
    kim.presses("register", linked)
    kim.visitor.is_signed_in()
    kim.visitor.sees("[data-part~=email-state]", "Confirmed")
    assert kim.page.locator("[data-part~=profile-username]").is_hidden()
    linked.click("[data-part~=done-next]")
    linked.locator("[data-part~=logged-in]").wait_for()
    kim.visitor.has_loaded(linked)
    assert kim.post.mails()[0]["subject"]


def test_where_the_address_is_the_name_nobody_chooses_a_password_before_the_mail_is_read(new_person, address_server):
    kim = new_person(address_server, by_address=True).signs_up()
    kim.visitor.sees("h2", "Confirm your address")
    assert kim.page.locator("[data-part~=signup-form] input").count() == 2
    assert kim.page.locator("input[autocomplete=new-password]").count() == 0
    (sent,) = [answer.request for answer in kim.visitor.calls if answer.url.endswith("/auth/register")]
    assert json.loads(sent.post_data) == {"email": kim.address}


@pytest.fixture
def linked(new_person, address_server):
    """Somebody whose address a stranger has registered with a password, and the page that the mail leads to."""
    kim = new_person(address_server, by_address=True)
    call_api(address_server, "auth/register", {"email": kim.address, "password": STRANGERS})
    return kim, kim.opens(kim.post.link("register"))


def logs_in(person, password):
    """Whether a password logs in, in another browser."""
    try:
        call_api(person.server, "auth/login", {"username": person.address, "password": password})
    except urllib.error.HTTPError as refusal:
        assert refusal.code == 401
        return False
    return True


def test_what_a_stranger_has_chosen_for_somebodys_address_is_no_password_of_the_account(linked):
    kim, page = linked
    page.fill("[data-part~=register-password]", PASSWORD)
    expect(page.locator("[data-part~=register-password-tally]")).to_contain_text("✓")
    kim.presses("register", page)
    assert logs_in(kim, PASSWORD)
    assert not logs_in(kim, STRANGERS)


def test_who_chooses_no_password_has_none_whatever_a_stranger_has_chosen(linked):
    kim, page = linked
    kim.presses("register", page)
    assert not logs_in(kim, STRANGERS)


@pytest.mark.parametrize(
    ("password", "problem", "is_asked"),
    [("short", "at least 15", False), ("password1password1", "common password", True)],
    ids=["by the page", "by the API"],
)
def test_a_refused_password_is_an_error_at_its_field_and_leaves_the_link_good(linked, password, problem, is_asked):
    kim, page = linked
    page.fill("[data-part~=register-password]", password)
    page.click("[data-part~=register-form] [type=submit]")
    expect(page.locator("[data-part~=register-password-error]")).to_contain_text(problem)
    assert page.evaluate("document.activeElement.dataset.part") == "register-password"
    assert ("auth/register/confirm" in kim.posts(page)) is is_asked
    page.fill("[data-part~=register-password]", PASSWORD)
    kim.presses("register", page)
    assert logs_in(kim, PASSWORD)
    kim.visitor.forgive(422)


def test_a_password_manager_finds_a_form_with_a_new_password_and_whose_it_is(linked):
    kim, page = linked
    form = page.locator("[data-part~=register-form]")
    found = form.evaluate(
        "(form) => [...form.querySelectorAll('input')].map((input) => [input.type, input.autocomplete])"
    )
    assert found == [["text", "username"], ["password", "new-password"]]
    # What was in the form when it went.
    page.evaluate(
        """() => new MutationObserver((changes) => {
            for (const gone of changes.flatMap(({ removedNodes }) => [...removedNodes])) {
                const name = gone.querySelector?.("[name=username]");
                if (name) window.whose = name.value;
            }
        }).observe(document.body, { subtree: true, childList: true })"""
    )
    kim.presses("register", page)
    assert page.evaluate("window.whose") == kim.address


def test_a_second_mail_of_a_sign_up_says_that_there_is_an_account_and_leads_to_it(linked):
    kim, page = linked
    taken = {"status": 409, "error": "email_taken", "detail": "Another account has this address."}
    page.route("**/api/auth/register/confirm", lambda route: route.fulfill(status=409, json=taken))
    page.click("[data-part~=register-form] [type=submit]")
    page.locator("[data-part~=gone-text]", has_text="There is an account under this address already").wait_for()
    assert page.get_attribute("[data-part~=gone-next]", "href") == "/#login"
    assert page.get_attribute("[data-part~=gone-aside] a", "href") == "/#forgot"
    kim.visitor.forgive(409)


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


def asked(page):
    """Return the body of each request for an account."""
    bodies = []
    page.on("request", lambda made: bodies.append(made.post_data_json) if made.url.endswith("/register") else None)
    return bodies


def test_a_phone_that_forgets_the_page_while_the_mail_is_read_still_says_that_it_is_on_its_way(
    new_person, address_server
):
    kim = new_person(address_server, by_address=True).signs_up()
    page = kim.page
    kim.visitor.sees("[data-part~=signup-sent-step]", kim.address)
    expect(page).to_have_title("Confirm your address · Lychgate")
    page.reload()
    kim.visitor.sees("[data-part~=signup-sent-step]", kim.address)
    expect(page.locator("[data-part~=signup-sent-step] [data-part~=counting]")).to_contain_text("Send again in")
    assert page.locator("[data-part~=signup-form]").is_hidden()
    assert page.locator("[data-part~=entry-tabs]").is_hidden()
    expect(page).to_have_title("Confirm your address · Lychgate")
    page.click("[data-part~=step] >> visible=true >> text=Back to the log-in")
    kim.visitor.sees("[data-part~=login-form]")
    page.go_back()
    kim.visitor.sees("[data-part~=signup-sent-step]", kim.address)
    assert PASSWORD not in page.evaluate(KEPT)
    kim.presses("register", kim.opens(kim.post.link("register")))
    kim.visitor.is_signed_in()
    assert page.evaluate("sessionStorage.length") == 0


def test_a_mail_can_be_asked_for_again_after_the_page_was_forgotten(new_person, address_server):
    kim = new_person(address_server, by_address=True)
    kim.page.clock.install()
    kim.signs_up()
    kim.visitor.sees("[data-part~=signup-sent-step]", kim.address)
    kim.page.reload()
    again = kim.page.locator("[data-part~=signup-sent-step] [data-part~=again] button").first
    expect(again).to_contain_text("Send again in")
    kim.page.clock.fast_forward(61_000)
    expect(again).to_have_text("Send again")
    kim.visitor.context.route("**/api/auth/register", lambda route: route.fulfill(status=202, json={"expires_in": 9}))
    bodies = asked(kim.page)
    again.click()
    kim.visitor.sees("[data-part~=signup-sent-step] [role=status]", "Sent again")
    assert bodies == [{"email": kim.address}]


def test_another_address_is_asked_for_in_the_form(new_person, address_server):
    kim = new_person(address_server, by_address=True).signs_up()
    kim.visitor.sees("[data-part~=signup-sent-step]", kim.address)
    kim.page.click("text=Another address >> visible=true")
    kim.visitor.sees("[data-part~=signup-form]")
    assert kim.page.evaluate("document.activeElement.dataset.part") == "signup-username"
    expect(kim.page.locator("[data-part~=entry-tabs]")).to_be_visible()
    expect(kim.page).to_have_title("Sign up · Lychgate")
    kim.page.reload()
    kim.visitor.sees("[data-part~=signup-form]")


def test_who_signs_up_again_after_a_lost_answer_is_told_to_look_for_the_mail_and_how_long_to_wait(
    new_person, address_server
):
    kim = new_person(address_server, by_address=True)
    lose = "**/api/auth/register"
    kim.visitor.context.route(lose, lambda route: (route.fetch(), route.abort()))
    kim.signs_up()
    kim.visitor.sees("[data-part~=signup-form] [data-form-error]", "cannot be reached")
    kim.post.link("register")
    kim.visitor.reaches_again(lose)
    kim.page.click("[data-part~=signup-form] [type=submit]")
    told = kim.visitor.sees("[data-part~=signup-form] [data-form-error]", "look for it")
    expect(told).to_contain_text(re.compile(r"in \d+ seconds"))
    kim.visitor.forgive(429, "ERR_FAILED")


def test_who_may_have_no_more_mails_is_told_that_an_account_needs_none(new_person):
    kim = new_person()
    refusal = {"status": 429, "headers": {"Retry-After": "42"}, "json": {"error": "too_many_attempts"}}
    kim.visitor.context.route("**/api/auth/register", lambda route: route.fulfill(**refusal))
    kim.signs_up()
    told = kim.visitor.sees("[data-part~=signup-form] [data-form-error]", "without the address")
    expect(told).to_contain_text("42 seconds")
    kim.visitor.reaches_again("**/api/auth/register")
    kim.page.fill("[data-part~=signup-email]", "")
    kim.page.click("[data-part~=signup-form] [type=submit]")
    kim.visitor.is_signed_in()
    kim.visitor.forgive(429)
