"""The smoke test as the last step of a deployment."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from infra.local.environment import PROJECT


def run_smoke(url: str, api_url: str, project: Path = PROJECT) -> bool:
    """Ask the site whether it works by `make smoke`, which sets up what it needs. Returns whether it does.

    ``api_url`` is the API's own address, which has to refuse everybody.
    """
    # Without the variables of the `make` that this may run under: its ARGS are not for the smoke test.
    environment = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKEOVERRIDES"}}
    command = ["make", "--no-print-directory", "smoke", f"URL={url}", f"ARGS=--api {api_url}"]
    return subprocess.run(command, cwd=project, env=environment, check=False).returncode == 0  # noqa: S603 - our own
