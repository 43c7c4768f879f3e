"""How figures are shown: the table of a section for the terminal, and the one in the README.

Owns the form of a value and of an aim. Knows nothing of how any of them was measured.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bench.figures import Figure
from bench.record import Measured, Record

README = Path(__file__).parent.parent / "README.md"

_BEGIN = "<!-- bench: the table between these two lines is written by `make bench` -->"
_END = "<!-- /bench -->"

_WHOLE = 100
"""From this many units on a value is shown without decimals."""


def section_table(measured: Measured) -> str:
    """Return a section's figures in columns, for people at a terminal."""
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


def readme_table(record: Record) -> str:
    """Return the table of the README: every figure with an aim, and those that are worth reading without one."""
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


def write_readme(record: Record, path: Path = README) -> None:
    """Put the table between its two lines. Raises ValueError if they are not there."""
    before, _ = _around(path.read_text("utf-8"))
    _, after = _around(path.read_text("utf-8"))
    path.write_text(f"{before}{_BEGIN}\n{readme_table(record)}\n{_END}{after}", "utf-8")


def table_in_readme(path: Path = README) -> str:
    """Return what stands between the two lines. Raises ValueError if they are not there."""
    text = path.read_text("utf-8")
    before, after = _around(text)
    return text[len(before) + len(_BEGIN) : len(text) - len(after) - len(_END)].strip("\n")


def value(figure: Figure) -> str:
    """Return the median with its unit."""
    return _with_unit(_number(figure.median), figure.unit)


def spread(figure: Figure) -> str:
    """Return the least and the greatest sample; nothing where they are one."""
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
    """Yield a line for each set of circumstances: as a rule there is one."""
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


def _around(text: str) -> tuple[str, str]:
    before, begun, rest = text.partition(_BEGIN)
    _, ended, after = rest.partition(_END)
    if not begun or not ended:
        raise ValueError(f"the README has no lines {_BEGIN!r} and {_END!r}, between which the table belongs")
    return before, after
