"""The page of administrators: who gets in, what is found and done there, and that nothing is told too early."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.development_server import ROOT
from tests.browser.test_quality import TOOLS, assert_good_to_read
from tests.browser.visitor import PASSWORD

ON_A_PAGE = 25
NEW_PASSWORD = "nine new willow boards and a bolt"
HOSTILE = "<img src=x onerror=document.title=1>"
RIGHT_TO_LEFT = "مستخدم"
FRESH_SECONDS = 900
CONFLICT = 409
DIALOG = "[data-part~=confirm-dialog]"
YES = f"{DIALOG} [type=submit]"
GOOD_NOTICE = "[data-part~=notice][data-part~=good]"
# In one task: between keys that are sent one by one may be the pause after which the page asks.
TYPE = """(input, text) => {
    for (const sign of text) {
        input.value += sign;
        input.dispatchEvent(new Event("input", { bubbles: true }));
    }
}"""
COUNT_SHIFTS = """globalThis.shifts = [];
    new PerformanceObserver((list) => {
        for (const { hadRecentInput, value } of list.getEntries()) if (!hadRecentInput) globalThis.shifts.push(value);
    }).observe({ type: "layout-shift", buffered: true });"""


class Administrator:
    """Somebody with the role, who asks the API without a browser too."""

    def __init__(self, server, username):
        self.server = server
        self.username = username
        _, made = self._ask("POST", "auth/register", {"username": username, "password": PASSWORD})
        self.id, self._token = made["user"]["id"], made["access_token"]

    def ask(self, method, path, body=None):
        """Return the status and the body of an answer."""
        return self._ask(method, path, body, Authorization=f"Bearer {self._token}")

    def create(self, username, **more):
        """Return a new user."""
        status, made = self.ask("POST", "admin/users", {"username": username, **more})
        if status == CONFLICT:
            # A laptop's database that is busy is asked twice, and knows no repetition: the first has made the user.
            _, found = self.ask("GET", f"admin/users?username={quote(username)}&limit=1")
            return found["users"][0]
        assert status == 201, made
        return made["user"]

    def _ask(self, method, path, body, **headers):
        data = None if body is None else json.dumps(body).encode()
        headers["Content-Type"] = "application/json"
        request = urllib.request.Request(f"{self.server.url}/api/{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())


def administrator_of(server):
    """Make the first administrator of a server, as an operator does."""
    administrator = Administrator(server, unique("root"))
    command = [sys.executable, "-m", "infra.operator", "users", "set-roles", administrator.username, "admin,user"]
    command += ["--data-dir", str(server.data_directory)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return administrator


@pytest.fixture(scope="module")
def root(server):
    """The only administrator of the server, but for those whom a test makes for as long as it takes."""
    return administrator_of(server)


@pytest.fixture(scope="module")
def people(root):
    """What the names of two pages of users begin with."""
    prefix = unique("p")
    for number in range(ON_A_PAGE + 2):
        root.create(f"{prefix}.{number:02}")
    return prefix


@pytest.fixture
def desk(new_visitor, server, root):
    """The administrator in front of the list."""
    return at_the_desk(new_visitor(server, root.username))


def at_the_desk(visitor):
    visitor.has_come_back().page.goto(f"{visitor.url}/admin.html")
    visitor.sees("#user-list li a")
    visitor.page.calls.clear()
    return visitor


def unique(name):
    return f"{name}.{uuid.uuid4().hex[:10]}"


def finds(visitor, name):
    """Search for one user, and go there."""
    visitor.page.fill("[data-part~=user-search]", name)
    visitor.sees("#users-summary", "1 user whose name begins with")
    visitor.page.click("#user-list a")
    visitor.sees("[data-part~=account-title]")


def does(visitor, button, told):
    """Press a button, say yes to the question, and read what has become of it."""
    visitor.page.click(button)
    visitor.page.click(YES)
    visitor.sees(GOOD_NOTICE, told)


def focused(visitor):
    """Return the name of what has the focus: its id, which begins with the element's own in what elements share."""
    return visitor.page.evaluate("document.activeElement.id.replace(/^lychgate-\\d+-/, '')")


