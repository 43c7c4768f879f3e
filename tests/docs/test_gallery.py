"""The gallery: every element in every state, in every language, themed by its controls, over an API in the page."""

import pytest
from playwright.sync_api import expect

from tests.docs.conftest import AXE
from tests.docs.test_site import RUN_AXE

GALLERY = "/reference/gallery.html"
# The same state is shown large and small; a field for the address says that it is the name of the account, too. The
# theme's link to the top of the page is shown once one scrolls up, by hand or as what is above grows, in no landmark.
ON_PURPOSE = ("landmark-unique: ", "autocomplete-valid: ", "region: .back-to-top ")
STATES = {
    "lychgate-sign-in": [
        *["[data-state=logged-out]"] * 3,
        "[data-state=loading]",
        "[data-state=failed]",
        "[data-state=logged-in]",
    ],
    "lychgate-account": ["[data-state=logged-in]"] * 3,
    "lychgate-user": ["[data-state=logged-in]", "[data-state=logged-out]", "[data-state=failed]"],
    "lychgate-guard": [
        "[data-state=logged-in]",
        "[data-state=logged-out]",
        "[data-state=forbidden]",
        "[data-state=failed]",
    ],
    "lychgate-mail-link": [" h1:visible"] * 4,
}
"""The elements, with what is found in each of their frames."""


@pytest.fixture
def gallery(new_reader):
    # The policy would keep Playwright from waiting for what a page says.
    page = new_reader(viewport={"width": 1280, "height": 900}, bypass_csp=True)
    page.goto(GALLERY)
    return page


def stage(page):
    return page.frame_locator("#gallery-frame")


def see_each_state(page, element):
    """Wait until each state of an element is there: a frame is loaded only when it is about to be seen."""
    frames = page.locator("#gallery-states iframe")
    for number, state in enumerate(STATES[element]):
        frames.nth(number).scroll_into_view_if_needed()
        frames.nth(number).content_frame.locator(f"{element}{state}").first.wait_for(state="attached")
    return frames


def test_every_element_is_shown_in_each_of_its_states(gallery):
    for element, states in STATES.items():
        gallery.get_by_label("Element").select_option(element)
        assert see_each_state(gallery, element).count() == len(states)


def test_one_can_log_in_with_a_second_step_and_out_again(gallery):
    shown = stage(gallery)
    submit = shown.locator("form:visible button[type=submit]")
    shown.locator("[name=username]:visible").fill("second")
    shown.locator("[name=password]:visible").fill("wrong")
    submit.click()
    shown.locator("[role=alert]:visible", has_text="password").first.wait_for()
    shown.locator("[name=password]:visible").fill("seven old oak boards and a latch")
    submit.click()
    shown.locator("[name=code]:visible").fill("123456")
    submit.click()
    shown.locator("lychgate-sign-in[data-state=logged-in]").wait_for()
    shown.get_by_role("button", name="Log out").click()
    shown.locator("lychgate-sign-in[data-state=logged-out]").wait_for()


def test_a_custom_property_changes_what_is_shown_and_is_written_down(gallery):
    stage(gallery).get_by_role("button", name="Log in", exact=True).wait_for()
    gallery.get_by_label("--lychgate-accent").fill("#aa0055")
    gallery.get_by_label("--lychgate-radius").fill("20")
    button = stage(gallery).locator("form:visible button[type=submit]")
    expect(button).to_have_css("background-color", "rgb(170, 0, 85)")
    assert gallery.locator("#gallery-css").inner_text() == (
        ":root {\n  --lychgate-accent: #aa0055;\n  --lychgate-radius: 20px;\n}"
    )
    gallery.get_by_role("button", name="As it was").click()
    assert gallery.locator("#gallery-css").inner_text() == "/* nothing is changed */"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_the_gallery_is_accessible_and_fits_the_window_in_a_language_from_right_to_left(new_reader, width, scheme):
    # What fades in has less contrast while it does.
    page = new_reader(viewport={"width": width, "height": 800}, color_scheme=scheme, reduced_motion="reduce")
    page.context.add_init_script(path=AXE)
    page.goto(GALLERY)
    language = page.locator("#gallery-language")
    language.select_option("ar")
    stage(page).locator("[dir=rtl]").first.wait_for()
    stage(page).locator("lychgate-sign-in[data-state=logged-out]").wait_for()
    see_each_state(page, "lychgate-sign-in")
    found = page.evaluate(RUN_AXE)
    assert [each for each in found if not each.startswith(ON_PURPOSE)] == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
