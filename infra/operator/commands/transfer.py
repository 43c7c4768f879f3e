"""`import` and `export`: all users at once, from a file and to one."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from pathlib import Path

import click

from infra.operator.calls import Call, ask, may_be_dry, may_be_sure, of_a_stage, refuse_unasked
from infra.operator.output import counted, is_or_are, print_dry_run, print_json, print_json_line, progress, shown, was
from infra.operator.transfer.exporting import export, write_private
from infra.operator.transfer.importing import Checked, Checking, Site, Source, transfer
from infra.operator.transfer.reading import UnreadableFileError
from infra.operator.transfer.systems import OURS, Options, names, source
from infra.operator.transfer.unique import Seen
from infra.operator.transfer.writing import Fate, Placed
from infra.operator.users import RefusedError


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--format",
    "form",
    type=click.Choice(names()),
    default=OURS,
    show_default=True,
    help="Whose export FILE is: docs/import/ has a page for each.",
)
@click.option(
    "--firebase-config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file with the project's password hash parameters, as Firebase's console shows them.",
)
@click.option("--with-administrators", is_flag=True, help="Import administrators too, which --yes alone does not.")
@may_be_sure
@may_be_dry
@of_a_stage
def import_users(
    call: Call,
    *,
    file: Path,
    form: str,
    firebase_config: Path | None,
    with_administrators: bool,
    yes: bool,
    dry_run: bool,
) -> None:
    """Add the users in FILE who are not there yet. Nobody is ever overwritten.

    Each line is checked first. What is wrong is said with the number of its line on the standard error, or with --json
    as a line of JSON on the standard output; the others are imported. Run it again to go on after it was ended: whoever
    is there and the same is left alone.

    Exit codes: 0, all users are there; 1, some are not, or differ; 2, it has to be sure first, and nobody can be asked.
    """
    refuse_unasked(call, yes=yes, dry_run=dry_run)
    with call.accounts(may_begin=True) as accounts, Seen() as seen:
        by_address = accounts.settings.identifier == "email"
        site = Site(by_address, lambda: accounts.read_secrets().peppers, call.reach.clock)
        try:
            read = source(form, file, Options(by_address, firebase_config))
            checking = _checked(call, read, site, seen)
            if not dry_run:
                _ask(call, checking.checked, yes=yes, with_administrators=with_administrators)
            with progress("Users looked for" if dry_run else "Users imported", checking.checked.users) as more:
                counts = transfer(checking, accounts.make_database(), dry_run=dry_run, progress=more)
        except (UnreadableFileError, OSError) as error:
            raise RefusedError(f"{file} cannot be read: {error}") from error
    counts[Fate.REFUSED] += checking.checked.refused
    _say(call, checking.checked, counts, dry_run=dry_run)
    if counts[Fate.REFUSED] or counts[Fate.DIFFERENT]:
        raise click.exceptions.Exit(1)


def _checked(call: Call, read: Source, site: Site, seen: Seen) -> Checking:
    checking = Checking(read, site, seen, _problem_in_json if call.as_json else _problem)
    with progress("Lines checked") as more:
        checking.check(more)
    return checking


def _ask(call: Call, checked: Checked, *, yes: bool, with_administrators: bool) -> None:
    """Ask whether to import, and administrators too, as far as the options do not answer.

    Raises UsageError if nobody can be asked.
    """
    is_answered = yes and (with_administrators or not checked.administrators)
    if is_answered or not checked.users:
        return
    if not call.reach.can_ask():
        raise click.UsageError(
            f"{_administrators(checked)}. Whoever has their passwords has every account. Nothing was imported. Give"
            " --with-administrators beside --yes if it is meant, or take the role out of the file."
        )
    refused = f"{counted(checked.refused, 'line')} cannot be imported. " if checked.refused else ""
    known = f"{_administrators(checked)}. " if checked.administrators else ""
    whom = f"{counted(checked.users, 'user')}, {checked.administrators} of them active administrators,"
    click.confirm(f"{refused}{known}Import {whom} into the stage {call.stage.name}?", abort=True, err=True)


def _administrators(checked: Checked) -> str:
    """Return how many administrators a file has, and the names of the first ones."""
    names_of_some = ", ".join(map(shown, checked.first_administrators))
    others = checked.administrators - len(checked.first_administrators)
    more = f" and {counted(others, 'other')}" if others else ""
    return f"The file has {counted(checked.administrators, 'active administrator')}: {names_of_some}{more}"


def _say(call: Call, checked: Checked, counts: Counter[Fate], *, dry_run: bool) -> None:
    if call.as_json:
        print_json_line(
            {
                "stage": call.stage.name,
                **{fate.value: counts[fate] for fate in Fate},
                "administrators": checked.administrators,
                "first_administrators": checked.first_administrators,
                "without_password": checked.lacks_password,
                "dry_run": dry_run,
            }
        )
        return
    created, same, different = (counts[fate] for fate in (Fate.CREATED, Fate.SAME, Fate.DIFFERENT))
    added = "would be" if dry_run else was(created)
    click.echo(f"{counted(created, 'user')} {added} added to the stage {call.stage.name}.")
    differ = "is there and differs" if different == 1 else "are there and differ"
    click.echo(f"{same} {is_or_are(same)} there already and the same. {different} {differ}.")
    click.echo(f"{counts[Fate.REFUSED]} cannot be imported.")
    if checked.administrators:
        click.echo(f"{_administrators(checked)}.")
    if checked.lacks_password:
        have = "has" if checked.lacks_password == 1 else "have"
        without = f"{counted(checked.lacks_password, 'user')} of the file {have} no password"
        click.echo(f"{without}: to be set by mail, or to log in by code.")
    if dry_run:
        if checked.administrators:
            click.echo("Without a terminal that asks, the import needs --with-administrators beside --yes.")
        print_dry_run()


def _problem(placed: Placed) -> None:
    name = f"{shown(placed.username)}: " if placed.username else ""
    click.echo(f"line {placed.line}: {name}{shown(placed.problem or '')}", err=True)


def _problem_in_json(placed: Placed) -> None:
    print_json_line(
        {"line": placed.line, "username": placed.username, "fate": placed.fate.value, "problem": placed.problem}
    )


@click.command("export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--plain-totp",
    is_flag=True,
    help="Write the secrets of authenticator apps in plain: only so can a system with other peppers use them.",
)
@may_be_sure
@of_a_stage
def export_users(call: Call, *, file: Path, plain_totp: bool, yes: bool) -> None:
    """Write all users to a new FILE, a line each, with their password hashes.

    Only you can read the file. `import` takes it back, in a stage with the same peppers to the last passkey.
    """
    if plain_totp:
        refuse_unasked(call, yes=yes, dry_run=False)
        ask("Whoever reads the file could then pass the second factor of each user. Go on?", yes=yes, dry_run=False)
    with call.accounts() as accounts, progress("Users exported") as more:
        lines = export(
            accounts.stage,
            accounts.stores,
            accounts.make_database(),
            accounts.read_secrets().peppers,
            clock=call.reach.clock,
            segments=accounts.segments,
            plain_totp=plain_totp,
        )
        try:
            with closing(lines):
                users = write_private(file, lines, more)
        except FileExistsError:
            raise RefusedError(f"{file} exists already: name another file") from None
        except OSError as error:
            raise RefusedError(f"{file} cannot be written: {error}") from error
    if call.as_json:
        print_json(stage=call.stage.name, users=users, file=str(file))
        return
    of_stage = f"{counted(users, 'user')} of the stage {call.stage.name} {is_or_are(users)} in {file}."
    click.echo(f"{of_stage} Keep it as you would keep the passwords.")
