"""The dashboard: sessions, history, password, deletion, and text from outside that would like to be markup."""

import json
import urllib.request

import pytest

from tests.browser.visitor import PASSWORD

NEW_PASSWORD = "nine new willow boards and a bolt"
HOSTILE = "<img src=x onerror=document.title='owned'><b>bold</b>"


@pytest.fixture
def elsewhere(member, new_visitor, server):
    """The same user, logged in with another browser, who has seen the first browser's session too."""
    other = new_visitor(server, member.username).open()
    other.log_in()
    other.is_signed_in()
    other.sees("#session-list .pill", "This one")
    return other


def test_a_new_account_is_signed_in_nowhere_else(member):
    member.sees("#sessions-summary", "nowhere else")
    member.sees("#event-list", "Account made")
    assert member.page.locator("#end-others").is_hidden()


def test_a_session_elsewhere_is_listed_and_can_be_ended(member, elsewhere):
    elsewhere.page.click("#session-list li button")
    elsewhere.sees("#notice", "The session has ended")
    elsewhere.sees("#sessions-summary", "nowhere else")
    assert elsewhere.page.evaluate("document.activeElement.id") == "sessions-title"
    assert member.load_again() == 401
    member.is_signed_out()
    member.forgive(401)


def test_all_other_sessions_can_be_ended_at_once(member, elsewhere, new_visitor, server):
    third = new_visitor(server, member.username).open()
    third.log_in()
    third.sees("#session-list li:nth-child(3)")
    third.page.click("#end-others")
    third.sees("#sessions-summary", "nowhere else")
    for other in (member, elsewhere):
        assert other.load_again() == 401
        other.is_signed_out()
        other.forgive(401)
    third.page.reload()
    third.is_signed_in()
    assert third.refreshes() == [200]


def test_signing_out_everywhere_ends_this_session_too(member, elsewhere):
    elsewhere.page.click("#log-out-everywhere")
    elsewhere.is_signed_out()
    assert member.load_again() == 401
    member.is_signed_out()
    member.forgive(401)


def test_a_failed_sign_in_is_in_the_history(member, new_visitor, server):
    stranger = new_visitor(server, member.username).open()
    stranger.log_in("seven old oak boards and a guess")
    stranger.sees("#login-form [data-form-error]", "do not match")
    member.page.click("#reload-dashboard")
    member.sees("#event-list", "Log-in failed")
    stranger.forgive(401)


def test_a_wrong_current_password_is_an_error_at_its_field_and_no_log_out(member):
    change_password(member, "seven old oak boards and a guess", NEW_PASSWORD)
    member.sees("#current-password-error", "not your password")
    assert member.page.evaluate("document.activeElement.id") == "current-password"
    member.is_signed_in()
    assert member.refreshes() == []
    member.forgive(401)


def test_a_changed_password_is_the_one_that_counts_from_then_on(member, elsewhere):
    change_password(member, PASSWORD, NEW_PASSWORD)
    member.sees("#notice", "Your password is changed")
    assert member.page.input_value("#new-password") == ""
    assert elsewhere.load_again() == 401
    elsewhere.is_signed_out()
    elsewhere.log_in()
    elsewhere.sees("#login-form [data-form-error]", "do not match")
    elsewhere.log_in(NEW_PASSWORD)
    elsewhere.is_signed_in()
    elsewhere.forgive(401)


def test_a_new_password_must_keep_the_rules(member):
    change_password(member, PASSWORD, "short")
    member.sees("#new-password-error", "at least 15")
    change_password(member, PASSWORD, f"{member.username} and some more")
    member.sees("#new-password-error", "must not contain the username")
    assert "auth/password" not in [path for _, path, _ in member.made()]


def test_an_account_is_deleted_with_its_password_only(member):
    member.page.click("summary")
    member.page.fill("#delete-password", "seven old oak boards and a guess")
    member.page.click("#delete-form [type=submit]")
    member.sees("#delete-password-error", "not your password")
    member.page.fill("#delete-password", PASSWORD)
    member.page.click("#delete-form [type=submit]")
    member.is_signed_out()
    member.sees("#notice", "Your account is deleted")
    member.log_in()
    member.sees("#login-form [data-form-error]", "do not match")
    member.forgive(401)


