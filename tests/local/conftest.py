import http.client
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import boto3
import pytest
from botocore.config import Config
from moto.backends import get_backend

from infra.database_credentials import read_credentials
from infra.local.embedded_aws import EmbeddedAws
from infra.local.http_server import HttpServer
from tests.support.mailbox import until_nothing_waits
from tests.support.ports import free_port

SECRET_KEY = "the secret key of this run"
ROOT = Path(__file__).parents[2]
# A bound for what normally takes a fraction of it, not an expectation.
PATIENCE_SECONDS = 120.0
OF_THE_DEVELOPER = ("AWS_", "LYCHGATE_", "PORT", "DYNAMODB_PORT")

OTHER_ORIGIN = "http://localhost:5173"


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes


def forget_everything() -> None:
    """moto keeps its tables and parameters in the process. A new process begins with none."""
    get_backend("dynamodb").reset()
    get_backend("ssm").reset()


@pytest.fixture(autouse=True)
def _no_aws_of_the_developer(monkeypatch):
    for name in [name for name in os.environ if name.startswith(OF_THE_DEVELOPER)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def ask_once(port: int, method: str, target: str, headers: dict[str, str] | None = None, body: bytes | None = None):
    """Make one HTTP request on a connection of its own."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)) as connection:
        connection.request(method, target, body, headers or {})
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())


@pytest.fixture
def ask():
    return ask_once


def until(holds: Callable[[], object]) -> None:
    """Wait until something holds, for as long as patience lasts."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


@pytest.fixture
def eventually():
    return until


@pytest.fixture
def aws() -> Iterator[EmbeddedAws]:
    forget_everything()
    yield EmbeddedAws({"service": "test"}, SECRET_KEY)
    forget_everything()


@pytest.fixture
def serve() -> Iterator[Callable[..., int]]:
    """Serve an application on a free port and return the port."""
    servers: list[HttpServer] = []

    def serve(application, body_limit=1_000_000, log=lambda _: None) -> int:
        server = HttpServer(0, body_limit=body_limit, log=log)
        servers.append(server)
        server.start(application)
        return server.port

    yield serve
    for server in servers:
        server.stop()


@pytest.fixture
def connect():
    """Make a DynamoDB or SSM client for a port, with the run's credentials unless told otherwise."""
    clients = []

    def connect(service: str, port: int, secret_key: str = SECRET_KEY, region: str = "us-east-1", **how):
        client = boto3.client(
            service,
            region_name=region,
            endpoint_url=f"http://127.0.0.1:{port}",
            aws_access_key_id="any",
            aws_secret_access_key=secret_key,
            **how,
        )
        clients.append(client)
        return client

    yield connect
    for client in clients:
        client.close()


class Program:
    """A program that runs, with what it printed so far. It has nothing of the developer's own settings."""

    def __init__(self, command: list[object], folder: Path, environment: dict[str, str]) -> None:
        own = {name: value for name, value in os.environ.items() if not name.startswith(OF_THE_DEVELOPER)}
        self.process = subprocess.Popen(
            [str(word) for word in command],
            cwd=folder,
            # No test looks at how long a hash takes.
            env={**own, "LYCHGATE_BCRYPT_COST": "10", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.output = ""
        self._heard = 0
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.output += line

    @property
    def said(self) -> str:
        """What it has printed since `listen`."""
        return self.output[self._heard :]

    def listen(self) -> None:
        """Let `said` begin here."""
        self._heard = len(self.output)

    def send(self, number: signal.Signals) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        code = self.process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)
        self.process.stdout.close()
        return code

    def kill(self) -> None:
        """Have it ended."""
        if self.process.poll() is None:
            self.send(signal.SIGKILL)


class Running(Program):
    """A `python -m infra.local` of its own, on free ports unless told otherwise."""

    def __init__(self, arguments: list[object], environment: dict[str, str]) -> None:
        self.data_directory = Path(arguments[arguments.index("--data-dir") + 1])
        ports = {"PORT": "0", "DYNAMODB_PORT": "0"}
        super().__init__([sys.executable, "-m", "infra.local", *arguments], ROOT, {**ports, **environment})

    @property
    def ready(self) -> bool:
        assert self.process.poll() is None, self.output
        return "Ready after" in self.output

    @property
    def secret_key(self) -> str:
        """The secret access key of its database, which is in its data directory."""
        return read_credentials(self.data_directory / "credentials").secret_key

    def port_of(self, what: str) -> int:
        return int(re.search(rf"^{what} +http://127\.0\.0\.1:(\d+)", self.output, re.MULTILINE)[1])


class ChaliceLocal(Program):
    """A `chalice local` of a project, on a port."""

    def __init__(self, project: Path, port: int, *options: str, **environment: str) -> None:
        self.port = port
        chalice = Path(sys.executable).parent / "chalice"
        command = [chalice, "local", "--port", port, *(options or ["--no-autoreload"])]
        super().__init__(command, project, environment)

    def until_it_serves(self) -> None:
        until(lambda: accepts(self.port) or self.process.poll() is not None)
        assert self.process.poll() is None, self.output


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def make_project(folder: Path) -> Path:
    """A checkout whose stage `dev` is to get a database at a port of its own."""
    for name in ("app.py", "chalicelib", "infra", ".chalice"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    shutil.rmtree(folder / ".chalice" / "deployments", ignore_errors=True)
    return folder


def configure(project: Path, database_port: int) -> None:
    """Let the stage `dev` of a project have its database at a port."""
    path = project / ".chalice" / "config.json"
    config = json.loads(path.read_text("utf-8"))
    config["stages"]["dev"]["environment_variables"]["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{database_port}"
    path.write_text(json.dumps(config), "utf-8")


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path)


@pytest.fixture
def run():
    """Start `python -m infra.local` with arguments, on free ports unless told otherwise."""
    started: list[Running] = []

    def run(*arguments: object, **environment: str) -> Running:
        running = Running(list(arguments), environment)
        started.append(running)
        return running

    yield run
    for running in started:
        running.kill()


@pytest.fixture
def run_until_ready(run):
    def run_until_ready(*arguments: object, **environment: str) -> Running:
        running = run(*arguments, **environment)
        until(lambda: running.ready)
        return running

    return run_until_ready


class Shared:
    """A server that many tests use, one after the other, each as if nothing had happened before."""

    def __init__(self, *arguments: object, **environment: str) -> None:
        self.running = Running(list(arguments), environment)
        self._asked = 0
        until(lambda: self.running.ready)
        self._client = boto3.client(
            "dynamodb",
            region_name="us-east-1",
            endpoint_url=f"http://127.0.0.1:{self.running.port_of('Database')}",
            aws_access_key_id="any",
            aws_secret_access_key=self.running.secret_key,
            config=Config(proxies={}),
        )
        tables = self._client.list_tables()["TableNames"]
        self._schemas = {name: self._client.describe_table(TableName=name)["Table"]["KeySchema"] for name in tables}

    def emptied(self) -> Running:
        """Return it without accounts and mails, once all mails of the last test are sent."""
        until_nothing_waits(lambda: self._client.scan(TableName="lychgate-dev-mail")["Items"])
        for name, schema in self._schemas.items():
            for item in self._client.scan(TableName=name)["Items"]:
                key = {part["AttributeName"]: item[part["AttributeName"]] for part in schema}
                self._client.delete_item(TableName=name, Key=key)
        shutil.rmtree(self.running.data_directory / "mailbox", ignore_errors=True)
        self._hear_the_last_of_it()
        return self.running

    def _hear_the_last_of_it(self) -> None:
        if "\nPage " in f"\n{self.running.output}":
            self._asked += 1
            path = f"/the-last-of-test-{self._asked}"
            ask_once(self.running.port_of("Page"), "GET", path)
            until(lambda: f"{path} " in self.running.output)
        self.running.listen()

    def end(self) -> None:
        self._client.close()
        assert self.running.send(signal.SIGINT) == 0
        assert "Traceback" not in self.running.output


@pytest.fixture(scope="session")
def shared_development_server(tmp_path_factory):
    server = Shared("--data-dir", tmp_path_factory.mktemp("make-dev") / "data")
    yield server
    server.end()


@pytest.fixture
def development_server(shared_development_server):
    """`make dev` as it is without a setting, and as empty as at its first start."""
    return shared_development_server.emptied()


@pytest.fixture(scope="session")
def shared_server_for_another_origin(tmp_path_factory):
    data = tmp_path_factory.mktemp("make-dev") / "data"
    server = Shared("--data-dir", data, LYCHGATE_ALLOWED_ORIGINS=OTHER_ORIGIN)
    yield server
    server.end()


@pytest.fixture
def server_for_another_origin(shared_server_for_another_origin):
    """`make dev`, which pages of OTHER_ORIGIN may use too."""
    return shared_server_for_another_origin.emptied()


@pytest.fixture(scope="session")
def shared_project(tmp_path_factory):
    return make_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def shared_database(shared_project):
    server = Shared("dynamodb", "--data-dir", shared_project / ".lychgate")
    configure(shared_project, server.running.port_of("Database"))
    yield server
    server.end()


@pytest.fixture
def database(shared_database):
    """`make dynamodb` as it is without a setting, and as empty as at its first start."""
    return shared_database.emptied()


@pytest.fixture(scope="session")
def shared_chalice_local(shared_project, shared_database):
    server = ChaliceLocal(shared_project, free_port())
    try:
        server.until_it_serves()
        yield server
    finally:
        server.kill()


@pytest.fixture
def chalice_server(shared_chalice_local, database):
    """`chalice local` over that database."""
    shared_chalice_local.listen()
    return shared_chalice_local


@pytest.fixture
def disk_full():
    """The system refuses to make files larger than the write-ahead log is, as it refuses to write to a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    @contextmanager
    def disk_full(file):
        resource.setrlimit(resource.RLIMIT_FSIZE, (file.with_name(f"{file.name}-wal").stat().st_size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return disk_full
