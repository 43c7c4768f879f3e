"""`python -m infra.doctor`, or `make doctor`: what a thief of each thing gets of an account, with these settings.

It computes this from a model of the routes, asks nobody, and changes nothing. Without --stage it looks at the settings
of this machine, the environment included.

Exit codes: 0, it was computed; 1, a setting is not valid, or with --strict a warning stands; 2, the command is not
valid.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import click

from chalicelib.errors import ConfigurationError
from infra.doctor.advice import warnings
from infra.doctor.report import LOSSES, Report, as_json, as_text, coloured, plain
from infra.doctor.routes import STEPS
from infra.doctor.search import Graph
from infra.doctor.settings import Site, site
from infra.doctor.thefts import PIECES, THEFTS, Theft, kinds
from infra.local.environment import PROJECT, STAGE
from infra.stage_settings import UnknownStageError

PROGRAM = "python -m infra.doctor"


@click.command(help=__doc__)
@click.option(
    "--stage", default=STAGE, show_default=True, help=f"A stage of .chalice/config.json; {STAGE}: this machine."
)
@click.option("--json", "in_json", is_flag=True, help="Answer in JSON.")
@click.option("--strict", is_flag=True, help="Exit with 1 if a warning stands.")
@click.option(
    "--steals",
    metavar="THINGS",
    help=f"Look at one thief only, who has all of these, separated by commas: {', '.join(PIECES)}.",
)
@click.option("--project", type=click.Path(path_type=Path), default=PROJECT, hidden=True)
@click.pass_context
def doctor(
    context: click.Context, stage: str, steals: str | None, project: Path, *, in_json: bool, strict: bool
) -> None:
    """Print the report."""
    try:
        found = examined(site(project, stage, os.environ), _thefts(steals))
    except (UnknownStageError, ConfigurationError) as error:
        raise click.ClickException(str(error)) from error
    for sentence in found.site.left_alone:
        click.echo(f"{sentence}.", err=True)
    if in_json:
        click.echo(json.dumps(as_json(found), ensure_ascii=False, indent=2))
    else:
        is_terminal = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        for line in as_text(found, coloured if is_terminal else plain):
            click.echo(line)
    context.exit(int(strict and bool(found.warnings)))


def examined(of: Site, thefts: tuple[Theft, ...] = THEFTS) -> Report:
    """Return what there is to say of a site."""
    # The routes of this checkout, which nothing else of this command needs.
    from chalicelib.api.openapi import ALL_ROUTES  # noqa: PLC0415
    from chalicelib.site.routes import routes as own  # noqa: PLC0415

    graph = Graph(STEPS, of.words)
    accounts = list(kinds(of.words))
    findings = [graph.finding(theft, account) for theft in thefts for account in accounts]
    roles = {operation.role for routes in (*ALL_ROUTES, own) for operation in routes.operations} - {None}
    return Report(
        of,
        warnings(of),
        [finding for finding in findings if finding is not None],
        tuple(sorted(str(role) for role in roles)),
        {loss: [each for each in accounts if not graph.survives(each, things)] for loss, things in LOSSES.items()},
    )


def _thefts(steals: str | None) -> tuple[Theft, ...]:
    """Return the thieves to look at. Raises BadParameter."""
    if steals is None:
        return THEFTS
    pieces = tuple(piece.strip() for piece in steals.split(","))
    if unknown := set(pieces) - set(PIECES):
        raise click.BadParameter(f"{', '.join(sorted(unknown))}: there are {', '.join(PIECES)}", param_hint="--steals")
    return (Theft(" and ".join(pieces), pieces),)


if __name__ == "__main__":
    doctor(prog_name=PROGRAM)
