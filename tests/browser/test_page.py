"""What somebody can do with the page, in a real browser against the real server."""

import json

from tests.browser.development_server import eventually
from tests.browser.visitor import PASSWORD

EVERYTHING_STORED = """async () => JSON.stringify([
    document.cookie, location.href, {...localStorage}, {...sessionStorage}, history.state, name,
    await indexedDB.databases(), await caches.keys(),
    performance.getEntriesByType("resource").map((entry) => entry.name),
])"""


def test_a_first_visit_shows_the_forms_and_asks_for_no_more_than_the_options(visitor):
    visitor.sees("#login-form")
    visitor.page.wait_for_load_state("networkidle")
    assert visitor.made() == [("GET", "auth/options", 200)]


def test_signing_up_shows_the_account(visitor):
    visitor.sign_up()
    visitor.is_signed_in()
    visitor.sees("#profile-username", visitor.username)
    assert ("POST", "auth/register", 201) in visitor.made()


def test_logging_in_shows_the_account(member):
    member.sign_out()
    member.is_signed_out()
    member.log_in()
    member.is_signed_in()


def test_a_reload_keeps_one_logged_in(member):
    member.page.reload()
    member.is_signed_in()
    assert [path for _, path, _ in member.made()].count("auth/login") == 0
    assert ("POST", "auth/refresh", 200) in member.made()


def test_a_wrong_password_is_an_error_in_the_form_and_no_session(member):
    member.sign_out()
    member.log_in("seven old oak boards and a wrong latch")
    member.sees("#login-form [data-form-error]", "do not match")
    assert member.page.locator("#logged-in").is_hidden()
    assert ("POST", "auth/login", 401) in member.made()
    member.forgive(401)


def test_an_unknown_user_reads_the_same_as_a_wrong_password(member, new_visitor, server):
    member.sign_out()
    member.log_in("seven old oak boards and a wrong latch")
    told = member.sees("#login-form [data-form-error]", "do not match").inner_text()
    stranger = new_visitor(server).open()
    stranger.log_in()
    assert stranger.sees("#login-form [data-form-error]", "do not match").inner_text() == told
    member.forgive(401)
    stranger.forgive(401)


def test_a_taken_name_is_an_error_at_its_field(member, new_visitor, server):
    late = new_visitor(server, member.username.upper()).open()
    late.sign_up()
    late.sees("#signup-username-error", "taken")
    assert late.page.evaluate("document.activeElement.id") == "signup-username"
    late.forgive(409)


def test_signing_out_is_for_good(member):
    (cookie,) = member.refresh_cookies()
    member.sign_out()
    member.is_signed_out()
    member.page.reload()
    member.is_signed_out()
    # If the reload cut the log-out short, the page sends it once more.
    member.wait_for(lambda: member.refresh_cookies() == [])
    assert member.refreshes() == []
    kept = member.context.request.post(
        f"{member.url}/api/auth/refresh",
        data="{}",
        headers={"Content-Type": "application/json", "Cookie": f"{cookie['name']}={cookie['value']}"},
    )
    assert (kept.status, kept.json()["error"]) == (401, "invalid_grant")


def test_an_expired_access_token_costs_one_refresh_and_one_more_try(new_visitor, hasty_server):
    hurried = new_visitor(hasty_server)
    hurried.context.route("**/api/auth/register", promise_ten_minutes)
    hurried.open().sign_up()
    hurried.is_signed_in()
    (access_token,) = hurried.access_tokens()
    eventually(lambda: ask_for_me(hurried, access_token).status == 401)
    seen = len(hurried.made())
    hurried.page.click("#call-me")
    hurried.sees("#call-result pre.body", hurried.username)
    assert hurried.made()[seen:] == [("GET", "me", 401), ("POST", "auth/refresh", 200), ("GET", "me", 200)]
    hurried.forgive(401)


def test_nothing_secret_is_stored_or_in_an_address(member):
    secrets = [PASSWORD, *member.access_tokens()]
    member.calls.clear()
    member.page.reload()
    member.is_signed_in()
    secrets += [*member.access_tokens(), *(cookie["value"] for cookie in member.context.cookies())]
    # The password, two access tokens, and the cookies of session and device.
    assert len(secrets) == 5
    stored = member.page.evaluate(EVERYTHING_STORED)
    assert [secret for secret in secrets if secret in stored] == []
    assert [secret for secret in secrets if secret in member.page.content()] == []


def test_the_refresh_cookie_is_out_of_reach_of_scripts_and_of_other_sites(member):
    cookies = member.context.cookies()
    assert {cookie["name"] for cookie in cookies} == {"refresh_token", "device"}
    for cookie in cookies:
        assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/")
    assert member.page.evaluate("document.cookie") == ""


def promise_ten_minutes(route):
    """Let the page believe that its token lives longer than it does, as a clock that stood still would."""
    answer = route.fetch()
    route.fulfill(response=answer, json={**json.loads(answer.body()), "expires_in": 600})


def ask_for_me(visitor, access_token):
    headers = {"Authorization": f"Bearer {access_token}"}
    return visitor.context.request.get(f"{visitor.url}/api/me", headers=headers)


def test_a_call_that_nobody_answers_is_said_once(member):
    member.context.route("**/api/me", lambda route: route.abort())
    member.page.click("#call-me")
    member.sees("#call-result .form-error", "cannot be reached")
    assert member.page.inner_text("#call-result .answer").count("no answer") == 1
    assert member.page.inner_text("#call-log li:first-child").count("no answer") == 1
    member.forgive("ERR_FAILED")
