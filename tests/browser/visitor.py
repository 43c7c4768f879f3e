"""Somebody in front of the page: the one place of these tests that knows the names of its parts."""

import json
import re
import time
import uuid
from pathlib import Path

from playwright.sync_api import Error

from tests.browser.development_server import PATIENCE_SECONDS

ROOT = Path(__file__).parents[2]
PASSWORD = "seven old oak boards and a latch"
# What the client has stored once somebody is logged in. Once in a profile, so that a log-out stays.
REMEMBER = """if (location.origin === %s && !localStorage.joined) {
    localStorage.joined = "yes";
    localStorage[`lychgate ${location.origin}/api/`] = "in";
}"""
# A browser that makes no keys: its sessions are plain.
NO_KEYS = "if (crypto.subtle) crypto.subtle.generateKey = undefined;"

# A notice goes by itself after a while, by which nothing else waits: a busy machine may look later.
NOTICE_MS = re.search(r"SUCCESS_MS = (\d+)", (ROOT / "static-site/js/elements/core/notice.js").read_text("utf-8"))[1]
KEEP_NOTICES = f"""{{
    const later = setTimeout;
    globalThis.setTimeout = (run, ms, ...more) => later(run, ms === {NOTICE_MS} ? 1e9 : ms, ...more);
}}"""

# An address that no page asks for.
NOBODYS = "https://nobody.invalid/"


