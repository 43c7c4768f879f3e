"""The functions that the commands are given beside AWS, with their defaults."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.deployment.own_code import problems_of_own_code
from infra.deployment.repository import checked_out_commit
from infra.deployment.smoke import run_smoke
from infra.deployment.template import rendered_template


@dataclass(frozen=True)
class Dependencies:
    """The functions that the commands are given beside AWS."""

    template: Callable[[str], dict[str, Any]] = rendered_template
    """Takes the stage and returns its template for CloudFormation."""
    smoke: Callable[[str, str], bool] = run_smoke
    """Takes the URL of the site and the API's own, and returns whether the site works."""
    sleep: Callable[[float], object] = time.sleep
    """Takes seconds."""
    commit: Callable[[Path], str | None] = checked_out_commit
    """Takes the project's folder and returns the commit that is checked out, None if what is there is no commit."""
    now: Callable[[], float] = time.time
    """Returns what this machine takes for the time, in seconds since 1970."""
    own_code: Callable[[Path, str], tuple[str, ...]] = problems_of_own_code
    """Takes the project's folder and the stage, and returns what is wrong with the site's own code, each by itself."""
    ask: Callable[[str], str] = input
    """Takes a question and returns the operator's answer. Raises EOFError if there is no terminal."""


DEFAULTS = Dependencies()
