"""The client's calls for passkeys by themselves, in a browser with a virtual authenticator, against the real API."""

import json
from types import SimpleNamespace

import pytest

from tests.browser.visitor import PASSWORD

A_PAGE_WITHOUT_SCRIPTS = "/js/lychgate.d.ts"
OPTIONS = "auth/login/passkey/options"
START = """async () => {
    const { createClient } = await import("/js/lychgate.js");
    globalThis.factors = await import("/js/lychgate-factors.js");
    globalThis.client = createClient({ fetch: (request) => fetch(request).then(read) });
    globalThis.read = (response) => response;
    globalThis.failures = [];
}"""
OFFER = """() => {
    const onFailure = (error) => failures.push(`${error} ${error.error ?? error.cause}`);
    factors.offerPasskeys(client, { onFailure }).catch(onFailure);
}"""
HASTEN = """() => {
    globalThis.read = async (response) => {
        if (!response.url.endsWith("/auth/login/passkey/options")) return response;
        const { challenge, publicKey } = await response.json();
        return Response.json({ challenge, publicKey: { ...publicKey, timeout: 400 } });
    };
}"""
WATCH_PROMPTS = """() => {
    const { credentials } = navigator;
    const get = credentials.get.bind(credentials);
    globalThis.prompts = [];
    credentials.get = (options) => {
        prompts.push(options.mediation ?? "optional");
        return get(options);
    };
}"""
PRESS = """() => {
    globalThis.stop = new AbortController();
    globalThis.pressed = factors.loginWithPasskey(client, { signal: stop.signal }).catch(({ name }) => name);
}"""
FORGET_JSON = """() => {
    delete PublicKeyCredential.parseCreationOptionsFromJSON;
    delete PublicKeyCredential.parseRequestOptionsFromJSON;
    delete PublicKeyCredential.prototype.toJSON;
}"""


class Authenticator:
    """The browser's virtual authenticator (https://chromedevtools.github.io/devtools-protocol/tot/WebAuthn/)."""

    def __init__(self, page):
        self._cdp = page.context.new_cdp_session(page)
        self._cdp.send("WebAuthn.enable", {"enableUI": False})
        options = {"protocol": "ctap2", "transport": "internal", "automaticPresenceSimulation": True}
        verifying = {"hasResidentKey": True, "hasUserVerification": True, "isUserVerified": True}
        made = self._cdp.send("WebAuthn.addVirtualAuthenticator", {"options": {**options, **verifying}})
        self._id = {"authenticatorId": made["authenticatorId"]}

    def answers(self, is_present):
        self._cdp.send("WebAuthn.setAutomaticPresenceSimulation", {**self._id, "enabled": is_present})

    def passkeys(self):
        return self._cdp.send("WebAuthn.getCredentials", self._id)["credentials"]


@pytest.fixture
def kim(new_visitor, server):
    """Somebody with an account, an authenticator, and the client in a page at a name, where there are passkeys."""
    named = SimpleNamespace(url=server.url.replace("127.0.0.1", "localhost"))
    kim = new_visitor(named)
    kim.authenticator = Authenticator(kim.page)
    kim.page.goto(f"{kim.url}{A_PAGE_WITHOUT_SCRIPTS}")
    kim.page.evaluate(START)
    kim.page.evaluate(f"client.register({json.dumps(kim.username)}, {json.dumps(PASSWORD)}).then(() => true)")
    yield kim
    # The browser asks for an icon that only pages have.
    kim.forgive(404)


def asked_for(kim, path=OPTIONS):
    return sum(made == path for _, made, _ in kim.made())


def user(kim):
    return kim.page.evaluate("client.user?.username ?? null")


@pytest.mark.parametrize("knows_json", [True, False])
def test_the_api_takes_the_passkeys_of_browsers_that_know_json_and_of_those_that_do_not(kim, knows_json):
    if not knows_json:
        kim.page.evaluate(FORGET_JSON)
    passkey = kim.page.evaluate("factors.addPasskey(client, 'Laptop')")
    assert passkey["label"] == "Laptop"
    assert kim.page.evaluate("factors.addPasskey(client).catch(({ reason }) => reason)") == "exists"
    kim.page.evaluate("client.logout()")
    kim.wait_for(lambda: user(kim) is None)
    assert kim.page.evaluate("factors.loginWithPasskey(client).then(({ username }) => username)") == kim.username
    kim.page.evaluate("factors.reauthenticate(client, { passkey: true }).then(() => true)")
    (kept,) = kim.page.evaluate("factors.getFactors(client)")["passkeys"]
    assert (kept["id"], kept["last_used_at"] is None) == (passkey["id"], False)


