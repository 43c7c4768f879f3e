"""`audit`: who did what to whom."""

from __future__ import annotations

from itertools import chain, islice

import click

from infra.operator.audit import COLUMNS, Audit, body, cells, since
from infra.operator.calls import Call, of_a_stage
from infra.operator.output import print_json_line, print_rows, progress


@click.command("audit")
@click.option(
    "--since",
    "start",
    required=True,
    metavar="TIME",
    help="2026-11-01, or with a time, 2026-11-01T12:00:00Z; or so long ago: 7d, 12h, 30m.",
)
@click.option("--user", metavar="NAME", help="What this user did, and what was done to the user. A name or an id.")
@of_a_stage
def audit(call: Call, *, start: str, user: str | None) -> None:
    """Say who did what to whom, the oldest first. With --json a line of JSON for each entry.

    Times are in UTC. Histories are kept for 90 days, and that of a user who is deleted goes with the account.
    """
    try:
        at = since(start, call.reach.clock())
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--since") from None
    with call.accounts() as accounts:
        with progress("Events read") as advance:
            found = Audit(accounts, advance)
            sorted_entries = found.everything(at) if user is None else found.of_user(user, at)
            # The first one comes when all are read.
            first = [*islice(sorted_entries, 1)]
        entries = chain(first, sorted_entries)
        if call.as_json:
            for entry, named in entries:
                print_json_line(body(entry, named))
            return
        print_rows(COLUMNS, (cells(entry, named) for entry, named in entries))
