"""A forgotten password: the link to choose another one, and what the page does not tell strangers."""

import re

from playwright.sync_api import expect

from tests.browser.person import NEW_PASSWORD, call_api, text_of
from tests.browser.visitor import PASSWORD


def test_who_has_forgotten_the_password_chooses_another_one_by_mail(kim_outside):
    kim = kim_outside
    kim.asks("forgot")
    kim.visitor.sees("h2", "Look into your mailbox")
    kim.visitor.sees("[data-part~=explanation]", kim.visitor.username)
    linked = kim.opens(kim.post.link("reset"))
    linked.fill("[data-part~=reset-password]", NEW_PASSWORD)
    kim.presses("reset", linked)
    linked.click("[data-part~=done-next]")
    linked.locator("[data-part~=login-form]").wait_for()
    kim.post.subject("was reset")
    kim.page.click("[data-part~=step] >> visible=true >> text=Back to the log-in")
    kim.visitor.log_in()
    kim.visitor.sees("[data-part~=login-form] [data-form-error]", "do not match")
    kim.visitor.log_in(NEW_PASSWORD)
    kim.visitor.is_signed_in()
    kim.visitor.forgive(401)


def test_a_new_password_by_mail_ends_the_sessions_and_logs_nobody_in(kim, new_person):
    elsewhere = new_person()
    elsewhere.visitor.open()
    elsewhere.asks("forgot", kim.address)
    linked = elsewhere.opens(kim.post.link("reset"))
    linked.fill("[data-part~=reset-password]", NEW_PASSWORD)
    elsewhere.presses("reset", linked)
    linked.goto(kim.server.url)
    linked.locator("[data-part~=login-form]").wait_for()
    assert elsewhere.visitor.refresh_cookies() == []
    kim.page.reload()
    kim.visitor.is_signed_out()
    kim.visitor.forgive(401)


def test_a_browser_whose_session_has_ended_can_still_use_a_link(new_person):
    kim = new_person().has_account().has_confirmed()
    tokens = call_api(kim.server, "auth/login", {"username": kim.visitor.username, "password": PASSWORD})
    ended = kim.visitor.context.request.post(
        f"{kim.server.url}/api/auth/logout-all",
        data="{}",
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {tokens['access_token']}"},
    )
    assert ended.status == 204
    call_api(kim.server, "auth/password/forgot", {"username": kim.visitor.username})
    linked = kim.opens(kim.post.link("reset"))
    linked.fill("[data-part~=reset-password]", NEW_PASSWORD)
    kim.presses("reset", linked)
    assert kim.posts(linked) == ["auth/password/reset"]


def test_a_password_that_is_refused_leaves_the_link_good(new_person):
    kim = new_person().has_account().has_confirmed()
    call_api(kim.server, "auth/password/forgot", {"username": kim.visitor.username})
    linked = kim.opens(kim.post.link("reset"))
    linked.fill("[data-part~=reset-password]", "short")
    linked.click("[data-part~=reset-form] [type=submit]")
    expect(linked.locator("[data-part~=reset-password-error]")).to_contain_text("at least 15")
    assert kim.posts(linked) == []
    linked.fill("[data-part~=reset-password]", f"{kim.visitor.username} {kim.visitor.username}")
    linked.click("[data-part~=reset-form] [type=submit]")
    expect(linked.locator("[data-part~=reset-password-error]")).not_to_be_empty()
    assert linked.evaluate("document.activeElement.dataset.part") == "reset-password"
    linked.fill("[data-part~=reset-password]", NEW_PASSWORD)
    kim.presses("reset", linked)
    kim.visitor.forgive(422)


def test_the_page_says_the_same_whether_or_not_there_is_an_account(new_person):
    kim = new_person().exists()
    seen = []
    for name in (kim.visitor.username, kim.address, "nobody.at.all"):
        stranger = new_person()
        stranger.visitor.open()
        for step in ("forgot", "code"):
            stranger.asks(step, name)
            stranger.visitor.sees("[data-part~=step] >> visible=true >> [data-part~=to]", name)
            seen.append((step, text_of(stranger.page, "logged-out").replace(name, "…")))
            stranger.page.click("[data-part~=step] >> visible=true >> text=Back to the log-in")
    without_seconds = {(step, re.sub(r"in \d+ s", "", text)) for step, text in seen}
    assert len(without_seconds) == 2


def test_who_logs_in_with_the_address_is_told_that_the_username_is_needed_and_what_takes_the_address(kim_outside):
    kim = kim_outside
    told = kim.page.locator("[data-part~=login-form] [data-form-error]")
    for name, has_hint in ((kim.address, True), (kim.visitor.username, False)):
        kim.page.fill("[data-part~=login-username]", name)
        kim.page.fill("[data-part~=login-password]", NEW_PASSWORD)
        with kim.page.expect_response("**/api/auth/login"):
            kim.page.click("[data-part~=login-form] [type=submit]")
        expect(told).to_contain_text("“Log in with a code” takes the address" if has_hint else "do not match")
    expect(told).not_to_contain_text("address")
    kim.visitor.forgive(401)


def test_where_no_mails_are_sent_nothing_is_said_of_addresses(new_visitor, mailless_server):
    visitor = new_visitor(mailless_server, "kim@example.org").open()
    visitor.log_in(NEW_PASSWORD)
    told = visitor.sees("[data-part~=login-form] [data-form-error]", "do not match")
    expect(told).not_to_contain_text("address")
    visitor.forgive(401)


def test_where_the_address_is_the_name_nothing_speaks_of_usernames(new_person, address_server):
    kim = new_person(address_server, by_address=True).signs_up()
    page = kim.page
    linked = kim.opens(kim.post.link("register"))
    expect(linked.locator("[data-part~=register]")).not_to_contain_text("knows the password")
    linked.fill("[data-part~=register-password]", PASSWORD)
    kim.presses("register", linked)
    kim.visitor.is_signed_in()
    kim.visitor.sees("[data-part~=logged-in]", "Your address and your password.")
    for fold, text in (("password", "without your address"), ("delete", "Your address can sign up again")):
        page.click(f"[data-part~={fold}-fold] summary")
        kim.visitor.sees(f"[data-part~={fold}-form]", text)
    kim.logs_out()
    kim.asks("forgot", kim.address)
    kim.visitor.sees("[data-part~=forgot-sent-step] button", "Another address")
    linked.goto(kim.post.link("reset"))
    hint = linked.locator("[data-part~=reset-password-hint]")
    expect(hint).to_have_text("15 or more characters, spaces too, without your address")
    linked.fill("[data-part~=reset-password]", f"{kim.address} {kim.address}")
    linked.click("[data-part~=reset-form] [type=submit]")
    told = linked.locator("[data-part~=reset-password-error]")
    expect(told).to_contain_text("e-mail address")
    expect(told).not_to_contain_text("username")
    kim.visitor.forgive(422)