def test_nobody_but_an_administrator_gets_more_than_a_sentence(new_visitor, server, root):
    stranger = new_visitor(server)
    files = []
    stranger.page.on("request", lambda request: files.append(urlsplit(request.url).path))
    stranger.page.goto(f"{server.url}/admin.html#user={root.id}")
    stranger.sees("#refused", "nobody is logged in")
    stranger.page.click("#refused-next")
    stranger.sign_up()
    stranger.page.wait_for_url(f"{server.url}/admin.html#user={root.id}")
    stranger.sees("#refused-title", "This page is for administrators")
    assert stranger.page.get_by_role("link", name="To your account").get_attribute("href") == "/"
    stranger.page.goto(server.url)
    stranger.is_signed_in()
    stranger.has_loaded(stranger.page)
    assert stranger.page.locator("#administration a").is_hidden()
    assert [file for file in files if "admin" in file] == 2 * ["/admin.html", "/admin.css", "/js/admin/admin.js"]


def test_an_administrator_finds_a_user_by_name_and_page_and_comes_back_to_the_same_place(desk, people, server):
    page = desk.page
    page.goto(server.url)
    page.click("text=For administrators")
    desk.sees("#user-list a")
    page.calls.clear()
    page.locator("[data-part~=user-search]").evaluate(TYPE, people)
    desk.sees("#users-summary", f"Page 1: {ON_A_PAGE} users whose names begin with {people}")
    asked = [path for _, path, _ in desk.made() if path.startswith("admin/")]
    assert asked == [f"admin/users?username={people}&limit={ON_A_PAGE}"]
    page.focus("#users-next")
    page.keyboard.press("Enter")
    desk.sees("#users-summary", "Page 2: 2 users")
    assert page.locator("#user-list li").count() == 2
    assert (focused(desk), page.get_attribute("#users-next", "aria-disabled")) == ("users-next", "true")
    page.keyboard.press("Enter")
    page.click("#users-back")
    desk.sees("#users-summary", "Page 1")
    page.click("#users-next")
    desk.sees("#users-summary", "Page 2")
    page.click(f"#user-list >> text={people}.26")
    desk.sees("#user-title", f"{people}.26")
    desk.sees("[data-part~=event-list]", "Account made")
    assert focused(desk) == "user-title"
    page.go_back()
    desk.sees("#users-summary", "Page 2")
    assert page.evaluate("document.activeElement.textContent") == f"{people}.26"
    page.go_forward()
    page.reload()
    desk.sees("#user-title", f"{people}.26")
    assert page.title() == f"{people}.26 · Lychgate"
    page.click("text=All users")
    page.fill("[data-part~=user-search]", f"{people}.none")
    desk.sees("#users-summary", f"Nobody has a name that begins with {people}.none.")


def test_an_account_is_made_and_whoever_gets_its_link_sets_the_password_and_shows_up_there(desk, new_visitor, server):
    page = desk.page
    desk.context.grant_permissions(["clipboard-read", "clipboard-write"])
    kim = new_visitor(server, unique("kim"))
    page.click("#add-user")
    page.fill("[data-part~=new-username]", "k")
    page.click("[data-part~=new-form] [type=submit]")
    desk.sees("[data-part~=new-username-error]", "3")
    page.fill("[data-part~=new-username]", desk.username)
    page.click("[data-part~=new-form] [type=submit]")
    desk.sees("[data-part~=new-username-error]", "Already taken")
    page.fill("[data-part~=new-username]", kim.username)
    page.fill("[data-part~=new-email]", f"{kim.username}@example.org")
    page.fill("[data-part~=new-roles]", "editor user")
    page.click("[data-part~=new-form] [type=submit]")
    desk.sees("[data-part~=sheet]", "Whoever has the link can set the password.")
    desk.sees("[data-part~=sheet]", f"A mail with a link of its own goes to {kim.username}@example.org")
    page.keyboard.press("Escape")
    page.click("text=Copy the link")
    desk.sees("#link-copied", "Copied")
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == page.input_value("#password-link")
    page.click("text=Done")
    desk.sees("#user-title", kim.username)
    assert link not in page.content()
    desk.sees("[data-part~=way-list], [data-part~=ways-title]")
    desk.sees("[data-part~=item][data-kind=password]", "None")

    kim.page.goto(link)
    kim.page.fill("[data-part~=reset-password]", PASSWORD)
    kim.page.click("[data-part~=reset-form] [type=submit]")
    kim.sees("[data-part~=done]")
    kim.page.click("[data-part~=done-next]")
    kim.log_in()
    kim.is_signed_in()
    page.reload()
    desk.sees("[data-part~=session-list] li", "Chrome on Linux")
    desk.sees("#user-address", "Not confirmed")
    desk.sees("[data-part~=event-list]", "by an administrator")
    desk.forgive(409, 422)


