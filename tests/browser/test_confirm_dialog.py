"""What ends sessions asks first, and for the password too if the log-in is a while ago."""

import pytest
from playwright.sync_api import expect

from tests.browser.elsewhere import Elsewhere
from tests.browser.test_quality import RUN_AXE, TOOLS
from tests.browser.visitor import PASSWORD

WRONG = "seven old oak boards and a guess"
FRESH_SECONDS = 900
DIALOG = "[data-part~=confirm-dialog]"
FIELD = "[data-part~=confirm-password]"
FOCUSED_BUT_THE_BODY = """((focused) => focused === document.body ? "" :
    focused.matches("input") ? focused.dataset.part : focused.textContent)(document.activeElement)"""
ACTIONS = ["[data-part~=session-list] li button", "[data-part~=end-others]", "[data-part~=log-out-everywhere]"]


@pytest.fixture
def owner(new_visitor, patient_server):
    """Somebody who has signed up, and has no page open yet."""
    return new_visitor(patient_server).has_account()


@pytest.fixture
def elsewhere(owner):
    """Another session of the same user."""
    return Elsewhere(owner)


@pytest.fixture
def fresh(owner, elsewhere):
    """The same user with the page open, just after the log-in. The session elsewhere is in the list."""
    owner.open().sees("[data-part~=end-others]")
    return owner


@pytest.fixture
def stale(fresh, patient_clock):
    """The same user, who logged in a while ago."""
    fresh.is_whole(fresh.page)
    patient_clock.advance(FRESH_SECONDS + 1)
    yield fresh
    # The access token has expired meanwhile, and the session is no longer fresh: both are refused first.
    fresh.forgive(401, 429)


def confirm(visitor, password):
    visitor.sees(FIELD)
    visitor.page.fill(FIELD, password)
    visitor.page.click(f"{DIALOG} [type=submit]")


def focused(visitor):
    return visitor.page.evaluate("document.activeElement.dataset.part.split(' ')[0]")


@pytest.mark.parametrize(
    ("action", "question", "consequence"),
    [
        (ACTIONS[0], "End this session?", "Chrome on Linux at 127.0.0.1 will have to log in again."),
        (ACTIONS[1], "End the other session?", "One other device will have to log in again."),
        (ACTIONS[2], "Log out everywhere?", "This browser and one other device will have to log in again."),
    ],
)
def test_the_question_says_what_will_happen_and_wants_no_password_of_a_fresh_session(
    fresh, elsewhere, action, question, consequence
):
    fresh.page.click(action)
    fresh.sees(f"{DIALOG} h2", question)
    fresh.sees("[data-part~=confirm-consequence]", consequence)
    assert fresh.page.locator(FIELD).is_hidden()
    assert fresh.page.evaluate("document.activeElement.textContent") == "Cancel"
    fresh.page.click(f"{DIALOG} [type=submit]")
    fresh.page.locator(DIALOG).wait_for(state="hidden")
    assert "auth/reauthenticate" not in [path for _, path, _ in fresh.made()]
    assert not elsewhere.goes_on()


def test_who_has_come_back_after_a_while_is_asked_once_for_everything(stale, elsewhere):
    stale.page.reload()
    stale.sees("[data-part~=end-others]")
    stale.page.click("[data-part~=end-others]")
    stale.sees(FIELD)
    assert focused(stale) == "confirm-password"
    stale.page.keyboard.type(PASSWORD)
    stale.page.keyboard.press("Enter")
    stale.sees("[data-part~=notice]", "The session has ended")
    assert not elsewhere.goes_on()
    refused = [(path, status) for _, path, status in stale.made() if status == 401]
    assert refused == []


@pytest.mark.parametrize("action", ACTIONS[:2])
def test_the_password_is_asked_for_and_the_session_elsewhere_ends(stale, elsewhere, action):
    stale.ends(action)
    confirm(stale, PASSWORD)
    stale.sees("[data-part~=notice]", "The session has ended")
    stale.sees("[data-part~=sessions-summary]", "nowhere else")
    assert stale.page.locator(DIALOG).is_hidden()
    assert focused(stale) == "sessions-title"
    stale.sees("[data-part~=event-list]", "Confirmed that it was you")
    assert not elsewhere.goes_on()
    stale.is_signed_in()


def test_logging_out_everywhere_asks_for_the_password_and_goes_on(stale, elsewhere):
    stale.ends("[data-part~=log-out-everywhere]")
    confirm(stale, PASSWORD)
    stale.is_signed_out()
    assert stale.page.locator(DIALOG).is_hidden()
    assert not elsewhere.goes_on()


