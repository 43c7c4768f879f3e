"""What is done by mail, from end to end: the page, the API, the mailer and the mailbox of the development server."""

import json
import re
import urllib.request
import uuid
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.development_server import eventually
from tests.browser.postbox import Postbox
from tests.browser.visitor import PASSWORD

NEW_PASSWORD = "nine quiet herons by the old mill pond"
FRESH_SECONDS = 900
PAGE_HEADERS = json.loads((Path(__file__).parents[2] / "infra" / "page-headers.json").read_text("utf-8"))
KEPT = "JSON.stringify([{...sessionStorage}, {...localStorage}, history.state, location.href, document.cookie])"


class Person:
    """Somebody with a browser, a name and a mail address."""

    def __init__(self, visitor, server, *, by_address=False):
        self.visitor, self.server = visitor, server
        self.address = f"kim.{uuid.uuid4().hex[:12]}@example.org"
        if by_address:
            visitor.username = self.address
        self.post = Postbox(server, self.address)

    @property
    def page(self):
        return self.visitor.page

    def signs_up(self, address=None):
        page = self.visitor.open().page
        self.visitor.sees("#mail-ways")
        page.click("#show-signup")
        page.fill("#signup-username", self.visitor.username)
        page.fill("#signup-password", PASSWORD)
        if page.is_visible("#signup-email"):
            page.fill("#signup-email", self.address if address is None else address)
        page.click("#signup-form [type=submit]")
        return self

    def is_a_member(self):
        """Sign up and confirm the address."""
        self.signs_up()
        self.visitor.is_signed_in()
        self.visitor.sees("#email-state", "Not confirmed yet")
        self.presses("email", self.opens(self.post.link("email")))
        self.visitor.sees("#email-state", "Confirmed")
        return self

    def opens(self, link):
        """Open a mailed link in another tab, watched like the first."""
        page = self.visitor.open_tab()
        page.goto(link)
        return page

    def presses(self, purpose, page):
        page.click(f"#{purpose}-form [type=submit]")
        page.locator("#done").wait_for()

    def logs_out(self):
        self.visitor.sign_out()
        self.visitor.is_signed_out()

    def asks(self, step, name=None):
        """Ask for a link or a code by mail."""
        self.page.click(f"#mail-ways a[href='#{step}']")
        self.page.fill(f"#{step}-username", name or self.visitor.username)
        self.page.click(f"#{step}-form [type=submit]")

    def enters(self, code):
        self.page.fill("#code-digits", code)
        self.page.click("#code-entry-form [type=submit]")

    def posts(self, page=None):
        """Return the paths of the POSTs of a tab."""
        return [path for method, path, _ in self.visitor.made(page or self.page) if method == "POST"]


@pytest.fixture
def new_person(new_visitor, server):
    def new_person(at=server, **settings):
        by_address = settings.pop("by_address", False)
        return Person(new_visitor(at, **settings), at, by_address=by_address)

    return new_person


@pytest.fixture
def kim(new_person):
    """Somebody with an account and a confirmed address."""
    return new_person().is_a_member()


def text_of(page, view):
    return page.locator(f"#{view}").inner_text()


# Sign-up


def test_who_signs_up_with_an_address_confirms_it_by_a_link_and_the_first_tab_sees_it_at_once(new_person):
    kim = new_person().signs_up()
    kim.visitor.is_signed_in()
    kim.visitor.sees("#profile-email", kim.address)
    kim.visitor.sees("#email-state", "Not confirmed yet")
    linked = kim.opens(kim.post.link("email"))
    assert linked.inner_text("h1 >> visible=true") == "Confirm your address"
    assert kim.posts(linked) == []
    kim.presses("email", linked)
    kim.visitor.sees("#email-state", "Confirmed")
    assert kim.page.locator("#email-unconfirmed").is_hidden()


def test_an_address_is_optional_and_can_be_added_later(new_person):
    kim = new_person().signs_up(address="")
    kim.visitor.is_signed_in()
    kim.visitor.sees("#profile-email", "None")
    kim.page.click("#email-fold summary")
    kim.page.fill("#new-email", kim.address)
    kim.page.click("#address-form [type=submit]")
    kim.visitor.sees("#email-state", "Not confirmed yet")
    kim.presses("email", kim.opens(kim.post.link("email")))
    kim.visitor.sees("#email-state", "Confirmed")