@pytest.fixture
def kim(new_visitor, server):
    """Somebody who has just signed up, with an address that nobody has confirmed."""
    visitor = new_visitor(server, unique("kim")).join()
    visitor.has_loaded(visitor.page)
    return visitor


def test_what_an_administrator_does_happens_to_the_user_and_is_told_once_it_has(desk, kim, server):
    page = desk.page
    finds(desk, kim.username)
    does(desk, "#log-out-user", "is logged out everywhere")
    desk.sees("text=It is logged in nowhere")
    assert focused(desk) == "sessions-title"
    assert kim.load_again() == 401
    kim.is_signed_out()
    kim.log_in()
    kim.is_signed_in()

    page.click("[data-part~=roles-fold] summary")
    page.fill("[data-part~=roles]", "Editor, user")
    page.click("[data-part~=roles-form] [type=submit]")
    desk.sees("[data-part~=roles-error]", "is no role")
    page.fill("[data-part~=roles]", "editor, user")
    page.click("[data-part~=roles-form] [type=submit]")
    desk.sees(GOOD_NOTICE, "has these roles now: editor, user")
    desk.sees("#user-roles", "editor")

    does(desk, "#disable-user", "is disabled")
    desk.sees("#user-state", "Disabled")
    assert kim.load_again() == 401
    kim.is_signed_out()
    does(desk, "#enable-user", "is enabled")
    desk.sees("#user-state", "Active")

    page.click("#reset-user")
    page.click(YES)
    desk.sees("[data-part~=sheet]", "It is good once, for 30 minutes.")
    link = page.input_value("#password-link")
    page.click("text=Done")
    kim.page.goto(link)
    kim.page.fill("[data-part~=reset-password]", NEW_PASSWORD)
    kim.page.click("[data-part~=reset-form] [type=submit]")
    kim.sees("[data-part~=done]")

    page.click("[data-part~=delete-fold] summary")
    page.fill("[data-part~=delete-name]", f"{kim.username}x")
    page.click("[data-part~=delete-form] [type=submit]")
    desk.sees("[data-part~=delete-name-error]", "not the username")
    page.fill("[data-part~=delete-name]", kim.username)
    page.click("[data-part~=delete-form] [type=submit]")
    desk.sees(GOOD_NOTICE, "is deleted")
    desk.sees("#users-title")
    kim.page.goto(server.url)
    kim.log_in(NEW_PASSWORD)
    kim.sees("[data-part~=login-form] [data-form-error], [data-part~=login-password-error]", "do not match")
    kim.forgive(401)
    desk.forgive(422)


