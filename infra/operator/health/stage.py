"""All that is looked at of a stage, one after the other."""

from __future__ import annotations

from collections.abc import Iterator

from botocore.exceptions import BotoCoreError

from chalicelib.errors import ConfigurationError
from infra.local.data_directory import DataDirectory
from infra.local.development_keys import keys_in_use
from infra.local.environment import STAGE
from infra.local.errors import LocalError
from infra.operator.accounts import Accounts, NoAccountsError
from infra.operator.calls import Call
from infra.operator.health import accounts as of_accounts
from infra.operator.health import aws, watched
from infra.operator.health.diagnosis import Diagnosis, Grade, examined
from infra.operator.output import progress
from infra.scans import estimate

_ASK = "Ask for the permission that the message names, or look with other credentials."


def diagnoses(call: Call, *, scan: bool) -> Iterator[Diagnosis]:
    """Look at a stage, and yield what is found. ``scan`` says whether to read the whole table of users.

    Raises UnknownStageError, or what botocore raises.
    """
    stage = call.stage
    yield from examined("settings", lambda: of_accounts.settings(stage), _ASK)
    if stage.name != STAGE:
        yield from examined("credentials", lambda: aws.surroundings(stage, call.reach.clock), _ASK)
    else:
        yield from examined("webhooks", lambda: watched.of_laptop(stage, call.reach.clock), _ASK)
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
