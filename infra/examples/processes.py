"""The processes of the examples, each in a group of its own: Ctrl-C gets to this process, which ends them in order."""

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.local.environment import PROJECT
from infra.local.errors import LocalError

# For a process that has been asked to end.
_PATIENCE_SECONDS = 10.0
_started: list[subprocess.Popen[str]] = []


def kill_all() -> None:
    """End all processes at once."""
    for process in _started:
        process.kill()


class Process:
    """A process that runs until it is stopped. What it prints is passed on."""

    def __init__(self, name: str, command: Sequence[str | Path], folder: Path, environ: Mapping[str, str]) -> None:
        self.name = name
        self._process = subprocess.Popen(  # noqa: S603 - a program of this project, or one that it has installed
            command,
            cwd=folder,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        _started.append(self._process)
        self._printed = threading.Condition()
        self._lines: list[str] = []
        self._has_ended = False
        self._reader = threading.Thread(target=self._read, name=name, daemon=True)
        self._reader.start()

    def until(self, pattern: str) -> re.Match[str]:
        """Wait for a line that matches and return the match. Raises LocalError if the process ends before."""
        with self._printed:
            self._printed.wait_for(lambda: self._has_ended or self._found(pattern))
            found = self._found(pattern)
        if found is None:
            self.must_run()
            raise LocalError(f"{self.name} did not start")
        return found

    def must_run(self) -> None:
        """Raise LocalError if the process has ended."""
        if self._has_ended or self._process.poll() is not None:
            raise LocalError(f"{self.name} has ended, and with it all examples. What it said is above.")

    def stop(self) -> None:
        """Ask the process to end, and end it if it does not."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(_PATIENCE_SECONDS)

    def _found(self, pattern: str) -> re.Match[str] | None:
        return next((match for line in self._lines if (match := re.search(pattern, line))), None)

    def _read(self) -> None:
        stream = self._process.stdout
        assert stream is not None  # noqa: S101 - it is a pipe
        with stream:
            for line in stream:
                sys.stdout.write(line)
                sys.stdout.flush()
                with self._printed:
                    self._lines.append(line)
                    self._printed.notify_all()
        with self._printed:
            self._has_ended = True
            self._printed.notify_all()


class DevelopmentServer(Process):
    """The server of `make dev`."""

    def __init__(self, arguments: Sequence[str], environ: Mapping[str, str]) -> None:
        command = [sys.executable, "-m", "infra.local", *arguments]
        super().__init__("the development server", command, PROJECT, environ)

    def until_ready(self) -> str:
        """Wait until it answers, and return its origin. Raises LocalError."""
        self.until("^Ready after")
        return self.until(r"^Page +(http://127\.0\.0\.1:\d+)/")[1]
