"""Programs that run until they end."""

import subprocess

PATIENCE_SECONDS = 1200
"""A bound for what normally takes a small part of it, not an expectation."""


def run_to_end(command, folder, env=None):
    """Run a command in a folder and return how it ended. Its standard output is all that it printed."""
    return subprocess.run(
        command,
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        timeout=PATIENCE_SECONDS,
        check=False,
    )
