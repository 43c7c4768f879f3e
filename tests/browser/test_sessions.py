"""What keeps a session alive, what ends it, and what must do neither: tabs, sleep, clocks and bad networks."""

import datetime
import urllib.request

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import NO_KEYS

REFRESH = "**/api/auth/refresh"
TEN_MINUTES = 600_000
FAILED = "Failed to load resource"
BLOCK_STORAGE = """for (const name of ["localStorage", "sessionStorage"]) {
    Object.defineProperty(window, name, { get() { throw new DOMException("no", "SecurityError"); } });
}"""

HAS_FAILED_AGAIN = """async () => {
    const { clientOf, untold } = await import("/js/elements/core/clients.js");
    return untold.has(clientOf());
}"""

FILL_STORAGE = """for (let size = 1 << 22; size; size >>= 1) {
    try {
        while (true) localStorage.setItem(`filled ${Math.random()}`, "x".repeat(size));
    } catch {}
}"""


@pytest.fixture
def sleepy(new_visitor, server):
    """Somebody who has logged in, with a clock that obeys and no key, whose proofs would tell the time."""
    visitor = new_visitor(server)
    visitor.context.clock.install()
    visitor.context.add_init_script(NO_KEYS)
    visitor.join()
    visitor.page.wait_for_load_state("networkidle")
    visitor.calls.clear()
    return visitor


