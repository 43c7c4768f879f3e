"""The browser client by itself, in tabs of a real browser whose page has no client of its own."""

import datetime
import json
import re

import pytest

from tests.browser.visitor import PASSWORD

LOGOUT = "**/api/auth/logout"
MODULE = re.compile(r"/lychgate-dpop\.js")
LIMIT_MS = 10_000
FAILED = "Failed to load resource"
A_PAGE_WITHOUT_SCRIPTS = "/alone/"
# A browser asks once for the icon of pages that name none, which is not there.
PAGE = '<!doctype html><title>A page without scripts</title><link rel="icon" href="/favicon.svg">'
START = """async () => {
    const { createClient } = await import("/js/lychgate.js");
    globalThis.client = createClient();
    globalThis.changes = [];
    client.onChange(({ type, why }) => changes.push(`${type}: ${why}`));
}"""
KEPT_KEY = """async () => {
    const found = await new Promise((resolve) => {
        const opening = indexedDB.open(`lychgate ${location.origin}/api/`);
        opening.onupgradeneeded = () => opening.result.createObjectStore("keys");
        opening.onsuccess = () => {
            const asked = opening.result.transaction("keys").objectStore("keys").get("key");
            asked.onsuccess = () => {
                opening.result.close();
                resolve(asked.result);
            };
        };
    });
    if (!found) return null;
    const refused = await crypto.subtle.exportKey("jwk", found.privateKey).then(() => "exported", ({ name }) => name);
    return { x: found.jwk.x, extractable: found.privateKey.extractable, refused };
}"""
HOLD_DATABASE = """() => new Promise((resolve) => {
    const opening = indexedDB.open(`lychgate ${location.origin}/api/`);
    opening.onupgradeneeded = () => opening.result.createObjectStore("keys");
    opening.onsuccess = () => resolve(!!(globalThis.held = opening.result));
})"""
BEGIN_TO_DELETE = """() => new Promise((resolve) => {
    const deleting = indexedDB.deleteDatabase(`lychgate ${location.origin}/api/`);
    deleting.onblocked = () => resolve("blocked");
    deleting.onsuccess = () => resolve((globalThis.isDeleted = "deleted"));
})"""
SPOIL_KEY = """(spoilt) => new Promise((resolve) => {
    const opening = indexedDB.open(`lychgate ${location.origin}/api/`);
    opening.onsuccess = () => {
        const transaction = opening.result.transaction("keys", "readwrite");
        const keys = transaction.objectStore("keys");
        const asked = keys.get("key");
        asked.onsuccess = () => keys.put(Function("{ privateKey, jwk }", `return ${spoilt}`)(asked.result), "key");
        transaction.oncomplete = () => resolve(opening.result.close());
    };
})"""
DELETE_DATABASE = """() => new Promise((resolve, reject) => {
    const deleting = indexedDB.deleteDatabase(`lychgate ${location.origin}/api/`);
    deleting.onsuccess = () => resolve(true);
    deleting.onblocked = () => reject(new Error("somebody holds the database"));
})"""


@pytest.fixture
def kim(new_visitor, server):
    return new_visitor(server)


def open_client(visitor, page, start=START):
    page.route(f"**{A_PAGE_WITHOUT_SCRIPTS}", lambda route: route.fulfill(body=PAGE, content_type="text/html"))
    page.goto(f"{visitor.url}{A_PAGE_WITHOUT_SCRIPTS}")
    page.evaluate(start)
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
    kim.reaches_again(LOGOUT)
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
    kim.reaches_again(LOGOUT)
    next_page = open_client(kim, kim.open_tab())
    assert next_page.evaluate("client.restore()") is None
    kim.wait_for(lambda: told(next_page) == ["logout-sent: page opened"], next_page)
    kim.forgive(FAILED)


def join(visitor, page):
    page.evaluate(f"client.register({json.dumps(visitor.username)}, {json.dumps(PASSWORD)}).then(() => true)")
    return page


def use_cookie(context, visitor, path="refresh"):
    """Send a visitor's cookie without a proof, as somebody who has copied it. Return the status and the error."""
    (cookie,) = visitor.refresh_cookies()
    headers = {"Cookie": f"{cookie['name']}={cookie['value']}", "Origin": visitor.url}
    answer = context.request.post(f"{visitor.url}/api/auth/{path}", data={}, headers=headers)
    return answer.status, answer.json()["error"]


def proofs_of(page):
    """Return for each refresh and log-out that a tab sends from now on whether it has a proof."""
    seen = []

    def note(request):
        if request.url.endswith(("auth/refresh", "auth/logout")):
            seen.append("dpop" in request.headers)

    page.on("request", note)
    return seen


def test_a_session_is_bound_to_a_key_that_no_script_can_read(kim):
    page = join(kim, open_client(kim, kim.page))
    assert page.evaluate("client.session") == {"bound": True}
    assert [session["bound"] for session in page.evaluate("client.sessions()")] == [True]
    key = page.evaluate(KEPT_KEY)
    assert (key["extractable"], key["refused"]) == (False, "InvalidAccessError")


