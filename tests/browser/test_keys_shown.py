"""What people see of bound sessions: in their list, in the history, and when a browser has lost the key."""

import re

import pytest

from tests.browser.elsewhere import send
from tests.browser.test_administration import Administrator, administrator_of, at_the_desk, finds, unique
from tests.browser.test_quality import TOOLS, assert_good_to_read
from tests.browser.visitor import PASSWORD
from tests.support.proofs import ClientKey

BOUND = "Bound to its browser: a copied cookie is worth nothing"
REFUSED = "Use of a session refused: its key was missing"
LOST = {
    "en": "This browser no longer has the key that your session was bound to. Please log in again.",
    "de": "Dieser Browser hat den Schlüssel nicht mehr, an den Ihre Sitzung gebunden war. "
    "Bitte melden Sie sich wieder an.",
    "ar": "لم يعد لدى هذا المتصفح المفتاح الذي كانت جلستك مرتبطة به. سجّل الدخول من جديد.",
}
BAD_REQUEST = 400
# The page's own client, shared with the elements, loses its key as if the browser had deleted it.
PAGE = """<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>A site</title>
<link rel="icon" href="/favicon.svg"><link rel="stylesheet" href="/js/elements/lychgate.css">
<script type="module">
    import {{ createClient }} from "/js/lychgate.js";
    const client = createClient();
    const {{ shareClient }} = await import("/js/elements/core/clients.js");
    shareClient(client);
    globalThis.loseKey = async ([username, password]) => {{
        await client.login(username, password);
        if (!client.session.bound) throw new Error("no key to lose");
        const deleting = indexedDB.deleteDatabase(`lychgate ${{location.origin}}/api/`);
        await new Promise((resolve) => (deleting.onsuccess = resolve));
        await client.refresh().catch(() => {{}});
    }};
    await import("/js/elements/index.js");
</script></head><body><main><h1>A site</h1>{body}</main></body></html>"""


def log_in_with_key(url, username, device="curl/8.1 with a key"):
    """Begin a session that is bound to a key, and return its refresh token."""
    body = {"username": username, "password": PASSWORD, "token_delivery": "body"}
    proof = ClientKey(f"{url}/api").headers("/auth/login")
    status, answer = send(url, "/auth/login", body, **proof, **{"User-Agent": device})
    assert status == 200, answer
    return answer["refresh_token"]


def refresh_without_key(url, refresh_token):
    status, answer = send(url, "/auth/refresh", {"refresh_token": refresh_token}, **{"User-Agent": "Wget/1.21"})
    assert (status, answer["error"]) == (BAD_REQUEST, "invalid_dpop_proof")


def entry(visitor, device):
    return visitor.sees("[data-part~=session-list] [data-part~=item]", device)


def test_a_session_that_is_bound_to_a_key_says_so_and_another_says_nothing_of_it(member):
    log_in_with_key(member.url, member.username)
    body = {"username": member.username, "password": PASSWORD}
    status, _ = send(member.url, "/auth/login", body, **{"User-Agent": "Wget/1.21"})
    assert status == 200
    member.load_again()
    bound = entry(member, "curl").locator("[data-part~=bound]")
    assert bound.inner_text() == BOUND
    assert entry(member, "Wget").locator("[data-part~=bound]").count() == 0


def test_a_use_of_a_session_without_its_key_is_an_alarm_that_is_explained(member):
    refresh_without_key(member.url, log_in_with_key(member.url, member.username))
    member.load_again()
    event = member.sees("[data-part~=event-list] [data-part~=item]", REFUSED)
    assert event.get_attribute("data-kind") == "alarm"
    assert "Wget" in event.inner_text()
    told = event.locator("[data-part~=meaning]").inner_text()
    assert told.startswith("Somebody may have a copy of the session, which is of no use without the key.")
    others = member.page.locator("[data-part~=event-list] [data-part~=item]").filter(has_not_text=REFUSED)
    assert others.locator("[data-part~=meaning]").count() == 0


def test_an_administrator_sees_which_sessions_are_bound(new_visitor, mailless_server):
    # Those of the other tests' server count its administrators.
    root = administrator_of(mailless_server)
    user = Administrator(mailless_server, unique("user"))
    log_in_with_key(mailless_server.url, user.username)
    desk = at_the_desk(new_visitor(mailless_server, root.username))
    finds(desk, user.username)
    assert entry(desk, "curl").locator("[data-part~=bound]").inner_text() == BOUND
    assert entry(desk, "Python").locator("[data-part~=bound]").count() == 0


@pytest.fixture
def at_a_site(new_visitor, server):
    """Open a page of a site's own, with elements in it, as somebody who is logged in."""

    def at_a_site(body, lang="en", **settings):
        visitor = new_visitor(server, **settings)
        visitor.join()
        visitor.has_loaded(visitor.page)
        content = PAGE.format(lang=lang, body=body)
        visitor.context.route(
            re.compile(r"/site/$"),
            lambda route: route.fulfill(body=content, content_type="text/html; charset=utf-8"),
        )
        visitor.page.goto(f"{server.url}/site/")
        return visitor

    return at_a_site


