"""Any colour gives text that can be read."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.mails.colours import DARK, LIGHT, as_text, contrast, is_colour, text_on

ENOUGH = 4.5
colours = st.integers(0, 0xFFFFFF).map("#{:06x}".format)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("#000000", "#ffffff", 21),
        ("#ffffff", "#ffffff", 1),
        ("#777777", "#ffffff", 4.48),
        ("#767676", "#ffffff", 4.54),
        ("#FF0000", "#ffffff", 4.0),
        ("#0000ff", "#ffffff", 8.59),
    ],
)
def test_the_contrast_is_that_of_wcag(one, other, expected):
    assert contrast(one, other) == contrast(other, one) == pytest.approx(expected, abs=0.005)


@given(colours)
@example("#767676")
@example("#757575")
@example("#ff0000")
def test_black_or_white_can_be_read_on_any_colour(colour):
    assert text_on(colour) in {"#000000", "#ffffff"}
    assert contrast(text_on(colour), colour) >= ENOUGH


@given(colours)
@example("#ffffff")
@example("#000000")
@example("#ffff00")
@example("#0000ff")
@example("#808080")
def test_any_colour_becomes_text_that_can_be_read_by_day_and_by_night(colour):
    for backgrounds in (LIGHT, DARK):
        text = as_text(colour, backgrounds)
        assert is_colour(text)
        assert min(contrast(text, background) for background in backgrounds) >= ENOUGH


def test_a_colour_with_enough_contrast_stays_as_it_is():
    assert as_text("#1f5fa8", LIGHT) == "#1f5fa8"
    assert as_text("#ffd75e", DARK) == "#ffd75e"


def test_a_colour_is_changed_no_more_than_it_takes():
    darkened = as_text("#ff8800", LIGHT)
    assert ENOUGH <= min(contrast(darkened, background) for background in LIGHT) < ENOUGH + 0.2


@pytest.mark.parametrize(
    "text", ["", "red", "#fff", "#12345g", "#1234567", "1f5fa8", "#1f5fa8;", "#1f5fa8\n", "#١٢٣٤٥٦"]
)
def test_only_six_hexadecimal_digits_are_a_colour(text):
    assert not is_colour(text)
