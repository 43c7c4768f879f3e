"""The mailbox of `make dev` in a browser: mails arrive by themselves, are read, and their links work."""

import json
import re
import shutil
import urllib.request
from http.server import BaseHTTPRequestHandler

import pytest

from tests.browser.conftest import TELL_VIOLATIONS
from tests.browser.development_server import ROOT, DevelopmentServer, eventually
from tests.browser.test_quality import RUN_AXE, TOOLS
from tests.support.browsers import PATIENCE_MS
from tests.support.http_servers import serving

WIDE, NARROW = {"width": 1440, "height": 800}, {"width": 320, "height": 640}
PASSWORD = "seven old oak boards and a latch"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A server with a checkout of its own, whose templates may be edited."""
    checkout = tmp_path_factory.mktemp("checkout")
    for name in ("app.py", "chalicelib", "infra", "static-site", ".chalice"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, checkout / name)
    server = DevelopmentServer(tmp_path_factory.mktemp("data"), checkout=checkout, LYCHGATE_SITE_NAME="Oak & Latch")
    server.checkout = checkout
    yield server
    server.stop()


@pytest.fixture
def open_page(browser):
    """Open a page in a window of a size, and hold it to having no errors."""
    contexts, troubles = [], []

    def open_page(url, viewport=WIDE, **settings):
        context = browser.new_context(viewport=viewport, reduced_motion="reduce", **settings)
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(TELL_VIOLATIONS)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert troubles == []


@pytest.fixture
def register(site):
    """Create an account with an address, which gets a mail."""

    def register(name):
        address = f"{name}@example.org"
        members = {"username": name, "password": PASSWORD, "email": address}
        headers = {"Content-Type": "application/json", "Accept-Language": "en"}
        body = json.dumps(members).encode()
        with urllib.request.urlopen(urllib.request.Request(f"{site.url}/api/auth/register", body, headers)) as answer:
            assert answer.status == 201
        return address

    return register


def mailbox_of(site):
    return f"{site.url}/_mailbox"


def test_an_empty_mailbox_says_what_to_do_and_then_shows_the_first_mail_by_itself(open_page, tmp_path):
    server = DevelopmentServer(tmp_path / "data")
    try:
        page = open_page(f"{server.url}/_mailbox")
        page.locator("#empty h2").filter(has_text="No mail yet").wait_for()
        with page.expect_navigation():
            page.click("#empty >> text=the page")
        assert page.url == f"{server.url}/"
        page.go_back()
        page.locator("#empty").wait_for()
        body = json.dumps({"username": "first", "password": PASSWORD, "email": "first@example.org"}).encode()
        headers = {"Content-Type": "application/json"}
        urllib.request.urlopen(urllib.request.Request(f"{server.url}/api/auth/register", body, headers)).close()
        page.locator("#list a").filter(has_text="first@example.org").wait_for()
        page.locator("#empty").wait_for(state="hidden")
        assert page.title() == "(1) Mailbox"
        assert page.locator("#count").inner_text() == "1 mail"
        page.goto("about:blank")
    finally:
        server.stop()


def test_where_no_mails_are_sent_the_mailbox_says_so_and_by_which_setting(open_page, mailless_server):
    page = open_page(mailbox_of(mailless_server))
    page.locator("#empty h2").filter(has_text="Mails are off").wait_for()
    shown = page.locator("#empty").inner_text()
    assert "LYCHGATE_EMAIL=optional make dev" in shown
    assert "sign up with an address" not in shown


def test_a_mail_arrives_while_one_looks_and_its_button_leads_to_the_page(open_page, site, register):
    page = open_page(mailbox_of(site))
    address = register("opens.a.mail")
    page.locator("#letter dd").filter(has_text=address).wait_for()
    frame = page.frame_locator("#letter iframe")
    with page.context.expect_page() as opened:
        frame.get_by_role("link", name="Confirm").first.click()
    opened.value.wait_for_load_state()
    assert re.fullmatch(rf"{re.escape(site.url)}/account\.html(#.*)?", opened.value.url)
    # The page is free of the frame's sandbox: its scripts run, and it has the browser's storage.
    opened.value.locator("button:visible").first.wait_for()
    assert opened.value.evaluate("origin") == site.url


def test_the_text_part_has_the_link_too(open_page, site, register):
    address = register("reads.the.text")
    page = open_page(mailbox_of(site))
    page.locator("#list a").filter(has_text=address).click()
    page.get_by_role("button", name="Text").click()
    link = page.locator("#letter pre a")
    assert re.fullmatch(rf"{re.escape(site.url)}/account\.html#email=[\w-]{{65}}", link.get_attribute("href"))
    with page.context.expect_page() as opened:
        link.click()
    opened.value.wait_for_load_state()
    assert opened.value.url.startswith(f"{site.url}/account.html")
    assert page.get_by_role("button", name="Text").get_attribute("aria-pressed") == "true"


def test_a_narrow_window_has_the_list_then_a_mail_and_the_way_back(open_page, site, register):
    address = register("narrow.window")
    page = open_page(mailbox_of(site), NARROW)
    page.locator("#list a").filter(has_text=address).click()
    page.locator("#letter dd").filter(has_text=address).wait_for()
    assert page.evaluate("document.activeElement.id") == "subject"
    assert not page.locator("#list").is_visible()
    page.get_by_role("link", name="All mails").click()
    page.locator("#list a").filter(has_text=address).wait_for()
    assert not page.locator("#letter").is_visible()
    page.go_back()
    page.locator("#letter dd").filter(has_text=address).wait_for()


def test_the_way_back_from_the_end_of_a_long_list_leads_to_the_row_that_was_read(open_page, site):
    page = open_page(f"{mailbox_of(site)}/previews", NARROW)
    row = page.locator("#list a").nth(-3)
    address = row.get_attribute("href")

    def is_at_the_row():
        page.locator("#list").wait_for()
        assert page.evaluate("document.activeElement.getAttribute('href')") == address
        assert page.evaluate("scrollY") > NARROW["height"]
        box = row.bounding_box()
        assert 0 < box["y"] < NARROW["height"] - box["height"]

    def is_at_the_top_of_the_mail():
        page.locator("#subject").wait_for()
        assert page.evaluate("document.activeElement.id") == "subject"
        assert page.evaluate("scrollY") == 0

    row.click()
    is_at_the_top_of_the_mail()
    page.get_by_role("link", name="All previews").click()
    is_at_the_row()
    page.go_back()
    is_at_the_top_of_the_mail()
    page.go_back()
    is_at_the_row()
    page.go_forward()
    is_at_the_top_of_the_mail()


def test_a_mail_that_one_reads_stays_when_another_arrives(open_page, site, register):
    address = register("is.being.read")
    page = open_page(mailbox_of(site))
    page.locator("#list a").filter(has_text=address).click()
    page.locator("#letter dd").filter(has_text=address).wait_for()
    later = register("comes.meanwhile")
    page.locator("#list a").filter(has_text=later).wait_for()
    assert page.locator("#letter dd").filter(has_text=address).is_visible()


def test_the_page_says_that_the_server_does_not_answer_and_goes_on_when_it_does(browser, site):
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(mailbox_of(site))
    page.locator("#count:not(:empty)").wait_for()
    context.set_offline(True)
    page.locator("#trouble").filter(has_text="does not answer").wait_for()
    context.set_offline(False)
    page.locator("#trouble").wait_for(state="hidden")
    context.close()


def test_a_mails_html_runs_no_script_and_reaches_nothing(open_page, site, register):
    address = register("runs.no.script")
    page = open_page(mailbox_of(site))
    page.locator("#list a").filter(has_text=address).click()
    frame = page.locator("#letter iframe").element_handle().content_frame()
    frame.wait_for_load_state()
    sandbox = page.locator("#letter iframe").get_attribute("sandbox")
    assert sandbox == "allow-popups allow-popups-to-escape-sandbox"
    answer = page.request.get(f"{site.url}{page.locator('#letter iframe').get_attribute('src')}")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    # The page around it cannot look into it either: its origin is nobody's.
    assert page.evaluate("document.querySelector('#letter iframe').contentDocument") is None


class Stranger(BaseHTTPRequestHandler):
    """A page on another port of this machine: of the same site, which is the most that a stranger's page may be."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Stranger</title>")

    def log_message(self, *_):
        pass


