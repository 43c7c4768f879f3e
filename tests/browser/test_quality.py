"""What the page promises to everybody: accessible views, valid HTML, few bytes, no frame around it."""

import gzip
import json
import re
import subprocess
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest

from tests.client.find_node import node_folder

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / ".tools" / "node_modules"
MEMBERS = ROOT / "examples" / "members"
PAGE_HEADERS = json.loads((ROOT / "infra" / "page-headers.json").read_text("utf-8"))
# A quarter is the client, unminified and with its comments, as all of it is. What only a logged-in user needs comes
# later, and so do the form to sign up, what is said when something goes wrong, and the way back to another page.
MAX_FIRST_VIEW_BYTES = 50_400
# What comes once the form is there: passkeys and their button, the form to sign up, and what may have to be said,
# with what shows it.
MAX_PASSKEY_BYTES = 23_100
# Smaller files go as they are. CloudFront does not tell at which level it compresses.
CLOUDFRONT_COMPRESSES_FROM = 1_000
USUAL_LEVEL = 6
RUN_AXE = """async () => (await axe.run()).violations.flatMap(({ id, nodes }) =>
    nodes.map((node) => `${id}: ${node.target.join(" ")}: ${node.failureSummary}`))"""


@pytest.fixture(params=["light", "dark"])
def scheme(request):
    return request.param


@pytest.fixture(params=[320, 1440])
def reader(request, new_visitor, server, scheme):
    """Somebody with a narrow or a wide window, by day or by night, whose views are inspected."""
    visitor = new_visitor(
        server,
        viewport={"width": request.param, "height": 800},
        color_scheme=scheme,
        reduced_motion="reduce",
        bypass_csp=True,
    )
    axe = TOOLS / "axe-core" / "axe.min.js"
    assert axe.exists(), "axe-core is missing: `make test` fetches it into .tools"
    visitor.context.add_init_script(path=axe)
    return visitor


def assert_good_to_read(page):
    assert page.evaluate(RUN_AXE) == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_every_view_is_accessible_and_fits_the_window(reader):
    page = reader.open().page
    reader.sees("[data-part~=login-form]")
    assert_good_to_read(page)
    reader.log_in("")
    reader.sees("[data-part~=login-password-error]", "Enter")
    assert_good_to_read(page)
    page.click("[data-part~=show-signup]")
    page.click("[data-part~=suggest]")
    reader.sees("[data-part~=signup-password-tally]", "✓")
    assert_good_to_read(page)
    reader.sign_up("short")
    reader.sees("[data-part~=signup-password-error]", "at least")
    assert_good_to_read(page)
    reader.sign_up()
    reader.is_signed_in()
    reader.sees("[data-part~=event-list]", "Account made")
    for fold in ["[data-part~=password-fold]", "[data-part~=delete-fold]"]:
        page.click(f"{fold} summary")
    page.fill("[data-part~=new-password]", "short")
    page.click("[data-part~=password-form] [type=submit]")
    reader.sees("[data-part~=new-password-error]", "at least")
    assert_good_to_read(page)


def test_the_view_of_a_session_that_cannot_be_reached_is_accessible(reader):
    reader.context.route("**/api/auth/refresh", lambda route: route.abort())
    reader.has_account().open()
    reader.sees("[data-part~=failed] [role=alert]", "cannot be reached")
    assert_good_to_read(reader.page)
    reader.reaches_again("**/api/auth/refresh")
    reader.is_signed_in()
    reader.forgive("Failed to load resource")


def test_what_a_closed_site_a_taken_name_and_a_notice_show_is_accessible(reader):
    page = reader.page
    taken = {"status": 409, "json": {"error": "username_taken"}}
    reader.context.route("**/api/auth/register", lambda route: route.fulfill(**taken))
    reader.open().sign_up()
    reader.sees("[data-part~=signup-username-error] a")
    assert_good_to_read(page)
    reader.reaches_again("**/api/auth/register")
    reader.sign_up()
    reader.is_signed_in()
    reader.sign_out()
    reader.sees("[data-part~=notice-place]", "You are logged out")
    assert_good_to_read(page)
    reader.context.route("**/api/auth/options", lambda route: route.fulfill(json={"registration": "closed"}))
    page.goto(f"{reader.url}/index.html?return=/members/#signup")
    reader.sees("[data-part~=signup-closed]")
    assert_good_to_read(page)
    reader.forgive(409)


