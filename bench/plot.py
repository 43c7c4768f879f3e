"""The plot in the README: each ratio with an aim, with its spread, as SVG in a light and a dark version.

Owns how the plot looks. The same record makes the same bytes on every machine: text is placed by its baseline and an
anchor, and the viewer renders it.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Canvas

from bench import tables
from bench.figures import Figure
from bench.record import Record

IMAGES = Path(__file__).parent.parent / "docs" / "images"

SECTIONS = ("warm", "cold_start")
"""The sections whose figures are ratios, which carry over to other machines."""

_TITLES = {"warm": "Warm: a process’s own work", "cold_start": "Cold start: from nothing to the first answer"}
_SHORTER = (
    ("`", ""),
    (" / ", " ÷ "),
    ("one jwt.decode and two jwt.encode", "jwt.decode + 2 jwt.encode"),
    ("one bcrypt", "bcrypt"),
    (" and a client", ""),
)
"""What makes a figure's name fit above its row."""

_FONT = "-apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif"
"""Of the page that the plot stands in. Where text goes does not depend on it."""

# In points, the unit of the file.
_WIDTH = 600
_LEFT, _RIGHT = 14, 64
_ROW = 54
_SECTION = 44
_TOP = 8
_BOTTOM = 62
_SIZE = 16
_SMALL = 14

_MOST = 2.5
"""Where the scale ends, in multiples of the floor."""
_MULTIPLES = (0, 0.5, 1, 1.5, 2)


@dataclass(frozen=True)
class Theme:
    """The colours of one version."""

    name: str
    ink: str
    muted: str
    line: str
    accent: str
    paper: str


LIGHT = Theme("light", ink="#1f2328", muted="#59636e", line="#d1d9e0", accent="#1a7f4b", paper="#ffffff")
DARK = Theme("dark", ink="#f0f6fc", muted="#9198a1", line="#3d444d", accent="#4ac27f", paper="#0d1117")
"""Ink, muted, line and paper are those of the pages on which GitHub shows the README."""


def path_of(theme: Theme, directory: Path = IMAGES) -> Path:
    """Return where a version is kept."""
    return directory / f"performance-{theme.name}.svg"


def publish(record: Record, directory: Path = IMAGES) -> None:
    """Write both versions. Raises ValueError if no ratio with an aim was measured."""
    for theme, drawn in [(theme, svg(record, theme)) for theme in (LIGHT, DARK)]:
        path_of(theme, directory).write_text(drawn, "utf-8", newline="\n")


def svg(record: Record, theme: Theme) -> str:
    """Return the plot. Raises ValueError if no ratio with an aim was measured."""
    sections = dict(_ratios_with_an_aim(record))
    if not sections:
        raise ValueError("there is no ratio with an aim to plot: run the sections warm and cold_start")
    height = _TOP + sum(_SECTION + _ROW * len(figures) for figures in sections.values()) + _BOTTOM
    # DejaVu Sans comes with matplotlib, so that sizes of text are the same on every machine.
    with mpl.rc_context():
        # These override a developer's own matplotlibrc.
        mpl.rcdefaults()
        mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "lychgate", "font.family": "DejaVu Sans"})
        canvas = Canvas(figsize=(_WIDTH / 72, height / 72))
        FigureCanvasSVG(canvas)
        # One unit upwards is one point, so that rows are as high as they say.
        axes = canvas.add_axes((_LEFT / _WIDTH, 0, (_WIDTH - _LEFT - _RIGHT) / _WIDTH, 1))
        axes.set(xlim=(0, _MOST), ylim=(0, height))
        axes.axis("off")
        _draw_scale(axes, theme)
        top = height - _TOP
        for name, figures in sections.items():
            axes.text(0, top - 26, _TITLES[name], size=_SIZE, weight="bold", color=theme.ink)
            top -= _SECTION
            for figure in figures:
                _draw_row(axes, theme, figure, top)
                top -= _ROW
        written = io.StringIO()
        description = "Each ratio that has an aim: the median, the least and the greatest sample, and the aim."
        canvas.savefig(
            written,
            format="svg",
            transparent=True,
            metadata={"Date": None, "Creator": None, "Title": "Lychgate against its aims", "Description": description},
        )
    return re.sub(r"[ \t]+\n", "\n", written.getvalue().replace("'DejaVu Sans'", _FONT))


def _ratios_with_an_aim(record: Record) -> Iterator[tuple[str, list[Figure]]]:
    for name in SECTIONS:
        figures = record[name].figures if name in record else ()
        ratios = [figure for figure in figures if figure.unit == "x" and figure.at_most is not None]
        if ratios:
            yield name, ratios


def _draw_scale(axes: Axes, theme: Theme) -> None:
    for multiple in _MULTIPLES:
        axes.text(
            multiple,
            _BOTTOM - 22,
            f"{multiple:g}×",
            size=_SMALL,
            weight="bold" if multiple == 1 else "normal",
            color=theme.ink if multiple == 1 else theme.muted,
            ha="left" if multiple == 0 else "center",
        )
    legend = "Dot: median · line: least to greatest · bar: the aim · hollow: missed"
    axes.text(0, _BOTTOM - 48, legend, size=_SMALL, color=theme.muted)


def _draw_row(axes: Axes, theme: Theme, figure: Figure, top: float) -> None:
    name = figure.name
    for old, new in _SHORTER:
        name = name.replace(old, new)
    axes.text(0, top - 16, name, size=_SIZE, color=theme.ink)
    middle = top - 34
    for multiple in _MULTIPLES:
        # Not through the names.
        axes.plot([multiple] * 2, [middle - 12, middle + 11], color=theme.line, lw=2 if multiple == 1 else 1)
    axes.plot([figure.least, min(figure.greatest, _MOST)], [middle] * 2, color=theme.accent, lw=2.5, alpha=0.55)
    if figure.greatest > _MOST:
        axes.plot([_MOST], [middle], ">", ms=8, color=theme.accent, clip_on=False)
    if figure.at_most is not None:
        axes.plot([figure.at_most] * 2, [middle - 8, middle + 8], color=theme.muted, lw=2.5)
    axes.plot(
        [figure.median],
        [middle],
        "o",
        ms=11,
        color=theme.accent if figure.meets_aim else theme.paper,
        mec=theme.accent,
        mew=2.5,
        clip_on=False,
    )
    axes.text(_MOST + 0.26, middle - 6, tables.value(figure), size=_SIZE, weight="bold", color=theme.ink, ha="right")
