"""The tables of figures: at the terminal, in docs/performance.md, and the headlines in the README.

Owns the form of a value and of an aim. Knows nothing of how they were measured.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.figures import Figure
from bench.record import Measured, Record

_PROJECT = Path(__file__).parent.parent
README = _PROJECT / "README.md"
PERFORMANCE = _PROJECT / "docs" / "performance.md"

_BEGIN = "<!-- bench: what stands between these two lines is written by `make bench` -->"
_END = "<!-- /bench -->"


@dataclass(frozen=True)
class Headline:
    """One of the few figures in the README, described for newcomers."""

    what: str
    floor: str
    """What it is compared with: the minimum that it could cost."""
    section: str
    figure: str
    """The figure's name in the section."""


HEADLINES = (
    Headline("verify an access token", "one `jwt.decode`", "warm", "authorizer, ES256 / `jwt.decode`"),
    Headline("log in", "one `bcrypt.checkpw`", "warm", "log-in, whole handler / one `bcrypt.checkpw`"),
    Headline(
        "refresh",
        "one `jwt.decode` and two `jwt.encode`",
        "warm",
        "refresh, whole handler / one `jwt.decode` and two `jwt.encode`",
    ),
    Headline(
        "start cold, the API's function",
        "a function that does nothing, with the same libraries",
        "cold_start",
        "API handler, cold / do-nothing function with the libraries and a client",
    ),
)

_WHOLE = 100
"""Values from this many units on have no decimals."""


def section_table(measured: Measured) -> str:
    """Return a section's figures in columns, for a terminal."""
    if measured.left_out is not None:
        return f"{measured.title}\n  left out: {measured.left_out}\n"
    rows = [
        (figure.name.replace("`", ""), value(figure), f"{spread(figure)}", aim(figure)) for figure in measured.figures
    ]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(4)]
    lines = [
        f"  {name:<{widths[0]}}  {shown:>{widths[1]}}  {between:>{widths[2]}}  {held}".rstrip()
        for name, shown, between, held in rows
    ]
    return "\n".join([measured.title, *lines, ""])


def performance_table(record: Record) -> str:
    """Return the table of docs/performance.md: every figure with an aim, and some without."""
    lines = ["| what | median | least to greatest | aim |", "|---|---|---|---|"]
    for measured in record.values():
        title, _, what = measured.title.partition(":")
        lines.append(f"| **{title}:**{what} | {'' if measured.left_out is None else 'left out'} | | |")
        lines += [
            f"| {figure.name} | {value(figure)} | {spread(figure)} | {aim(figure)} |"
            for figure in measured.figures
            if figure.at_most is not None or figure.headline
        ]
    return "\n".join([*lines, "", *_measured_on(record)])


def headlines(record: Record) -> str:
    """Return the README's table: a row for each measured one of HEADLINES. Raises ValueError if there is none."""
    rows = []
    for headline in HEADLINES:
        measured = record.get(headline.section)
        found = [figure for figure in (measured.figures if measured else ()) if figure.name == headline.figure]
        rows += [f"| {headline.what} | {headline.floor} | **{value(figure)}** | {spread(figure)} |" for figure in found]
    if not rows:
        raise ValueError("none of the README's figures was measured: run the sections warm and cold_start")
    sections = {headline.section for headline in HEADLINES}
    shown = {name: measured for name, measured in record.items() if name in sections}
    head = ["| to … | against | costs | least to greatest |", "|---|---|---:|---|"]
    return "\n".join([*head, *rows, "", *_measured_on(shown)])


def publish(record: Record, *, performance: Path = PERFORMANCE, readme: Path = README) -> None:
    """Put both tables between their markers. Raises ValueError, and writes neither, if a page has no markers."""
    pages = [
        (path, _between_the_lines(path.read_text("utf-8"), table))
        for path, table in ((performance, performance_table(record)), (readme, headlines(record)))
    ]
    for path, text in pages:
        path.write_text(text, "utf-8")


def published(path: Path) -> str:
    """Return the text between the markers of a page. Raises ValueError if there are none."""
    text = path.read_text("utf-8")
    before, after = _around(text)
    return text[len(before) + len(_BEGIN) : len(text) - len(after) - len(_END)].strip("\n")


def value(figure: Figure) -> str:
    """Return the median with its unit."""
    return _with_unit(_number(figure.median), figure.unit)


def spread(figure: Figure) -> str:
    """Return the smallest and the largest sample, or a dash if they are the same."""
    if figure.least == figure.greatest:
        return "–"
    return f"{_number(figure.least)} to {_number(figure.greatest)}"


def aim(figure: Figure) -> str:
    """Return the aim, and whether it was met."""
    if figure.at_most is None:
        return "–"
    most = _with_unit(_number(figure.at_most), figure.unit)
    return f"at most {most}: {'met' if figure.meets_aim else 'missed'}"


def _number(value: float) -> str:
    if value == int(value) and abs(value) < _WHOLE:
        return str(int(value))
    return f"{value:,.0f}" if abs(value) >= _WHOLE else f"{value:.2f}"


def _with_unit(number: str, unit: str) -> str:
    return f"{number}×" if unit == "x" else f"{number} {unit.replace('us', 'µs')}"


def _measured_on(record: Record) -> Iterable[str]:
    """Yield a line for each distinct set of circumstances. Usually there is one."""
    places: dict[tuple[str, str, str], list[str]] = {}
    for name, measured in record.items():
        if measured.left_out is None:
            where = measured.circumstances
            place = (where.machine, where.python, "a quick run" if where.quick else "")
            places.setdefault(place, []).append(name)
    for (machine, python, quick), names in places.items():
        which = "" if len(places) == 1 else f" ({', '.join(names)})"
        dates = sorted({record[name].circumstances.date[:10] for name in names})
        when = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
        yield f"Measured{which} on {when} with {python} on {machine}{', in ' + quick if quick else ''}."


def _between_the_lines(text: str, table: str) -> str:
    before, after = _around(text)
    return f"{before}{_BEGIN}\n{table}\n{_END}{after}"


def _around(text: str) -> tuple[str, str]:
    before, begun, rest = text.partition(_BEGIN)
    _, ended, after = rest.partition(_END)
    if not begun or not ended:
        raise ValueError(f"the page has no lines {_BEGIN!r} and {_END!r}, between which the figures belong")
    return before, after
