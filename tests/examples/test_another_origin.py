"""examples/another-origin in a browser: at the origin that the API knows, and at one that it does not."""

import pytest
from playwright.sync_api import expect

from infra.examples.another_origin import AnotherOrigin
from tests.browser.test_quality import RUN_AXE, TOOLS
from tests.browser.visitor import PASSWORD
from tests.guides.markdown import ROOT

SCRIPT = ROOT / "examples" / "another-origin" / "shop.js"
TRY_WITH_THE_COOKIE = """async (api) => {
    const headers = { "Content-Type": "application/json" };
    const post = { method: "POST", credentials: "include", body: "{}" };
    const tries = [
        fetch(api + "/auth/refresh", { ...post, headers }),
        fetch(api + "/me", { credentials: "include" }),
        fetch(api + "/auth/refresh", { ...post, mode: "no-cors" }).then((answer) => answer.text()),
        fetch(api + "/auth/logout", { ...post, mode: "no-cors" }).then((answer) => answer.text()),
    ];
    return (await Promise.allSettled(tries)).map(({ status, value }) => value ?? status);
}"""


@pytest.fixture
def at(server):
    """Serve the page at a port, and return its origin."""
    pages = []

    def at(port):
        pages.append(AnotherOrigin(port))
        pages[-1].start(server.url)
        return pages[-1].origin

    yield at
    for page in pages:
        page.stop()


@pytest.fixture
def shop(at, known_origin):
    return at(int(known_origin.rpartition(":")[2]))


def fill_in(visitor, account, password=PASSWORD):
    visitor.page.fill("[name=username]", account.username)
    visitor.page.fill("[name=password]", password)
    visitor.page.click("#log-in button")


@pytest.mark.parametrize("storage", ["session", "memory"])
def test_a_page_whose_origin_is_named_logs_in_and_its_storage_says_what_a_reload_leaves(
    shop, new_visitor, server, account, storage
):
    visitor = new_visitor(server)
    script = SCRIPT.read_text("utf-8").replace('storage: "session"', f'storage: "{storage}"')
    visitor.context.route("**/shop.js", lambda route: route.fulfill(body=script, content_type="text/javascript"))
    page = visitor.page
    page.goto(shop)
    visitor.sees("[role=status]", "Please log in.")
    fill_in(visitor, account, "not the password, but long enough")
    visitor.sees("[role=alert]", "password")
    fill_in(visitor, account)
    visitor.sees("[role=status]", f"Hello, {account.username}")
    visitor.sees("#answer", '"login_succeeded"')
    assert visitor.refresh_cookies() == []

    page.reload()

    if storage == "memory":
        visitor.sees("[role=status]", "Please log in.")
        assert page.evaluate("sessionStorage.length + localStorage.length") == 0
    else:
        visitor.sees("[role=status]", f"Hello, {account.username}")
        page.click("#leave")
        visitor.sees("[role=status]", "Please log in.")
        visitor.wait_for(lambda: account.sessions() == [])
    visitor.forgive(401)


def test_a_log_out_that_the_service_has_not_heard_of_is_told_until_it_has(shop, new_visitor, server, account):
    visitor = new_visitor(server)
    visitor.context.clock.install()
    visitor.page.goto(shop)
    fill_in(visitor, account)
    visitor.sees("[role=status]", f"Hello, {account.username}")
    visitor.context.route("**/api/auth/logout", lambda route: route.abort())
    visitor.page.click("#leave")
    visitor.sees("[role=status]", "Please log in.")
    visitor.sees("[role=alert]", "The service does not know yet that you have logged out.")
    visitor.reaches_again("**/api/auth/logout")
    visitor.context.clock.fast_forward(60_000)
    expect(visitor.page.locator("[role=alert]")).to_have_text("")
    visitor.wait_for(lambda: account.sessions() == [])
    visitor.forgive("Failed to load resource")


def test_every_view_is_accessible_also_that_of_the_second_step(shop, new_visitor, server, account):
    app, _ = account.with_totp()
    visitor = new_visitor(server, viewport={"width": 320, "height": 800}, color_scheme="dark", bypass_csp=True)
    visitor.context.add_init_script(path=TOOLS / "axe-core" / "axe.min.js")
    page = visitor.page
    page.goto(shop)
    visitor.sees("#log-in")
    assert page.evaluate(RUN_AXE) == []
    fill_in(visitor, account)
    visitor.sees("#second-step")
    page.keyboard.type(app.wrong_code())
    page.keyboard.press("Enter")
    visitor.sees("[role=alert]", "code")
    assert page.evaluate(RUN_AXE) == []
    page.fill("[name=code]", app.next_code())
    page.click("#second-step button")
    visitor.sees("#answer", '"login_succeeded"')
    assert page.evaluate(RUN_AXE) == []
    visitor.forgive(401, 403)


def test_a_page_whose_origin_is_not_named_gets_nothing_by_a_password_nor_by_a_cookie(at, new_visitor, server, account):
    victim = new_visitor(server).join()
    hostile = victim.context.new_page()
    elsewhere = at(0)
    hostile.goto(elsewhere)
    hostile.fill("[name=username]", account.username)
    hostile.fill("[name=password]", PASSWORD)
    hostile.click("#log-in button")
    hostile.locator("[role=alert]").filter(has_text="cannot be reached").wait_for()
    assert account.sessions() == []

    for origin in (elsewhere, elsewhere.replace("localhost", "127.0.0.1")):  # of another site, and of the API's own
        hostile.goto(origin)
        assert hostile.evaluate(TRY_WITH_THE_COOKIE, f"{server.url}/api") == ["rejected"] * 4

    victim.page.reload()
    victim.is_signed_in()
    assert victim.load_again() == 200