def test_what_is_no_address_is_an_error_at_its_field(new_person):
    kim = new_person().signs_up(address="kim@example")
    kim.visitor.sees("#signup-email-error", "such as name@example.org")
    assert kim.page.evaluate("document.activeElement.id") == "signup-email"
    kim.visitor.forgive(422)


def test_where_the_address_is_required_the_form_asks_for_it(new_person):
    kim = new_person()
    options = {"registration": "open", "identifier": "username", "email": "required", "password": {}}
    kim.visitor.context.route("**/api/auth/options", lambda route: route.fulfill(json=options))
    kim.signs_up(address="")
    kim.visitor.sees("#signup-email-error", "Enter an e-mail address")
    assert kim.page.locator("#signup-email-optional").is_hidden()
    assert kim.posts() == []


def test_where_the_address_is_the_name_the_account_exists_once_the_link_is_used(new_person, address_server):
    kim = new_person(address_server, by_address=True).signs_up()
    kim.visitor.sees(".step h2, h2", "Confirm your address")
    kim.visitor.sees("[data-to]", kim.address)
    linked = kim.opens(kim.post.link("register"))
    assert "only if you signed up yourself" in text_of(linked, "register")
    assert kim.posts(linked) == []
    kim.presses("register", linked)
    kim.visitor.is_signed_in()
    kim.visitor.sees("#email-state", "Confirmed")
    assert kim.page.locator("#profile-username").is_hidden()
    linked.click("#done-next")
    linked.locator("#logged-in").wait_for()
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
        page.click(f"#show-{form}")
        expect(page.locator(f"label[for={form}-username]")).to_have_text("E-mail address")
        field = page.locator(f"#{form}-username")
        found = field.evaluate("(field) => [field.type, field.inputMode, field.getAttribute('autocomplete')]")
        assert found == ["email", "email", f"username email{passkeys}"]
    assert page.locator("#signup-email").is_hidden()
    page.click("#signup-form [type=submit]")
    expect(page.locator("#signup-username-error")).to_contain_text("e-mail address")
    page.click("#show-login")
    page.click("#login-form [type=submit]")
    expect(page.locator("#login-username-error")).to_have_text("Enter your e-mail address.")


# Forgotten passwords


def test_who_has_forgotten_the_password_chooses_another_one_by_mail(kim):
    kim.logs_out()
    kim.asks("forgot")
    kim.visitor.sees("h2", "Look into your mailbox")
    kim.visitor.sees(".explanation", kim.visitor.username)
    linked = kim.opens(kim.post.link("reset"))
    linked.fill("#reset-password", NEW_PASSWORD)
    kim.presses("reset", linked)
    linked.click("#done-next")
    linked.locator("#login-form").wait_for()
    kim.post.subject("was reset")
    kim.page.click(".step >> visible=true >> text=Back to the log-in")
    kim.visitor.log_in()
    kim.visitor.sees("#login-form [data-form-error]", "do not match")
    kim.visitor.log_in(NEW_PASSWORD)
    kim.visitor.is_signed_in()
    kim.visitor.forgive(401)


def test_a_new_password_by_mail_ends_the_sessions_and_logs_nobody_in(kim, new_person):
    elsewhere = new_person()
    elsewhere.visitor.open()
    elsewhere.asks("forgot", kim.address)
    linked = elsewhere.opens(kim.post.link("reset"))
    linked.fill("#reset-password", NEW_PASSWORD)
    elsewhere.presses("reset", linked)
    linked.goto(kim.server.url)
    linked.locator("#login-form").wait_for()
    assert elsewhere.visitor.refresh_cookies() == []
    kim.page.reload()
    kim.visitor.is_signed_out()
    kim.visitor.forgive(401)


def test_a_browser_whose_session_has_ended_can_still_use_a_link(kim):
    kim.page.goto("about:blank")
    other = kim.visitor.context.request
    cookie = kim.visitor.refresh_cookies()[0]
    other.post(
        f"{kim.server.url}/api/auth/logout",
        data="{}",
        headers={"Content-Type": "application/json", "Cookie": f"{cookie['name']}={cookie['value']}"},
    )
    urlopen(kim.server, "auth/password/forgot", {"username": kim.visitor.username})
    linked = kim.opens(kim.post.link("reset"))
    linked.fill("#reset-password", NEW_PASSWORD)
    kim.presses("reset", linked)
    assert kim.posts(linked) == ["auth/password/reset"]