class Visitor:
    """Somebody in front of the page: one browser profile, one tab, and what the tab said and sent."""

    def __init__(self, context, url, username=None):
        self.context = context
        self.url = url
        self.username = username or f"kim.{uuid.uuid4().hex[:12]}"
        self._heard = []
        self._forgiven = []
        self.page = self.open_tab()
        self.calls = self.page.calls

    def open_tab(self, url=None):
        """Return one more tab of the same browser, watched like the first, and with a page in it if told which."""
        page = self.context.new_page()
        page.calls = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self._heard.append(str(error)))
        page.on("response", lambda response: page.calls.append(response) if "/api/" in response.url else None)
        if url:
            page.goto(url)
            page.locator("[data-part~=logged-in]").wait_for()
            self.has_loaded(page)
        return page

    def has_loaded(self, page):
        """Wait until the page's own calls are answered. The API refuses them from the moment that the session ends."""
        page.locator("[data-part~=sessions-summary]:not(:empty)").filter(has_not_text="Loading").wait_for()

    def is_whole(self, page):
        """Wait until the account has all that it brings by itself: its lists, and the forms, which come last."""
        self.has_loaded(page)
        page.locator("[data-part~=way-list]:not([aria-busy], :empty)").wait_for()
        page.locator("[data-part~=password-form]").wait_for(state="attached")

    def _hear(self, message):
        if message.type in {"error", "warning"}:
            self._heard.append(message.text)

    def open(self):
        self.page.goto(self.url)
        return self

    def sign_up(self, password=PASSWORD):
        self.page.click("[data-part~=show-signup]")
        self._fill_in("signup", password)

    def has_account(self, password=PASSWORD, **more):
        """Sign up without a page. Whichever page this browser opens from now on is logged in."""
        return self._enters("register", 201, password, **more)

    def has_come_back(self, password=PASSWORD):
        """Log in without a page. Whichever page this browser opens from now on is logged in."""
        return self._enters("login", 200, password)

    def _enters(self, path, status, password, **more):
        body = {"username": self.username, "password": password, "token_delivery": "cookie", **more}
        answer = self.context.request.post(f"{self.url}/api/auth/{path}", data=body, headers={"Origin": self.url})
        assert answer.status == status, answer.text()
        self.context.add_init_script(REMEMBER % json.dumps(self.url))
        return self

    def join(self, password=PASSWORD):
        """Sign up without the form, which is a third of the work, and open the page: the browser is logged in."""
        self.has_account(password).open()
        self.is_signed_in()
        return self

    def log_in(self, password=PASSWORD, *, submit=True):
        self.page.click("[data-part~=show-login]")
        self._fill_in("login", password, submit=submit)

    def load_again(self, page=None):
        """Let the first tab, or this one, call the API, and return the status of the first answer."""
        page = page or self.page
        # The answer to an earlier call may be still to come.
        with page.expect_request("**/api/dashboard") as asked:
            page.click("[data-part~=reload-dashboard]")
        return asked.value.response().status

    def ends(self, action, page=None):
        """Click what ends sessions in the first tab, or in this one, and say yes to the question."""
        page = page or self.page
        page.click(action)
        page.click("[data-part~=confirm-dialog] [type=submit]")

    def sign_out(self):
        self.has_loaded(self.page)
        self.page.click("[data-part~=log-out]")

    def _fill_in(self, form, password, *, submit=True):
        self.page.fill(f"[data-part~={form}-username]", self.username)
        self.page.fill(f"[data-part~={form}-password]", password)
        if submit:
            self.page.click(f"[data-part~={form}-form] [type=submit]")

    def sees(self, selector, text=None):
        """Wait until something is visible, and has this text in it."""
        element = self.page.locator(selector)
        if text is not None:
            element = element.filter(has_text=text)
        element.first.wait_for(state="visible")
        return element

    def notices(self, page=None):
        """Return what the elements of the first tab, or of this one, say at their end."""
        return " ".join((page or self.page).locator("[data-part~=notice]").all_inner_texts())

    def is_signed_in(self):
        self.sees("[data-part~=logged-in]")
        self.sees("[data-part~=greeting-username]", self.username)

    def is_signed_out(self):
        self.sees("[data-part~=logged-out]")

    def made(self, *pages):
        """Return method, path below /api and status of every call of these tabs, or of the first."""
        return [
            (call.request.method, call.url.partition("/api/")[2], call.status)
            for page in pages or [self.page]
            for call in page.calls
            if call.request.resource_type in {"fetch", "xhr"}
        ]

    def tells(self, page):
        """Return the calls of a tab, and what is to be read in it, for whoever looks into a failure."""
        calls = [f"{call.request.method} {call.url} {call.status}" for call in getattr(page, "calls", [])]
        try:
            text = page.locator("body").inner_text(timeout=1000)
        except Error as error:
            text = f"nothing to be read: {error}"
        return "\n".join([*calls, "", text])

    def refreshes(self, *pages):
        """Return the statuses of the refreshes of these tabs, or of the first."""
        return [status for _, path, status in self.made(*pages) if path == "auth/refresh"]

    def wait_for(self, holds, page=None):
        """Wait until something holds while the browser goes on."""
        page = page or self.page
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            assert time.monotonic() < deadline, "it never came true"
            page.wait_for_timeout(20)

    def reaches_again(self, pattern):
        """Let the server answer what a test has answered until now.

        Another route stays behind: a request that is sent while the browser ceases to stop any is never released.
        """
        self.context.route(NOBODYS, lambda route: route.abort())
        self.context.unroute(pattern)

    def forgive(self, *reasons):
        """Take the browser's own lines about failed calls for what they are: a status, or the name of an error.

        Also those that are still to come: a tab shows what a failed call has led to before its line arrives here.
        """
        self._forgiven += [f"status of {reason}" if isinstance(reason, int) else reason for reason in reasons]

    @property
    def troubles(self):
        """The errors and warnings of the tabs that nothing forgives."""
        return [trouble for trouble in self._heard if not any(line in trouble for line in self._forgiven)]

    def refresh_cookies(self, url=None):
        """The cookies with a refresh token, one at most unless somebody has planted another."""
        return [cookie for cookie in self.context.cookies(url) if cookie["name"].endswith("refresh_token")]

    def access_tokens(self):
        """Return every access token that the API has sent to the first tab."""
        return [
            json.loads(call.text())["access_token"]
            for call in self.calls
            if call.ok and call.url.endswith(("/register", "/login", "/refresh"))
        ]