def test_each_step_by_mail_is_accessible_and_fits_the_window(reader, server):
    page = reader.open().page
    reader.sees("[data-part~=mail-ways]")
    page.click("[data-part~=mail-ways] a[href='#forgot']")
    reader.sees("[data-part~=forgot-form]")
    page.click("[data-part~=forgot-form] [type=submit]")
    reader.sees("[data-part~=forgot-username-error]", "Enter")
    assert_good_to_read(page)
    page.fill("[data-part~=forgot-username]", f"somebody.with.a.long.name.{'x' * 60}@example.org")
    page.click("[data-part~=forgot-form] [type=submit]")
    reader.sees("h2", "Look into your mailbox")
    assert_good_to_read(page)
    page.goto(f"{server.url}/#code")
    page.fill("[data-part~=code-username]", "nobody")
    page.click("[data-part~=code-form] [type=submit]")
    page.fill("[data-part~=code-digits]", "123456")
    page.click("[data-part~=code-entry-form] [type=submit]")
    reader.sees("[data-part~=code-digits-error]", "This is not the code")
    assert_good_to_read(page)
    reader.forgive(401)


def test_the_page_of_mailed_links_is_accessible_and_fits_the_window(reader, server):
    page = reader.page
    for purpose in ("register", "email", "reset"):
        page.goto(f"{server.url}/account.html#{purpose}=abc")
        reader.sees(f"[data-part~={purpose}]")
        assert_good_to_read(page)
    page.fill("[data-part~=reset-password]", "short")
    page.click("[data-part~=reset-form] [type=submit]")
    reader.sees("[data-part~=reset-password-error]", "at least")
    assert_good_to_read(page)
    reader.context.route("**/api/auth/password/reset", lambda route: route.fulfill(status=204))
    page.fill("[data-part~=reset-password]", "seven old oak boards and a latch")
    page.click("[data-part~=reset-form] [type=submit]")
    reader.sees("[data-part~=done]")
    assert_good_to_read(page)
    page.reload()
    reader.sees("[data-part~=gone]")
    assert_good_to_read(page)


def test_the_address_of_an_account_is_accessible_in_each_of_its_states(reader):
    page = reader.has_account(email=f"{reader.username}@example.org").open().page
    reader.is_signed_in()
    reader.sees("[data-part~=email-state]", "Not confirmed yet")
    page.click("[data-part~=email-fold] summary")
    page.click("[data-part~=address-form] [type=submit]")
    reader.sees("[data-part~=new-email-error]", "Enter")
    assert_good_to_read(page)
    page.click("[data-part~=address-form] >> text=Remove the address")
    reader.sees("[data-part~=confirm-dialog]")
    assert_good_to_read(page)
    page.click("[data-part~=confirm-dialog] [type=submit]")
    reader.sees("[data-part~=profile-email]", "None")
    assert_good_to_read(page)


def test_all_of_the_page_can_be_reached_by_keyboard(visitor):
    visitor.sees("[data-part~=login-form]")
    reached = []
    for _ in range(8):
        visitor.page.keyboard.press("Tab")
        reached.append(visitor.page.evaluate("document.activeElement.dataset.part || document.activeElement.className"))
    assert reached[:5] == ["show-login", "login-username", "login-password", "reveal", "button primary wide"]


def test_the_focus_follows_the_view(newcomer):
    member = newcomer
    assert member.page.evaluate("document.activeElement.dataset.part") == "logged-in-title"
    member.sign_out()
    member.is_signed_out()
    assert member.page.evaluate("document.activeElement.dataset.part") == "logged-out-title"


def open_all(member):
    """Open what is folded, whose forms come then."""
    for fold in ("email", "password", "delete"):
        member.page.click(f"[data-part~={fold}-fold] summary")
        member.page.locator(f"[data-part~={fold}-fold] form").wait_for()


def test_a_password_manager_finds_what_it_needs_and_passwords_are_masked_and_may_be_pasted(newcomer):
    member = newcomer
    open_all(member)
    fields = member.page.eval_on_selector_all(
        "form",
        """(forms) => forms.map(({ dataset, elements }) =>
            [dataset.part, ...[...elements].map((e) => e.autocomplete).filter(Boolean)])""",
    )
    assert fields == [
        ["address-form", "username", "email"],
        ["password-form", "username", "current-password", "new-password"],
        ["delete-form", "username", "current-password"],
        ["login-form", "username webauthn", "current-password"],
        ["signup-form", "username", "email", "new-password"],
    ]
    passwords = member.page.eval_on_selector_all(
        "input[autocomplete$=-password]",
        """(all) => all.map((field) => [field.dataset.part, field.type, field.dispatchEvent(
            new ClipboardEvent("paste", { bubbles: true, cancelable: true }))])""",
    )
    names = ["current-password", "new-password", "delete-password", "login-password", "signup-password"]
    assert passwords == [[name, "password", True] for name in names]


