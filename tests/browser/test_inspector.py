"""The token inspector, a page for developers: the session's token, and calls of the API with it."""

import datetime
import json
import re
import subprocess
import urllib.request

import pytest

from chalicelib.tokens.keys import KEY_TYPES, generate_signing_jwk, parse_signing_keys, public_jwks
from tests.browser.test_quality import TOOLS, assert_good_to_read, sent_by_cloudfront
from tests.support.proofs import ClientKey

# Half as much again as the page of visitors: the client and the styles are the same, and nobody waits for this one at a
# log-in.
MAX_BYTES = 48_650
KEYS = "**/api/.well-known/jwks.json"
ME = "**/api/me"
FAILED = "Failed to load resource"
KEPT = 20
TOKEN_SECONDS = 600
# What the client does with each request of its own.
REFRESH_WITH_PROOF = """async (proof) => {
    const { recordingFetch } = await import("/js/inspector/calls.js");
    const headers = { DPoP: proof, "Content-Type": "application/json" };
    await recordingFetch(new Request("/api/auth/refresh", { method: "POST", body: "{}", headers }));
}"""
WIDTHS = [320, 768, 1440]


@pytest.fixture
def insider(new_visitor, server):
    """Somebody who has an account and a session, and no page open yet."""
    return new_visitor(server).has_account()


@pytest.fixture
def developer(insider):
    """Somebody who has signed up and opened the token inspector."""
    return inspect(insider)


def inspect(visitor):
    visitor.page.goto(f"{visitor.url}/inspector.html")
    visitor.sees("#token-claims", visitor.username)
    visitor.sees("#signature-pill:not(:empty)").filter(has_not_text="…").wait_for()
    visitor.page.locator("#call-route optgroup").first.wait_for(state="attached")
    return visitor


def send(visitor, path="me", credential="session"):
    visitor.page.fill("#call-path", path)
    visitor.page.check(f"[value={credential}]")
    visitor.page.click("#call-send")


def requests_shown(visitor):
    """Return the first lines of the requests in the result of a call, and of the refreshes between them."""
    return visitor.page.eval_on_selector_all(
        "#call-result [data-part~=request], #call-result [data-part~=between] code",
        "(all) => all.map((e) => e.textContent.split('\\n')[0])",
    )


def test_who_has_no_session_is_led_to_the_log_in_and_no_call_is_made(new_visitor, server):
    stranger = new_visitor(server)
    stranger.page.goto(f"{server.url}/inspector.html")
    stranger.sees("#logged-out-reason", "Nobody is logged in")
    link = stranger.page.get_by_role("link", name="Log in")
    assert link.get_attribute("href") == "/?return=/inspector.html"
    stranger.page.wait_for_load_state("networkidle")
    assert stranger.made() == []


def test_the_token_is_shown_as_it_is_sent_and_can_be_copied(developer):
    (token,) = developer.access_tokens()
    assert developer.page.inner_text("#token-raw") == token
    parts = [developer.page.inner_text(f"#token-raw [data-part~={part}]") for part in ("header", "claims", "signature")]
    assert ".".join(parts) == token
    developer.context.grant_permissions(["clipboard-read", "clipboard-write"])
    developer.page.click("#copy-token")
    developer.sees("#token-copied", "Copied")
    assert developer.page.evaluate("navigator.clipboard.readText()") == token


def test_a_browser_that_lets_nobody_copy_says_so(developer):
    developer.page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error()); }")
    developer.page.click("#copy-token")
    developer.sees("#token-copied", "does not let this page copy")


def test_every_claim_and_header_of_a_token_is_explained(developer):
    rows = developer.page.locator("#token-header > div, #token-claims > div")
    names = rows.locator("dt").all_inner_texts()
    explained = rows.locator("[data-part~=meaning]").all_inner_texts()
    assert {"typ", "alg", "kid", "iss", "aud", "sub", "exp", "iat", "auth_time", "jti", "sid", "roles"} <= set(names)
    assert all(explained)
    assert len(explained) == len(names)


