"""Where the accounts of a stage are: in its tables on AWS, or in the data directory of a laptop.

Owns how they are reached. The tables on AWS are asked with the operator's own credentials. On a laptop the running
`make dev` or `make dynamodb` is asked; if none runs, the database runs in this process meanwhile.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import botocore.session
from botocore.config import Config

from chalicelib.adapters.aws import dynamodb_client
from chalicelib.config.api import ApiSettings
from chalicelib.use_cases.ports import Stores
from chalicelib.wiring import Clients, dynamodb_stores
from infra.database_credentials import follow_credentials
from infra.local.data_directory import DataDirectory
from infra.local.environment import STAGE, forget_aws, stage_environment
from infra.operator.mails import DynamoDBSuppressions, Suppressions
from infra.stage_settings import follow_region_of_shell, stage_settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class NoAccountsError(Exception):
    """Raised if a stage has no accounts yet. The message says what to do."""


@dataclass(frozen=True)
class Accounts:
    """The accounts of a stage."""

    stage: str
    stores: Stores
    settings: ApiSettings
    suppressions: Suppressions


@dataclass(frozen=True)
class Stage:
    """A stage, as the command line names it."""

    name: str
    project: Path
    """The folder with .chalice/config.json."""
    data_directory: Path
    """Where the accounts of the stage of `make dev` are."""


@contextmanager
def open_accounts(stage: Stage, *, make_dynamodb: Callable[[], DynamoDBClient] = dynamodb_client) -> Iterator[Accounts]:
    """Reach the accounts of a stage. ``make_dynamodb`` is called for a stage on AWS.

    Raises:
        UnknownStageError: the configuration has no such stage.
        ConfigurationError: one of its settings is missing or invalid.
        NoAccountsError: it is the laptop's, and nothing has run here yet.
        LocalError: the laptop's database cannot be opened.

    """
    settings = stage_settings(stage.project, stage.name)
    if stage.name != STAGE:
        follow_region_of_shell()
    with ExitStack() as stack:
        client = stack.enter_context(_laptop(stage)) if stage.name == STAGE else make_dynamodb()
        stores = dynamodb_stores(Clients(dynamodb=lambda: client), settings)
        yield Accounts(stage.name, stores, settings, DynamoDBSuppressions(client, settings.tables.mail))


@contextmanager
def _laptop(stage: Stage) -> Iterator[DynamoDBClient]:
    """Return a client of the laptop's database, wherever it runs, or else of one that runs here until the end."""
    from infra.local.database import run_database, running_port  # noqa: PLC0415 - AWS needs no emulation

    if not stage.data_directory.is_dir():
        raise NoAccountsError(f"there are no accounts in {stage.data_directory} yet. Start `make dev` and sign up")
    forget_aws()
    directory = DataDirectory(stage.data_directory)
    configured = stage_environment(stage.project)
    with ExitStack() as stack:
        port = running_port(directory)
        if port is None:
            parameter = configured["LYCHGATE_SIGNING_KEYS_PARAMETER"]
            with redirect_stdout(sys.stderr):  # what it says of itself is no output of the command
                database = stack.enter_context(run_database(directory, 0, signing_keys_parameter=parameter))
            port = database.port
        session = botocore.session.Session()
        follow_credentials(session, directory.credentials)
        client = session.create_client(
            "dynamodb",
            region_name=configured["AWS_DEFAULT_REGION"],
            endpoint_url=f"http://127.0.0.1:{port}",
            config=Config(proxies={}),
        )
        yield cast("DynamoDBClient", client)
