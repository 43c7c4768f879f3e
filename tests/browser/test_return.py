"""Where the page goes after a log-in: to a path of its own origin that the address names, and nowhere else."""

from urllib.parse import quote

import pytest

MEMBERS = "<!doctype html><html lang='en'><title>Members</title><h1>Members only</h1></html>"
"""A page of the test's own, so that what is gone to need not exist."""

GOOD = {
    "/members/": "/members/",
    "/members/?page=2&sort=up#row-7": "/members/?page=2&sort=up#row-7",
    "/a/../members/": "/members/",
    "/@evil.example": "/@evil.example",
    "/https://evil.example": "/https://evil.example",
    "/members/?next=https://evil.example": "/members/?next=https://evil.example",
    "/caf\u00e9/": "/caf%C3%A9/",
    "/two words": "/two%20words",
    "/members/%2Fevil.example": "/members/%2Fevil.example",
    "/index.html/more": "/index.html/more",
}
BAD = [
    "",
    " ",
    "members/",
    "?x",
    "#x",
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "//evil.example/%2f..",
    "//evil.example@here",
    "//@evil.example",
    "///\\;@evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "\\\\evil.example",
    "/members\\..\\..\\evil.example",
    "/%5cevil.example",
    "/%5C%5cevil.example",
    "/%2fevil.example",
    "/%2F/evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r/evil.example",
    "\t//evil.example",
    "\x00//evil.example",
    "/\x00/evil.example",
    "/members/\x7f",
    "/\x85/evil.example",
    " //evil.example",
    " /members/",
    "/.//evil.example",
    "/./\\evil.example",
    "/..//evil.example",
    "/members/..//evil.example",
    "/%2e//evil.example",
    "/members/%2e%2e//evil.example",
    "/%2e%2e/%2fevil.example",
    "https://evil.example",
    "https:evil.example",
    "https:/members/",
    "http://here.example/members/",
    "HTTPS://evil.example",
    "//here.example/members/",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\nscript:alert(1)",
    "\x01javascript:alert(1)",
    "data:text/html,x",
    "blob:http://here.example/x",
    "file:///etc/passwd",
    "vbscript:x",
    "@evil.example",
    "evil.example",
    "http://[",
    "/",
    "/index.html",
    "/?return=/members/",
    "/#login",
    "/index.html?return=/",
    "/./",
    f"/{'x' * 2000}",
]

READ_ALL = """async (cases) => {
    const { returnAddress } = await import("/js/elements/sign-in/departure.js");
    return cases.map((wanted) => returnAddress(`http://here.example/?return=${encodeURIComponent(wanted)}`));
}"""


def test_only_a_path_of_the_own_origin_is_gone_to(visitor):
    good = visitor.page.evaluate(READ_ALL, list(GOOD))
    assert dict(zip(GOOD, good, strict=True)) == {wanted: f"http://here.example{path}" for wanted, path in GOOD.items()}
    bad = visitor.page.evaluate(READ_ALL, BAD)
    assert [(wanted, target) for wanted, target in zip(BAD, bad, strict=True) if target] == []


ADDRESSES = {
    "http://here.example/": "",
    "http://here.example/?return": "",
    "http://here.example/?return=/a&return=//evil.example": "http://here.example/a",
    "http://here.example/?return=//evil.example&return=/a": "",
    "http://here.example/?return=/a%23b%3Fc": "http://here.example/a#b?c",
    "http://here.example/?return=%252f%252fevil.example": "",
    "http://here.example/?Return=/a#signup": "",
    "http://here.example/?x=1&return=%2Fa#signup": "http://here.example/a",
    "http://here.example/login/index.html?return=/login/": "",
    "http://here.example/login/?return=/": "http://here.example/",
    "http://user:pass@here.example/?return=/a": "http://here.example/a",
}
"""Addresses of the page, and where each says that one came from."""


def test_the_first_return_of_the_address_counts_decoded_once(visitor):
    read = """async (addresses) => {
        const { returnAddress } = await import("/js/elements/sign-in/departure.js");
        return addresses.map((address) => returnAddress(address));
    }"""
    assert dict(zip(ADDRESSES, visitor.page.evaluate(read, list(ADDRESSES)), strict=True)) == ADDRESSES


@pytest.fixture
def travelling(new_visitor, server):
    """Make visitors who arrive with a wish, and who find a page wherever they go."""

    def travelling(username=None):
        visitor = new_visitor(server, username)
        visitor.context.route(
            lambda url: is_elsewhere(url, server), lambda route: route.fulfill(body=MEMBERS, content_type="text/html")
        )
        return visitor

    return travelling


def is_elsewhere(url, server):
    """Tell whether an address is none that the server knows."""
    path = url.removeprefix(server.url)
    known = ("/api/", "/js/", "/?", "/#", "/index.html", "/styles.css", "/favicon.svg")
    return path == url or not (path == "/" or path.startswith(known))