def urlopen(server, path, body):
    """Call the API as somebody with another browser."""
    request = urllib.request.Request(
        f"{server.url}/api/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=120) as response:
        return json.loads(response.read())


def test_a_password_that_is_refused_leaves_the_link_good(kim):
    urlopen(kim.server, "auth/password/forgot", {"username": kim.visitor.username})
    linked = kim.opens(kim.post.link("reset"))
    linked.fill("#reset-password", "short")
    linked.click("#reset-form [type=submit]")
    expect(linked.locator("#reset-password-error")).to_contain_text("at least 15")
    assert kim.posts(linked) == []
    linked.fill("#reset-password", f"{kim.visitor.username} {kim.visitor.username}")
    linked.click("#reset-form [type=submit]")
    expect(linked.locator("#reset-password-error")).not_to_be_empty()
    assert linked.evaluate("document.activeElement.id") == "reset-password"
    linked.fill("#reset-password", NEW_PASSWORD)
    kim.presses("reset", linked)
    kim.visitor.forgive(422)


def test_the_page_says_the_same_whether_or_not_there_is_an_account(kim, new_person):
    seen = []
    for name in (kim.visitor.username, kim.address, "nobody.at.all"):
        stranger = new_person()
        stranger.visitor.open()
        for step in ("forgot", "code"):
            stranger.asks(step, name)
            stranger.visitor.sees(".step >> visible=true >> [data-to]", name)
            seen.append((step, text_of(stranger.page, "logged-out").replace(name, "…")))
            stranger.page.click(".step >> visible=true >> text=Back to the log-in")
    without_seconds = {(step, re.sub(r"in \d+ s", "", text)) for step, text in seen}
    assert len(without_seconds) == 2


# Log-in by a code


def test_who_gets_a_code_by_mail_logs_in_with_it_also_with_spaces(kim):
    kim.logs_out()
    kim.asks("code", kim.address)
    kim.visitor.sees("#code-digits")
    assert kim.page.evaluate("document.activeElement.id") == "code-digits"
    code = kim.post.code()
    kim.page.evaluate("(code) => navigator.clipboard?.writeText(code).catch(() => {})", code)
    kim.page.keyboard.insert_text(f" {code[:3]} {code[3:]} ")
    kim.page.keyboard.press("Enter")
    kim.visitor.is_signed_in()
    assert [secret for secret in (code, PASSWORD) if secret in kim.page.evaluate(KEPT)] == []
    assert kim.page.evaluate("sessionStorage.length") == 0


def test_a_wrong_code_is_told_at_its_field_and_the_right_one_still_works(kim):
    kim.logs_out()
    kim.asks("code")
    code = kim.post.code()
    kim.enters("12 34")
    kim.visitor.sees("#code-digits-error", "6 digits")
    kim.enters(f"{(int(code) + 1) % 10**6:06d}")
    kim.visitor.sees("#code-digits-error", "This is not the code")
    assert kim.page.evaluate("getSelection().toString() || document.activeElement.id") != ""
    kim.enters(code)
    kim.visitor.is_signed_in()
    kim.visitor.forgive(401)


def test_after_five_wrong_codes_the_page_says_to_ask_for_another(kim):
    kim.logs_out()
    kim.asks("code")
    code = kim.post.code()
    for _ in range(5):
        kim.enters(f"{(int(code) + 1) % 10**6:06d}")
        kim.visitor.sees("#code-digits-error", "This is not the code")
        kim.page.fill("#code-digits", "")
    kim.enters(code)
    kim.visitor.sees("#code-entry-form [data-form-error]", "another one")
    kim.page.click("#code-entry-form >> text=Another name")
    kim.visitor.sees("#code-form")
    kim.visitor.forgive(401)


def test_a_phone_that_forgets_the_page_while_the_mail_is_read_still_takes_the_code(kim):
    kim.logs_out()
    kim.asks("code")
    code = kim.post.code()
    kim.page.reload()
    kim.visitor.sees("#code-digits")
    kim.enters(code)
    kim.visitor.is_signed_in()


def test_a_code_is_worth_nothing_to_another_browser(kim, new_person):
    kim.logs_out()
    kim.asks("code")
    code = kim.post.code()
    thief = new_person()
    thief.visitor.open()
    thief.asks("code", kim.visitor.username)
    thief.visitor.sees("#code-digits")
    thief.enters(code)
    thief.visitor.sees("#code-digits-error", "This is not the code")
    kim.enters(code)
    kim.visitor.is_signed_in()
    thief.visitor.forgive(401)


def test_the_way_back_and_forth_loses_no_code(kim):
    kim.logs_out()
    kim.asks("code")
    code = kim.post.code()
    kim.page.go_back()
    kim.visitor.sees("#login-form")
    kim.page.go_forward()
    kim.visitor.sees("#code-digits")
    kim.enters(code)
    kim.visitor.is_signed_in()


# Addresses


def test_another_address_takes_the_place_of_a_confirmed_one_once_it_is_confirmed_and_the_old_one_is_told(kim):
    other = Postbox(kim.server, f"other.{kim.address}")
    kim.page.click("#email-fold summary")
    kim.page.fill("#new-email", other.address)
    kim.page.click("#address-form [type=submit]")
    kim.visitor.sees("#notice", other.address)
    kim.visitor.sees("#email-unconfirmed", other.address)
    kim.visitor.sees("#profile-email", kim.address)
    kim.presses("email", kim.opens(other.link("email")))
    expect(kim.page.locator("#profile-email")).to_have_text(other.address)
    kim.post.subject("no longer uses")


def test_an_address_can_be_removed(kim):
    kim.page.click("#email-fold summary")
    kim.page.click("#address-form >> text=Remove the address")
    kim.page.click("#confirm-dialog [type=submit]")
    kim.visitor.sees("#profile-email", "None")
    kim.visitor.sees("#notice", "no address any more")
    kim.post.subject("no longer uses")


def test_a_change_of_address_asks_for_the_password_if_the_log_in_is_a_while_ago(
    new_person, patient_server, patient_clock
):
    kim = new_person(patient_server).signs_up(address="")
    kim.visitor.is_signed_in()
    patient_clock.advance(FRESH_SECONDS + 1)
    kim.page.reload()
    kim.visitor.is_signed_in()
    kim.visitor.sees("#profile-email", "None")
    kim.page.click("#email-fold summary")
    kim.page.fill("#new-email", kim.address)
    kim.page.click("#address-form [type=submit]")
    kim.page.fill("#confirm-password", PASSWORD)
    kim.page.click("#confirm-dialog [type=submit]")
    kim.visitor.sees("#email-state", "Not confirmed yet")
    kim.post.link("email")
    kim.visitor.forgive(401)


def test_an_address_that_is_none_is_told_in_the_form_of_the_account(kim):
    kim.page.click("#email-fold summary")
    kim.page.fill("#new-email", "kim@example")
    kim.page.click("#address-form [type=submit]")
    kim.visitor.sees("#new-email-error", "such as name@example.org")
    kim.visitor.forgive(422)


def test_an_address_that_another_account_has_confirmed_is_told_when_the_link_is_used(kim, new_person):
    late = new_person()
    late.address = kim.address
    late.post = kim.post
    late.signs_up(address="")
    late.visitor.is_signed_in()
    late.visitor.sees("#profile-email", "None")
    late.visitor.context.route(
        "**/api/auth/email/confirm", lambda route: route.fulfill(status=409, json={"error": "email_taken"})
    )
    linked = late.opens(f"{late.server.url}/account.html#email=abc")
    linked.click("#email-form [type=submit]")
    linked.locator("#gone-title", has_text="The address has an account already").wait_for()
    late.visitor.forgive(409)


def test_a_mail_can_be_sent_again_after_a_countdown(new_person, patient_server, patient_clock):
    kim = new_person(patient_server)
    kim.page.clock.install()
    kim.signs_up(address="")
    kim.visitor.is_signed_in()
    kim.visitor.sees("#profile-email", "None")
    kim.page.click("#email-fold summary")
    kim.page.fill("#new-email", kim.address)
    kim.page.click("#address-form [type=submit]")
    again = kim.page.locator(".unconfirmed button")
    expect(again).to_have_text(re.compile(r"^Send again in \d+ s$"))
    kim.post.link("email")
    before = len(kim.posts())
    again.click(force=True)
    assert len(kim.posts()) == before
    kim.page.clock.fast_forward(61_000)
    patient_clock.advance(61)
    expect(again).to_have_text("Send again")
    again.click()
    kim.visitor.sees(".unconfirmed [role=status]", "Sent again")
    expect(again).to_have_text(re.compile("^Send again in"))
    kim.post.link("email", count=2)


@pytest.mark.parametrize(("seconds", "told"), [(42, "Send again in 42 s"), (1800, "Send again in 30 min")])
def test_who_asks_too_often_sees_how_long_to_wait(new_person, seconds, told):
    kim = new_person()
    kim.page.clock.install()
    kim.visitor.open()
    kim.asks("forgot", "kim")
    again = kim.page.locator(".step >> visible=true >> .again button").first
    again.wait_for()
    kim.page.clock.fast_forward(61_000)
    expect(again).to_have_text("Send again")
    refusal = {"status": 429, "headers": {"Retry-After": str(seconds)}, "json": {"error": "too_many_attempts"}}
    kim.visitor.context.route("**/api/auth/password/forgot", lambda route: route.fulfill(**refusal))
    again.click()
    expect(again).to_have_text(told)
    kim.visitor.sees(".step [role=status]", "Too many mails")
    kim.page.click(".step >> visible=true >> text=Another name")
    kim.page.fill("#forgot-username", "kim")
    kim.page.click("#forgot-form [type=submit]")
    kim.visitor.sees("#forgot-form [data-form-error]", "Too many mails")
    kim.visitor.forgive(429)


# The page of mailed links


@pytest.fixture(params=["email", "reset", "register"])
def linked_person(request, new_person, address_server):
    """Somebody with a link in the mail, what it is for, and the link."""
    purpose = request.param
    if purpose == "register":
        person = new_person(address_server, by_address=True).signs_up()
        person.visitor.sees("[data-to]", person.address)
        return person, purpose, person.post.link("register")
    person = new_person().signs_up()
    person.visitor.is_signed_in()
    link = person.post.link("email")
    if purpose == "email":
        return person, purpose, link
    person.presses("email", person.opens(link))
    urlopen(person.server, "auth/password/forgot", {"username": person.visitor.username})
    return person, purpose, person.post.link("reset")


def use(person, purpose, page):
    if purpose == "reset":
        page.fill("#reset-password", NEW_PASSWORD)
    person.presses(purpose, page)


def test_programs_that_open_links_do_not_use_them_up(linked_person, new_visitor):
    person, purpose, link = linked_person
    # One that fetches, with the fragment or without.
    for address in (link, link.partition("#")[0]):
        with urllib.request.urlopen(address, timeout=120) as answer:
            assert answer.status == 200
    # One that runs scripts and waits, one that also looks at everything, but presses no button.
    for is_curious in (False, True):
        scanner = new_visitor(person.server)
        scanner.page.goto(link)
        scanner.page.wait_for_load_state("networkidle")
        if is_curious:
            for key in ("Tab", "End", "Home", "Escape"):
                scanner.page.keyboard.press(key)
            scanner.page.mouse.click(5, 300)
            scanner.page.hover(f"#{purpose}-form [type=submit]")
            scanner.page.reload()
            scanner.page.wait_for_load_state("networkidle")
        assert [method for method, _, _ in scanner.made() if method != "GET"] == []
        assert {path for _, path, _ in scanner.made()} <= {"auth/options"}
    use(person, purpose, person.opens(link))


def test_the_token_leaves_the_address_the_history_and_the_page_at_once(linked_person):
    person, purpose, link = linked_person
    token = link.partition("=")[2]
    page = person.visitor.open_tab()
    requested = []
    page.on("request", lambda request: requested.append((request.url, request.headers)))
    page.goto(link)
    page.locator(f"#{purpose}").wait_for()
    assert page.url == f"{person.server.url}/account.html"
    assert token not in page.evaluate(KEPT)
    assert token not in page.content()
    # The browser itself leaves the fragment out of the request, and knows of no referrer.
    sent = [(url, headers) for url, headers in requested if url != link]
    assert token not in json.dumps(sent)
    assert {headers.get("referer", "") for _, headers in requested} == {""}
    page.goto("about:blank")
    page.go_back()
    assert token not in page.url


def test_a_page_that_is_reloaded_says_to_open_the_link_again(linked_person):
    person, purpose, link = linked_person
    page = person.opens(link)
    page.locator(f"#{purpose}").wait_for()
    page.reload()
    page.locator("#gone-title", has_text="Open the link in your mail").wait_for()
    page.goto(link)
    use(person, purpose, page)
    page.goto("about:blank")
    page.go_back()
    page.locator("#gone, #done").filter(visible=True).first.wait_for()


def test_two_clicks_are_one(linked_person):
    person, purpose, link = linked_person
    page = person.opens(link)
    if purpose == "reset":
        page.fill("#reset-password", NEW_PASSWORD)
    page.dblclick(f"#{purpose}-form [type=submit]")
    page.locator("#done").wait_for()
    assert len([path for path in person.posts(page) if path != "auth/refresh"]) == 1


def test_a_link_that_was_used_in_another_tab_says_so_and_what_to_do(linked_person):
    person, purpose, link = linked_person
    late = person.opens(link)
    late.locator(f"#{purpose}").wait_for()
    use(person, purpose, person.opens(link))
    if purpose == "reset":
        late.fill("#reset-password", NEW_PASSWORD)
    late.click(f"#{purpose}-form [type=submit]")
    late.locator("#gone-title", has_text="This link is no longer good").wait_for()
    assert late.evaluate("document.activeElement.id") == "gone-title"
    way = {"email": "/", "reset": "/#forgot", "register": "/#signup"}[purpose]
    assert late.get_attribute("#gone-next", "href") == way
    person.visitor.forgive(410)


def test_who_is_offline_presses_the_button_again_later(linked_person):
    person, purpose, link = linked_person
    page = person.opens(link)
    page.locator(f"#{purpose}").wait_for()
    page.wait_for_load_state("networkidle")
    person.visitor.context.set_offline(True)
    if purpose == "reset":
        page.fill("#reset-password", NEW_PASSWORD)
    page.click(f"#{purpose}-form [type=submit]")
    expect(page.locator(f"#{purpose}-form [data-form-error]")).to_contain_text("offline")
    person.visitor.context.set_offline(False)
    page.click(f"#{purpose}-form [type=submit]")
    page.locator("#done").wait_for()
    person.visitor.forgive("ERR_INTERNET_DISCONNECTED")


def test_a_link_that_is_too_old_leads_to_the_form_for_another_mail(new_person, patient_server, patient_clock):
    kim = new_person(patient_server)
    kim.is_a_member().logs_out()
    kim.asks("forgot")
    link = kim.post.link("reset")
    patient_clock.advance(30 * 60)
    linked = kim.opens(link)
    linked.fill("#reset-password", NEW_PASSWORD)
    linked.click("#reset-form [type=submit]")
    linked.locator("#gone-title", has_text="This link is no longer good").wait_for()
    linked.click("#gone-next")
    linked.fill("#forgot-username", kim.visitor.username)
    linked.click("#forgot-form [type=submit]")
    kim.post.link("reset", count=2)
    kim.visitor.forgive(410)


@pytest.mark.parametrize("fragment", ["", "#", "#reset", "#reset=", "#other=abc", "#reset=a%20b", "#__proto__=abc"])
def test_a_link_that_is_not_whole_asks_to_open_the_mail_again(new_visitor, server, fragment):
    visitor = new_visitor(server)
    visitor.page.goto(f"{server.url}/account.html{fragment}")
    visitor.sees("#gone-title", "Open the link in your mail")
    assert visitor.page.url == f"{server.url}/account.html"
    assert visitor.made() == []


@pytest.mark.parametrize("cut", [lambda token: token[:-1], lambda token: token + token, lambda _: "x" * 65])
def test_a_token_that_was_cut_or_doubled_is_a_link_that_is_no_longer_good(new_visitor, server, cut):
    visitor = new_visitor(server)
    token = "A" * 65
    visitor.page.goto(f"{server.url}/account.html#email={cut(token)}")
    visitor.page.click("#email-form [type=submit]")
    visitor.sees("#gone-title", "This link is no longer good")
    visitor.forgive(410, 422)


def test_another_link_in_the_same_tab_is_taken_up(new_visitor, server):
    visitor = new_visitor(server)
    visitor.page.goto(f"{server.url}/account.html#email=abc")
    visitor.sees("#email-title")
    visitor.page.goto(f"{server.url}/account.html#reset=abc")
    visitor.sees("#reset-title")
    assert visitor.page.url == f"{server.url}/account.html"
    assert visitor.page.evaluate("document.activeElement.id") == "reset-title"


def test_the_page_of_mailed_links_has_the_headers_of_the_site(server):
    with urllib.request.urlopen(f"{server.url}/account.html", timeout=120) as answer:
        headers = dict(answer.headers)
    assert {name: headers[name] for name in PAGE_HEADERS} == PAGE_HEADERS
    assert headers["Referrer-Policy"] == "no-referrer"


# Without mails


def test_where_no_mails_are_sent_the_page_is_as_it_was(new_visitor, mailless_server):
    visitor = new_visitor(mailless_server)
    loaded = []
    visitor.page.on("request", lambda request: loaded.append(request.url.rpartition("/")[2]))
    visitor.page.goto(f"{mailless_server.url}/#forgot")
    visitor.sees("#login-form")
    visitor.page.wait_for_load_state("networkidle")
    assert visitor.page.locator("#mail-ways").is_hidden()
    visitor.page.click("#show-signup")
    visitor.sees("#signup-form")
    assert visitor.page.locator("#signup-email").is_hidden()
    visitor.sign_up()
    visitor.is_signed_in()
    visitor.has_loaded(visitor.page)
    visitor.page.wait_for_load_state("networkidle")
    assert visitor.page.locator("#email-fold").count() == 0
    assert {"mail-entry.js", "address.js", "lychgate-mail.js", "mails.css"} & set(loaded) == set()


def test_what_is_done_by_mail_is_loaded_when_it_is_asked_for(new_visitor, server):
    visitor = new_visitor(server)
    loaded = []
    visitor.page.on("request", lambda request: loaded.append(request.url.rpartition("/")[2]))
    visitor.open().sees("#mail-ways")
    visitor.page.wait_for_load_state("networkidle")
    assert "mail-entry.js" not in loaded
    visitor.page.click("#mail-ways a[href='#forgot']")
    visitor.sees("#forgot-form")
    assert {"mail-entry.js", "lychgate-mail.js", "mails.css"} <= set(loaded)
    expect(visitor.page).to_have_title("Forgot your password? · Lychgate")


def test_what_cannot_be_loaded_is_told_and_the_log_in_stays(new_visitor, server):
    visitor = new_visitor(server).open()
    visitor.sees("#mail-ways")
    visitor.context.route("**/mail-entry.js", lambda route: route.abort())
    visitor.page.click("#mail-ways a[href='#forgot']")
    visitor.sees("#notice", "cannot be reached")
    visitor.sees("#login-form")
    visitor.forgive("ERR_FAILED", "Failed to load resource")


def test_the_fields_of_mails_are_what_keyboards_and_password_managers_look_for(kim):
    kim.logs_out()
    kim.asks("code")
    kim.visitor.sees("#code-digits")
    found = kim.page.eval_on_selector_all(
        ".step input", "(all) => all.map((field) => [field.id, field.inputMode, field.getAttribute('autocomplete')])"
    )
    assert found == [
        ["forgot-username", "", "username"],
        ["code-username", "", "username"],
        ["code-digits", "numeric", "one-time-code"],
    ]
    linked = kim.opens(f"{kim.server.url}/account.html#reset=abc")
    fields = linked.eval_on_selector_all("#reset-form input", "(all) => all.map((field) => field.autocomplete)")
    assert fields == ["username", "new-password"]


def test_an_account_remembers_what_the_site_allows_and_asks_no_more_at_each_visit(kim):
    kim.page.reload()
    kim.visitor.is_signed_in()
    kim.visitor.sees("#email-state", "Confirmed")
    kim.page.wait_for_load_state("networkidle")
    assert [path for _, path, _ in kim.visitor.made()].count("auth/options") == 1
