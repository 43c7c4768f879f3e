"""What the project says of its speed is what was measured, and what missed its aim is accounted for."""

from pathlib import Path

import pytest

from bench import plot, record, tables
from bench.__main__ import SECTIONS

PERFORMANCE = (Path(__file__).parent.parent.parent / "docs" / "performance.md").read_text("utf-8")


@pytest.fixture(scope="module")
def published():
    return record.read(record.RESULTS)


def test_the_table_of_the_documentation_is_that_of_the_committed_results(published):
    assert tables.published(tables.PERFORMANCE) == tables.performance_table(published)


def test_the_readmes_headlines_are_those_of_the_committed_results(published):
    shown = tables.published(tables.README)
    assert shown == tables.headlines(published)
    assert [headline.what for headline in tables.HEADLINES if f"| {headline.what} |" not in shown] == []


@pytest.mark.parametrize("theme", [plot.LIGHT, plot.DARK], ids=lambda theme: theme.name)
def test_the_plot_is_that_of_the_committed_results(published, theme):
    path = plot.path_of(theme)
    assert path.read_text("utf-8") == plot.svg(published, theme)
    assert str(path.relative_to(tables.README.parent)) in tables.README.read_text("utf-8")


def test_every_section_was_measured_whole(published):
    assert published.keys() == set(SECTIONS)
    assert [name for name, measured in published.items() if measured.left_out or measured.circumstances.quick] == []


def test_the_notes_name_every_figure_that_misses_its_aim(published):
    figures = [figure for measured in published.values() for figure in measured.figures]
    assert len([figure for figure in figures if figure.at_most is not None]) > 20
    missed = [figure.name for figure in figures if figure.meets_aim is False]
    assert [name for name in missed if name not in PERFORMANCE] == []


def test_the_notes_have_a_heading_for_every_section(published):
    for measured in published.values():
        assert f"## {measured.title.partition(':')[0]}\n" in PERFORMANCE
