"""What the commands do on a terminal that answers no query: a pseudo terminal that is only read."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.local.conftest import PATIENCE_SECONDS, ROOT

# What a terminal takes as a command or a query begins with this.
ESCAPE = b"\x1b"
ANY_PORTS = {"PORT": "0", "DYNAMODB_PORT": "0"}
MODULE = (sys.executable, "-m")
CHALICE = Path(sys.executable).parent / "chalice"


class Terminal:
    """A process whose input, output and controlling terminal are a terminal that never answers."""

    def __init__(self, command, environment):
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [str(word) for word in command],
            cwd=ROOT,
            env={**os.environ, "TERM": "xterm", **environment},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self.shown = b""

    def read_until(self, shown):
        """Read what is shown until it matches, or until the process ends if that is never."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (shown and re.search(shown, self.shown)):
            assert time.monotonic() < deadline, self.shown
            ready, _, _ = select.select([self._ours], [], [], 0.2)
            if ready and not self._read():
                break
            if not ready and self.process.poll() is not None:
                break
        return self.shown

    def _read(self):
        try:
            more = os.read(self._ours, 65536)
        except OSError:  # so Linux says that nobody has the other end any more
            return False
        self.shown += more
        return bool(more)

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait(PATIENCE_SECONDS)
        os.close(self._ours)


@pytest.fixture
def on_a_mute_terminal():
    started = []

    def on_a_mute_terminal(*command, **environment):
        terminal = Terminal(command, environment)
        started.append(terminal)
        return terminal

    yield on_a_mute_terminal
    for terminal in started:
        terminal.end()


@pytest.mark.parametrize("command", ["dev", "dynamodb"])
def test_the_start_asks_the_terminal_nothing(on_a_mute_terminal, tmp_path, command):
    terminal = on_a_mute_terminal(*MODULE, "infra.local", command, "--data-dir", tmp_path, **ANY_PORTS)

    shown = terminal.read_until(rb"Ready after")

    assert b"Ready after" in shown
    assert ESCAPE not in shown


@pytest.mark.parametrize(
    "arguments",
    [["infra.keys", "list"], ["infra.deployment", "deploy", "prod", "--dry-run"]],
    ids=["keys", "deployment"],
)
def test_an_operators_command_asks_the_terminal_nothing(on_a_mute_terminal, tmp_path, arguments):
    nobody = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_DEFAULT_REGION": "us-east-1"}
    terminal = on_a_mute_terminal(*MODULE, *arguments, LYCHGATE_DATA_DIR=str(tmp_path), **nobody)

    shown = terminal.read_until(None)

    assert shown.strip(), "it said something"
    assert ESCAPE not in shown


def test_the_development_server_does_not_import_what_asks_the_terminal():
    program = "import sys, infra.local.application as a; a.stage_config(a.PROJECT); a.load_api; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"blessed", "inquirer", "chalice.cli"} & set(done.stdout.split())


def test_chalice_without_colours_asks_the_terminal_nothing(on_a_mute_terminal):
    """docs/architecture.md says so of `chalice local`: its imports are Chalice's own."""
    assert ESCAPE in on_a_mute_terminal(CHALICE, "--version").read_until(ESCAPE), "with colours it asks"

    shown = on_a_mute_terminal(CHALICE, "--version", NO_COLOR="1").read_until(None)

    assert shown.startswith(b"chalice ")
    assert ESCAPE not in shown
