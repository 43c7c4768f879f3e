"""Somebody with a browser, a name and a mail address: what they do in the page, and what they get by mail."""

import json
import urllib.request
import uuid

from tests.browser.postbox import Postbox
from tests.browser.visitor import PASSWORD

NEW_PASSWORD = "nine quiet herons by the old mill pond"
KEPT = "JSON.stringify([{...sessionStorage}, {...localStorage}, history.state, location.href, document.cookie])"


class Person:
    """Somebody with a browser, a name and a mail address."""

    def __init__(self, visitor, server, *, by_address=False):
        self.visitor, self.server, self.by_address = visitor, server, by_address
        self.address = f"kim.{uuid.uuid4().hex[:12]}@example.org"
        if by_address:
            visitor.username = self.address
        self.post = Postbox(server, self.address)

    @property
    def page(self):
        return self.visitor.page

    def signs_up(self, address=None):
        page = self.visitor.open().page
        self.visitor.sees("[data-part~=mail-ways]")
        page.click("[data-part~=show-signup]")
        page.fill("[data-part~=signup-username]", self.visitor.username)
        if not self.by_address:
            page.fill("[data-part~=signup-password]", PASSWORD)
        if page.is_visible("[data-part~=signup-email]"):
            page.fill("[data-part~=signup-email]", self.address if address is None else address)
        page.click("[data-part~=signup-form] [type=submit]")
        return self

    def has_account(self):
        """Sign up with an address that is not confirmed yet, and open no page."""
        self.visitor.has_account(email=self.address)
        return self

    def has_confirmed(self):
        """Confirm the address without a page."""
        call_api(self.server, "auth/email/confirm", {"token": self.post.link("email").partition("=")[2]})
        return self

    def is_a_member(self):
        """Have an account and a confirmed address, and open the page logged in."""
        self.has_account().has_confirmed().visitor.open()
        self.visitor.is_signed_in()
        self.visitor.sees("[data-part~=email-state]", "Confirmed")
        return self

    def exists(self):
        """Have an account and a confirmed address, of which this browser knows nothing."""
        account = {"username": self.visitor.username, "password": PASSWORD, "email": self.address}
        call_api(self.server, "auth/register", account)
        return self.has_confirmed()

    def is_outside(self):
        """Have all that, and open the page at the log-in."""
        self.exists().visitor.open()
        self.visitor.sees("[data-part~=mail-ways]")
        return self

    def opens(self, link):
        """Open a mailed link in another tab, watched like the first."""
        page = self.visitor.open_tab()
        page.goto(link)
        return page

    def presses(self, purpose, page):
        page.click(f"[data-part~={purpose}-form] [type=submit]")
        page.locator("[data-part~=done]").wait_for()

    def logs_out(self):
        self.visitor.sign_out()
        self.visitor.is_signed_out()

    def asks(self, step, name=None):
        """Ask for a link or a code by mail."""
        self.page.click(f"[data-part~=mail-ways] a[href='#{step}']")
        self.page.fill(f"[data-part~={step}-username]", name or self.visitor.username)
        self.page.click(f"[data-part~={step}-form] [type=submit]")

    def enters(self, code):
        self.page.fill("[data-part~=code-digits]", code)
        self.page.click("[data-part~=code-entry-form] [type=submit]")

    def posts(self, page=None):
        """Return the paths of the POSTs of a tab."""
        return [path for method, path, _ in self.visitor.made(page or self.page) if method == "POST"]


def call_api(server, path, body, **headers):
    """Call the API as somebody with another browser."""
    request = urllib.request.Request(
        f"{server.url}/api/{path}", json.dumps(body).encode(), {"Content-Type": "application/json", **headers}
    )
    with urllib.request.urlopen(request, timeout=120) as response:
        return json.loads(response.read() or "null")


def text_of(page, view):
    """Return what is seen of a part of the page."""
    return page.locator(f"[data-part~={view}]").inner_text()
