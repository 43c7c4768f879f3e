"""Where the accounts of a stage are: in its tables on AWS, or in the data directory of a laptop.

Owns how they are reached. The tables on AWS are asked with the operator's own credentials. On a laptop the running
`make dev` or `make dynamodb` is asked; if none runs, the database runs in this process meanwhile.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import botocore.session
from botocore.config import Config

from chalicelib.adapters.aws import session, ssm_client
from chalicelib.adapters.dynamodb.transactions import Database
from chalicelib.adapters.parameter_store import read_secret
from chalicelib.config.api import ApiSettings
from chalicelib.config.http import HttpSettings
from chalicelib.use_cases.ports import Stores
from chalicelib.wiring import Clients, dynamodb_stores
from infra import laptop
from infra.database_clock import DatabaseClock
from infra.database_credentials import follow_credentials
from infra.local.data_directory import DataDirectory
from infra.local.environment import STAGE, forget_aws, stage_environment
from infra.operator.mails import DynamoDBSuppressions, Suppressions
from infra.stage_settings import follow_region_of_shell, stage_settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_ssm import SSMClient

    from chalicelib.clock import Clock
    from chalicelib.config.signing_secrets import SigningSecrets

_PARAMETER = "LYCHGATE_SIGNING_KEYS_PARAMETER"
_SEGMENTS = 8

# Requests of a command may wait longer than those of the API, and more of them run at a time.
_LIMITS = Config(
    connect_timeout=5,
    read_timeout=30,
    retries={"mode": "standard", "total_max_attempts": 6},
    max_pool_connections=2 * _SEGMENTS,
)


class NoAccountsError(Exception):
    """Raised if a stage has no accounts yet. The message says what to do."""


@dataclass(frozen=True)
class Accounts:
    """The accounts of a stage."""

    stage: str
    stores: Stores
    settings: ApiSettings
    suppressions: Suppressions
    environment: Mapping[str, str]
    """The variables of the API's function."""
    read_secrets: Callable[[], SigningSecrets]
    """Reads the signing keys and the peppers. Raises ConfigurationError, LocalError or ServiceUnavailable."""
    make_database: Callable[[], Database]
    """Returns the tables themselves, for what no store does."""
    segments: int = _SEGMENTS
    """How many parts of a table are scanned at a time."""
    put_right: Callable[[Clock], Clock] = lambda clock: clock
    """Returns a clock of this machine, put right by each answer of the database. A user is read before anything is
    written, so what is written has the right time."""

    @property
    def origin(self) -> str:
        """The origin of the site. Raises ConfigurationError before there is one."""
        return HttpSettings.from_environment(self.environment).own_origin


@dataclass(frozen=True)
class Stage:
    """A stage, as the command line names it."""

    name: str
    project: Path
    """The folder with .chalice/config.json."""
    data_directory: Path
    """Where the accounts of the stage of `make dev` are."""
    may_begin: bool = False
    """Whether the accounts of `make dev` may begin with this command."""


def operators_client() -> DynamoDBClient:
    """Return a client with an operator's credentials, which come from the standard places."""
    return cast("DynamoDBClient", session().create_client("dynamodb", config=_LIMITS))


@contextmanager
def open_accounts(
    stage: Stage,
    *,
    make_dynamodb: Callable[[], DynamoDBClient] = operators_client,
    make_ssm: Callable[[], SSMClient] = ssm_client,
) -> Iterator[Accounts]:
    """Reach the accounts of a stage. ``make_dynamodb`` is called for a stage on AWS, ``make_ssm`` if keys are needed.

    Raises:
        UnknownStageError: the configuration has no such stage.
        ConfigurationError: one of its settings is missing or invalid.
        NoAccountsError: it is the laptop's, and nothing has run here yet.
        LocalError: the laptop's database cannot be opened.

    """
    settings = stage_settings(stage.project, stage.name)
    environment = dict(stage_environment(stage.project, stage.name))
    is_laptop = stage.name == STAGE
    if is_laptop:
        laptop.fill_in(environment, port=int(os.environ.get("PORT") or 8000), path="/api")
    else:
        follow_region_of_shell()
    with ExitStack() as stack:
        client = stack.enter_context(_laptop(stage)) if is_laptop else make_dynamodb()
        clients = Clients(dynamodb=lambda: client)
        yield Accounts(
            stage.name,
            dynamodb_stores(clients, settings),
            settings,
            DynamoDBSuppressions(client, settings.tables.mail),
            environment,
            (lambda: _on_disk(stage)) if is_laptop else (lambda: _in_parameter(make_ssm(), settings)),
            lambda: Database(client, settings.tables, clients.pause),
            # The emulation knows no segments: each would be the whole table.
            segments=1 if is_laptop else _SEGMENTS,
            put_right=lambda clock: DatabaseClock(client, clock),
        )


def _in_parameter(client: SSMClient, settings: ApiSettings) -> SigningSecrets:
    from chalicelib.config.signing_secrets import SigningSecrets  # noqa: PLC0415 - few commands need keys

    name = settings.signing_keys_parameter
    return SigningSecrets.from_json(read_secret(client, name, variable=_PARAMETER), source=name)


def _on_disk(stage: Stage) -> SigningSecrets:
    from chalicelib.config.signing_secrets import SigningSecrets  # noqa: PLC0415 - few commands need keys
    from infra.local.development_keys import keys_in_use  # noqa: PLC0415 - AWS needs no emulation

    return SigningSecrets.from_json(keys_in_use(DataDirectory(stage.data_directory)).signing_keys, source="the file")


@contextmanager
def _laptop(stage: Stage) -> Iterator[DynamoDBClient]:
    """Return a client of the laptop's database, wherever it runs, or else of one that runs here until the end."""
    from infra.local.database import run_database, running_port  # noqa: PLC0415 - AWS needs no emulation

    if not stage.may_begin and not stage.data_directory.is_dir():
        raise NoAccountsError(
            f"there are no accounts in {stage.data_directory} yet. Start `make dev` and sign up, or make one:"
            " `users create NAME`"
        )
    forget_aws()
    directory = DataDirectory(stage.data_directory)
    configured = stage_environment(stage.project)
    with ExitStack() as stack:
        port = running_port(directory)
        if port is None:
            parameter = configured[_PARAMETER]
            with redirect_stdout(sys.stderr):  # what it says of itself is no output of the command
                database = stack.enter_context(run_database(directory, 0, signing_keys_parameter=parameter))
            port = database.port
        own = botocore.session.Session()
        follow_credentials(own, directory.credentials)
        client = own.create_client(
            "dynamodb",
            region_name=configured["AWS_DEFAULT_REGION"],
            endpoint_url=f"http://127.0.0.1:{port}",
            config=Config(proxies={}),
        )
        yield cast("DynamoDBClient", client)
