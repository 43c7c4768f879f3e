"""The gallery knows every element, every state and every colour that there is to change."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
STATES = (ROOT / "docs" / "site" / "gallery" / "states.js").read_text("utf-8")
ELEMENTS = ROOT / "static-site" / "js" / "elements"


def test_every_element_is_in_the_gallery_and_no_other():
    defined = {
        name
        for path in ELEMENTS.glob("*.js")
        for name in re.findall(r'^define\("([\w-]+)"', path.read_text("utf-8"), re.MULTILINE)
    }
    assert len(defined) > 3
    assert set(re.findall(r'^  "(lychgate-[\w-]+)": \[$', STATES, re.MULTILINE)) == defined


def test_every_colour_is_in_the_gallery_with_its_values():
    theming = (ROOT / "docs" / "theming.md").read_text("utf-8")
    told = re.findall(r"^\| `(--lychgate-[\w-]+)` \| [^|]+ \| `(#\w+)` \| `(#\w+)` \|$", theming, re.MULTILINE)
    shown = re.findall(r'^  "(--lychgate-[\w-]+)": \["(#\w+)", "(#\w+)"\],$', STATES, re.MULTILINE)
    assert shown == [(name, _in_full(day), _in_full(night)) for name, day, night in told]
    assert len(shown) > 10


def test_the_other_properties_of_the_gallery_are_those_of_the_elements():
    theming = (ROOT / "docs" / "theming.md").read_text("utf-8")
    named = set(re.findall(r'"(--lychgate-[\w-]+)": \{', STATES))
    assert named == {"--lychgate-radius", "--lychgate-gap"}
    assert all(f"| `{name}` |" in theming for name in named)


def _in_full(colour):
    return f"#{''.join(sign * 2 for sign in colour[1:])}" if len(colour) == 4 else colour