def test_a_user_agent_with_markup_is_shown_as_text(member):
    headers = {"Content-Type": "application/json", "User-Agent": HOSTILE}
    body = json.dumps({"username": member.username, "password": PASSWORD}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{member.url}/api/auth/login", body, headers)) as answer:
        assert answer.status == 200
    member.page.click("#reload-dashboard")
    member.sees("#session-list strong", HOSTILE)
    member.sees("#event-list", HOSTILE)
    assert member.page.locator("main img, main b").count() == 0
    assert member.page.title() != "owned"


def test_what_the_api_says_is_shown_as_text(member):
    event = {"type": HOSTILE, "at": HOSTILE, "ip": HOSTILE, "user_agent": HOSTILE}
    member.context.route("**/api/dashboard", lambda route: route.fulfill(json={"recent_events": [event]}))
    member.page.click("#reload-dashboard")
    member.sees("#event-list strong", HOSTILE)
    assert member.page.locator("main img, main b").count() == 0


def test_a_dashboard_that_cannot_be_loaded_says_so_and_can_be_asked_again(member):
    member.page.wait_for_load_state("networkidle")
    member.context.route("**/api/dashboard", lambda route: route.fulfill(status=503, json={}))
    member.page.click("#reload-dashboard")
    member.sees("#history-summary", "The service has a problem")
    member.context.unroute("**/api/dashboard")
    member.page.click("#reload-dashboard")
    member.sees("#event-list", "Account made")
    member.forgive(503)


def test_nothing_of_one_user_is_left_for_the_next(member):
    member.sees("#event-list", "Account made")
    member.sign_out()
    member.is_signed_out()
    member.wait_for(lambda: member.username not in member.page.locator("#logged-in").text_content())
    assert member.page.locator("#session-list li, #event-list li").count() == 0


def test_a_suggested_passphrase_is_shown_and_taken(visitor):
    visitor.page.click("#show-signup")
    visitor.page.fill("#signup-username", visitor.username)
    visitor.page.click("#suggest")
    visitor.sees("#password-tally", "✓")
    first = visitor.page.input_value("#signup-password")
    assert visitor.page.get_attribute("#signup-password", "type") == "text"
    visitor.page.click("#suggest")
    visitor.wait_for(lambda: visitor.page.input_value("#signup-password") != first)
    visitor.page.click("#signup-form [type=submit]")
    visitor.is_signed_in()


@pytest.mark.parametrize(
    "password",
    [
        "fourteen chars",
        "fifteen charact",
        "Rene\u0301e took 19\u20ac",
        "Rene\u0301e took 199\u20ac",
        "".join(map(chr, range(0x1F400, 0x1F40E))),
        "".join(map(chr, range(0x1F400, 0x1F40F))),
        "".join(map(chr, range(0x100, 0x200))),
        "".join(map(chr, range(0x100, 0x201))),
        "my name is {name}, is it",
        "my name is {upper}, is it",
        "my name is {wide}, is it",
    ],
)
def test_the_page_and_the_api_agree_on_which_passwords_will_do_but_for_common_ones(visitor, password):
    name = visitor.username
    wide = "".join(chr(ord(letter) + 0xFEE0) for letter in name)
    password = password.format(name=name, upper=name.upper(), wide=wide)
    problem = visitor.page.evaluate(
        "async ([password, name]) => (await import('/js/forms.js')).passwordProblem(password, name)", [password, name]
    )
    body = {"username": name, "password": password}
    answer = visitor.context.request.post(f"{visitor.url}/api/auth/register", data=body)
    assert (problem == "") == (answer.status == 201), (problem, answer.text())


def change_password(visitor, current, new):
    visitor.page.fill("#current-password", current)
    visitor.page.fill("#new-password", new)
    visitor.page.click("#password-form [type=submit]")