def test_the_last_administrator_stays_and_one_who_is_none_any_more_sees_nothing_more(desk, new_visitor, server, root):
    page = desk.page
    finds(desk, root.username)
    page.click("#disable-user")
    desk.sees(DIALOG, "That is you")
    page.click(YES)
    told = desk.sees(f"{DIALOG} [data-form-error]", "Nothing has changed.")
    assert "This is the last administrator" in told.inner_text()
    page.click(f"{DIALOG} >> text=Cancel")
    page.click("[data-part~=delete-fold] summary")
    page.fill("[data-part~=delete-name]", root.username)
    page.click("[data-part~=delete-form] [type=submit]")
    desk.sees("[data-part~=delete-form] [data-form-error]", "This is the last administrator")
    assert page.locator(GOOD_NOTICE).count() == 0

    other = Administrator(server, unique("other"))
    roles = f"admin/users/{other.id}"
    assert root.ask("PATCH", roles, {"roles": ["admin", "user"]})[0] == 200
    second = at_the_desk(new_visitor(server, other.username))
    finds(second, root.username)
    second.page.click("#log-out-user")
    assert root.ask("PATCH", roles, {"roles": ["user"]})[0] == 200
    second.page.click(YES)
    second.sees("#refused-title", "You are no administrator any more")
    assert focused(second) == "refused-title"
    assert second.page.locator("dialog").count() == 0
    assert root.username not in second.page.locator("body").inner_text()
    second.page.go_back()
    second.sees("#refused-title")
    assert second.page.locator("#user-list").count() == 0
    # Nobody was logged out.
    assert root.ask("GET", "me")[0] == 200
    desk.forgive(409)
    second.forgive(403)


