"""Whether the code of a site that is to be deployed can be loaded, and is what it seems to be."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from infra.local.environment import stage_environment


def problems_of_own_code(project: Path, stage: str) -> tuple[str, ...]:
    """Return what is wrong with a project's own routes and hooks, each by itself; none if nothing is.

    They are loaded in a process of its own, with the stage's settings: this one has the code of the command.
    """
    done = subprocess.run(
        [sys.executable, "-m", "infra.site_check"],
        cwd=project,
        env={**os.environ, **_settings(project, stage)},
        capture_output=True,
        text=True,
        check=False,
    )
    if not done.returncode:
        return ()
    if not done.stdout:  # a traceback, which is not of the site
        return tuple(done.stderr.splitlines()[-1:])
    # What belongs to the line above is indented.
    return tuple(re.split(r"\n(?! )", done.stdout.rstrip()))


def _settings(project: Path, stage: str) -> Mapping[str, str]:
    try:
        return stage_environment(project, stage)
    except KeyError:  # a stage that is yet to be made
        return {}
