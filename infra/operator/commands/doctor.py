"""`doctor`: what is wrong with a stage, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from infra.operator.calls import Call, failures_said, of_a_stage
from infra.operator.output import print_json, shown

if TYPE_CHECKING:
    from infra.operator.health.diagnosis import Diagnosis


@click.command("doctor")
@click.option("--no-scan", is_flag=True, help="Leave out what reads the whole table of users.")
@of_a_stage
def doctor(call: Call, *, no_scan: bool) -> None:
    """Look at a stage: what is wrong, and what to do about it. Changes nothing.

    Exit code 1 if something is wrong. Who can take over accounts, and how, `make doctor` says.
    """
    # Most commands need nothing of what deploys.
    from infra.operator.health.diagnosis import Grade  # noqa: PLC0415
    from infra.operator.health.stage import diagnoses  # noqa: PLC0415

    found = []
    with failures_said():
        for diagnosis in diagnoses(call, scan=not no_scan):
            found.append(diagnosis)
            if not call.as_json:
                _print(diagnosis)
    wrong = [each.name for each in found if each.grade is Grade.WRONG]
    if call.as_json:
        print_json(stage=call.stage.name, ok=not wrong, findings=[each.body() for each in found])
    elif wrong:
        click.echo(f"Wrong: {', '.join(dict.fromkeys(wrong))}.")
    else:
        click.echo("Nothing is wrong.")
    click.get_current_context().exit(int(bool(wrong)))


def _print(diagnosis: Diagnosis) -> None:
    click.echo(f"{diagnosis.grade.value:8}{diagnosis.name}: {shown(diagnosis.what)}")
    if diagnosis.do:
        click.echo(f"        Do: {shown(diagnosis.do)}")