def test_tabs_refresh_in_turn_with_the_one_key_and_a_reload_goes_on_with_it(kim):
    first = join(kim, open_client(kim, kim.page))
    key = first.evaluate(KEPT_KEY)
    second = open_client(kim, kim.open_tab())
    second.evaluate("client.restore()")
    for page in (first, second, first, second):
        page.evaluate("client.refresh()")
        assert page.evaluate("client.session") == {"bound": True}
    open_client(kim, first).evaluate("client.restore()")
    assert first.evaluate("client.session") == {"bound": True}
    assert first.evaluate(KEPT_KEY) == key
    assert set(kim.refreshes(first, second)) == {200}


def test_a_copied_cookie_is_worth_nothing_and_its_owner_goes_on(kim, new_visitor, server):
    page = join(kim, open_client(kim, kim.page))
    thief = new_visitor(server)
    assert use_cookie(thief.context, kim) == (400, "invalid_dpop_proof")
    page.evaluate("client.refresh()")
    assert use_cookie(thief.context, kim) == (400, "invalid_dpop_proof")
    page.evaluate("client.refresh()")
    assert kim.refreshes() == [200, 200]


def test_a_session_whose_key_the_browser_has_dropped_ends_with_a_reason_and_without_a_request(kim):
    page = join(kim, open_client(kim, kim.page))
    other = open_client(kim, kim.open_tab())
    other.evaluate("client.restore()")
    proofs = proofs_of(page)
    assert page.evaluate(DELETE_DATABASE)
    refused = page.evaluate("client.refresh().catch(({ name }) => name)")
    assert refused == "SessionEnded"
    assert page.evaluate("changes.at(-1)") == "logged-out: key lost"
    kim.wait_for(lambda: other.evaluate("client.user") is None, other)
    open_client(kim, page)
    assert page.evaluate("client.restore()") is None
    assert proofs == []
    page.evaluate(f"client.login({json.dumps(kim.username)}, {json.dumps(PASSWORD)}).then(() => true)")
    assert page.evaluate("client.session") == {"bound": True}


def test_a_log_out_deletes_the_key(kim):
    page = join(kim, open_client(kim, kim.page))
    proofs = proofs_of(page)
    assert page.evaluate("client.logout()") is True
    assert page.evaluate("client.session") is None
    assert page.evaluate(KEPT_KEY) is None
    assert proofs == [True]


def test_a_log_out_leaves_the_key_of_a_tab_with_a_session_of_its_own(kim):
    alone = open_client(kim, kim.page, START.replace("createClient()", 'createClient({ storage: "session" })'))
    join(kim, alone)
    other = open_client(kim, kim.open_tab())
    other.evaluate(f"client.login({json.dumps(kim.username)}, {json.dumps(PASSWORD)}).then(() => true)")
    assert other.evaluate("client.logout()") is True
    alone.evaluate("client.refresh()")
    assert alone.evaluate("client.session") == {"bound": True}
    assert kim.refreshes() == [200]


def test_a_log_out_made_offline_is_proven_when_it_is_sent_after_a_reload(kim, new_visitor, server):
    page = join(kim, open_client(kim, kim.page))
    kim.context.route(LOGOUT, lambda route: route.abort())
    assert page.evaluate("client.logout()") is False
    assert page.evaluate(KEPT_KEY) is not None
    stranger = new_visitor(server)
    assert use_cookie(stranger.context, kim) == (400, "invalid_dpop_proof")
    (cookie,) = kim.refresh_cookies()
    # The page that is left would send it too, on its clock.
    page.goto("about:blank")
    kim.reaches_again(LOGOUT)
    proofs = proofs_of(page)
    open_client(kim, page).evaluate("client.restore()")
    kim.wait_for(lambda: told(page) == ["logout-sent: page opened"])
    assert proofs == [True]
    assert page.evaluate(KEPT_KEY) is None
    # The session itself has ended: what nobody can prove is no longer what is wrong.
    headers = {"Cookie": f"{cookie['name']}={cookie['value']}", "Origin": kim.url}
    answer = stranger.context.request.post(f"{kim.url}/api/auth/refresh", data={}, headers=headers)
    assert (answer.status, answer.json()["error"]) == (401, "invalid_grant")
    kim.forgive(FAILED)


def test_a_client_that_is_not_to_bind_begins_a_plain_session(kim):
    page = open_client(kim, kim.page, START.replace("createClient()", "createClient({ bind: false })"))
    proofs = proofs_of(page)
    join(kim, page).evaluate("client.refresh()")
    assert page.evaluate("client.session") == {"bound": False}
    assert page.evaluate("indexedDB.databases()") == []
    assert proofs == [False]


def test_somebody_logs_in_while_another_tab_stands_in_the_way_of_the_key(kim):
    other = open_client(kim, kim.open_tab())
    assert other.evaluate(HOLD_DATABASE)
    page = open_client(kim, kim.page)
    assert page.evaluate(BEGIN_TO_DELETE) == "blocked"
    join(kim, page)
    assert page.evaluate("client.session") == {"bound": False}
    page.evaluate("client.refresh()")
    assert kim.refreshes() == [200]
    other.close()
    # A client waits two seconds for the browser's storage, and the tab may take longer to go.
    kim.wait_for(lambda: page.evaluate("globalThis.isDeleted"))
    page.evaluate(f"client.login({json.dumps(kim.username)}, {json.dumps(PASSWORD)}).then(() => true)")
    assert page.evaluate("client.session") == {"bound": True}


