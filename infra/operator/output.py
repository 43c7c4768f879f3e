"""How the commands answer: for people on a terminal, as plain text where it is piped, in JSON for programs.

Owns that what people have typed cannot steer a terminal: a control character is shown as what Python writes for it.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

_STEERING = re.compile("[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Control characters of Latin-1, ends of lines and of paragraphs, and what turns the direction of writing."""

_EVERY = 10_000
"""How often a plain line says how far long work has come."""


def print_json(**members: Any) -> None:  # noqa: ANN401 - any JSON
    """Print a JSON object to the standard output."""
    click.echo(_safe(json.dumps(members, ensure_ascii=False, indent=2)))


def print_json_line(members: Any) -> None:  # noqa: ANN401 - any JSON
    """Print a JSON value as a line of JSON Lines."""
    click.echo(_safe(json.dumps(members, ensure_ascii=False, separators=(",", ":"))))


def _safe(text: str) -> str:
    """Escape what JSON leaves as it is, and a terminal obeys or a reader of lines takes for an end."""
    return _STEERING.sub(lambda sign: f"\\u{ord(sign[0]):04x}", text)


def print_dry_run() -> None:
    """Say that what was said before was not done."""
    click.echo("This was a dry run: nothing was changed.")


def print_rows(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
    """Print rows: a table on a terminal, and lines without a head, with tabs between the cells, elsewhere.

    Return how many there were. Elsewhere each is printed as it comes.
    """
    if not sys.stdout.isatty():
        count = 0
        for row in rows:
            click.echo("\t".join(shown(cell) for cell in row))
            count += 1
        return count
    # Tables and bars are for terminals alone.
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False)
    for column in columns:
        # Nothing is cut: half of an id is of no use.
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(shown(cell)) for cell in row))
    if table.row_count:
        Console().print(table)
    return table.row_count


def shown(text: str) -> str:
    """Return a text as it may be shown: control characters, tabs and ends of lines are escaped."""
    return "".join(sign if sign.isprintable() or sign == " " else repr(sign)[1:-1] for sign in text)


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number and what is counted, as people say it: ``1 user``, ``3 users``. ``plural`` ends not in -s."""
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"


def was(number: int) -> str:
    """Return the verb that goes with so many: ``was`` or ``were``."""
    return "was" if number == 1 else "were"


def is_or_are(number: int) -> str:
    """Return the same of now: ``is`` or ``are``."""
    return "is" if number == 1 else "are"


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Show on the standard error how far long work has come: a bar on a terminal, and now and then a line elsewhere.

    Yield what is told how much more is done. ``total`` may be an estimate.
    """
    if not sys.stderr.isatty():
        yield _Lines(what)
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task(what, total=total)
        yield lambda more: bar.advance(task, more)


class _Lines:
    """Progress in lines."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._done = 0

    def __call__(self, more: int) -> None:
        before, self._done = self._done, self._done + more
        if before // _EVERY != self._done // _EVERY:
            click.echo(f"{self._what}: {self._done}", err=True)
