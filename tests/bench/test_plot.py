"""The plot of the ratios: what is in it, and where."""

import re
from xml.etree import ElementTree

import pytest

from bench import plot
from bench.figures import figure
from bench.record import Circumstances, Measured

HERE = Circumstances("2026-01-02T03:04:05Z", "abc", "a machine", "CPython 3.11", {}, quick=False)
SVG = "{http://www.w3.org/2000/svg}"


def record_of(*figures):
    return {"warm": Measured("Warm: a title", "command", HERE, figures)}


def texts(drawn):
    return [element.text for element in ElementTree.fromstring(drawn).iter(f"{SVG}text")]


def test_it_shows_each_ratio_that_has_an_aim_with_its_median_and_nothing_else():
    drawn = plot.svg(
        record_of(
            figure("one / `two`", "x", [0.9, 1.25, 1.3], at_most=1.5),
            figure("without an aim", "x", [1]),
            figure("no ratio", "ms", [1], at_most=2),
        ),
        plot.LIGHT,
    )
    shown = texts(drawn)
    assert {"one ÷ two", "1.25×"} <= set(shown)
    assert not {"without an aim", "no ratio"} & set(shown)


def test_text_is_text_and_the_files_say_no_date():
    drawn = plot.svg(record_of(figure("one / two", "x", [1], at_most=1)), plot.LIGHT)
    assert "one ÷ two" in texts(drawn)
    assert "date" not in drawn.lower()


def test_the_same_figures_make_the_same_bytes_and_others_do_not():
    one, other = (record_of(figure("one / two", "x", [1, most], at_most=1)) for most in (2, 2.25))
    assert plot.svg(one, plot.DARK) == plot.svg(one, plot.DARK)
    assert plot.svg(one, plot.DARK) != plot.svg(other, plot.DARK)


def test_light_and_dark_differ_in_nothing_but_colours():
    kept = record_of(figure("one / two", "x", [1, 2], at_most=1))
    # The names of shapes are hashes of how they look.
    light, dark = (re.sub(r"\bm[0-9a-f]{10}\b", "shape", plot.svg(kept, theme)) for theme in (plot.LIGHT, plot.DARK))
    assert light != dark
    for colour in ("ink", "muted", "line", "accent", "paper"):
        light = light.replace(getattr(plot.LIGHT, colour), getattr(plot.DARK, colour))
    assert light == dark


@pytest.mark.parametrize(("at_most", "is_hollow"), [(1.5, False), (0.5, True)])
def test_a_dot_is_hollow_where_the_aim_is_missed(at_most, is_hollow):
    drawn = plot.svg(record_of(figure("one / two", "x", [1], at_most=at_most)), plot.LIGHT)
    assert (f"fill: {plot.LIGHT.paper}" in drawn) is is_hollow


def test_a_sample_beyond_the_scale_stays_inside_the_picture():
    drawn = plot.svg(record_of(figure("one / two", "x", [1, 1, 80], at_most=1)), plot.LIGHT)
    within = plot.svg(record_of(figure("one / two", "x", [1, 1, 2], at_most=1)), plot.LIGHT)
    _, _, width, _ = map(float, ElementTree.fromstring(drawn).get("viewBox").split())
    steps = [
        step.split()
        for element in ElementTree.fromstring(drawn).iter(f"{SVG}path")
        for step in element.get("d").splitlines()
    ]
    assert max(float(step[1]) for step in steps if step[0] in "ML") <= width
    assert drawn.count("<path") == within.count("<path") + 1


def test_without_a_ratio_there_is_nothing_to_plot():
    with pytest.raises(ValueError, match="no ratio with an aim"):
        plot.svg(record_of(figure("no ratio", "ms", [1], at_most=2)), plot.LIGHT)


def test_both_versions_are_written(tmp_path):
    kept = record_of(figure("one / two", "x", [1], at_most=1))
    plot.publish(kept, tmp_path)
    assert {path.name: path.read_text("utf-8") for path in tmp_path.iterdir()} == {
        "performance-light.svg": plot.svg(kept, plot.LIGHT),
        "performance-dark.svg": plot.svg(kept, plot.DARK),
    }
