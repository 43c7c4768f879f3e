"""What is kept of a run, and what is shown of it."""

import dataclasses
import json

import pytest

from bench import record, tables
from bench.figures import figure
from bench.record import Circumstances, Measured

HERE = Circumstances(
    date="2026-01-02T03:04:05Z",
    commit="abc",
    machine="2 × a processor",
    python="CPython 3.11",
    versions={"PyJWT": "2"},
    quick=False,
)


@pytest.fixture
def measured():
    return Measured(
        "Warm: a title",
        "python -m bench --only warm",
        HERE,
        (
            figure("fast", "x", [1.0, 1.05, 1.2], at_most=1.1),
            figure("slow", "x", [1.5], at_most=1.1),
            figure("for reference", "us", [123.4, 150]),
            figure("worth reading", "calls", [2], headline=True),
        ),
    )


def test_what_is_written_is_read_again(tmp_path, measured):
    left_out = Measured("Load", "command", HERE, left_out="no Java")
    record.write({"warm": measured, "load": left_out}, tmp_path / "results.json")
    assert record.read(tmp_path / "results.json") == {"warm": measured, "load": left_out}


def test_a_figure_is_written_with_its_aim_and_the_command_that_made_it(tmp_path, measured):
    record.write({"warm": measured}, tmp_path / "results.json")
    section = json.loads((tmp_path / "results.json").read_text("utf-8"))["sections"]["warm"]
    assert section["figures"][1] == {
        "name": "slow",
        "unit": "x",
        "median": 1.5,
        "least": 1.5,
        "greatest": 1.5,
        "at_most": 1.1,
        "meets_aim": False,
        "headline": False,
        "command": "python -m bench --only warm",
    }
    assert section["circumstances"]["commit"] == "abc"


def test_a_write_that_fails_leaves_the_file_as_it_was_and_nothing_beside_it(tmp_path, measured, monkeypatch):
    path = tmp_path / "results.json"
    record.write({}, path)
    before = path.read_bytes()

    def break_off(*_, **__):
        raise KeyboardInterrupt

    for breaking in ("json.dump", "os.fsync"):
        with monkeypatch.context() as patch:
            patch.setattr(breaking, break_off)
            with pytest.raises(KeyboardInterrupt):
                record.write({"warm": measured}, path)
        assert path.read_bytes() == before
        assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"sections": {"warm": {"title": "x"}}}'])
def test_a_file_that_is_no_record_is_an_error_that_names_it(tmp_path, content):
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(ValueError, match=r"results\.json is no record"):
        record.read(tmp_path / "results.json")


def test_without_a_file_there_is_an_empty_record(tmp_path):
    assert record.read(tmp_path / "results.json") == {}


def test_the_circumstances_say_where_and_of_what():
    here = record.circumstances(quick=True)
    assert here.python.startswith("CPython 3.")
    assert {"PyJWT", "bcrypt", "cryptography"} <= here.versions.keys()
    assert here.machine
    assert here.quick


def test_the_table_of_the_documentation_has_aims_and_headlines_and_leaves_the_rest_to_the_file(measured):
    lines = tables.performance_table({"warm": measured}).splitlines()
    assert lines[2:6] == [
        "| **Warm:** a title |  | | |",
        "| fast | 1.05× | 1 to 1.20 | at most 1.10×: met |",
        "| slow | 1.50× | – | at most 1.10×: missed |",
        "| worth reading | 2 calls | – | – |",
    ]
    assert lines[-1] == "Measured on 2026-01-02 with CPython 3.11 on 2 × a processor."
    assert "for reference" not in "".join(lines)


def test_the_table_says_what_was_left_out_and_what_was_measured_elsewhere(measured):
    elsewhere = dataclasses.replace(measured, circumstances=dataclasses.replace(HERE, machine="another"))
    left_out = Measured("Load: a title", "command", HERE, left_out="no Java")
    table = tables.performance_table({"warm": measured, "load": left_out, "growth": elsewhere})
    assert "| **Load:** a title | left out | | |" in table
    assert "Measured (warm) on 2026-01-02 with CPython 3.11 on 2 × a processor." in table
    assert "Measured (growth) on 2026-01-02 with CPython 3.11 on another." in table


def test_a_section_is_shown_with_every_figure(measured):
    shown = tables.section_table(measured)
    assert [line.split("  ")[1] for line in shown.splitlines()[1:]] == [
        "fast",
        "slow",
        "for reference",
        "worth reading",
    ]
    assert "123" not in shown.splitlines()[1]
    assert "137 µs" in shown


@pytest.fixture
def pages(tmp_path):
    """Both pages, with lines for the figures and something around them."""
    made = {"performance": tmp_path / "performance.md", "readme": tmp_path / "README.md"}
    for path in made.values():
        path.write_text(f"before\n{tables._BEGIN}\nold\n{tables._END}\nafter\n", "utf-8")
    return made


@pytest.fixture
def with_headlines(measured):
    """A record in which every headline has a figure."""
    made = {}
    for number, headline in enumerate(tables.HEADLINES):
        section = made.setdefault(headline.section, dataclasses.replace(measured, figures=()))
        added = figure(headline.figure, "x", [number + 0.5, number + 1.5], at_most=1.25)
        made[headline.section] = dataclasses.replace(section, figures=(*section.figures, added))
    return made


def test_the_tables_are_put_between_their_lines_and_nothing_else_changes(pages, with_headlines):
    for _ in range(2):
        tables.publish(with_headlines, **pages)
        for path in pages.values():
            assert path.read_text("utf-8").startswith(f"before\n{tables._BEGIN}\n| ")
            assert path.read_text("utf-8").endswith(f"\n{tables._END}\nafter\n")
        assert tables.published(pages["performance"]) == tables.performance_table(with_headlines)
        assert tables.published(pages["readme"]) == tables.headlines(with_headlines)


def test_a_page_without_the_lines_is_an_error_and_both_stay_as_they_are(pages, with_headlines):
    pages["readme"].write_text("no figures here", "utf-8")
    before = pages["performance"].read_text("utf-8")
    with pytest.raises(ValueError, match="between which the figures belong"):
        tables.publish(with_headlines, **pages)
    assert pages["readme"].read_text("utf-8") == "no figures here"
    assert pages["performance"].read_text("utf-8") == before


def test_the_headlines_say_what_was_measured_against_what(with_headlines):
    lines = tables.headlines(with_headlines).splitlines()
    assert len(lines) == len(tables.HEADLINES) + 4
    first = tables.HEADLINES[0]
    assert lines[2] == f"| {first.what} | {first.floor} | **1×** | 0.50 to 1.50 |"


def test_a_headline_that_was_not_measured_is_left_out_and_none_at_all_is_an_error(measured, with_headlines):
    del with_headlines["cold_start"]
    assert "start cold" not in tables.headlines(with_headlines)
    with pytest.raises(ValueError, match="none of the README's figures was measured"):
        tables.headlines({"warm": measured})
