"""Runs Chalice's commands, with their output below the current step.

Owns which output is shown: no tracebacks, and what to do if AWS refused something.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from infra import site_aws
from infra.deployment.errors import DeploymentError, advice_on_output
from infra.runtime import is_application_file
from infra.stages import DEPLOYING, FUNCTIONS, policy_file

if TYPE_CHECKING:
    from infra.deployment.progress import Progress

_LONGEST_END = 30.0
_TRACEBACK = "Traceback (most recent call last):"


def run_chalice(command: str, stage: str, project: Path, region: str, progress: Progress) -> None:
    """Run `chalice deploy` or `chalice delete`. Raises DeploymentError if it fails."""
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
        [sys.executable, "-c", "from chalice.cli import main; raise SystemExit(main())", command, "--stage", stage],
        cwd=project,
        env={**_without_settings(os.environ), "AWS_DEFAULT_REGION": region, "AWS_REGION": region, DEPLOYING: stage},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines: list[str] = []
    failing = False
    assert process.stdout is not None  # noqa: S101 - for mypy
    try:
        for line in process.stdout:
            lines.append(line.rstrip())
            failing = failing or lines[-1] == _TRACEBACK
            if lines[-1] and not failing:
                progress(f"chalice: {lines[-1]}")
        process.wait()
    finally:
        _end(process)
    if process.returncode:
        last = next((line for line in reversed(lines) if line), "it said nothing")
        known = advice_on_output("\n".join(lines))
        if known is not None:
            raise DeploymentError(f"{known}. Chalice says: {last}")
        raise DeploymentError(f"`chalice {command} --stage {stage}` failed: {last}")


def source_digest(project: Path, stage: str) -> str:
    """Return a digest of everything that `chalice deploy` makes the stage's functions and API from, in hex.

    It is the same for a commit on every machine, whichever Python runs here: otherwise two people would take turns in
    deploying what has not changed. What lies around and does not ship is not in it.
    """
    folder = project / ".chalice"
    files = [
        project / "app.py",
        project / "requirements.txt",
        project / "infra" / "runtime.py",
        project / site_aws.FILE,
        folder / "config.json",
        *(folder / policy_file(stage, function) for function in FUNCTIONS),
    ]
    for name in ("chalicelib", "infra/chalice_cli"):
        files += [path for path in (project / name).rglob("*") if is_application_file(path.relative_to(project))]
    files += [path for path in (project / "vendor").rglob("*") if path.suffix != ".pyc"]
    digest = hashlib.sha256(importlib.metadata.version("chalice").encode())
    for name, path in sorted((path.relative_to(project).as_posix(), path) for path in files if path.is_file()):
        digest.update(f"{name}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _without_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without settings of the API: those of the stage alone make its gateway responses."""
    return {name: value for name, value in environ.items() if not name.startswith("LYCHGATE_")}


def _end(process: subprocess.Popen[str]) -> None:
    """End the process with SIGINT, as Ctrl-C does, if it is still running."""
    if process.stdout is not None:
        process.stdout.close()
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_LONGEST_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
