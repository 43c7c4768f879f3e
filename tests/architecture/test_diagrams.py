"""Each diagram of the documentation has pictures of what it says now, and words for who does not see them."""

from pathlib import Path

import pytest

from infra.docs.markdown import DIAGRAMS, THEMES, diagrams_of, picture_of

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
ALL = [
    pytest.param(diagram, id=f"{page.relative_to(ROOT)}-{number}")
    for page in sorted(PAGES)
    for number, diagram in enumerate(diagrams_of(page.read_text("utf-8")))
]


@pytest.mark.parametrize("diagram", ALL)
def test_a_diagram_is_drawn_as_it_is_written(diagram):
    assert [path for path in (picture_of(diagram, theme) for theme in THEMES) if not (ROOT / path).exists()] == [], (
        "run `make diagrams`"
    )


@pytest.mark.parametrize("diagram", ALL)
def test_a_diagram_is_described_in_words(diagram):
    assert "accTitle: " in diagram
    assert "accDescr: " in diagram


def test_no_picture_is_left_of_a_diagram_that_is_gone():
    drawn = {picture_of(each.values[0], theme) for each in ALL for theme in THEMES}
    assert {path.relative_to(ROOT).as_posix() for path in (ROOT / DIAGRAMS).glob("*")} == drawn