TRIES = """async ([url, json]) => {
    const fetched = (mode) => fetch(json, { mode, credentials: "include" }).then((each) => each.text(), () => "");
    const loaded = (name, members) => new Promise((resolve) => {
        const made = Object.assign(document.createElement(name), members);
        made.onload = () => resolve("loaded");
        made.onerror = () => resolve("");
        document.body.append(made);
    });
    const framed = (src) => loaded("iframe", { src }).then(() => {
        try { return frames[frames.length - 1].document.body.innerText; } catch { return ""; }
    });
    return [await fetched("cors"), await fetched("no-cors"), await loaded("script", { src: json }),
        await framed(url), await framed(json)];
}"""


def test_pages_of_other_origins_get_nothing_of_it(browser, site, register):
    register("private.mail")
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    statuses = []
    page.on("response", lambda answer: statuses.append(answer.status) if "_mailbox" in answer.url else None)
    with serving(Stranger) as stranger:
        for name in ("127.0.0.1", "localhost"):
            page.goto(f"http://{name}:{stranger.server_port}/")
            assert page.evaluate(TRIES, [mailbox_of(site), f"{mailbox_of(site)}.json"]) == [""] * 5
    context.close()
    assert set(statuses) == {403}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
def test_every_view_is_accessible_and_fits_the_window(open_page, site, register, scheme, viewport):
    address = register(f"axe.{scheme}.{viewport['width']}.with.an.address.that.is.long")
    page = open_page("about:blank", viewport, color_scheme=scheme, bypass_csp=True)
    page.context.add_init_script(path=TOOLS / "axe-core" / "axe.min.js")
    page.goto(mailbox_of(site))

    def is_good():
        assert page.evaluate(RUN_AXE) == []
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0

    page.locator("#list a").filter(has_text=address).wait_for()
    is_good()
    page.locator("#list a").filter(has_text=address).click()
    page.frame_locator("#letter iframe").locator("a").first.wait_for()
    is_good()
    page.get_by_role("button", name="Text").click()
    page.locator("#letter pre").wait_for()
    is_good()
    page.get_by_role("link", name="Previews").click()
    page.locator("#list a").first.wait_for()
    is_good()


