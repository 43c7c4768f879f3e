"""`mails`: addresses that get no mail."""

from __future__ import annotations

import click

from chalicelib.accounts.addresses import address_error
from chalicelib.api.responses import timestamp
from infra.operator.calls import Call, may_be_dry, of_a_stage
from infra.operator.mails import suppressed_body
from infra.operator.output import print_dry_run, print_json


@click.group("mails")
def mails_group() -> None:
    """Addresses that get no mail, because it bounced or its reader complained."""


@mails_group.command("suppressed")
@of_a_stage
def list_suppressed(call: Call) -> None:
    """List the addresses that get no mail, newest first.

    Only a digest of each is stored. `mails allow ADDRESS --dry-run` says whether an address that you know is one.
    """
    with call.accounts() as accounts:
        found = accounts.suppressions.all()
    if call.as_json:
        print_json(stage=call.stage.name, suppressed=[suppressed_body(each) for each in found])
        return
    for each in found:
        click.echo(f"{timestamp(each.at)}  {each.reason:<9}  {each.digest}")
    if not found:
        click.echo(f"No address in the stage {call.stage.name} is suppressed.")


@mails_group.command("allow")
@click.argument("address")
@may_be_dry
@of_a_stage
def allow_address(call: Call, *, address: str, dry_run: bool) -> None:
    """Let an ADDRESS get mail again."""
    if (problem := address_error(address)) is not None:
        raise click.BadParameter(problem, param_hint="ADDRESS")
    with call.accounts() as accounts:
        suppressions = accounts.suppressions
        found = suppressions.find(address) if dry_run else suppressions.lift(address)
    if call.as_json:
        suppressed = None if found is None else suppressed_body(found)
        changed = found is not None and not dry_run
        print_json(stage=call.stage.name, suppressed=suppressed, changed=changed, dry_run=dry_run)
        return
    if found is None:
        click.echo(f"The address is not suppressed in the stage {call.stage.name}. Nothing was changed.")
        return
    click.echo(f"Suppressed since {timestamp(found.at)}: {found.reason}.")
    if dry_run:
        print_dry_run()
        return
    click.echo("It gets mail again, if it is not on the list that SES has of its own.")
