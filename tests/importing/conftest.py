"""A stage over moto, the application in front of it, and somebody at a shell who imports and exports."""

import json
from contextlib import contextmanager

import pytest
from click.testing import CliRunner

from chalicelib.adapters.dynamodb.transactions import Database
from chalicelib.config.api import ApiSettings
from chalicelib.config.signing_secrets import SigningSecrets
from chalicelib.wiring import dynamodb_stores
from infra.operator.__main__ import operator
from infra.operator.accounts import Accounts
from infra.operator.calls import Reach
from infra.operator.mails import DynamoDBSuppressions
from infra.tables import create_tables
from tests.support.application import clients_of
from tests.support.in_process_api import api, application, mailbox, settings

__all__ = ["api", "application", "mailbox", "settings"]


@pytest.fixture
def dynamodb(aws, aws_clients):
    return aws_clients[0]


@pytest.fixture
def ring(private_jwks):
    """The keys and peppers of the stage. A test may change them."""
    return json.loads(json.dumps(private_jwks))


@pytest.fixture
def accounts_of(settings, dynamodb, ring, pauses):
    """Reach the accounts of a stage by its name: `test`, which the application serves, or another that is made."""
    made = {"test"}

    @contextmanager
    def accounts_of(stage):
        environment = {
            name: value.replace("lychgate-test-", f"lychgate-{stage.name}-") for name, value in settings.items()
        }
        if stage.name not in made:
            create_tables(dynamodb, stage.name)
            made.add(stage.name)
        read = ApiSettings.from_environment(environment)
        database = Database(dynamodb, read.tables, pauses.append)
        yield Accounts(
            stage.name,
            dynamodb_stores(clients_of(dynamodb=dynamodb), read),
            read,
            DynamoDBSuppressions(dynamodb, read.tables.mail),
            environment,
            lambda: SigningSecrets.from_json(json.dumps(ring), source="the ring"),
            lambda: database,
            segments=1,
        )

    return accounts_of


@pytest.fixture
def pauses():
    """The pauses that an import made, none of which is waited for."""
    return []


@pytest.fixture
def run(accounts_of, clock):
    """Run a command of the operator for the stage `test`, or another one. Who types something is at a terminal."""

    def run(*words, stage="test", typed=None):
        reach = Reach(accounts_of, clock, can_ask=lambda: typed is not None)
        return CliRunner().invoke(operator, [*map(str, words), "--stage", stage], obj=reach, input=typed)

    return run


@pytest.fixture
def users_in(dynamodb):
    """What the table of users of a stage has, in order."""

    def users_in(stage="test"):
        return sorted(dynamodb.scan(TableName=f"lychgate-{stage}-users")["Items"], key=str)

    return users_in


@pytest.fixture
def write(tmp_path):
    """Write lines to a file: objects as JSON, and text or octets as they are."""

    def write(*lines, name="users.jsonl"):
        path = tmp_path / name
        octets = [line if isinstance(line, bytes) else _text(line).encode() for line in lines]
        path.write_bytes(b"".join(each + b"\n" for each in octets))
        return path

    return write


def _text(line):
    return line if isinstance(line, str) else json.dumps(line)
