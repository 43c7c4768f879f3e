"""What somebody can do with the page, in a real browser against the real server."""

import re

from playwright.sync_api import expect

from tests.browser.visitor import PASSWORD

EVERYTHING_STORED = """async () => JSON.stringify([
    document.cookie, location.href, {...localStorage}, {...sessionStorage}, history.state, name,
    await indexedDB.databases(), await caches.keys(),
    performance.getEntriesByType("resource").map((entry) => entry.name),
])"""


def test_a_first_visit_shows_the_forms_and_asks_for_no_more_than_the_options(visitor):
    visitor.sees("[data-part~=login-form]")
    visitor.page.wait_for_load_state("networkidle")
    assert visitor.made() == [("GET", "auth/options", 200)]


def test_signing_up_shows_the_account(visitor):
    visitor.sign_up()
    visitor.is_signed_in()
    visitor.sees("[data-part~=profile-username]", visitor.username)
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
    assert member.refreshes() == [200, 200]


def test_a_wrong_password_is_an_error_in_the_form_and_no_session(member):
    member.sign_out()
    member.log_in("seven old oak boards and a wrong latch")
    member.sees("[data-part~=login-form] [data-form-error]", "do not match")
    assert member.page.locator("[data-part~=logged-in]").is_hidden()
    assert ("POST", "auth/login", 401) in member.made()
    member.forgive(401)


def test_an_unknown_user_reads_the_same_as_a_wrong_password(account, new_visitor, server):
    told = []
    for username in (account, None):
        somebody = new_visitor(server, username).open()
        somebody.log_in("seven old oak boards and a wrong latch")
        told.append(somebody.sees("[data-part~=login-form] [data-form-error]", "do not match").inner_text())
        somebody.forgive(401)
    assert told[0] == told[1]


def test_a_taken_name_is_an_error_at_its_field(account, new_visitor, server):
    late = new_visitor(server, account.upper()).open()
    late.sign_up()
    late.sees("[data-part~=signup-username-error]", "taken")
    assert late.page.evaluate("document.activeElement.dataset.part") == "signup-username"
    expect(late.page.locator("[data-part~=signup-username]")).to_have_accessible_description(re.compile("taken"))
    late.forgive(409)


def test_logging_out_is_for_good(newcomer):
    member = newcomer
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