@pytest.mark.parametrize("lang", LOST)
def test_a_browser_that_has_lost_the_key_says_so_calmly_until_somebody_has_read_it(at_a_site, lang):
    visitor = at_a_site("<lychgate-sign-in></lychgate-sign-in><lychgate-account></lychgate-account>", lang)
    visitor.page.locator("lychgate-account [data-part~=logged-in]").wait_for()
    visitor.has_loaded(visitor.page)
    visitor.page.context.clock.install()
    visitor.page.evaluate("loseKey", [visitor.username, PASSWORD])
    notice = visitor.sees("lychgate-sign-in [data-part~=notice]", LOST[lang])
    assert "bad" not in notice.get_attribute("data-part").split()
    visitor.sees("[data-part~=login-form]")
    visitor.page.context.clock.run_for(60_000)
    assert notice.is_visible()
    assert visitor.page.locator("lychgate-account [data-part~=notice]").count() == 0
    notice.locator("[data-part~=dismiss]").click()
    notice.wait_for(state="detached")


def test_an_account_without_a_log_in_beside_it_says_that_the_key_is_lost(at_a_site):
    visitor = at_a_site("<lychgate-account></lychgate-account>")
    visitor.page.locator("lychgate-account [data-part~=logged-in]").wait_for()
    visitor.has_loaded(visitor.page)
    visitor.page.evaluate("loseKey", [visitor.username, PASSWORD])
    notice = visitor.sees("lychgate-account [data-part~=notice]", LOST["en"])
    assert "bad" not in notice.get_attribute("data-part").split()
    visitor.page.locator("lychgate-account [data-part~=logged-in]").wait_for(state="hidden")


def test_a_proof_that_is_refused_is_told_in_words_for_people(visitor):
    answer = {"error": "invalid_dpop_proof", "detail": "The proof in the header DPoP is refused: iat is not now."}
    visitor.context.route("**/api/auth/login", lambda route: route.fulfill(status=BAD_REQUEST, json=answer))
    visitor.log_in()
    told = visitor.sees("[data-part~=login-form] [data-form-error]", "The clock of this device may be wrong.")
    assert "DPoP" not in told.inner_text()
    visitor.forgive(BAD_REQUEST)


def loses_device(visitor):
    """Let each refresh from now on be answered as that of a browser that no longer renews the session's cookie."""
    refusal = {"error": "not_on_device", "detail": "The session is bound to one device."}
    visitor.context.route("**/api/auth/refresh", lambda route: route.fulfill(status=BAD_REQUEST, json=refusal))
    visitor.forgive(BAD_REQUEST)


def test_a_session_that_has_lost_its_device_is_over_after_three_refreshes(newcomer):
    newcomer.has_loaded(newcomer.page)
    loses_device(newcomer)
    newcomer.page.reload()
    notice = newcomer.sees("[data-part~=notice]", LOST["en"])
    assert "bad" not in notice.get_attribute("data-part").split()
    newcomer.sees("[data-part~=login-form]")
    assert newcomer.refreshes() == [BAD_REQUEST] * 3
    newcomer.reaches_again("**/api/auth/refresh")
    newcomer.log_in()
    newcomer.is_signed_in()


def test_a_session_without_a_key_that_has_lost_its_device_promises_nothing(new_visitor, server):
    visitor = new_visitor(server).has_account()
    loses_device(visitor)
    visitor.open().sees("[data-part~=failed] [role=alert]", LOST["en"])
    told = visitor.page.locator("[data-part~=failed]").inner_text()
    assert "still logged in" not in told
    assert "keeps trying" not in told
    visitor.page.click("[data-part~=restore-skip]")
    visitor.sees("[data-part~=login-form]")
    assert visitor.refreshes() == [BAD_REQUEST]


def test_a_page_whose_session_without_a_key_loses_its_device_says_so_and_no_more(new_visitor, server):
    visitor = new_visitor(server).join()
    visitor.has_loaded(visitor.page)
    visitor.wait_for(lambda: ("GET", "dashboard", 200) in visitor.made())
    loses_device(visitor)
    refusal = {"error": "invalid_token", "detail": "No."}
    visitor.context.route("**/api/dashboard", lambda route: route.fulfill(status=401, json=refusal))
    visitor.forgive(401)
    assert visitor.load_again() == 401
    notice = visitor.sees("[data-part~=notice]", LOST["en"])
    assert "still logged in" not in notice.inner_text()


@pytest.mark.parametrize("lang", ["en", "ar"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1440])
def test_what_is_said_of_keys_is_accessible_and_fits_the_window(at_a_site, width, scheme, lang):
    visitor = at_a_site(
        "<lychgate-sign-in></lychgate-sign-in><lychgate-account></lychgate-account>",
        lang,
        viewport={"width": width, "height": 800},
        color_scheme=scheme,
        bypass_csp=True,
    )
    visitor.context.add_init_script(path=TOOLS / "axe-core" / "axe.min.js")
    refresh_without_key(visitor.url, log_in_with_key(visitor.url, visitor.username))
    visitor.page.reload()
    visitor.sees("[data-part~=session-list] [data-part~=bound]")
    visitor.sees("[data-part~=event-list] [data-part~=meaning]")
    assert_good_to_read(visitor.page)
    visitor.page.evaluate("loseKey", [visitor.username, PASSWORD])
    visitor.sees("lychgate-sign-in [data-part~=notice]", LOST[lang])
    assert_good_to_read(visitor.page)