@pytest.mark.parametrize(
    ("action", "how"),
    [
        (ACTIONS[0], "Escape"),
        (ACTIONS[1], "Cancel"),
        (ACTIONS[2], "Escape"),
        pytest.param(ACTIONS[0], "Cancel", marks=pytest.mark.exhaustive),
        pytest.param(ACTIONS[1], "Escape", marks=pytest.mark.exhaustive),
        pytest.param(ACTIONS[2], "Cancel", marks=pytest.mark.exhaustive),
    ],
)
def test_who_cancels_changes_nothing_and_is_back_at_the_button(stale, elsewhere, action, how):
    stale.ends(action)
    stale.sees(FIELD)
    stale.page.fill(FIELD, PASSWORD)
    if how == "Escape":
        stale.page.keyboard.press("Escape")
    else:
        stale.page.click(f"{DIALOG} >> text=Cancel")
    stale.page.locator(DIALOG).wait_for(state="hidden")
    assert stale.page.evaluate("(action) => document.activeElement.matches(action)", action)
    # A dialog says that it is closed a moment after it is, and then goes with the password.
    expect(stale.page.locator(FIELD)).to_have_count(0)
    assert stale.page.locator("[data-part~=notice]").count() == 0
    assert "auth/reauthenticate" not in [path for _, path, _ in stale.made()]
    assert elsewhere.goes_on()
    # The next click asks again.
    stale.page.click(action)
    stale.sees(DIALOG)


def test_a_wrong_password_is_an_error_at_its_field_and_can_be_tried_again(stale, elsewhere):
    stale.ends("[data-part~=end-others]")
    confirm(stale, "")
    stale.sees("[data-part~=confirm-password-error]", "Enter your password")
    confirm(stale, WRONG)
    stale.sees("[data-part~=confirm-password-error]", "not your password")
    assert focused(stale) == "confirm-password"
    assert stale.page.get_attribute(FIELD, "aria-invalid") == "true"
    confirm(stale, PASSWORD)
    stale.sees("[data-part~=notice]", "The session has ended")
    assert not elsewhere.goes_on()


def test_too_many_attempts_are_told_in_the_dialog_and_the_right_password_works_after_the_wait(stale, elsewhere):
    stale.ends("[data-part~=end-others]")
    stale.sees(FIELD)
    refusal = {"status": 429, "headers": {"Retry-After": "7"}, "json": {"error": "too_many_attempts"}}
    stale.context.route("**/api/auth/reauthenticate", lambda route: route.fulfill(**refusal))
    confirm(stale, PASSWORD)
    stale.sees(f"{DIALOG} [data-form-error]", "try again in 7 seconds")
    stale.reaches_again("**/api/auth/reauthenticate")
    confirm(stale, PASSWORD)
    stale.sees("[data-part~=notice]", "The session has ended")
    assert not elsewhere.goes_on()


def test_a_session_that_ends_takes_the_dialog_with_it(stale):
    other_tab = stale.open_tab(stale.url)
    stale.page.click("[data-part~=end-others]")
    stale.sees(DIALOG)
    other_tab.click("[data-part~=log-out]")
    stale.is_signed_out()
    assert stale.page.locator(DIALOG).is_hidden()
    stale.log_in()
    stale.is_signed_in()


def test_the_new_token_reaches_the_other_tabs(stale, elsewhere):
    other_tab = stale.open_tab(stale.url)
    stale.ends("[data-part~=end-others]")
    confirm(stale, PASSWORD)
    stale.sees("[data-part~=notice]", "The session has ended")
    other_tab.calls.clear()
    stale.ends("[data-part~=log-out-everywhere]", other_tab)
    other_tab.locator("[data-part~=logged-out]").wait_for()
    assert ("POST", "auth/logout-all", 204) in stale.made(other_tab)
    assert "auth/reauthenticate" not in [path for _, path, _ in stale.made(other_tab)]


def reached_by_tab(page):
    """Return what the tab key reaches in the page. The page behind a dialog is inert."""
    reached = set()
    for _ in range(8):
        page.keyboard.press("Tab")
        reached.add(page.evaluate(FOCUSED_BUT_THE_BODY))
    return reached - {""}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1440])
def test_the_dialog_is_accessible_works_by_keyboard_and_fits_the_window(
    new_visitor, patient_server, patient_clock, width, scheme
):
    visitor = new_visitor(
        patient_server,
        viewport={"width": width, "height": 800},
        color_scheme=scheme,
        reduced_motion="reduce",
        bypass_csp=True,
    )
    visitor.context.add_init_script(path=TOOLS / "axe-core" / "axe.min.js")
    Elsewhere(visitor.has_account())
    visitor.open().sees("[data-part~=end-others]")
    visitor.is_whole(visitor.page)
    patient_clock.advance(FRESH_SECONDS + 1)
    page = visitor.page
    page.focus("[data-part~=end-others]")
    page.keyboard.press("Enter")
    visitor.sees(DIALOG)
    dialog = page.get_by_role("dialog", name="End the other session?")
    assert page.evaluate(RUN_AXE) == []
    assert reached_by_tab(page) == {"End all others", "Cancel"}
    page.click(f"{DIALOG} [type=submit]")
    visitor.sees(FIELD)
    assert focused(visitor) == "confirm-password"
    page.keyboard.type(WRONG)
    page.keyboard.press("Enter")
    visitor.sees("[data-part~=confirm-password-error]", "not your password")
    assert page.evaluate(RUN_AXE) == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    box = dialog.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    fields = dialog.locator("input").evaluate_all(
        "(inputs) => inputs.map(({ autocomplete, value }) => [autocomplete, value])"
    )
    assert fields[0] == ["username", visitor.username]
    assert fields[1][0] == "current-password"
    assert reached_by_tab(page) == {"confirm-password", "ShowShow: Password", "End all others", "Cancel"}
    page.focus(FIELD)
    page.keyboard.press("Control+A")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    visitor.sees("[data-part~=notice]", "The session has ended")
    visitor.forgive(401)
