"""`doctor`: what is wrong with a stage, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator

import click
from botocore.exceptions import BotoCoreError

from chalicelib.errors import ConfigurationError
from infra.local.data_directory import DataDirectory
from infra.local.development_keys import keys_in_use
from infra.local.environment import STAGE
from infra.local.errors import LocalError
from infra.operator.accounts import Accounts, NoAccountsError
from infra.operator.calls import Call, failures_said, of_a_stage
from infra.operator.health import accounts as of_accounts
from infra.operator.health import aws
from infra.operator.health.diagnosis import Diagnosis, Grade, examined
from infra.operator.output import print_json, progress, shown
from infra.scans import estimate

_ASK = "Ask for the permission that the message names, or look with other credentials."


@click.command("doctor")
@click.option("--no-scan", is_flag=True, help="Leave out what reads the whole table of users.")
@of_a_stage
def doctor(call: Call, *, no_scan: bool) -> None:
    """Look at a stage: what is wrong, and what to do about it. Changes nothing.

    Exit code 1 if something is wrong. Who can take over accounts, and how, `make doctor` says.
    """
    found = []
    with failures_said():
        for diagnosis in _diagnoses(call, scan=not no_scan):
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


def _diagnoses(call: Call, *, scan: bool) -> Iterator[Diagnosis]:
    stage = call.stage
    yield from examined("settings", lambda: of_accounts.settings(stage), _ASK)
    if stage.name != STAGE:
        yield from examined("credentials", lambda: aws.surroundings(stage, call.reach.clock), _ASK)
    try:
        with call.reach.accounts(stage) as accounts:
            yield from _of_accounts(call, accounts, scan=scan)
    except (NoAccountsError, ConfigurationError, LocalError, BotoCoreError) as error:
        yield Diagnosis("accounts", Grade.WRONG, str(error))


def _of_accounts(call: Call, accounts: Accounts, *, scan: bool) -> Iterator[Diagnosis]:
    client = accounts.make_database().client
    yield from examined("tables", lambda: of_accounts.tables(client, accounts.stage), _ASK)

    def keys() -> Iterator[Diagnosis]:
        is_laptop = accounts.stage == STAGE
        published = keys_in_use(DataDirectory(call.stage.data_directory)).public_keys if is_laptop else None
        return of_accounts.keys(accounts, call.reach.clock, published)

    yield from examined("signing keys", keys, _ASK)
    if scan:
        yield from examined("users", lambda: _everybody(accounts), _ASK)


def _everybody(accounts: Accounts) -> Iterator[Diagnosis]:
    database = accounts.make_database()
    with progress("Users read", estimate(database.client, database.tables.users)) as advance:
        found = list(of_accounts.everybody(accounts, advance))
    yield from found


def _print(diagnosis: Diagnosis) -> None:
    click.echo(f"{diagnosis.grade.value:8}{diagnosis.name}: {shown(diagnosis.what)}")
    if diagnosis.do:
        click.echo(f"        Do: {shown(diagnosis.do)}")