def test_the_browser_forgets_a_passkey_that_the_account_has_no_longer(kim):
    passkey = kim.page.evaluate("factors.addPasskey(client)")
    assert len(kim.authenticator.passkeys()) == 1
    kim.page.evaluate(f"factors.removePasskey(client, {json.dumps(passkey['id'])}).then(() => true)")
    kim.wait_for(lambda: kim.authenticator.passkeys() == [])


def test_the_browser_forgets_a_new_passkey_that_the_api_did_not_take(kim):
    kim.context.route(
        "**/api/auth/passkeys", lambda route: route.fulfill(status=422, json={"error": "validation_failed"})
    )
    assert kim.page.evaluate("factors.addPasskey(client).catch(({ error }) => error)") == "validation_failed"
    kim.wait_for(lambda: kim.authenticator.passkeys() == [])
    kim.forgive(422)


def test_an_offer_is_renewed_before_its_challenge_ends_and_logs_in_with_the_last_one(kim):
    kim.page.evaluate("factors.addPasskey(client).then(() => true)")
    kim.page.evaluate("client.logout()")
    kim.wait_for(lambda: user(kim) is None)
    kim.page.evaluate(HASTEN)
    kim.authenticator.answers(False)
    kim.page.evaluate(OFFER)
    kim.wait_for(lambda: asked_for(kim) >= 3)
    kim.authenticator.answers(True)
    kim.wait_for(lambda: user(kim) == kim.username)
    assert kim.page.evaluate("failures") == []


def test_an_offer_makes_way_for_a_button_in_a_real_browser_and_comes_back(kim):
    kim.page.evaluate("factors.addPasskey(client).then(() => true)")
    kim.page.evaluate("client.logout()")
    kim.wait_for(lambda: user(kim) is None)
    kim.authenticator.answers(False)
    kim.page.evaluate(WATCH_PROMPTS)
    kim.page.evaluate(OFFER)
    kim.wait_for(lambda: kim.page.evaluate("prompts") == ["conditional"])
    kim.page.evaluate(PRESS)
    kim.wait_for(lambda: kim.page.evaluate("prompts") == ["conditional", "optional"])
    kim.page.evaluate("stop.abort()")
    assert kim.page.evaluate("pressed") == "AbortError"
    kim.wait_for(lambda: asked_for(kim) == 3)
    assert kim.page.evaluate("failures") == []


def test_a_passkey_that_the_browser_is_slow_to_make_without_a_question_is_in_nobodys_way(kim):
    kim.page.evaluate("() => void (globalThis.upgraded = factors.upgradeToPasskey(client))")
    kim.wait_for(lambda: asked_for(kim, "auth/passkeys/options") == 1)
    # Chromium leaves it open for as long as the page is there.
    assert kim.page.evaluate("factors.addPasskey(client, 'Mine').then(({ label }) => label)") == "Mine"
    assert kim.page.evaluate("upgraded") is None


def test_a_qr_code_is_drawn_as_large_as_the_page_wants_it(kim):
    box = kim.page.evaluate("""async () => {
        const { qrModules, qrSvg } = await import("/js/qr.js");
        const svg = qrSvg("otpauth://totp/kim?secret=GEZDGNBV", "For your app");
        document.body.replaceChildren(svg);
        svg.style.width = "300px";
        const { width, height } = svg.getBoundingClientRect();
        const path = svg.querySelector("path:last-child").getBBox();
        const size = qrModules("otpauth://totp/kim?secret=GEZDGNBV").length;
        const title = svg.querySelector("title").textContent;
        return { width, height, x: path.x, y: path.y, drawn: path.width, size, title };
    }""")
    assert (box["width"], box["height"], box["title"]) == (300, 300, "For your app")
    # The quiet zone is four modules wide.
    assert (box["x"], box["y"], box["drawn"]) == (4, 4, box["size"])
