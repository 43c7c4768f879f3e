"""`make bench`: measures, prints a table for each section, and saves the figures in bench/results.json.

Owns the order of sections and the handling of interruptions: started processes end, and no file changes.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import inspect
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import cast

from bench import record, tables
from bench.figures import LeftOut, Section
from bench.record import Measured, Record

SECTIONS = ("warm", "database", "cold_start", "package", "load", "growth", "peers", "laptop")

INTERRUPTED = 130
"""The exit code of a program that SIGINT ended: 128 + 2."""


def load_section(name: str) -> Section:
    """Import the module of a section. Other sections stay out of the measuring process."""
    return cast("Section", importlib.import_module(f"bench.{name}"))


def main(arguments: Sequence[str] | None = None, *, load: Callable[[str], Section] = load_section) -> int:
    """Measure the requested sections, which ``load`` returns by name, and return the exit code."""
    options = _options(arguments)
    if options.publish:
        _publish(record.read(record.RESULTS))
        return 0
    output: Path | None = options.output
    if output is None and not options.quick:
        output = record.RESULTS
    kept = record.read(output) if output is not None else {}
    try:
        with _interruptible():
            measured, failed = _measure(options.only or SECTIONS, load, quick=options.quick)
            if output is not None:
                # Sections that were not requested, or failed, keep their figures.
                record.write(_in_order(kept | measured), output)
                print(f"Written to {output}.")
            if output == record.RESULTS:
                _publish(record.read(output))
    except KeyboardInterrupt:
        print("\nInterrupted: nothing was written.", file=sys.stderr)
        return INTERRUPTED
    _summarise(measured)
    return 1 if failed else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure Lychgate against its aims.")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, metavar="SECTION", help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--quick", action="store_true", help="fewer samples; written only where --output says")
    parser.add_argument("--output", type=Path, help=f"the file to write, by default {record.RESULTS.name} beside this")
    parser.add_argument(
        "--publish", action="store_true", help="write the documentation's tables and plots anew, and measure nothing"
    )
    return parser.parse_args(arguments)


def _publish(kept: Record) -> None:
    # Imported here to keep its modules out of the measuring process.
    from bench import plot  # noqa: PLC0415

    tables.publish(kept)
    plot.publish(kept)


def _measure(names: Sequence[str], load: Callable[[str], Section], *, quick: bool) -> tuple[Record, bool]:
    measured: Record = {}
    failed = False
    for name in names:
        started = time.monotonic()
        print(f"{name} ...", file=sys.stderr, flush=True)
        try:
            measured[name] = _section(name, load(name), quick=quick)
        except Exception:  # noqa: BLE001 - one section's failure takes nothing from the others
            failed = True
            traceback.print_exc()
            print(f"{name}: failed, and nothing of it is kept", file=sys.stderr)
            continue
        print(tables.section_table(measured[name]))
        print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return measured, failed


def _section(name: str, section: Section, *, quick: bool) -> Measured:
    command = f"python -m bench --only {name}" + (" --quick" if quick else "")
    circumstances = record.circumstances(quick=quick)
    started = time.monotonic()

    def progress(what: str) -> None:
        print(f"  {time.monotonic() - started:4.0f} s  {what}", file=sys.stderr, flush=True)

    # Sections that are always quick do not have this option.
    less = {"quick": quick} if "quick" in inspect.signature(section.measure).parameters else {}
    try:
        figures = section.measure(progress, **less)
    except LeftOut as reason:
        return Measured(section.TITLE, command, circumstances, left_out=str(reason))
    return Measured(section.TITLE, command, circumstances, tuple(figures))


def _in_order(measured: Record) -> Record:
    return {name: measured[name] for name in SECTIONS if name in measured}


def _summarise(measured: Record) -> None:
    figures = [figure for section in measured.values() for figure in section.figures if figure.at_most is not None]
    missed = [figure for figure in figures if not figure.meets_aim]
    print(f"{len(figures) - len(missed)} of {len(figures)} aims met.")
    for figure in missed:
        print(f"  missed: {figure.name}: {tables.value(figure)}, {tables.aim(figure)}")
    for name, section in measured.items():
        if section.left_out is not None:
            print(f"  left out: {name}: {section.left_out}")


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Turn the first SIGINT or SIGTERM into a KeyboardInterrupt, and ignore later ones so that cleanup completes."""

    def interrupt(_number: int, _frame: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main())