@pytest.mark.parametrize("days", [-1, 0, 1])
def test_times_are_told_by_the_clock_of_the_api(new_visitor, server, days):
    visitor = new_visitor(server)
    visitor.context.clock.install(time=datetime.datetime.now(tz=datetime.UTC) + datetime.timedelta(days=days))
    inspect(visitor.has_account())
    exp, iat = (
        visitor.page.inner_text(f"#token-claims > div:has(dt code:text-is('{name}'))") for name in ("exp", "iat")
    )
    assert "in 10 min" in exp or "in 9 min" in exp
    assert "ago" in iat or "now" in iat
    assert " d " not in iat
    assert visitor.page.inner_text("#token-countdown") >= "09:00"
    # What told the time: the answers to proofs of another day.
    visitor.forgive(400)


def test_the_refresh_token_is_nowhere_and_the_access_token_in_one_place_only(developer):
    (cookie,) = developer.refresh_cookies()
    send(developer)
    developer.sees("#call-result pre[data-part~=body]")
    (token,) = developer.access_tokens()
    assert cookie["value"] not in developer.page.content()
    assert token not in developer.page.content()
    developer.page.evaluate("document.getElementById('token-raw').remove()")
    signature = token.rpartition(".")[2]
    assert signature not in developer.page.locator("body").text_content()
    assert token[-4:] in developer.page.inner_text("#call-result [data-part~=request]")


def test_a_new_token_by_hand_is_shown_and_what_changed_is_marked(developer):
    developer.page.click("#refresh-now")
    developer.sees("#refresh-result", "New token at")
    changed = developer.page.locator("#token-claims [data-part~=changed] dt code").all_inner_texts()
    assert "jti" in changed
    assert {"sub", "sid"}.isdisjoint(changed)
    assert developer.refreshes() == [200, 200]
    assert developer.page.inner_text("#token-raw") == developer.access_tokens()[-1]


def test_a_refresh_that_fails_says_why_and_the_session_goes_on(developer):
    developer.context.route(
        "**/api/auth/refresh",
        lambda route: route.fulfill(status=503, headers={"Retry-After": "60"}, json={"error": "service_unavailable"}),
    )
    for _ in range(2):
        developer.page.click("#refresh-now")
        developer.sees("#refresh-result", "No new token: The service has a problem")
    assert developer.refreshes() == [200, 503]
    developer.sees("#token-claims", developer.username)
    developer.forgive(503)


def test_a_signature_is_verified_with_the_key_that_the_api_publishes(developer):
    developer.sees("#signature-pill", "verified here")
    (key,) = developer.context.request.get(f"{developer.url}/api/.well-known/jwks.json").json()["keys"]
    developer.sees("#signature-text", f"The key {key['kid']} is among")
    assert developer.page.get_by_role("link", name="public keys").get_attribute("href") == "/api/.well-known/jwks.json"
    # The next token is of the same key.
    developer.page.click("#refresh-now")
    developer.sees("#refresh-result", "New token at")
    developer.sees("#signature-pill", "verified here")
    assert [path for _, path, _ in developer.made()].count(".well-known/jwks.json") == 1


def test_the_page_says_whether_the_session_is_bound_to_a_key_as_the_api_knows_it(newcomer):
    newcomer.has_loaded(newcomer.page)
    newcomer.calls.clear()
    inspect(newcomer)
    headers = {"Authorization": f"Bearer {newcomer.access_tokens()[-1]}"}
    (session,) = newcomer.context.request.get(f"{newcomer.url}/api/auth/sessions", headers=headers).json()["sessions"]
    newcomer.sees("#key-pill", "bound to a key" if session["bound"] else "not bound")
    newcomer.sees("#key-text", "good for nothing" if session["bound"] else "Whoever had a copy")


