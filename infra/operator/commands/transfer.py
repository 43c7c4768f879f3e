"""`import` and `export`: all users at once, from a file and to one."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from pathlib import Path

import click

from infra.operator.accounts import Accounts
from infra.operator.calls import Call, may_be_dry, of_a_stage
from infra.operator.output import print_dry_run, print_json, print_json_line, progress, shown
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
@click.option("--yes", is_flag=True, help="Do not ask.")
@may_be_dry
@of_a_stage
def import_users(call: Call, *, file: Path, form: str, firebase_config: Path | None, yes: bool, dry_run: bool) -> None:
    """Add the users in FILE who are not there yet. Nobody is ever overwritten.

    Each line is checked first. What is wrong is said with the number of its line on the standard error, or with --json
    as a line of JSON on the standard output; the others are imported. Run it again to go on after it was ended: whoever
    is there and the same is left alone.

    Exit codes: 0, all users are there; 1, some are not, or differ.
    """
    with call.accounts() as accounts, Seen() as seen:
        by_address = accounts.settings.identifier == "email"
        site = Site(by_address, lambda: accounts.read_secrets().peppers, call.reach.clock)
        try:
            read = source(form, file, Options(by_address, firebase_config))
            checking = _checked(call, read, site, seen)
            counts = _transferred(call, checking, accounts, yes=yes, dry_run=dry_run)
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


def _transferred(call: Call, checking: Checking, accounts: Accounts, *, yes: bool, dry_run: bool) -> Counter[Fate]:
    checked = checking.checked
    if not (yes or dry_run or call.as_json) and checked.users:
        refused = f"{checked.refused} lines cannot be imported. " if checked.refused else ""
        whom = f"{checked.users} users, {checked.administrators} of them administrators,"
        click.confirm(f"{refused}Import {whom} into the stage {accounts.stage}?", abort=True, err=True)
    with progress("Users looked for" if dry_run else "Users imported", checked.users) as more:
        return transfer(checking, accounts.make_database(), dry_run=dry_run, progress=more)


def _say(call: Call, checked: Checked, counts: Counter[Fate], *, dry_run: bool) -> None:
    if call.as_json:
        print_json_line(
            {
                "stage": call.stage.name,
                **{fate.value: counts[fate] for fate in Fate},
                "administrators": checked.administrators,
                "without_password": checked.lacks_password,
                "dry_run": dry_run,
            }
        )
        return
    click.echo(
        f"{counts[Fate.CREATED]} users {'would be' if dry_run else 'were'} added to the stage {call.stage.name}."
    )
    click.echo(f"{counts[Fate.SAME]} are there already and the same. {counts[Fate.DIFFERENT]} are there and differ.")
    click.echo(f"{counts[Fate.REFUSED]} cannot be imported.")
    if checked.administrators:
        click.echo(f"{checked.administrators} users of the file are administrators.")
    if checked.lacks_password:
        click.echo(
            f"{checked.lacks_password} users of the file have no password: they set one by mail, or log in by code."
        )
    if dry_run:
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
@click.option("--yes", is_flag=True, help="Do not ask.")
@of_a_stage
def export_users(call: Call, *, file: Path, plain_totp: bool, yes: bool) -> None:
    """Write all users to a new FILE, a line each, with their password hashes.

    Only you can read the file. `import` takes it back, in a stage with the same peppers to the last passkey.
    """
    if plain_totp and not yes:
        click.confirm(
            "Whoever reads the file could then pass the second factor of each user. Go on?", abort=True, err=True
        )
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
    click.echo(f"{users} users of the stage {call.stage.name} are in {file}. Keep it as you would keep the passwords.")