@pytest.mark.parametrize("spoilt", ["({})", "'key'", "({ jwk, privateKey: {} })", "({ privateKey, jwk: {} })"])
def test_a_key_that_is_none_any_more_ends_the_session_and_is_replaced_at_the_next_log_in(kim, spoilt):
    page = join(kim, open_client(kim, kim.page))
    proofs = proofs_of(page)
    page.evaluate(SPOIL_KEY, spoilt)
    assert page.evaluate("client.refresh().catch(({ name }) => name)") == "SessionEnded"
    assert page.evaluate("changes.at(-1)") == "logged-out: key lost"
    assert proofs == []
    page.evaluate(f"client.login({json.dumps(kim.username)}, {json.dumps(PASSWORD)}).then(() => true)")
    assert page.evaluate("client.session") == {"bound": True}
    page.evaluate("client.refresh()")
    assert proofs == [True]


@pytest.mark.parametrize("hours", [-30, 30])
def test_a_machine_whose_clock_is_wrong_logs_in_and_goes_on(new_visitor, server, hours):
    kim = new_visitor(server)
    wrong = datetime.datetime.now(tz=datetime.UTC) + datetime.timedelta(hours=hours)
    kim.context.clock.install(time=wrong)
    page = join(kim, open_client(kim, kim.page))
    page.evaluate("client.refresh()")
    assert page.evaluate("client.session") == {"bound": True}
    # The first answer has told the time.
    assert [(path, status) for _, path, status in kim.made()] == [
        ("auth/register", 400),
        ("auth/register", 201),
        ("auth/refresh", 200),
    ]
    kim.forgive(400)


def module_of_key(visitor):
    """Return the URLs at which the first tab has asked for the module of the key, as they come."""
    asked = []
    visitor.page.on("request", lambda request: asked.append(request.url) if MODULE.search(request.url) else None)
    return asked


def learns_of_session(visitor):
    """Open a tab whose client has not needed the key, and log in in another one."""
    page = open_client(visitor, visitor.page)
    other = join(visitor, open_client(visitor, visitor.open_tab()))
    visitor.wait_for(lambda: page.evaluate("client.session?.bound"), page)
    return page, other


def test_a_tab_whose_module_did_not_come_refreshes_once_the_network_is_back(kim):
    page, _ = learns_of_session(kim)
    asked = module_of_key(kim)
    kim.context.route(MODULE, lambda route: route.abort())
    assert page.evaluate("client.refresh().catch(({ name }) => name)") == "NetworkError"
    assert kim.refreshes() == []
    kim.reaches_again(MODULE)
    kim.wait_for(lambda: "refreshed: on the clock" in page.evaluate("changes"))
    came = len(asked)
    page.evaluate("client.refresh()")
    assert page.evaluate("client.session") == {"bound": True}
    assert kim.refreshes() == [200, 200]
    assert len(asked) == came
    kim.forgive(FAILED)


def test_a_log_out_of_a_tab_whose_module_did_not_come_is_sent_once_the_network_is_back(kim):
    page, _ = learns_of_session(kim)
    proofs = proofs_of(page)
    kim.context.route(MODULE, lambda route: route.abort())
    assert page.evaluate("client.logout()") is False
    kim.reaches_again(MODULE)
    kim.wait_for(lambda: told(page) == ["logout-pending: logged out", "logout-sent: on the clock"])
    assert proofs == [True]
    kim.forgive(FAILED)


def test_a_session_is_bound_that_begins_after_one_whose_module_did_not_come(kim):
    page = open_client(kim, kim.page)
    kim.context.route(MODULE, lambda route: route.abort())
    join(kim, page)
    assert page.evaluate("client.session") == {"bound": False}
    kim.reaches_again(MODULE)
    page.evaluate(f"client.login({json.dumps(kim.username)}, {json.dumps(PASSWORD)}).then(() => true)")
    assert page.evaluate("client.session") == {"bound": True}
    kim.forgive(FAILED)


def test_a_tab_whose_module_never_came_whole_gives_up_in_time_and_refreshes_later(kim):
    kim.page.clock.install()
    page = open_client(kim, kim.page)
    join(kim, open_client(kim, kim.open_tab()))
    kim.wait_for(lambda: page.evaluate("client.session?.bound"), page)
    held = []
    kim.context.route(MODULE, lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks its handlers
    page.evaluate("() => void (globalThis.refused = client.refresh().catch(({ name }) => name))")
    kim.wait_for(lambda: held)
    page.clock.fast_forward(LIMIT_MS)
    assert page.evaluate("refused") == "NetworkError"
    # The next try may have begun by now, and asks by another URL.
    assert len({route.request.url for route in held}) == len(held)
    kim.reaches_again(MODULE)
    kim.wait_for(lambda: "refreshed: on the clock" in page.evaluate("changes"))
    assert kim.refreshes() == [200]