def test_previews_show_each_mail_and_follow_the_files(open_page, site):
    page = open_page(f"{mailbox_of(site)}/previews#en%2Freset")
    page.frame_locator("#letter iframe").get_by_role("link").first.wait_for()
    template = site.checkout / "chalicelib" / "mails" / "en" / "reset.txt"
    before = template.read_text("utf-8")
    try:
        template.write_text(f"A subject of our own for $site_name\n{before.partition(chr(10))[2]}", "utf-8")
        page.locator("#subject").filter(has_text="A subject of our own for Oak & Latch").wait_for()
        template.write_text("Broken $nobody_knows_this\n\n$link\n", "utf-8")
        page.locator("#letter pre").filter(has_text="$nobody_knows_this is unknown here").wait_for()
        assert page.locator("#list .broken").count() == 1
    finally:
        template.write_text(before, "utf-8")
    page.frame_locator("#letter iframe").get_by_role("link").first.wait_for()
    page.get_by_role("link", name="Mails").click()
    page.locator("h1").filter(has_text="Mailbox").wait_for()
    eventually(lambda: page.url == mailbox_of(site))


def test_what_is_wrong_with_files_is_told_in_english_and_belongs_to_no_language(open_page, site):
    own = site.checkout / "chalicelib" / "site" / "mails"
    (own / "fr").mkdir(parents=True)
    try:
        (own / "styles.css").write_text("buttn { color: red }", "utf-8")
        page = open_page(f"{mailbox_of(site)}/previews#styles.css", NARROW)
        page.locator("#letter pre").filter(has_text="styles.css, line 1: no template uses buttn.").wait_for()
        assert page.locator("#letter dl").inner_text().split() == ["Path", "styles.css"]
        page.get_by_role("link", name="All previews").click()
        row = page.locator("#list a").filter(has_text="This file has mistakes")
        assert row.locator(".facts").inner_text() == "styles.css"
        french = page.locator("#list a[href='#fr%2Freset']")
        assert french.locator(".subject").get_attribute("lang") is None
        french.click()
        page.locator("#letter pre").filter(has_text=str(own / "fr" / "reset.txt")).wait_for()
        assert page.locator("#subject").get_attribute("lang") is None
        assert page.locator("#letter dl").inner_text().split() == ["Template", "reset", "Language", "fr"]
    finally:
        shutil.rmtree(own)
