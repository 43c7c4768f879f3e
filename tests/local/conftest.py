import http.client
import os
import re
import resource
import signal
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
from moto.backends import get_backend

from infra.database_credentials import read_credentials
from infra.local.embedded_aws import EmbeddedAws
from infra.local.http_server import HttpServer

SECRET_KEY = "the secret key of this run"
ROOT = Path(__file__).parents[2]
# A bound for what normally takes a fraction of it, not an expectation.
PATIENCE_SECONDS = 120.0


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
    for name in [name for name in os.environ if name.startswith(("AWS_", "LYCHGATE_", "PORT", "DYNAMODB_PORT"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def ask():
    """Make one HTTP request on a connection of its own."""

    def ask(port: int, method: str, target: str, headers: dict[str, str] | None = None, body: bytes | None = None):
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)) as connection:
            connection.request(method, target, body, headers or {})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())

    return ask


@pytest.fixture
def eventually():
    """Wait until something holds, for as long as patience lasts."""

    def eventually(holds: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            assert time.monotonic() < deadline, "it never came true"
            time.sleep(0.02)

    return eventually


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


class Running:
    """A `python -m infra.local` of its own, with what it printed so far."""

    def __init__(self, arguments: list[str], environment: dict[str, str]) -> None:
        self.data_directory = Path(arguments[arguments.index("--data-dir") + 1])
        self.process = subprocess.Popen(
            [sys.executable, "-m", "infra.local", *arguments],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.output = ""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.output += line

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

    def send(self, number: signal.Signals) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        code = self.process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)
        self.process.stdout.close()
        return code


@pytest.fixture
def run():
    """Start `python -m infra.local` with arguments, on free ports unless told otherwise."""
    started: list[Running] = []

    def run(*arguments: object, **environment: str) -> Running:
        ports = {"PORT": "0", "DYNAMODB_PORT": "0"}
        running = Running([str(argument) for argument in arguments], {**ports, **environment})
        started.append(running)
        return running

    yield run
    for running in started:
        if running.process.poll() is None:
            running.send(signal.SIGKILL)


@pytest.fixture
def run_until_ready(run, eventually):
    def run_until_ready(*arguments: object, **environment: str) -> Running:
        running = run(*arguments, **environment)
        eventually(lambda: running.ready)
        return running

    return run_until_ready


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
