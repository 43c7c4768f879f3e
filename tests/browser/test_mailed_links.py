"""The page that mailed links lead to: only its button uses a link up, and nothing keeps the token."""

import json
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.person import KEPT, NEW_PASSWORD, call_api
from tests.browser.visitor import PASSWORD

PAGE_HEADERS = json.loads((Path(__file__).parents[2] / "infra" / "page-headers.json").read_text("utf-8"))


@pytest.fixture(params=["email", "reset", "register"])
def linked_person(request, new_person, address_server):
    """Somebody with a link in the mail, what it is for, and the link."""
    purpose = request.param
    if purpose == "register":
        person = new_person(address_server, by_address=True)
        call_api(address_server, "auth/register", {"email": person.address, "password": PASSWORD})
        return person, purpose, person.post.link("register")
    person = new_person().has_account()
    if purpose == "email":
        return person, purpose, person.post.link("email")
    person.has_confirmed()
    call_api(person.server, "auth/password/forgot", {"username": person.visitor.username})
    return person, purpose, person.post.link("reset")


def use(person, purpose, page):
    if purpose == "reset":
        page.fill("[data-part~=reset-password]", NEW_PASSWORD)
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
            scanner.page.hover(f"[data-part~={purpose}-form] [type=submit]")
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
    page.locator(f"[data-part~={purpose}]").wait_for()
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
    page.locator(f"[data-part~={purpose}]").wait_for()
    page.reload()
    page.locator("[data-part~=gone-title]", has_text="Open the link in your mail").wait_for()
    page.goto(link)
    use(person, purpose, page)
    page.goto("about:blank")
    page.go_back()
    page.locator("[data-part~=gone], [data-part~=done]").filter(visible=True).first.wait_for()


def test_two_clicks_are_one(linked_person):
    person, purpose, link = linked_person
    page = person.opens(link)
    if purpose == "reset":
        page.fill("[data-part~=reset-password]", NEW_PASSWORD)
    page.dblclick(f"[data-part~={purpose}-form] [type=submit]")
    page.locator("[data-part~=done]").wait_for()
    assert len([path for path in person.posts(page) if path != "auth/refresh"]) == 1


def test_a_link_that_was_used_in_another_tab_says_so_and_what_to_do(linked_person):
    person, purpose, link = linked_person
    late = person.opens(link)
    late.locator(f"[data-part~={purpose}]").wait_for()
    use(person, purpose, person.opens(link))
    if purpose == "reset":
        late.fill("[data-part~=reset-password]", NEW_PASSWORD)
    late.click(f"[data-part~={purpose}-form] [type=submit]")
    late.locator("[data-part~=gone-title]", has_text="This link is no longer good").wait_for()
    assert late.evaluate("document.activeElement.dataset.part") == "gone-title"
    way = {"email": "/", "reset": "/#forgot", "register": "/#signup"}[purpose]
    assert late.get_attribute("[data-part~=gone-next]", "href") == way
    person.visitor.forgive(410)


def test_who_is_offline_presses_the_button_again_later(linked_person):
    person, purpose, link = linked_person
    page = person.opens(link)
    page.locator(f"[data-part~={purpose}]").wait_for()
    page.wait_for_load_state("networkidle")
    person.visitor.context.set_offline(True)
    if purpose == "reset":
        page.fill("[data-part~=reset-password]", NEW_PASSWORD)
    page.click(f"[data-part~={purpose}-form] [type=submit]")
    expect(page.locator(f"[data-part~={purpose}-form] [data-form-error]")).to_contain_text("offline")
    person.visitor.context.set_offline(False)
    page.click(f"[data-part~={purpose}-form] [type=submit]")
    page.locator("[data-part~=done]").wait_for()
    person.visitor.forgive("ERR_INTERNET_DISCONNECTED")


def test_a_link_that_is_too_old_leads_to_the_form_for_another_mail(new_person, patient_server, patient_clock):
    kim = new_person(patient_server).exists()
    call_api(kim.server, "auth/password/forgot", {"username": kim.visitor.username})
    link = kim.post.link("reset")
    patient_clock.advance(30 * 60)
    linked = kim.opens(link)
    linked.fill("[data-part~=reset-password]", NEW_PASSWORD)
    linked.click("[data-part~=reset-form] [type=submit]")
    linked.locator("[data-part~=gone-title]", has_text="This link is no longer good").wait_for()
    linked.click("[data-part~=gone-next]")
    linked.fill("[data-part~=forgot-username]", kim.visitor.username)
    linked.click("[data-part~=forgot-form] [type=submit]")
    kim.post.link("reset", count=2)
    kim.visitor.forgive(410)


NOT_WHOLE = ["", "#", "#reset", "#reset=", "#other=abc", "#reset=a%20b", "#__proto__=abc"]


def test_a_link_that_is_not_whole_asks_to_open_the_mail_again(new_visitor, server):
    visitor = new_visitor(server)
    for fragment in NOT_WHOLE:
        visitor.page.goto("about:blank")
        visitor.page.goto(f"{server.url}/account.html{fragment}")
        visitor.sees("[data-part~=gone-title]", "Open the link in your mail")
        assert visitor.page.url == f"{server.url}/account.html", fragment
    assert visitor.made() == []


@pytest.mark.parametrize("cut", [lambda token: token[:-1], lambda token: token + token, lambda _: "x" * 65])
def test_a_token_that_was_cut_or_doubled_is_a_link_that_is_no_longer_good(new_visitor, server, cut):
    visitor = new_visitor(server)
    token = "A" * 65
    visitor.page.goto(f"{server.url}/account.html#email={cut(token)}")
    visitor.page.click("[data-part~=email-form] [type=submit]")
    visitor.sees("[data-part~=gone-title]", "This link is no longer good")
    visitor.forgive(410, 422)


@pytest.mark.parametrize(("purpose", "way"), [("register", "/#signup"), ("email", "/")])
def test_a_link_for_what_the_site_does_not_do_leads_on_as_one_that_is_no_longer_good(
    new_visitor, mailless_server, purpose, way
):
    visitor = new_visitor(mailless_server)
    visitor.page.goto(f"{mailless_server.url}/account.html#{purpose}={'A' * 65}")
    visitor.page.click(f"[data-part~={purpose}-form] [type=submit]")
    visitor.sees("[data-part~=gone-title]", "This link is no longer good")
    assert visitor.page.get_attribute("[data-part~=gone-next]", "href") == way
    visitor.forgive(404)


def test_another_link_in_the_same_tab_is_taken_up(new_visitor, server):
    visitor = new_visitor(server)
    visitor.page.goto(f"{server.url}/account.html#email=abc")
    visitor.sees("[data-part~=email-title]")
    visitor.page.goto(f"{server.url}/account.html#reset=abc")
    visitor.sees("[data-part~=reset-title]")
    assert visitor.page.url == f"{server.url}/account.html"
    assert visitor.page.evaluate("document.activeElement.dataset.part") == "reset-title"


def test_the_page_of_mailed_links_has_the_headers_of_the_site(server):
    with urllib.request.urlopen(f"{server.url}/account.html", timeout=120) as answer:
        headers = dict(answer.headers)
    assert {name: headers[name] for name in PAGE_HEADERS} == PAGE_HEADERS
    assert headers["Referrer-Policy"] == "no-referrer"
