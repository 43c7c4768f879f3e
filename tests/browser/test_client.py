"""The browser client by itself, in tabs of a real browser whose page has no client of its own."""

import json

import pytest

from tests.browser.visitor import PASSWORD

LOGOUT = "**/api/auth/logout"
FAILED = "Failed to load resource"
A_PAGE_WITHOUT_SCRIPTS = "/js/lychgate.d.ts"
START = """async () => {
    const { createClient } = await import("/js/lychgate.js");
    globalThis.client = createClient();
    globalThis.changes = [];
    client.onChange(({ type, why }) => changes.push(`${type}: ${why}`));
}"""


@pytest.fixture
def kim(new_visitor, server):
    return new_visitor(server)


def open_client(visitor, page):
    page.goto(f"{visitor.url}{A_PAGE_WITHOUT_SCRIPTS}")
    page.evaluate(START)
    return page


def told(page):
    """Return what the client of a tab has told of log-outs."""
    return [change for change in page.evaluate("changes") if change.startswith("logout-")]


def test_every_tab_that_waits_hears_that_a_log_out_made_offline_was_sent(kim):
    first = open_client(kim, kim.page)
    first.evaluate(f"client.register({json.dumps(kim.username)}, {json.dumps(PASSWORD)}).then(() => true)")
    kim.context.route(LOGOUT, lambda route: route.abort())
    assert first.evaluate("client.logout()") is False
    kim.wait_for(lambda: told(first) == ["logout-pending: logged out"])
    second = open_client(kim, kim.open_tab())
    assert second.evaluate("client.restore()") is None
    kim.wait_for(lambda: told(second) == ["logout-pending: page opened"], second)
    kim.context.unroute(LOGOUT)
    for page in (first, second):
        kim.wait_for(lambda page=page: len(told(page)) == 2, page)
    # The one that has not sent it may look at the clock before it hears the other.
    assert {told(page)[1] for page in (first, second)} <= {"logout-sent: on the clock", "logout-sent: elsewhere"}
    # The one that logged out makes sure, if the other was first: that changes nothing.
    assert {status for _, path, status in kim.made(first, second) if path == "auth/logout"} == {204}
    third = open_client(kim, kim.open_tab())
    assert third.evaluate("client.restore()") is None
    assert told(third) == []
    kim.forgive(FAILED)


def test_a_page_that_opens_with_a_log_out_pending_hears_that_it_was_sent(kim):
    first = open_client(kim, kim.page)
    first.evaluate(f"client.register({json.dumps(kim.username)}, {json.dumps(PASSWORD)}).then(() => true)")
    kim.context.route(LOGOUT, lambda route: route.abort())
    assert first.evaluate("client.logout()") is False
    first.close()
    kim.context.unroute(LOGOUT)
    next_page = open_client(kim, kim.open_tab())
    assert next_page.evaluate("client.restore()") is None
    kim.wait_for(lambda: told(next_page) == ["logout-sent: page opened"], next_page)
    kim.forgive(FAILED)