def test_tabs_that_wake_together_make_one_refresh(sleepy):
    tabs = [sleepy.page, *(sleepy.open_tab(sleepy.url) for _ in range(2))]
    for tab in tabs:
        tab.wait_for_load_state("networkidle")
        tab.calls.clear()
    held = []
    sleepy.context.route(REFRESH, lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks its handlers
    sleepy.context.clock.fast_forward(TEN_MINUTES)
    sleepy.wait_for(lambda: held)
    held[0].continue_()
    sleepy.reaches_again(REFRESH)
    for tab in tabs:
        assert sleepy.load_again(tab) == 200
    assert sleepy.refreshes(*tabs) == [200]
    assert len(held) == 1


def test_a_laptop_that_slept_past_the_expiry_refreshes_once_when_it_wakes(sleepy):
    # A machine's monotonic clock may stand still in sleep, and its timers with it: only the wall clock goes on.
    tomorrow = datetime.datetime.now(tz=datetime.UTC) + datetime.timedelta(days=1)
    sleepy.context.clock.set_system_time(tomorrow)
    sleepy.page.evaluate("dispatchEvent(new Event('focus'))")
    sleepy.wait_for(lambda: sleepy.refreshes() == [200])
    assert sleepy.load_again() == 200
    assert sleepy.refreshes() == [200]
    sleepy.is_signed_in()


@pytest.mark.parametrize("days", [-1, 1])
def test_a_clock_wrong_by_a_day_does_not_matter(new_visitor, server, days):
    visitor = new_visitor(server)
    visitor.context.clock.install(time=datetime.datetime.now(tz=datetime.UTC) + datetime.timedelta(days=days))
    visitor.open().sign_up()
    visitor.is_signed_in()
    assert visitor.load_again() == 200
    assert visitor.refreshes() == []
    visitor.context.clock.fast_forward(TEN_MINUTES)
    visitor.wait_for(lambda: visitor.refreshes()[-1:] == [200])
    # What told the time: the answers to a proof that is too old or of the future, at the log-in and after the leap.
    visitor.forgive(400)


def test_offline_is_no_log_out_and_coming_back_goes_on(sleepy):
    sleepy.context.set_offline(True)
    sleepy.context.clock.fast_forward(TEN_MINUTES)
    sleepy.sees("[data-part~=notice]", "You are still logged in")
    sleepy.is_signed_in()
    sleepy.context.set_offline(False)
    sleepy.sees("[data-part~=notice]", "The service is back")
    assert sleepy.refreshes() == [200]
    sleepy.is_signed_in()
    sleepy.forgive(FAILED)


def test_a_refresh_whose_answer_is_lost_is_asked_for_again(sleepy):
    lost = []

    def lose_the_first(route):
        if lost:
            return route.continue_()
        # The server has rotated the token; the browser hears nothing of it.
        lost.append(post(route.request.url, route.request.all_headers()))
        return route.abort()

    sleepy.context.route(REFRESH, lose_the_first)
    sleepy.context.clock.fast_forward(TEN_MINUTES)
    sleepy.sees("[data-part~=notice]", "You are still logged in")
    sleepy.context.clock.fast_forward(5_000)
    sleepy.wait_for(lambda: sleepy.refreshes() == [200])
    assert lost == [200]
    sleepy.is_signed_in()
    sleepy.page.reload()
    sleepy.is_signed_in()
    sleepy.forgive(FAILED)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_service_in_trouble_ends_no_session_and_is_left_alone_as_long_as_it_asks(sleepy, status):
    asked = []

    def refuse(route):
        asked.append(route.request.url)
        route.fulfill(status=status, headers={"Retry-After": "300"}, json={"error": "service_unavailable"})

    sleepy.context.route(REFRESH, refuse)
    sleepy.context.clock.fast_forward(TEN_MINUTES)
    sleepy.sees("[data-part~=notice]", "You are still logged in")
    for _ in range(4):
        sleepy.context.clock.fast_forward(60_000)
    sleepy.page.evaluate("dispatchEvent(new Event('focus'))")
    sleepy.page.click("[data-part~=reload-dashboard]")
    sleepy.sees("[data-part~=sessions-summary]", "try again in")
    assert len(asked) == 1
    sleepy.reaches_again(REFRESH)
    sleepy.context.clock.fast_forward(TEN_MINUTES)
    sleepy.wait_for(lambda: sleepy.refreshes()[-1] == 200)
    assert sleepy.load_again() == 200
    sleepy.is_signed_in()
    sleepy.forgive(status)


def test_a_refresh_that_would_be_refused_again_is_not_said_to_be_tried_again(new_visitor, server):
    visitor = new_visitor(server).has_account()
    refusal = {"error": "invalid_request", "detail": "Not like this.", "status": 400}
    visitor.context.route(REFRESH, lambda route: route.fulfill(status=400, json=refusal))
    visitor.open()
    visitor.sees("[data-part~=loading-title]", "cannot be opened yet")
    visitor.sees("lychgate-sign-in p", "You are still logged in.")
    expect(visitor.page.get_by_text("keeps trying")).to_have_count(0)
    visitor.forgive(400)


def test_a_session_that_the_api_has_ended_ends_in_every_tab(sleepy):
    other = sleepy.open_tab(sleepy.url)
    (cookie,) = sleepy.refresh_cookies()
    assert post(f"{sleepy.url}/api/auth/logout", {"cookie": f"{cookie['name']}={cookie['value']}"}) == 204
    assert sleepy.load_again() == 401
    sleepy.is_signed_out()
    sleepy.sees("[data-part~=notice]", "Your session has ended")
    other.locator("[data-part~=logged-out]").wait_for()
    sleepy.forgive(401)


def test_logging_out_in_one_tab_reaches_the_others_at_once(member):
    other = member.open_tab(member.url)
    member.sign_out()
    other.locator("[data-part~=logged-out]").wait_for()
    assert other.locator("[data-part~=profile-username]").text_content() == ""
    assert [path for _, path, _ in member.made(other)].count("auth/logout") == 0


def test_logging_in_in_one_tab_reaches_the_others_without_a_call_for_it(member):
    other = member.open_tab(member.url)
    member.sign_out()
    other.locator("[data-part~=logged-out]").wait_for()
    seen = len(member.refreshes(member.page, other))
    member.log_in()
    other.locator("[data-part~=logged-in]").wait_for()
    assert len(member.refreshes(member.page, other)) == seen


def test_logging_out_works_while_the_api_is_out_of_reach(member):
    (cookie,) = member.refresh_cookies()
    member.page.wait_for_load_state("networkidle")
    member.context.route("**/api/**", lambda route: route.abort())
    member.sign_out()
    member.is_signed_out()
    member.sees("[data-part~=notice]", "keeps trying")
    member.page.reload()
    member.is_signed_out()
    member.sees("[data-part~=notice]", "keeps trying")
    member.calls.clear()
    member.reaches_again("**/api/**")
    member.wait_for(lambda: ("POST", "auth/logout", 204) in member.made())
    # Nothing says any more that it is still being tried.
    member.sees("[data-part~=notice]", "has been told")
    assert "keeps trying" not in member.notices()
    assert member.refreshes() == []
    assert post(f"{member.url}/api/auth/refresh", {"cookie": f"{cookie['name']}={cookie['value']}"}) == 401
    member.forgive(FAILED)


def test_a_log_out_that_failed_again_before_the_log_in_was_there_is_told_by_it(member):
    member.page.wait_for_load_state("networkidle")
    member.context.route("**/api/**", lambda route: route.abort())
    member.sign_out()
    member.sees("[data-part~=notice]", "keeps trying")
    tried = []
    member.page.on("requestfailed", lambda request: tried.append(request.url) if "logout" in request.url else None)
    held = []

    def hold(route):
        held.append(route)

    member.context.route("**/sign-in/leaving.js", hold)

    member.page.goto(f"{member.url}/?return=/members/")
    member.wait_for(lambda: held and tried)
    member.wait_for(lambda: member.page.evaluate(HAS_FAILED_AGAIN))
    held[0].continue_()

    member.is_signed_out()
    member.sees("[data-part~=notice]", "keeps trying")
    member.forgive(FAILED)


def test_a_log_in_takes_the_place_of_a_log_out_that_the_api_has_not_heard_of(member):
    member.page.wait_for_load_state("networkidle")
    member.context.route("**/api/auth/logout", lambda route: route.abort())
    member.sign_out()
    member.sees("[data-part~=notice]", "keeps trying")
    member.log_in()
    member.is_signed_in()
    assert "keeps trying" not in member.notices()
    member.forgive(FAILED)


def test_without_storage_a_session_lasts_as_long_as_the_page(new_visitor, server):
    visitor = new_visitor(server)
    visitor.context.clock.install()
    visitor.context.add_init_script(BLOCK_STORAGE)
    visitor.open().sign_up()
    visitor.is_signed_in()
    visitor.context.clock.fast_forward(TEN_MINUTES)
    visitor.wait_for(lambda: visitor.refreshes() == [200])
    visitor.sign_out()
    visitor.is_signed_out()
    visitor.wait_for(lambda: ("POST", "auth/logout", 204) in visitor.made())


def test_where_the_storage_is_full_a_session_lasts_as_long_as_the_page_in_each_tab(new_visitor, server):
    visitor = new_visitor(server)
    visitor.context.clock.install()
    visitor.context.add_init_script(FILL_STORAGE)
    visitor.open()
    other = visitor.open_tab()
    other.goto(visitor.url)
    other.locator("[data-part~=logged-out]").wait_for()
    visitor.sign_up()
    visitor.is_signed_in()
    other.locator("[data-part~=logged-in]").wait_for()
    visitor.context.clock.fast_forward(TEN_MINUTES)
    visitor.wait_for(lambda: 200 in visitor.refreshes(visitor.page, other))
    for tab in (visitor.page, other):
        assert visitor.load_again(tab) == 200
    visitor.sign_out()
    visitor.is_signed_out()
    expect(other.locator("[data-part~=logged-out]")).to_be_visible()
    assert set(visitor.refreshes(visitor.page, other)) == {200}


def test_without_web_locks_tabs_that_wake_together_stay_signed_in(new_visitor, server):
    visitor = new_visitor(server)
    visitor.context.clock.install()
    visitor.context.add_init_script("Object.defineProperty(navigator, 'locks', { value: undefined });")
    visitor.open().sign_up()
    visitor.is_signed_in()
    tabs = [visitor.page, visitor.open_tab(visitor.url), visitor.open_tab(visitor.url)]
    visitor.context.clock.fast_forward(TEN_MINUTES)
    for tab in tabs:
        assert visitor.load_again(tab) == 200
        assert tab.locator("[data-part~=logged-in]").is_visible()
    # The leap makes clocks wrong, and proofs with them, until the answer.
    visitor.forgive(400)


def post(url, headers):
    """Send what a browser would have sent, out of the browser's sight, and return the status."""
    headers = {name: value for name, value in headers.items() if name in {"cookie", "origin"}}
    request = urllib.request.Request(url, b"{}", {**headers, "Content-Type": "application/json"}, method="POST")
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