def test_nothing_is_shown_as_done_that_the_api_has_not_answered(desk, root):
    page = desk.page
    finds(desk, root.create(unique("lee"))["username"])
    held = []
    desk.context.route("**/api/admin/users/*", lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks its handlers
    page.click("#disable-user")
    page.click(YES)
    desk.sees(YES, "Disabling…")
    desk.wait_for(lambda: held)
    assert (page.inner_text("#user-state"), page.locator(GOOD_NOTICE).count()) == ("Active", 0)
    held[0].abort()
    told = desk.sees(f"{DIALOG} [data-form-error]", "It may have been done all the same.").inner_text()
    assert "cannot be reached" in told
    page.click(f"{DIALOG} >> text=Cancel")
    assert (page.inner_text("#user-state"), page.locator(GOOD_NOTICE).count()) == ("Active", 0)
    desk.reaches_again("**/api/admin/users/*")

    page.go_back()
    desk.context.set_offline(True)
    page.fill("[data-part~=user-search]", "somebody")
    desk.sees("#users-summary[data-part~=alarming]", "You are offline")
    desk.sees("#users-summary", "What you see here is as it was")
    assert page.locator("#user-list a").count() == 1
    desk.context.set_offline(False)
    page.click("#users-retry")
    desk.sees("#users-summary", "Nobody has a name that begins with somebody")
    page.goto(f"{desk.url}/admin.html#user=nobody")
    desk.sees("#user-told", "may have been deleted")
    desk.forgive("Failed to load resource")


def test_what_changes_an_account_asks_for_the_password_some_time_after_the_log_in(
    new_visitor, patient_server, patient_clock
):
    administrator = administrator_of(patient_server)
    name = administrator.create(unique("lee"))["username"]
    stale = at_the_desk(new_visitor(patient_server, administrator.username))
    patient_clock.advance(FRESH_SECONDS + 1)
    finds(stale, name)
    page = stale.page
    page.click("#log-out-user")
    stale.sees(DIALOG)
    assert page.locator("[data-part~=confirm-password]").is_hidden()
    page.click(YES)
    stale.sees(GOOD_NOTICE, "is logged out everywhere")
    page.click("#disable-user")
    page.fill("[data-part~=confirm-password]", "seven old oak boards and a guess")
    page.click(YES)
    stale.sees("[data-part~=confirm-password-error]", "not your password")
    assert page.inner_text("#user-state") == "Active"
    page.fill("[data-part~=confirm-password]", PASSWORD)
    page.click(YES)
    stale.sees("#user-state", "Disabled")
    stale.forgive(401)


@pytest.fixture(params=[(320, "dark"), (1440, "light")], ids=["narrow and dark", "wide and light"])
def reader(request, new_visitor, server, root):
    """The administrator with a window whose views are inspected."""
    width, scheme = request.param
    visitor = new_visitor(
        server,
        root.username,
        viewport={"width": width, "height": 800},
        color_scheme=scheme,
        reduced_motion="reduce",
        bypass_csp=True,
    )
    visitor.context.add_init_script(path=TOOLS / "axe-core" / "axe.min.js")
    visitor.context.add_init_script(COUNT_SHIFTS)
    return visitor


def test_each_view_is_accessible_fits_the_window_and_stays_where_it_is(reader, root, people):
    page = reader.page
    tag = unique("long")
    address = f"{'z' * 60}@{'y' * 60}.example.org"
    long = root.create(f"{tag}.{'x' * 200}", email=address, roles=["a-role-of-thirty-two-characters-", "user"])
    right_to_left = root.create(f"{RIGHT_TO_LEFT}.{uuid.uuid4().int % 10**8}")
    at_the_desk(reader)
    assert_good_to_read(page)
    page.fill("[data-part~=user-search]", people)
    reader.sees("#users-summary", "Page 1")
    assert_good_to_read(page)
    finds(reader, tag)
    assert_good_to_read(page)
    for fold in ("[data-part~=roles-fold]", "[data-part~=delete-fold]"):
        page.click(f"{fold} summary")
    page.click("[data-part~=delete-form] [type=submit]")
    reader.sees("[data-part~=delete-name-error]", "not the username")
    assert_good_to_read(page)
    page.click("#disable-user")
    reader.sees(DIALOG)
    assert_good_to_read(page)
    page.click(f"{DIALOG} >> text=Cancel")
    page.click("#reset-user")
    page.click(YES)
    reader.sees("#password-link")
    assert_good_to_read(page)
    page.click("text=Done")
    page.goto(f"{reader.url}/admin.html#new")
    page.click("[data-part~=new-form] [type=submit]")
    reader.sees("[data-part~=new-username-error]", "Enter")
    assert_good_to_read(page)
    page.goto(f"{reader.url}/admin.html#user={quote(right_to_left['id'])}")
    reader.sees("#user-title", RIGHT_TO_LEFT)
    assert_good_to_read(page)
    page.goto(f"{reader.url}/")
    page.goto(f"{reader.url}/admin.html#user={quote(long['id'])}")
    reader.sees("[data-part~=event-list] li")
    assert page.evaluate("shifts.reduce((sum, shift) => sum + shift, 0)") < 0.02
    page.goto(f"{reader.url}/")
    page.goto(f"{reader.url}/admin.html")
    reader.sees("#user-list a")
    assert page.evaluate("shifts.reduce((sum, shift) => sum + shift, 0)") < 0.02


def test_names_and_addresses_are_shown_as_they_are_and_never_run(desk, root):
    page = desk.page
    user = root.create(unique("lee"))
    hostile = {"user": {**user, "username": HOSTILE, "email": HOSTILE, "roles": [HOSTILE]}}
    found = root.ask("GET", f"admin/users/{user['id']}")[1]
    event = {"type": HOSTILE, "at": HOSTILE, "ip": HOSTILE, "user_agent": HOSTILE}
    desk.context.route(
        "**/api/admin/users/*", lambda route: route.fulfill(json={**found, **hostile, "recent_events": [event]})
    )
    finds(desk, user["username"])
    expect(page.locator("#user-title")).to_have_text(HOSTILE)
    expect(page.locator("[data-part~=event-list]")).to_contain_text(HOSTILE)
    page.click("#disable-user")
    desk.sees("[data-part~=confirm-consequence]", HOSTILE)
    assert page.title() == f"{HOSTILE} · Lychgate"
    assert page.locator("main img").count() == 0


def test_with_the_session_the_page_ends_in_every_tab_and_a_shown_link_goes_too(desk, root):
    finds(desk, root.create(unique("lee"))["username"])
    desk.page.click("#reset-user")
    desk.page.click(YES)
    link = desk.sees("#password-link").input_value()
    other = desk.open_tab(desk.url)
    other.click("[data-part~=log-out]")
    desk.sees("#refused-title", "You are logged out")
    html = desk.page.content()
    assert (link in html, desk.page.locator("dialog, #password-link, [data-part~=desk]").count()) == (False, 0)
    assert desk.page.get_attribute("#refused-next", "href").startswith("/?return=%2Fadmin.html%23user%3D")
