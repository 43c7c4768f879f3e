"""Log in and sign up: what address and options make of the card, and what is kept between its two tabs."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import PASSWORD

OPTIONS = "**/api/auth/options"
REGISTER = "**/api/auth/register"
READ_SUGGESTION = """() => {
    const shown = document.querySelector("[data-part~=suggestion]");
    const isWhole = shown.scrollWidth <= shown.clientWidth && shown.scrollHeight <= shown.clientHeight;
    return [shown.textContent, document.querySelector("[data-part~=signup-password]").value, isWhole];
}"""


def options(registration="open", min_length=15):
    return {
        "registration": registration,
        "identifier": "username",
        "password": {"min_length": min_length, "max_length": 256},
    }


@pytest.fixture
def at_a_site(new_visitor, server):
    """Make visitors of a site with options of its own."""

    def at_a_site(path="/", **settings):
        visitor = new_visitor(server)
        visitor.context.route(OPTIONS, lambda route: route.fulfill(json=options(**settings)))
        visitor.page.goto(f"{server.url}{path}")
        return visitor

    return at_a_site


def at(visitor, path):
    visitor.page.goto(f"{visitor.url}{path}")
    return visitor


def has_title(visitor, title):
    expect(visitor.page).to_have_title(f"{title} · Lychgate")


def test_a_log_in_after_a_sign_up_that_failed_is_not_called_a_new_account(account, new_visitor, server):
    late = new_visitor(server, account).open()
    late.sign_up()
    late.sees("[data-part~=signup-username-error]", "taken")
    late.log_in()
    late.is_signed_in()
    assert "ready" not in late.page.inner_text("[data-part~=notice-place]")
    late.forgive(409)


@pytest.mark.parametrize(("locale", "told"), [("de-DE", "kürzeren Namen: Er darf 512 Byte"), ("fr-FR", "plus court")])
def test_a_name_of_too_many_bytes_is_told_in_the_language_of_the_page(new_visitor, server, locale, told):
    visitor = new_visitor(server, "\U00010428" * 130, locale=locale).open()
    visitor.sign_up()
    visitor.sees("[data-part~=signup-username-error]", told)
    visitor.forgive(422)


def test_a_sign_up_is_told_that_the_account_is_ready_and_its_log_out_leads_to_the_log_in(newcomer):
    newcomer.sees("[data-part~=notice-place]", "Your account is ready")
    has_title(newcomer, newcomer.username)
    newcomer.sign_out()
    newcomer.is_signed_out()
    newcomer.sees("[data-part~=login-form]")
    has_title(newcomer, "Log in")
    assert "#" not in newcomer.page.url


def test_the_address_says_which_form_is_shown(new_visitor, server):
    visitor = new_visitor(server)
    for fragment, form, title in (
        ("", "login", "Log in"),
        ("#login", "login", "Log in"),
        ("#signup", "signup", "Sign up"),
        ("#x", "login", "Log in"),
    ):
        # A fragment alone would load nothing.
        visitor.page.goto("about:blank")
        at(visitor, f"/index.html{fragment}")
        visitor.sees(f"[data-part~={form}-form]")
        has_title(visitor, title)
        assert visitor.page.get_attribute(f"[data-part~=show-{form}]", "aria-selected") == "true", fragment


def test_the_forms_are_steps_of_the_history(visitor):
    visitor.page.click("[data-part~=show-signup]")
    visitor.sees("[data-part~=signup-form]")
    has_title(visitor, "Sign up")
    visitor.page.click("[data-part~=show-signup]")
    visitor.page.go_back()
    visitor.sees("[data-part~=login-form]")
    has_title(visitor, "Log in")
    visitor.page.go_forward()
    visitor.sees("[data-part~=signup-form]")
    has_title(visitor, "Sign up")


def test_what_the_site_allows_is_asked_anew_with_each_page(visitor):
    network = visitor.context.new_cdp_session(visitor.page)
    kept = []
    network.on(
        "Network.responseReceived",
        lambda event: (
            kept.append(event["response"].get("fromDiskCache", False))
            if event["response"]["url"].endswith("/api/auth/options")
            else None
        ),
    )
    network.send("Network.enable")
    for _ in range(2):
        visitor.page.goto(f"{visitor.url}/?again")
        visitor.sees("[data-part~=signup-offer]")
    assert len(kept) > 1
    assert not any(kept)


def test_the_tabs_obey_the_arrow_keys(visitor):
    visitor.page.locator("[data-part~=signup-form]").wait_for(state="attached")
    visitor.page.focus("[data-part~=show-login]")
    for key, chosen in [("ArrowRight", "signup"), ("ArrowRight", "login"), ("End", "signup"), ("Home", "login")]:
        visitor.page.keyboard.press(key)
        visitor.sees(f"[data-part~={chosen}-form]")
        assert visitor.page.evaluate("document.activeElement.dataset.part") == f"show-{chosen}"


def focused(visitor):
    return visitor.page.evaluate("document.activeElement.dataset.part")


def test_a_link_to_the_other_form_leads_into_it(visitor):
    visitor.page.click("[data-part~=signup-offer] a")
    visitor.sees("[data-part~=signup-form]")
    assert focused(visitor) == "signup-username"


def test_a_typed_name_goes_along_to_the_other_form(visitor):
    visitor.page.fill("[data-part~=login-username]", "kim")
    visitor.page.click("[data-part~=signup-offer] a")
    visitor.sees("[data-part~=signup-form]")
    assert visitor.page.input_value("[data-part~=signup-username]") == "kim"
    assert focused(visitor) == "signup-password"
    visitor.page.fill("[data-part~=signup-username]", "kim.lee")
    visitor.page.click("[data-part~=show-login]")
    visitor.sees("[data-part~=login-form]")
    assert visitor.page.input_value("[data-part~=login-username]") == "kim.lee"


def test_whose_name_is_taken_can_log_in_with_it_instead(account, new_visitor, server):
    late = new_visitor(server, account).open()
    late.sign_up()
    late.page.click("[data-part~=signup-username-error] a")
    late.sees("[data-part~=login-form]")
    assert late.page.input_value("[data-part~=login-username]") == account
    assert late.page.input_value("[data-part~=login-password]") == ""
    assert focused(late) == "login-password"
    late.page.fill("[data-part~=login-password]", PASSWORD)
    late.page.click("[data-part~=login-form] [type=submit]")
    late.is_signed_in()
    late.forgive(409)


def test_the_page_and_the_real_api_agree_on_the_options(visitor):
    asked = visitor.page.evaluate("async () => (await fetch('/api/auth/options')).json()")
    assert asked["registration"] == "open"
    visitor.page.click("[data-part~=show-signup]")
    visitor.sees("[data-part~=signup-password-hint]", f"{asked['password']['min_length']} or more")


def test_hint_tally_and_check_follow_the_minimum_of_the_site(at_a_site):
    visitor = at_a_site("/#signup", min_length=20)
    visitor.sees("[data-part~=signup-password-hint]", "20 or more")
    visitor.page.fill("[data-part~=signup-username]", "kim")
    visitor.page.fill("[data-part~=signup-password]", "x" * 19)
    visitor.sees("[data-part~=signup-password-tally]", "19 of 20")
    visitor.page.click("[data-part~=signup-form] [type=submit]")
    visitor.sees("[data-part~=signup-password-error]", "at least 20")
    visitor.page.fill("[data-part~=signup-password]", "x" * 20)
    visitor.sees("[data-part~=signup-password-tally]", "✓")


def test_a_new_password_follows_the_minimum_of_the_site_too(at_a_site):
    visitor = at_a_site(min_length=20)
    visitor.sign_up()
    visitor.is_signed_in()
    visitor.page.reload()
    visitor.is_signed_in()
    visitor.page.wait_for_load_state("networkidle")
    assert ("GET", "auth/options", 200) not in visitor.made()[-3:]
    with visitor.page.expect_response(OPTIONS):
        visitor.page.click("[data-part~=password-fold] summary")
    visitor.page.fill("[data-part~=new-password]", "nineteen characters")
    visitor.sees("[data-part~=new-password-tally]", "19 of 20")


def test_a_site_that_is_closed_offers_no_sign_up(at_a_site):
    visitor = at_a_site(registration="closed")
    visitor.sees("[data-part~=login-only]", "Log in")
    assert visitor.page.get_by_text("Sign up").filter(visible=True).count() == 0
    assert visitor.page.locator("[data-part~=signup-closed]").is_hidden()
    has_title(visitor, "Log in")


def test_whoever_came_to_sign_up_at_a_site_that_is_closed_is_told_so(at_a_site):
    visitor = at_a_site("/#signup", registration="closed")
    visitor.sees("[data-part~=signup-closed]", "Signing up is closed")
    visitor.sees("[data-part~=login-form]")
    has_title(visitor, "Log in")


def test_what_was_typed_before_the_site_said_that_it_is_closed_is_kept(new_visitor, server):
    visitor = new_visitor(server)
    held = []
    visitor.context.route(OPTIONS, lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks its handlers
    at(visitor, "/#signup")
    visitor.page.fill("[data-part~=signup-username]", "kim")
    visitor.wait_for(lambda: held)
    held[0].fulfill(json=options("closed"))
    visitor.sees("[data-part~=signup-closed]")
    assert visitor.page.input_value("[data-part~=login-username]") == "kim"
    assert visitor.page.evaluate("document.activeElement.dataset.part") == "login-username"


def test_the_first_view_does_not_wait_for_the_options(new_visitor, server, account):
    visitor = new_visitor(server, account)
    held = []
    visitor.context.route(OPTIONS, lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks its handlers
    visitor.open()
    visitor.sees("[data-part~=login-form]")
    visitor.wait_for(lambda: held)
    visitor.log_in()
    visitor.is_signed_in()


@pytest.mark.parametrize("answer", [{"status": 503, "json": {}}, {"json": {"password": {}}}, None])
def test_without_usable_options_the_page_is_that_of_an_open_site(new_visitor, server, answer):
    visitor = new_visitor(server)
    visitor.context.route(OPTIONS, lambda route: route.abort() if answer is None else route.fulfill(**answer))
    visitor.open().sign_up("short")
    visitor.sees("[data-part~=signup-password-error]", "at least 15")
    visitor.sign_up()
    visitor.is_signed_in()
    visitor.forgive(503, "ERR_FAILED")


def test_options_that_could_not_be_had_are_asked_for_again_and_leave_what_was_typed(new_visitor, server):
    visitor = new_visitor(server)
    failures = [503, 502]
    allowed = options() | {"email": "optional"}

    def answer(route):
        return route.fulfill(status=failures.pop(), json={}) if failures else route.fulfill(json=allowed)

    visitor.context.route(OPTIONS, answer)
    visitor.page.clock.install()
    visitor.open()
    visitor.sees("[data-part~=login-form]")
    visitor.page.fill("[data-part~=login-username]", "Alice")
    for left in (1, 0):
        visitor.wait_for(lambda left=left: len(failures) == left)
        visitor.page.wait_for_load_state("networkidle")
        expect(visitor.page.locator("[data-part~=mail-ways]")).to_be_hidden()
        visitor.page.clock.fast_forward("01:00")
    expect(visitor.page.locator("[data-part~=mail-ways]")).to_be_visible()
    assert visitor.page.input_value("[data-part~=login-username]") == "Alice"
    visitor.forgive(502, 503)


def test_a_site_that_turns_out_to_be_closed_says_so_in_the_form(visitor):
    refusal = {"error": "registration_closed", "detail": "Registration is closed."}
    visitor.context.route(REGISTER, lambda route: route.fulfill(status=403, json=refusal))
    visitor.sign_up()
    visitor.sees("[data-part~=signup-form] [data-form-error]", "Signing up is closed")
    visitor.forgive(403)


@pytest.mark.parametrize("width", [320, 1440])
def test_a_suggested_passphrase_can_be_read_whole_and_copied(new_visitor, server, width):
    visitor = new_visitor(
        server, viewport={"width": width, "height": 700}, permissions=["clipboard-read", "clipboard-write"]
    )
    at(visitor, "/#signup")
    visitor.page.click("[data-part~=suggest]")
    expect(visitor.page.locator("[data-part~=suggest]")).to_have_text("Another")
    for _ in range(10):
        shown, taken, is_whole = visitor.page.evaluate(READ_SUGGESTION)
        assert re.fullmatch(r"[a-z]+( [a-z]+){5}", shown)
        assert taken == shown
        assert is_whole
        visitor.page.click("[data-part~=suggest]")
        expect(visitor.page.locator("[data-part~=suggestion]")).not_to_have_text(shown)
    visitor.page.click("[data-part~=copy-suggestion]")
    expect(visitor.page.locator("[data-part~=copy-suggestion]")).to_have_text("Copied")
    shown, taken, _ = visitor.page.evaluate(READ_SUGGESTION)
    assert visitor.page.evaluate("navigator.clipboard.readText()") == shown == taken


def test_a_passphrase_that_was_changed_by_hand_is_not_shown_any_more(visitor):
    visitor.page.click("[data-part~=show-signup]")
    visitor.page.click("[data-part~=suggest]")
    visitor.sees("[data-part~=copy-suggestion]")
    visitor.page.fill("[data-part~=signup-password]", PASSWORD)
    visitor.sees("[data-part~=suggestion]", "easy to remember")
    assert visitor.page.locator("[data-part~=copy-suggestion]").is_hidden()


def test_nothing_of_a_suggestion_is_left_for_the_next_visitor(visitor):
    visitor.page.click("[data-part~=show-signup]")
    visitor.page.fill("[data-part~=signup-username]", visitor.username)
    visitor.page.click("[data-part~=suggest]")
    visitor.sees("[data-part~=copy-suggestion]")
    suggested = visitor.page.inner_text("[data-part~=suggestion]")
    visitor.page.click("[data-part~=signup-form] [type=submit]")
    visitor.is_signed_in()
    assert suggested not in visitor.page.content()


def test_a_wrong_password_can_be_typed_over_at_once(account, new_visitor, server):
    member = new_visitor(server, account).open()
    held = []

    def hold(route):
        held.append(route)

    member.context.route("**/api/auth/login", hold)
    password = member.page.locator("[data-part~=login-password]")
    member.log_in("seven old oak boards and a wrong latch", submit=False)
    member.page.click("[data-part~=login-form] [data-part~=reveal]")
    expect(password).to_have_attribute("type", "text")
    member.page.click("[data-part~=login-form] [type=submit]")
    member.wait_for(lambda: held)
    # A browser keeps what was in a plain text field.
    expect(password).to_have_attribute("type", "password")
    held[0].continue_()
    member.sees("[data-part~=login-form] [data-form-error]", "do not match")
    member.reaches_again("**/api/auth/login")
    assert member.page.evaluate("document.activeElement.dataset.part") == "login-password"
    member.page.keyboard.insert_text(PASSWORD)
    member.page.keyboard.press("Enter")
    member.is_signed_in()
    member.forgive(401)