def arrive(visitor, wanted, fragment=""):
    visitor.page.goto(f"{visitor.url}/?return={quote(wanted, safe='')}{fragment}")


def has_arrived(visitor, path, page=None):
    page = page or visitor.page
    page.wait_for_url(f"{visitor.url}{path}")
    page.get_by_role("heading", name="Members only").wait_for()


def test_a_log_in_goes_back_to_where_one_came_from(travelling, account):
    visitor = travelling(account)
    arrive(visitor, "/members/?page=2#row-7")
    visitor.sees("[data-part~=lead]", "the page you wanted")
    visitor.log_in()
    has_arrived(visitor, "/members/?page=2#row-7")
    # There is no way back to the log-in, which would only send one here again.
    assert visitor.page.evaluate("history.length") <= 2


def test_a_sign_up_goes_there_too(travelling):
    visitor = travelling()
    arrive(visitor, "/members/", "#signup")
    visitor.sees("[data-part~=signup-form]")
    visitor.sign_up()
    has_arrived(visitor, "/members/")


def test_whoever_is_logged_in_goes_there_at_once(travelling):
    visitor = travelling().has_account()
    arrive(visitor, "/members/")
    has_arrived(visitor, "/members/")


def test_a_log_in_in_another_tab_takes_this_one_along(travelling):
    visitor = travelling()
    arrive(visitor, "/members/")
    visitor.is_signed_out()
    other = visitor.context.new_page()
    other.goto(visitor.url)
    other.click("[data-part~=show-signup]")
    other.fill("[data-part~=signup-username]", visitor.username)
    other.fill("[data-part~=signup-password]", "seven old oak boards and a latch")
    other.click("[data-part~=signup-form] [type=submit]")
    other.locator("[data-part~=logged-in]").wait_for()
    has_arrived(visitor, "/members/")


def test_the_wish_outlives_other_tabs_a_wrong_password_and_a_reload(travelling, account):
    visitor = travelling(account)
    arrive(visitor, "/members/")
    visitor.page.click("[data-part~=show-signup]")
    visitor.sees("[data-part~=signup-form]")
    visitor.log_in("seven old oak boards and a guess")
    visitor.sees("[data-part~=login-form] [data-form-error]", "do not match")
    visitor.page.reload()
    visitor.log_in()
    has_arrived(visitor, "/members/")
    visitor.forgive(401)


NOWHERE = [
    "//evil.example/",
    "/\t/evil.example/",
    "https:evil.example",
    "\x01javascript:document.title='owned'",
    "//{host}/members/",
]
# `returnAddress` is tried with all of them above, and with many more.
NOWHERE_TOO = [
    "/\\evil.example/",
    "/%5cevil.example/",
    "/%2fevil.example/",
    "/.//evil.example/",
    "/members/%2e%2e//evil.example/",
    "https://evil.example/",
    "javascript:document.title='owned'",
    "data:text/html,owned",
    "{url}/members/",
    "/?return=/members/",
    "/index.html",
    "x" * 5000,
]


@pytest.mark.parametrize(
    "wanted", [*NOWHERE, *(pytest.param(wanted, marks=pytest.mark.exhaustive) for wanted in NOWHERE_TOO)]
)
def test_a_log_in_goes_nowhere_else(travelling, account, server, wanted):
    visitor = travelling(account)
    left = []
    visitor.page.on("framenavigated", lambda frame: left.append(frame.url))
    arrive(visitor, wanted.format(url=server.url, host=server.url.partition("//")[2]))
    visitor.sees("[data-part~=lead]", "Your account")
    visitor.log_in()
    visitor.is_signed_in()
    assert {url.partition("?")[0] for url in left} == {f"{server.url}/"}
    assert visitor.page.title() == f"{account} · Lychgate"


def test_a_page_that_sends_everybody_back_is_left_to_itself_after_a_few_times(travelling, server):
    visitor = travelling().has_account()
    visitor.context.clock.set_fixed_time("2026-01-01T12:00:00")
    returned = []

    def send_back(route):
        returned.append(route.request.url)
        body = "<!doctype html><title>Lost</title><meta http-equiv='refresh' content='0;url=/?return=/lost/'>"
        route.fulfill(body=body, content_type="text/html")

    visitor.context.route(f"{server.url}/lost/", send_back)
    arrive(visitor, "/lost/")
    visitor.sees("[data-part~=notice-place]", "sent you back")
    visitor.is_signed_in()
    assert len(returned) == 3
    visitor.page.click("[data-part~=notice-place] [data-part~=button]:not([data-part~=dismiss])")
    visitor.wait_for(lambda: len(returned) == 4)
    visitor.sees("[data-part~=notice-place]", "sent you back")
    # The clock of this machine is wrong, which each page learns by a proof that is refused.
    visitor.forgive(400)
