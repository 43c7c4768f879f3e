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