def test_the_last_proof_is_explained_and_is_shortened_in_the_list(developer):
    proof = ClientKey(f"{developer.url}/api").proof("/auth/refresh")
    developer.page.evaluate(REFRESH_WITH_PROOF, proof)
    other = developer.context.new_page()
    other.goto(f"{developer.url}/inspector.html")
    other.click("#refresh-now")
    developer.sees("#refresh-result", "New token from another tab")
    developer.page.click("#proof-summary")
    rows = developer.page.locator("#proof-members > div")
    members = rows.locator("dd > code").all_inner_texts()
    told = dict(zip(rows.locator("dt > code").all_inner_texts(), members, strict=True))
    assert set(told) == {"typ", "alg", "jwk", "jti", "htm", "htu", "iat"}
    assert (told["htm"], told["htu"]) == ("POST", f"{developer.url}/api/auth/refresh")
    assert len(rows.locator("[data-part~=meaning]").all_inner_texts()) == len(told)
    assert proof.rpartition(".")[2] not in developer.page.content()
    developer.sees("#call-log", f"refresh cookie, DPoP {proof[:8]}…{proof[-4:]}")
    developer.page.click("#log-out")
    developer.sees("#logged-out-reason", "You are logged out")
    assert told["jti"] not in developer.page.content()
    developer.forgive(400)


def foreign_keys(change):
    def answer(route):
        keys = route.fetch().json()["keys"]
        route.fulfill(json={"keys": [change(key) for key in keys]})

    return answer


def of_another(key):
    return {**public_jwks({"keys": [generate_signing_jwk("ES256")]})["keys"][0], "kid": key["kid"]}


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda key: {**key, "kid": "another"}, "unknown key"),
        (of_another, "wrong"),
        (lambda key: {**key, "alg": "none"}, "not verified"),
        (lambda key: {**key, "x": "no point of the curve"}, "not verified"),
    ],
)
def test_a_signature_of_any_other_key_is_not_called_verified(insider, change, word):
    insider.context.route(KEYS, foreign_keys(change))
    inspect(insider)
    insider.sees("#signature-pill", word)


def test_keys_that_cannot_be_fetched_are_asked_for_again_with_the_next_token(insider):
    insider.context.route(KEYS, lambda route: route.fulfill(status=503, json={}))
    inspect(insider)
    insider.sees("#signature-text", "cannot be fetched")
    insider.reaches_again(KEYS)
    insider.page.click("#refresh-now")
    insider.sees("#signature-pill", "verified here")
    insider.forgive(503)


def test_the_page_verifies_signatures_of_every_algorithm_that_the_api_signs_with(developer):
    verdict = "async ([token, keys]) => (await import('/js/inspector/signature.js')).checkSignature(token, keys)"
    for alg in KEY_TYPES:
        ring = {"keys": [generate_signing_jwk(alg)]}
        (key,) = parse_signing_keys(ring).keys
        (jwk,) = public_jwks(ring)["keys"]
        token = signed(key)
        assert developer.page.evaluate(verdict, [token, [jwk]]) == "good", alg
        header, payload, signature = token.split(".")
        assert developer.page.evaluate(verdict, [f"{header}.{payload}A.{signature}", [jwk]]) == "bad", alg
        assert developer.page.evaluate(verdict, [token, []]) == "unknown key", alg


def signed(key):
    from chalicelib.tokens.compact import encode_object, encode_octets, header_segment

    signing_input = f"{header_segment(alg=key.alg, kid=key.kid, typ='at+jwt')}.{encode_object({'sub': 'kim'})}"
    return f"{signing_input}.{encode_octets(key.sign(signing_input.encode()))}"


