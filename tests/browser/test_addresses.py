"""The address of an account: its change, its removal, and the mail that is sent again."""

import re
from types import SimpleNamespace

import pytest
from playwright.sync_api import expect

from tests.browser.postbox import Postbox
from tests.browser.visitor import PASSWORD

FRESH_SECONDS = 900


def test_another_address_takes_the_place_of_a_confirmed_one_once_it_is_confirmed_and_the_old_one_is_told(kim):
    other = Postbox(kim.server, f"other.{kim.address}")
    kim.page.click("[data-part~=email-fold] summary")
    kim.page.fill("[data-part~=new-email]", other.address)
    kim.page.click("[data-part~=address-form] [type=submit]")
    kim.visitor.sees("[data-part~=notice]", other.address)
    kim.visitor.sees("[data-part~=email-unconfirmed]", other.address)
    kim.visitor.sees("[data-part~=profile-email]", kim.address)
    kim.presses("email", kim.opens(other.link("email")))
    expect(kim.page.locator("[data-part~=profile-email]")).to_have_text(other.address)
    kim.post.subject("no longer uses")


def gives(kim, address):
    """Give another address in the page of the account, which waits to be confirmed then."""
    kim.page.click("[data-part~=email-fold] summary")
    kim.page.fill("[data-part~=new-email]", address)
    kim.page.click("[data-part~=address-form] [type=submit]")
    kim.visitor.sees("[data-part~=email-unconfirmed]", address)


def test_a_change_of_address_can_be_cancelled_and_its_link_does_nothing_then(kim):
    other = Postbox(kim.server, f"mistyped.{kim.address}")
    gives(kim, other.address)
    link = other.link("email")
    kim.page.click("[data-part~=keep-email]")
    kim.visitor.sees("[data-part~=notice]", f"{kim.address} stays your account's address.")
    expect(kim.page.locator("[data-part~=unconfirmed]")).to_be_hidden()
    expect(kim.page.locator("[data-part~=profile-email]")).to_have_text(kim.address)
    expect(kim.page.locator("[data-part~=email-fold] summary")).to_be_focused()
    linked = kim.opens(link)
    linked.click("[data-part~=email-form] [type=submit]")
    linked.locator("[data-part~=gone-title]").wait_for()
    expect(kim.page.locator("[data-part~=profile-email]")).to_have_text(kim.address)
    kim.visitor.forgive(410)


def test_a_change_can_be_cancelled_after_another_account_was_found_to_have_the_address(kim):
    other = Postbox(kim.server, f"lees.{kim.address}")
    gives(kim, other.address)
    kim.visitor.context.route(
        "**/api/auth/email/confirm", lambda route: route.fulfill(status=409, json={"error": "email_taken"})
    )
    linked = kim.opens(other.link("email"))
    linked.click("[data-part~=email-form] [type=submit]")
    linked.locator("[data-part~=gone-title]", has_text="The address has an account already").wait_for()
    kim.visitor.load_again()
    kim.visitor.is_signed_in()
    kim.page.click("[data-part~=keep-email]")
    kim.visitor.sees("[data-part~=notice]", f"{kim.address} stays your account's address.")
    kim.visitor.forgive(409)


def test_to_cancel_what_does_not_wait_any_more_is_no_error(kim):
    gives(kim, f"other.{kim.address}")
    withdraw = "(email) => document.querySelector('lychgate-account').client.json('PUT', 'auth/email', { email })"
    kim.page.evaluate(withdraw, kim.address)
    kim.page.click("[data-part~=keep-email]")
    kim.visitor.sees("[data-part~=notice]", f"{kim.address} stays your account's address.")
    kim.visitor.forgive(422)


def test_a_cancelling_that_fails_says_so_and_can_be_tried_again(kim):
    gives(kim, f"other.{kim.address}")
    kim.visitor.context.route(
        "**/api/auth/email", lambda route: route.fulfill(status=503, json={"error": "service_unavailable"})
    )
    kim.page.click("[data-part~=keep-email]")
    kim.visitor.sees("[data-part~=unconfirmed] [role=status]", "problem")
    kim.visitor.reaches_again("**/api/auth/email")
    kim.page.click("[data-part~=keep-email]")
    kim.visitor.sees("[data-part~=notice]", f"{kim.address} stays your account's address.")
    kim.visitor.forgive(503)


def test_who_types_the_confirmed_address_while_another_waits_is_told_that_it_stays(kim):
    other = Postbox(kim.server, f"other.{kim.address}")
    gives(kim, other.address)
    link = other.link("email")
    kim.page.click("[data-part~=notice] [aria-label]")
    kim.page.click("[data-part~=email-fold] summary")
    kim.page.fill("[data-part~=new-email]", kim.address.upper())
    kim.page.click("[data-part~=address-form] [type=submit]")
    kim.visitor.sees("[data-part~=notice]", f"{kim.address} stays your account's address.")
    assert "on its way" not in kim.visitor.notices()
    expect(kim.page.locator("[data-part~=email-fold] summary")).to_be_focused()
    expect(kim.page.locator("[data-part~=unconfirmed]")).to_be_hidden()
    linked = kim.opens(link)
    linked.click("[data-part~=email-form] [type=submit]")
    linked.locator("[data-part~=gone-title]").wait_for()
    kim.visitor.forgive(410)


