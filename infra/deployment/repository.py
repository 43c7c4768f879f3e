"""The git repository that a deployment is made from."""

from __future__ import annotations

import subprocess
from pathlib import Path


def git(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run git in a folder and return what it says. Raises OSError if there is no git."""
    return subprocess.run(["git", *arguments], cwd=project, capture_output=True, text=True, check=False)  # noqa: S603, S607 - our own arguments


def checked_out_commit(project: Path) -> str | None:
    """Return the commit of a working tree, None if it has changes that no commit has or there is no repository.

    Changes of .chalice/ do not count: a deployment makes them itself.
    """
    try:
        changed = git(project, "status", "--porcelain", "--", ".", ":(exclude).chalice")
        head = git(project, "rev-parse", "HEAD")
    except OSError:
        return None
    if changed.returncode or changed.stdout.strip() or head.returncode:
        return None
    return head.stdout.strip()
