"""A stage over moto with accounts, its backups, and somebody at a shell who restores it."""

import contextlib
import hashlib
import io
import json
from datetime import UTC, datetime

import pytest
from moto.core import DEFAULT_ACCOUNT_ID, responses
from moto.dynamodb.models import dynamodb_backends

from infra.restore.__main__ import main
from infra.restore.stage import Reach
from tests.restore.backups_here import BackupsHere
from tests.support.in_process_api import api, application, settings
from tests.support.same_clients import SameClients

__all__ = ["api", "application", "settings"]

USERS, SESSIONS, EVENTS, THROTTLE, MAIL = (
    f"lychgate-test-{name}" for name in ("users", "sessions", "events", "throttle", "mail")
)
ALL = sorted([USERS, SESSIONS, EVENTS, THROTTLE, MAIL])


@pytest.fixture(scope="session")
def same_clients():
    return SameClients()


@pytest.fixture(autouse=True, scope="module")
def clients_of_commands(same_clients):
    """Let each command have the clients of the one before."""
    with contextlib.ExitStack() as patches:
        for patch in same_clients.patches():
            patches.enter_context(patch)
        yield


@pytest.fixture(autouse=True)
def little_work(request, monkeypatch):
    """Let what makes guessing slow take no time, but for a test with ``full_work``. What is stored says the usual."""
    if "full_work" in request.fixturenames:
        return
    request.getfixturevalue("hashes_are_cheap")
    scrypt = hashlib.scrypt
    monkeypatch.setattr(hashlib, "scrypt", lambda *password, **costs: scrypt(*password, **{**costs, "n": 2}))


@pytest.fixture
def full_work():
    """Let a passphrase take the work that it takes outside of tests."""


@pytest.fixture(autouse=True)
def the_time_of_aws(clock, monkeypatch):
    """Let each answer have the time of the test."""
    monkeypatch.setattr(responses, "utcnow", lambda: datetime.fromtimestamp(clock(), UTC).replace(tzinfo=None))


@pytest.fixture
def dynamodb(aws_clients):
    return aws_clients[0]


@pytest.fixture
def ssm(aws_clients):
    return aws_clients[1]


@pytest.fixture
def backups(aws, dynamodb, clock, monkeypatch):
    """Backups of all tables, which point-in-time recovery makes."""
    here = BackupsHere(clock)
    here.patch(monkeypatch)
    for table in ALL:
        dynamodb.update_continuous_backups(
            TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
    return here


@pytest.fixture
def remember(backups, clock):
    """Let a second pass in which the tables are as they are, and return it as the command takes it."""

    def remember():
        tables = dynamodb_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].tables
        clock.advance(1)
        backups.remember(*(tables[name] for name in (USERS, EVENTS)))
        moment = clock.now
        clock.advance(3600)
        return moment

    return remember


class Operator:
    """`answers` are what he types, the stage's name if nothing is left."""

    def __init__(self, project, clock):
        self.project = project
        self.answers = []
        self.waits = []
        self.lines = []
        self.errors = ""
        self.seconds_ahead = 0
        """How wrong the clock of his machine is."""
        self._clock = clock

    def run(self, *arguments, stage="test"):
        self.lines, errors = [], io.StringIO()
        reach = Reach(sleep=self.waits.append, ask=self._answer, ask_secret=self._answer, now=self._now)
        with contextlib.redirect_stderr(errors):
            code = main(
                [*arguments, "--stage", stage, "--project", str(self.project)], say=self.lines.append, reach=reach
            )
        self.errors = errors.getvalue()
        assert "Traceback" not in self.errors
        return code

    @property
    def said(self):
        return "\n".join(self.lines)

    def _now(self):
        return self._clock() + self.seconds_ahead

    def _answer(self, _question):
        answer = self.answers.pop(0) if self.answers else "test"
        if isinstance(answer, BaseException):
            raise answer
        return answer


@pytest.fixture
def operator(tmp_path, environment, clock):
    (tmp_path / ".chalice").mkdir()
    stages = {"test": {"environment_variables": environment}}
    config = {"version": "2.0", "app_name": "lychgate", "stages": stages}
    (tmp_path / ".chalice" / "config.json").write_text(json.dumps(config))
    return Operator(tmp_path, clock)


@pytest.fixture
def tables(dynamodb):
    """The names of all tables now."""
    return lambda: sorted(dynamodb.list_tables()["TableNames"])


@pytest.fixture
def items(dynamodb):
    """What a table holds now, by the first attribute of its key."""

    def items(table, key):
        return {item[key]["S"]: item for item in dynamodb.scan(TableName=table)["Items"]}

    return items