def test_a_call_shows_its_own_request_and_no_other_whatever_goes_on_meanwhile(developer):
    held = []
    developer.context.route(ME, lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks its handlers
    developer.page.click("#call-send")
    developer.wait_for(lambda: held)
    developer.sees("#call-result [data-part~=answer]", "waiting")
    developer.page.click("#refresh-now")
    developer.sees("#refresh-result", "New token at")
    assert requests_shown(developer) == ["GET /api/me"]
    held[0].continue_()
    developer.sees("#call-result pre[data-part~=body]", developer.username)
    assert requests_shown(developer) == ["GET /api/me"]
    assert developer.page.locator("#call-result [data-part~=pill]").all_inner_texts() == ["200 OK"]
    assert developer.page.locator("#call-log", has_text="by hand").count() == 1


def test_a_token_that_is_refused_shows_both_requests_and_the_refresh_between_them(
    new_visitor, patient_server, patient_clock
):
    hurried = inspect(new_visitor(patient_server).has_account())
    (access_token,) = hurried.access_tokens()
    # The page's own clock has not moved, and lets it believe that its token is still good.
    patient_clock.advance(TOKEN_SECONDS)
    seen = len(hurried.made())
    hurried.page.click("#call-send")
    hurried.sees("#call-result pre[data-part~=body]", hurried.username)
    assert hurried.made()[seen:] == [("GET", "me", 401), ("POST", "auth/refresh", 200), ("GET", "me", 200)]
    assert requests_shown(hurried) == ["GET /api/me", "POST /api/auth/refresh", "GET /api/me"]
    statuses = [
        text.partition(" ")[0] for text in hurried.page.locator("#call-result [data-part~=pill]").all_inner_texts()
    ]
    assert statuses == ["401", "200", "200"]
    first, second = hurried.page.locator("#call-result [data-part~=request]").all_inner_texts()
    assert access_token[-4:] in first
    assert hurried.access_tokens()[-1][-4:] in second
    hurried.forgive(401)


@pytest.mark.parametrize("credential", ["none", "broken"])
def test_a_call_without_a_good_token_shows_the_refusal_and_ends_nothing(developer, credential):
    send(developer, credential=credential)
    developer.sees("#call-result pre[data-part~=body]", "invalid_token")
    developer.sees("#call-result [data-part~=pill]", "401")
    developer.page.click("#call-result summary")
    developer.sees("#call-result details pre", "WWW-Authenticate: Bearer")
    sent = developer.page.inner_text("#call-result [data-part~=request]")
    assert ("Authorization: Bearer eyJ" in sent) == (credential == "broken")
    assert requests_shown(developer) == ["GET /api/me"]
    send(developer)
    developer.sees("#call-result pre[data-part~=body]", developer.username)
    assert developer.refreshes() == [200]
    developer.forgive(401)


def test_every_route_that_only_reads_is_offered_and_can_be_called(developer):
    document = developer.context.request.get(f"{developer.url}/api/openapi.json").json()
    paths = [path for path, methods in document["paths"].items() if "get" in methods]
    offered = developer.page.locator("#call-route option").all_inner_texts()
    assert sorted(offered) == sorted([*(f"GET {path}" for path in paths), "Another path"])
    for path in paths:
        if path.startswith("/admin/"):
            continue  # not for users
        developer.page.select_option("#call-route", label=f"GET {path}")
        assert developer.page.input_value("#call-path") == path[1:]
        developer.page.click("#call-send")
        developer.sees("#call-status", f"GET /api{path}: 200")
        assert requests_shown(developer) == [f"GET /api{path}"]


def test_another_path_below_the_api_can_be_typed(developer):
    paths = {
        "/api/health": "health",
        "/health": "health",
        "health?deep=1": "health?deep=1",
        "./auth/../health#part": "health",
        "//evil.example/": "evil.example/",
    }
    for typed, called in paths.items():
        send(developer, typed, credential="none")
        developer.sees("#call-status", f"GET /api/{called}: ")
        assert requests_shown(developer) == [f"GET /api/{called}"]
    developer.forgive(404)


def test_a_path_elsewhere_is_refused_and_no_call_is_made(developer):
    seen = len(developer.made())
    for path in ["https://evil.example/", "\\\\evil.example/", "../index.html", "a/../../x", "..%2fx", "http://["]:
        send(developer, path)
        developer.sees("#call-path-error", "Only paths below /api/")
        assert developer.page.evaluate("document.activeElement.id") == "call-path"
        assert developer.page.get_attribute("#call-path", "aria-invalid") == "true"
        developer.page.fill("#call-path", "me")
        assert developer.page.inner_text("#call-path-error") == ""
    assert len(developer.made()) == seen


def test_the_command_for_curl_makes_the_same_call(developer):
    developer.context.grant_permissions(["clipboard-read", "clipboard-write"])
    for credential, status in (("session", 200), ("none", 401), ("broken", 401)):
        developer.page.fill("#call-path", "it's")
        assert arguments(developer.page.inner_text("#call-curl"))[1] == f"{developer.url}/api/it's"
        developer.page.fill("#call-path", "me")
        developer.page.check(f"[value={credential}]")
        developer.page.evaluate("navigator.clipboard.writeText('nothing yet')")
        developer.page.click("#copy-curl")
        developer.wait_for(lambda: developer.page.evaluate("navigator.clipboard.readText()") != "nothing yet")
        developer.sees("#curl-copied", "Copied")
        include, url, *headers = arguments(developer.page.evaluate("navigator.clipboard.readText()"))
        assert (include, url, set(headers[::2])) == ("--include", f"{developer.url}/api/me", {"--header"})
        assert ask(url, headers[1::2]) == status, credential


def arguments(command):
    """Return what a shell gives to curl."""
    script = f"curl() {{ printf '%s\\n' \"$@\"; }}\n{command}"
    return subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout.splitlines()


def ask(url, headers):
    request = urllib.request.Request(url, headers=dict(header.split(": ", 1) for header in headers))
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_a_call_that_nobody_answers_is_said_once(developer):
    developer.context.route(ME, lambda route: route.abort())
    developer.page.click("#call-send")
    developer.sees("#call-result [data-part~=form-error]", "cannot be reached")
    assert developer.page.inner_text("#call-result").count("no answer") == 1
    assert developer.page.text_content("#call-status").count("no answer") == 1
    assert developer.page.inner_text("#call-log li:first-child").count("no answer") == 1
    developer.forgive("ERR_FAILED")


def test_what_happened_is_listed_newest_first_and_does_not_grow_without_end(developer):
    for number in range(KEPT + 2):
        send(developer, f"health?{number}", credential="none")
        developer.sees("#call-status", f"health?{number}:")
    listed = developer.page.locator("#call-log code").all_inner_texts()
    assert listed == [f"/api/health?{number}" for number in reversed(range(2, KEPT + 2))]


def test_logging_out_in_another_tab_empties_the_inspector(developer):
    send(developer)
    developer.sees("#call-result pre[data-part~=body]")
    tokens = developer.access_tokens()
    other = developer.open_tab(developer.url)
    other.click("[data-part~=log-out]")
    developer.sees("#logged-out-reason", "in another tab")
    assert [secret for secret in [developer.username, *tokens] if secret in developer.page.content()] == []
    assert developer.page.locator("#token-claims > *, #call-log li, #call-result pre").count() == 0
    assert developer.page.evaluate("document.activeElement.id") == "logged-out-title"


def test_another_user_who_logs_in_elsewhere_takes_the_place_of_the_first(developer, new_visitor, server):
    first = developer.username
    send(developer)
    developer.sees("#call-result pre[data-part~=body]")
    body = {"username": f"{first}.too", "password": "seven old oak boards and a latch"}
    headers = {"Content-Type": "application/json"}
    developer.context.request.post(f"{server.url}/api/auth/register", data=json.dumps(body), headers=headers)
    other = developer.context.new_page()
    other.goto(f"{server.url}/favicon.svg")
    other.goto(f"{server.url}/inspector.html")
    other.evaluate(
        """async ([name, password]) => {
            const { createClient } = await import("/js/lychgate.js");
            await createClient().login(name, password);
        }""",
        [body["username"], body["password"]],
    )
    developer.sees("#whose", body["username"])
    developer.sees("#token-claims", body["username"])
    developer.wait_for(lambda: developer.page.locator("#call-result pre").count() == 0)


def test_logging_out_here_says_so_and_tells_the_api(developer):
    developer.page.click("#log-out")
    developer.sees("#logged-out-reason", "You are logged out")
    developer.wait_for(lambda: ("POST", "auth/logout", 204) in developer.made())
    assert developer.page.locator("#logged-out-pending").is_hidden()


def test_a_log_out_that_the_api_has_not_heard_of_is_said_until_it_has(developer):
    developer.context.route("**/api/**", lambda route: route.abort())
    developer.page.click("#log-out")
    developer.sees("#logged-out-pending", "keeps trying")
    developer.page.reload()
    developer.sees("#logged-out-pending", "keeps trying")
    developer.reaches_again("**/api/**")
    developer.page.locator("#logged-out-pending").wait_for(state="hidden")
    assert ("POST", "auth/logout", 204) in developer.made()
    developer.forgive(FAILED)


def test_a_session_that_the_api_has_ended_says_so(developer):
    (cookie,) = developer.refresh_cookies()
    answer = developer.context.request.post(
        f"{developer.url}/api/auth/logout",
        data="{}",
        headers={"Content-Type": "application/json", "Cookie": f"{cookie['name']}={cookie['value']}"},
    )
    assert answer.status == 204
    send(developer)
    developer.sees("#logged-out-reason", "Your session has ended")
    developer.forgive(401)


def test_a_session_that_cannot_be_reached_is_opened_as_soon_as_it_can(insider):
    insider.context.route("**/api/auth/refresh", lambda route: route.abort())
    insider.page.goto(f"{insider.url}/inspector.html")
    insider.sees("#loading-error", "cannot be reached")
    insider.reaches_again("**/api/auth/refresh")
    insider.page.click("#restore-retry")
    insider.sees("#token-claims", insider.username)
    insider.forgive(FAILED)


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_moves_when_something_is_said(insider, width):
    insider.page.set_viewport_size({"width": width, "height": 900})
    insider.page.clock.install()
    inspect(insider)
    places = ["#token-raw", "#token-claims", "#call-send", "#log-title"]

    def tops():
        return [
            insider.page.locator(place).evaluate("(e) => e.getBoundingClientRect().top + scrollY") for place in places
        ]

    before = tops()
    insider.page.click("#refresh-now")
    insider.sees("#refresh-result", "New token at")
    insider.sees("#signature-pill", "verified here")
    send(insider, "https://evil.example/")
    insider.sees("#call-path-error", "Only")
    insider.page.fill("#call-path", "me")
    insider.page.click("#copy-token")
    insider.sees("#token-copied:not(:empty)")
    insider.page.click("#copy-curl")
    insider.sees("#curl-copied:not(:empty)")
    insider.page.clock.fast_forward(3000)
    insider.sees("#token-claims", re.compile(r"in \d min \d+ s"))
    assert tops() == before


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_state_is_accessible_and_fits_the_window(new_visitor, server, width, scheme):
    reader = new_visitor(
        server,
        viewport={"width": width, "height": 800},
        color_scheme=scheme,
        reduced_motion="reduce",
        bypass_csp=True,
    )
    reader.context.add_init_script(path=TOOLS / "axe-core" / "axe.min.js")
    reader.page.goto(f"{server.url}/inspector.html")
    reader.sees("#logged-out-reason", "Nobody")
    assert_good_to_read(reader.page)
    inspect(reader.has_account())
    assert_good_to_read(reader.page)
    reader.page.click("#refresh-now")
    reader.sees("#refresh-result", "New token at")
    send(reader, credential="broken")
    reader.sees("#call-result pre[data-part~=body]", "invalid_token")
    reader.page.click("#call-result summary")
    assert_good_to_read(reader.page)
    reader.context.route(ME, lambda route: route.abort())
    send(reader)
    reader.sees("#call-result [data-part~=form-error]", "cannot be reached")
    reader.page.fill("#call-path", "https://evil.example/")
    reader.page.click("#call-send")
    reader.sees("#call-path-error", "Only")
    assert_good_to_read(reader.page)
    reader.forgive(401, FAILED)


def test_the_inspector_is_small(new_visitor, server):
    visitor = new_visitor(server)
    loaded = {}
    visitor.page.on("response", lambda response: loaded.update({response.url: sent_by_cloudfront(response.body())}))
    visitor.page.goto(f"{server.url}/inspector.html")
    visitor.sees("#logged-out-title")
    visitor.page.wait_for_load_state("networkidle")
    assert f"{server.url}/js/inspector/signature.js" in loaded
    assert sum(loaded.values()) < MAX_BYTES, (sum(loaded.values()), loaded)


def test_the_inspector_is_reached_by_keyboard_from_top_to_bottom(developer):
    form = ["call-route", "call-path", "session", "call-send"]
    links = [f"{developer.url}/", "jwks-link"]
    proof = ["proof-summary"] if developer.page.locator("#proof").is_visible() else []
    all_of_it = ["log-out", links[0], "refresh-now", "copy-token", links[1], *proof, *form, "copy-curl"]
    reached = []
    for _ in all_of_it:
        developer.page.keyboard.press("Tab")
        reached.append(
            developer.page.evaluate("(({ id, value, href }) => id || value || href)(document.activeElement)")
        )
    assert reached == all_of_it