def test_who_types_the_confirmed_address_a_while_after_the_log_in_is_asked_whether_to_cancel_the_change(
    new_person, patient_server, patient_clock
):
    kim = new_person(patient_server).is_a_member()
    other = Postbox(kim.server, f"other.{kim.address}")
    gives(kim, other.address)
    patient_clock.advance(FRESH_SECONDS + 1)
    kim.page.reload()
    kim.visitor.is_signed_in()
    kim.visitor.sees("[data-part~=email-unconfirmed]", other.address)
    kim.page.click("[data-part~=email-fold] summary")
    kim.page.fill("[data-part~=new-email]", kim.address)
    kim.page.click("[data-part~=address-form] [type=submit]")
    kim.visitor.sees("[data-part~=confirm-consequence]", f"The link in the mail to {other.address} is no longer good")
    kim.page.fill("[data-part~=confirm-password]", PASSWORD)
    kim.page.click("[data-part~=confirm-dialog] [type=submit]")
    kim.visitor.sees("[data-part~=notice]", f"{kim.address} stays your account's address.")
    kim.visitor.forgive(401)


def test_a_first_address_has_no_change_to_cancel(member):
    gives(SimpleNamespace(page=member.page, visitor=member), "kim@example.org")
    expect(member.page.locator("[data-part~=keep-email]")).to_be_hidden()


def test_an_address_can_be_removed(kim):
    kim.page.click("[data-part~=email-fold] summary")
    kim.page.click("[data-part~=address-form] >> text=Remove the address")
    kim.page.click("[data-part~=confirm-dialog] [type=submit]")
    kim.visitor.sees("[data-part~=profile-email]", "None")
    kim.visitor.sees("[data-part~=notice]", "no address any more")
    kim.post.subject("no longer uses")


def test_a_change_of_address_asks_for_the_password_if_the_log_in_is_a_while_ago(
    new_person, patient_server, patient_clock
):
    kim = new_person(patient_server)
    kim.visitor.has_account()
    patient_clock.advance(FRESH_SECONDS + 1)
    kim.visitor.open().is_signed_in()
    kim.visitor.sees("[data-part~=profile-email]", "None")
    kim.page.click("[data-part~=email-fold] summary")
    kim.page.fill("[data-part~=new-email]", kim.address)
    kim.page.click("[data-part~=address-form] [type=submit]")
    kim.page.fill("[data-part~=confirm-password]", PASSWORD)
    kim.page.click("[data-part~=confirm-dialog] [type=submit]")
    kim.visitor.sees("[data-part~=email-state]", "Not confirmed yet")
    kim.post.link("email")
    kim.visitor.forgive(401)


def test_an_address_that_is_none_is_told_in_the_form_of_the_account(member):
    member.page.click("[data-part~=email-fold] summary")
    member.page.fill("[data-part~=new-email]", "kim@example")
    member.page.click("[data-part~=address-form] [type=submit]")
    member.sees("[data-part~=new-email-error]", "such as name@example.org")
    member.forgive(422)


def test_an_address_that_another_account_has_confirmed_is_told_when_the_link_is_used(new_person):
    late = new_person()
    late.visitor.has_account()
    late.visitor.context.route(
        "**/api/auth/email/confirm", lambda route: route.fulfill(status=409, json={"error": "email_taken"})
    )
    linked = late.opens(f"{late.server.url}/account.html#email=abc")
    linked.click("[data-part~=email-form] [type=submit]")
    linked.locator("[data-part~=gone-title]", has_text="The address has an account already").wait_for()
    late.visitor.forgive(409)


def test_a_mail_can_be_sent_again_after_a_countdown(new_person, patient_server, patient_clock):
    kim = new_person(patient_server)
    kim.page.clock.install()
    kim.visitor.join()
    kim.visitor.sees("[data-part~=profile-email]", "None")
    kim.page.click("[data-part~=email-fold] summary")
    kim.page.fill("[data-part~=new-email]", kim.address)
    kim.page.click("[data-part~=address-form] [type=submit]")
    again = kim.page.locator("[data-part~=unconfirmed] button >> visible=true")
    expect(again).to_have_text(re.compile(r"^Send again in \d+ s$"))
    kim.post.link("email")
    before = len(kim.posts())
    again.click(force=True)
    kim.page.clock.fast_forward(61_000)
    patient_clock.advance(61)
    expect(again).to_have_text("Send again")
    again.click()
    kim.visitor.sees("[data-part~=unconfirmed] [role=status]", "Sent again")
    expect(again).to_have_text(re.compile("^Send again in"))
    # The click while it counted down has sent nothing.
    assert len(kim.posts()) == before + 1
    kim.post.link("email", count=2)


@pytest.mark.parametrize(("seconds", "told"), [(42, "Send again in 42 s"), (1800, "Send again in 30 min")])
def test_who_asks_too_often_sees_how_long_to_wait(new_person, seconds, told):
    kim = new_person()
    kim.page.clock.install()
    kim.visitor.open()
    kim.asks("forgot", "kim")
    again = kim.page.locator("[data-part~=step] >> visible=true >> [data-part~=again] button").first
    again.wait_for()
    kim.page.clock.fast_forward(61_000)
    expect(again).to_have_text("Send again")
    # The countdown stays where it begins, however late somebody looks.
    kim.page.clock.set_fixed_time(kim.page.evaluate("Date.now() / 1000"))
    refusal = {"status": 429, "headers": {"Retry-After": str(seconds)}, "json": {"error": "too_many_attempts"}}
    kim.visitor.context.route("**/api/auth/password/forgot", lambda route: route.fulfill(**refusal))
    again.click()
    expect(again).to_have_text(told)
    kim.visitor.sees("[data-part~=step] [role=status]", "Too many mails")
    kim.page.click("[data-part~=step] >> visible=true >> text=Another name")
    kim.page.fill("[data-part~=forgot-username]", "kim")
    kim.page.click("[data-part~=forgot-form] [type=submit]")
    kim.visitor.sees("[data-part~=forgot-form] [data-form-error]", "Too many mails")
    kim.visitor.forgive(429)
