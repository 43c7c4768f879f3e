"""`webhooks`: what tells the site's endpoint of events."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from infra.keys.places import PlaceError
from infra.keys.webhook_secrets import retired, rotated
from infra.operator.calls import Call, ask, failures_said, may_be_dry, may_be_sure, of_a_stage, refuse_unasked
from infra.operator.dead_letters import Letter, Window
from infra.operator.output import counted, print_dry_run, print_json
from infra.operator.webhooks import Answer, Webhooks, moment


@click.group("webhooks")
def webhooks_group() -> None:
    """Look after what tells the site's endpoint of events: its secrets, a test, and what was not taken."""


@contextmanager
def _reached(call: Call) -> Iterator[Webhooks]:
    with failures_said():
        try:
            yield call.reach.webhooks(call.stage)
        except PlaceError as damaged:
            raise click.ClickException(str(damaged)) from damaged


@webhooks_group.command("secrets")
@of_a_stage
def show_secrets(call: Call) -> None:
    """Print the secrets that sign, the newest first. A receiver needs one of them."""
    with _reached(call) as webhooks:
        found = webhooks.secrets.read()
        if found is None:
            raise PlaceError(f"{webhooks.secrets.name} does not exist yet: `make deploy` or `make dev` makes it")
    _print_secrets(call, found)


@webhooks_group.command("rotate")
@of_a_stage
def rotate(call: Call) -> None:
    """Make a new secret, which signs beside the one before until `retire`. Prints both, the new one first."""
    with _reached(call) as webhooks:
        found = rotated(webhooks.secrets)
    _print_secrets(call, found)
    click.echo("Tell the receiver the first one within a day, and run `webhooks retire` five minutes later.", err=True)


@webhooks_group.command("retire")
@may_be_sure
@of_a_stage
def retire(call: Call, *, yes: bool) -> None:
    """Forget the older one of two secrets. A receiver that knows only that one refuses everything from then on."""
    refuse_unasked(call, yes=yes, dry_run=False)
    ask("Does the receiver know the newer secret?", yes=yes, dry_run=False)
    with _reached(call) as webhooks:
        changed = retired(webhooks.secrets)
    if call.as_json:
        print_json(stage=call.stage.name, changed=changed)
        return
    click.echo("One secret signs now." if changed else "There is one secret only. Nothing was changed.")


@webhooks_group.command("test")
@of_a_stage
def test(call: Call) -> None:
    """Send a message of the type webhook.test, and say what the endpoint answers."""
    with _reached(call) as webhooks:
        outcome = webhooks.test()
    if call.as_json:
        print_json(stage=call.stage.name, **outcome)
    else:
        click.echo(_line(outcome))
    if outcome["outcome"] != "delivered":
        raise click.exceptions.Exit(1)


@webhooks_group.command("resend")
@click.option("--since", required=True, metavar="TIME", help="2026-11-01T12:00:00Z; or so long ago: 7d, 12h, 30m.")
@click.option("--until", metavar="TIME", help="The same; by default now.")
@may_be_dry
@of_a_stage
def resend(call: Call, *, since: str, until: str | None, dry_run: bool) -> None:
    """Send the events of a time again, with the ids that they had. Reads the whole table of events."""
    now = call.reach.clock()
    try:
        window = Window(moment(since, now), moment(until, now) if until else now)
    except ValueError as wrong:
        raise click.UsageError(f"a TIME {wrong}") from None
    with _reached(call) as webhooks:
        _send(call, webhooks, [window], dry_run=dry_run)


@webhooks_group.command("redrive")
@may_be_dry
@of_a_stage
def redrive(call: Call, *, dry_run: bool) -> None:
    """Send again what is in the queue of dead letters, and empty it. Reads the whole table of events."""
    with _reached(call) as webhooks:
        if webhooks.letters is None:
            raise click.ClickException(f"the stage {call.stage.name} is this machine's, and has no queue")
        letters = webhooks.letters.read()
        known = [letter for letter in letters if letter.window is not None]
        done: list[Letter] = []
        try:
            windows = [letter.window for letter in known if letter.window is not None]
            if _send(call, webhooks, windows, dry_run=dry_run, letters=len(letters)) and not dry_run:
                webhooks.letters.delete(known)
                done = known
        finally:
            webhooks.letters.put_back(letter for letter in letters if letter not in done)
        if unknown := len(letters) - len(known):
            says, stays = ("says", "It stays") if unknown == 1 else ("say", "They stay")
            click.echo(f"{counted(unknown, 'message')} {says} nothing of the stream. {stays} in the queue.", err=True)


def _send(call: Call, webhooks: Webhooks, windows: list[Window], *, dry_run: bool, letters: int | None = None) -> bool:
    """Send the events of some times again. Return whether all have ended, or end the command with the exit code 1."""
    items = webhooks.written_in(windows) if windows else []
    outcomes: list[Answer] = []

    def told(outcome: Answer) -> None:
        outcomes.append(outcome)
        if not call.as_json:
            click.echo(_line(outcome))

    is_done = dry_run or webhooks.send_again(items, told)
    found: dict[str, Any] = {} if letters is None else {"letters": letters}
    if call.as_json:
        print_json(stage=call.stage.name, **found, events=len(items), outcomes=outcomes, dry_run=dry_run)
    else:
        said = "" if letters is None else f"{counted(letters, 'dead letter')}, "
        click.echo(f"{said}{counted(len(items), 'event')}{'' if dry_run else f', {len(outcomes)} sent'}.")
        if dry_run:
            print_dry_run()
    if not is_done:
        raise click.ClickException("the endpoint did not take all. Put that right, and run the same command again")
    return is_done


def _print_secrets(call: Call, found: tuple[str, ...]) -> None:
    if call.as_json:
        print_json(stage=call.stage.name, secrets=list(found))
        return
    for secret in found:
        click.echo(secret)


def _line(outcome: Answer) -> str:
    said = ", ".join(str(outcome[name]) for name in ("status", "reason") if outcome.get(name) is not None)
    return f"{outcome['webhook_id']}  {outcome['type']}  {outcome['outcome']}{f' ({said})' if said else ''}"
