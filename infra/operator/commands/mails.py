"""`mails`: addresses that get no mail, and mails that were given up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import click

from chalicelib.accounts.addresses import address_error
from chalicelib.api.responses import timestamp
from infra.operator.calls import Call, failures_said, may_be_dry, of_a_stage
from infra.operator.dead_letters import Letter
from infra.operator.mails import suppressed_body
from infra.operator.output import counted, print_dry_run, print_json
from infra.operator.undelivered import Sorted, Undelivered, Waiting, sorted_letters


@click.group("mails")
def mails_group() -> None:
    """Look after mails: addresses that get none, and what could not be sent."""


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


@mails_group.command("redrive")
@may_be_dry
@of_a_stage
def redrive(call: Call, *, dry_run: bool) -> None:
    """Have sent what the mailer has given up.

    Empties the queue of dead letters. Links and codes are void by then, most often: the mailer gives them up as late.
    Reads the whole table of mails.
    """
    with failures_said():
        undelivered = call.reach.undelivered(call.stage)
        letters = undelivered.letters.read()
        done: list[Letter] = []
        try:
            is_done = _redrive(call, undelivered, sorted_letters(letters, call.reach.clock()), done, dry_run=dry_run)
        finally:
            undelivered.letters.delete(done)
            undelivered.letters.put_back(letter for letter in letters if letter not in done)
    if not is_done:
        raise click.ClickException("the mailer did not send all. Put right what its log says, and run this again")


def _redrive(call: Call, undelivered: Undelivered, found: Sorted, done: list[Letter], *, dry_run: bool) -> bool:
    """Have sent what letters stand for, and put those into ``done`` of which all has ended. Return whether all has."""
    mails = undelivered.waiting_in([letter.window for letter in found.of_mails if letter.window is not None])
    outcomes: list[tuple[Waiting, str | None]] = [(mail, None) for mail in mails]
    if not dry_run:
        for letter in found.of_notices:
            undelivered.note(letter)
            done.append(letter)
        outcomes = list(_told(call, undelivered.send(mails)))
    all_ended = dry_run or all(outcome is not None for _, outcome in outcomes)
    if all_ended and not dry_run:
        done.extend(found.of_mails)
    if call.as_json:
        said = [{"kind": mail.kind, "at": timestamp(mail.at), "outcome": outcome} for mail, outcome in outcomes]
        print_json(stage=call.stage.name, **found.numbers(), mails=said, dry_run=dry_run)
        return all_ended
    notices = counted(len(found.of_notices), "notice")
    click.echo(f"{counted(found.number, 'dead letter')}: {counted(len(mails), 'mail')} not sent, {notices} of SES.")
    if dry_run:
        print_dry_run()
    _tell_what_stays(found)
    return all_ended


def _told(call: Call, outcomes: Iterable[tuple[Waiting, str | None]]) -> Iterator[tuple[Waiting, str | None]]:
    """Yield the same, and say each as it comes."""
    for mail, outcome in outcomes:
        if not call.as_json:
            click.echo(f"{timestamp(mail.at)}  {mail.kind:<22}  {outcome or 'not sent'}")
        yield mail, outcome


def _tell_what_stays(found: Sorted) -> None:
    """Say which letters are left in the queue, and why."""
    if found.early:
        minutes = counted(found.minutes_to_wait, "minute")
        click.echo(
            f"{_these_stay(len(found.early))}: the mailer itself may try those again. Run this again in {minutes}.",
            err=True,
        )
    if found.unknown:
        click.echo(f"{_these_stay(len(found.unknown))}: nothing in there is about a mail.", err=True)


def _these_stay(number: int) -> str:
    return f"{counted(number, 'message')} {'stays' if number == 1 else 'stay'} in the queue"