def test_the_first_view_is_small_and_passkeys_come_after_it(new_visitor, server):
    named = SimpleNamespace(url=server.url.replace("127.0.0.1", "localhost"))
    visitor = new_visitor(named, viewport={"width": 1440, "height": 900})
    loaded = {}
    visitor.page.on("response", lambda response: loaded.update({response.url: sent_by_cloudfront(response.body())}))
    visitor.open().sees("[data-part~=passkey-login]")
    visitor.page.wait_for_load_state("networkidle")
    files = list(loaded)
    options = files.index(f"{visitor.url}/api/auth/options")
    first = {url: size for url, size in loaded.items() if files.index(url) < options or url.endswith(".svg")}
    preloaded = re.findall(r'modulepreload" href="([^"]+)', (ROOT / "static-site" / "index.html").read_text("utf-8"))
    scripts = {url.removeprefix(visitor.url) for url in first if url.endswith(".js")}
    assert scripts == {*preloaded, "/js/page.js", "/js/page-language.js", "/js/elements/words/en.js"}
    assert f"{visitor.url}/js/elements/gate.svg" in first
    assert sum(first.values()) < MAX_FIRST_VIEW_BYTES, (sum(first.values()), first)
    assert sum(loaded.values()) - sum(first.values()) < MAX_PASSKEY_BYTES, loaded


def sent_by_cloudfront(body):
    """Return how many bytes of a file travel, headers aside. Browsers that know Brotli get a little less."""
    return len(gzip.compress(body, USUAL_LEVEL)) if len(body) >= CLOUDFRONT_COMPRESSES_FROM else len(body)


def test_the_html_is_valid():
    command = [node_folder() / "node", TOOLS / "html-validate" / "bin" / "html-validate.mjs"]
    config = ROOT / "tests" / "tools" / "html-validate.json"
    files = [*(ROOT / "static-site").glob("*.html"), *(ROOT / "examples").glob("*/*.html")]
    assert len(files) >= 6
    ran = subprocess.run([*command, "--config", config, *files], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_nothing_in_the_page_takes_markup_from_a_text_and_few_modules_read_the_address():
    scripts = ROOT / "static-site" / "js"
    sources = {str(file.relative_to(scripts)): file.read_text("utf-8") for file in scripts.rglob("*.js")}
    markup = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function"
    assert {name: found for name, source in sources.items() if (found := re.findall(markup, source))} == {}
    address = r"location\.search|URLSearchParams|searchParams|\.hash\b"
    reading = {name for name, source in sources.items() if re.search(address, source)}
    assert reading == {
        # Which account an administrator looks at, also after a log-in.
        "admin/admin.js",
        "admin/administration.js",
        # Where somebody was who has to log in first, and what the address says of the way back.
        "elements/guard.js",
        "elements/sign-in.js",
        "elements/sign-in/departure.js",
        # Which form is asked for, and the token of a mailed link.
        "elements/sign-in/entry.js",
        "elements/mail-link.js",
        # It writes the query of a call, and reads no address.
        "lychgate-admin.js",
    }


def test_no_other_page_can_put_this_one_into_a_frame(new_visitor, server):
    visitor = new_visitor(server)
    host = f"{server.url}/host.html"
    frame = f"<iframe src='{server.url}/'></iframe>"
    visitor.context.route(host, lambda route: route.fulfill(content_type="text/html", body=frame))
    visitor.page.goto(host)
    visitor.wait_for(lambda: visitor.troubles)
    # The line in the console may come before the page that takes its place.
    visitor.wait_for(lambda: visitor.page.frames[1].url.startswith("chrome-error:"))
    visitor.forgive("frame")


def test_without_scripts_the_page_says_what_it_needs(new_visitor, server):
    visitor = new_visitor(server, java_script_enabled=False).open()
    visitor.sees(".message", "switch it on")


@pytest.fixture
def members_page(server):
    def fulfil(route):
        file = MEMBERS / (urlsplit(route.request.url).path.rpartition("/")[2] or "index.html")
        types = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
        headers = {**PAGE_HEADERS, "Content-Type": types[file.suffix]}
        route.fulfill(headers=headers, body=file.read_text("utf-8"))

    def serve(visitor):
        """Put the example beside the page, under the headers that all of the site has."""
        visitor.context.route("**/members/*", fulfil)
        return f"{server.url}/members/"

    return serve


def test_the_example_shows_itself_to_a_member_and_others_come_back_to_it(member, new_visitor, server, members_page):
    member.page.goto(members_page(member))
    member.sees("h1", member.username)
    member.sees("#answer", '"registered"')
    member.page.click("#leave")
    member.page.wait_for_url(f"{server.url}/")
    member.is_signed_out()
    stranger = new_visitor(server)
    stranger.page.goto(f"{members_page(stranger)}?page=2#row-7")
    stranger.page.wait_for_url(f"{server.url}/?return=%2Fmembers%2F%3Fpage%3D2%23row-7")
    stranger.sign_up()
    stranger.page.wait_for_url(f"{server.url}/members/?page=2#row-7")
    stranger.sees("h1", stranger.username)


def test_the_example_is_about_thirty_lines():
    lines = [line for file in MEMBERS.glob("*.[hj]*") for line in file.read_text("utf-8").splitlines()]
    assert len(lines) <= 36
