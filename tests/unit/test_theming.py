"""How the elements look: the documentation says what a site may set, and what they are otherwise can be read."""

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
ELEMENTS = PROJECT / "static-site" / "js" / "elements"
STYLES = (ELEMENTS / "lychgate.css").read_text("utf-8")
ALL_STYLES = STYLES + (ELEMENTS / "account.css").read_text("utf-8")
DOCUMENTED = (PROJECT / "docs" / "theming.md").read_text("utf-8")
AT_MOST = 20
# WCAG 2.2, success criteria 1.4.3 and 1.4.11.
OF_TEXT = 4.5
OF_SHAPES = 3.0
# What a site has around the elements if it says nothing: the browser's canvas.
CANVAS = ("#ffffff", "#121212")
TEXTS = {
    "ink": ["surface", "sunken", "field", "accent-tint", "canvas"],
    "muted": ["surface", "sunken", "canvas"],
    "accent": ["surface", "sunken", "accent-tint", "canvas"],
    "accent-strong": ["surface"],
    "on-accent": ["accent", "accent-strong"],
    "on-panel": ["panel"],
    "on-panel-muted": ["panel"],
    "good": ["surface", "good-tint"],
    "warn": ["surface", "sunken"],
    "bad": ["surface", "bad-tint", "field"],
    "surface": ["bad", "bad-strong", "ink"],
}
SHAPES = {"edge": ["surface", "field", "sunken", "canvas"], "accent": ["surface", "field", "canvas"], "bad": ["field"]}


def public():
    """Return what a site may set, and what it is otherwise, as the style sheet says."""
    found = re.findall(r"^ +--_lychgate-[\w-]+: var\(--lychgate-([\w-]+), (.*)\);$", STYLES, re.MULTILINE)
    return dict(found) | dict.fromkeys(
        re.findall(r"font-family: var\(--lychgate-([\w-]+), inherit\)", STYLES), "inherit"
    )


def colours(scheme):
    """Return every colour of the elements, light or dark, as red, green and blue."""
    known = {"canvas": channels(CANVAS[scheme])}
    for name, default in public().items():
        if pair := re.fullmatch(r"light-dark\((#\w+), (#\w+)\)", default):
            known[name] = channels(pair[scheme + 1])
    mix = (
        r"--_lychgate-([\w-]+): color-mix\(in srgb, var\(--_lychgate-([\w-]+)\) (\d+)%, var\(--_lychgate-([\w-]+)\)\);"
    )
    mixes = [*re.findall(mix, STYLES), ("bad-strong", "bad", "80", "ink")]
    for name, one, share, other in mixes:
        part = int(share) / 100
        known[name] = [part * a + (1 - part) * b for a, b in zip(known[one], known[other], strict=True)]
    return known


def channels(colour):
    digits = colour.removeprefix("#")
    digits = digits if len(digits) == 6 else "".join(2 * digit for digit in digits)
    return [int(digits[at : at + 2], 16) for at in (0, 2, 4)]


def luminance(rgb):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (channel / 255 for channel in rgb)]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_what_is_written_can_be_read_on_what_it_stands(scheme):
    known = colours(scheme)
    told = [(text, ground, contrast(known[text], known[ground])) for text in TEXTS for ground in TEXTS[text]]
    assert [(text, ground, round(ratio, 2)) for text, ground, ratio in told if ratio < OF_TEXT] == []
    seen = [(shape, ground, contrast(known[shape], known[ground])) for shape in SHAPES for ground in SHAPES[shape]]
    assert [(shape, ground, round(ratio, 2)) for shape, ground, ratio in seen if ratio < OF_SHAPES] == []


def test_contrast_is_what_the_guideline_says_it_is():
    assert contrast(channels("#000"), channels("#fff")) == pytest.approx(21)
    assert contrast(channels("#777777"), channels("#ffffff")) == pytest.approx(4.48, abs=0.01)


def test_the_documentation_lists_what_a_site_may_set_with_its_defaults():
    rows = re.findall(
        r"^\| `--lychgate-([\w-]+)` \| [^|]+ \| `([^|]+)`(?: \| `([^|]+)`)? \|$", DOCUMENTED, re.MULTILINE
    )
    documented = {
        name: f"light-dark({light}, {dark})" if dark and dark != light else light for name, light, dark in rows
    }
    assert documented == public()
    assert len(documented) <= AT_MOST


def test_nothing_of_a_site_is_read_that_is_not_documented():
    used = set(re.findall(r"var\(--(?!_)([\w-]+)", ALL_STYLES))
    assert used == {f"lychgate-{name}" for name in public()}


def test_every_part_that_the_documentation_names_has_styles():
    named = set(re.findall(r"^\| `\[data-part~=\"?([\w-]+)\"?\]`", DOCUMENTED, re.MULTILINE))
    assert named
    assert named <= set(re.findall(r'\[data-part~="([\w-]+)"\]', ALL_STYLES))


def test_what_has_a_side_follows_the_direction_of_the_writing():
    sided = r"^\s*((?:margin|padding|border)-(?:left|right)|left|right|text-align: (?:left|right)|float)\b.*$"
    own = ALL_STYLES + "".join(
        (PROJECT / "static-site" / f"{name}.css").read_text("utf-8") for name in ("styles", "admin", "inspector")
    )
    assert [line[0] for line in re.finditer(sided, own, re.MULTILINE)] == []
