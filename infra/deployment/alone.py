"""One deployment at a time in a folder: two would write over each other's files in .chalice/."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.deployment.errors import DeploymentError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_LOCKS: bool = fcntl is not None


@contextmanager
def alone(project: Path) -> Iterator[None]:
    """Hold .chalice/ for one command. Raises DeploymentError if another holds it. Its end ends that, whatever it is."""
    folder = project / ".chalice"
    if not (_LOCKS and folder.is_dir()):
        yield
        return
    held = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DeploymentError(
                "another `make deploy` or `make destroy` runs in this folder already. Wait until it has ended, then run"
                " the same command again"
            ) from None
        yield
    finally:
        os.close(held)
