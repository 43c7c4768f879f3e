"""The token inspector, a page for developers: the session's token, and calls of the API with it."""

import json

import pytest

from tests.browser.development_server import eventually


@pytest.fixture
def developer(member):
    """Somebody who has signed up and opened the token inspector."""
    return inspect(member)


def inspect(visitor):
    visitor.has_loaded(visitor.page)
    visitor.calls.clear()
    visitor.page.goto(f"{visitor.url}/inspector.html")
    visitor.sees("#token-claims", visitor.username)
    return visitor


def test_an_expired_access_token_costs_one_refresh_and_one_more_try(new_visitor, hasty_server):
    hurried = new_visitor(hasty_server).open()
    hurried.sign_up()
    hurried.is_signed_in()
    hurried.context.route("**/api/auth/refresh", promise_ten_minutes)
    inspect(hurried)
    (access_token,) = hurried.access_tokens()
    eventually(lambda: ask_for_me(hurried, access_token).status == 401)
    seen = len(hurried.made())
    hurried.page.click("#call-me")
    hurried.sees("#call-result pre.body", hurried.username)
    assert hurried.made()[seen:] == [("GET", "me", 401), ("POST", "auth/refresh", 200), ("GET", "me", 200)]
    hurried.forgive(401)


def test_a_call_that_nobody_answers_is_said_once(developer):
    developer.context.route("**/api/me", lambda route: route.abort())
    developer.page.click("#call-me")
    developer.sees("#call-result .form-error", "cannot be reached")
    assert developer.page.inner_text("#call-result .answer").count("no answer") == 1
    assert developer.page.inner_text("#call-log li:first-child").count("no answer") == 1
    developer.forgive("ERR_FAILED")


def test_who_has_no_session_is_led_to_the_log_in_and_no_call_is_made(new_visitor, server):
    stranger = new_visitor(server)
    stranger.page.goto(f"{server.url}/inspector.html")
    stranger.sees("#logged-out-title", "No session")
    link = stranger.page.get_by_role("link", name="Log in")
    assert link.get_attribute("href") == "/?return=/inspector.html"
    stranger.page.wait_for_load_state("networkidle")
    assert stranger.made() == []


def test_a_new_token_by_hand_is_shown_and_what_changed_is_marked(developer):
    before = developer.page.inner_text("#token-claims")
    developer.page.click("#refresh-now")
    developer.sees("#refresh-result", "New token at")
    assert developer.page.inner_text("#token-claims") != before
    changed = developer.page.locator("#token-claims tr.changed code:first-child").all_inner_texts()
    assert "jti" in changed
    assert "sub" not in changed
    assert developer.refreshes() == [200, 200]


def test_logging_out_in_another_tab_empties_the_inspector(developer):
    other = developer.open_tab(developer.url)
    other.click("#log-out")
    developer.sees("#logged-out-title", "No session")
    assert developer.username not in developer.page.locator("body").text_content()
    assert developer.page.locator("#token-claims tr, #call-log li").count() == 0


def promise_ten_minutes(route):
    """Let the page believe that its token lives longer than it does, as a clock that stood still would."""
    answer = route.fetch()
    route.fulfill(response=answer, json={**json.loads(answer.body()), "expires_in": 600})


def ask_for_me(visitor, access_token):
    headers = {"Authorization": f"Bearer {access_token}"}
    return visitor.context.request.get(f"{visitor.url}/api/me", headers=headers)
