"""Deploys an earlier commit, from a working tree of its own, by the commands that it had."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from infra.deployment.errors import DeploymentError
from infra.deployment.progress import Progress
from infra.deployment.repository import git


def rollback(stage: str, commit: str, project: Path, progress: Progress) -> None:
    """Deploy a commit, a tag or a branch of the repository to the stage. Raises DeploymentError.

    Functions, page and stack become what they were, and the smoke test of that commit is the last step. Accounts, keys
    and the parameters of the stack stay.
    """
    with progress.of("Earlier commit"):
        found = git(project, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}^{{commit}}")
        if found.returncode:
            raise DeploymentError(
                f"{commit!r} is no commit of this repository. Name a commit, a tag or a branch. If the clone is"
                " shallow: `git fetch --unshallow --tags`"
            )
        name = found.stdout.strip()
        progress(f"{commit} is {name}")
    with tempfile.TemporaryDirectory(prefix="lychgate-rollback-") as folder:
        tree = Path(folder) / "lychgate"
        added = git(project, "worktree", "add", "--detach", str(tree), name)
        if added.returncode:
            raise DeploymentError(f"git made no working tree of {name}: {added.stderr.strip()}")
        try:
            with progress.of(f"make deploy STAGE={stage}, as it was at {name}"):
                deployed = _make_deploy(tree, stage)
        finally:
            git(project, "worktree", "remove", "--force", str(tree))
    if not deployed:
        raise DeploymentError(
            f"{name} was not deployed: see above. Fix that, then repeat `make rollback STAGE={stage} TO={commit}`"
        )
    progress.end(f"Rolled back to {name}")


def _make_deploy(tree: Path, stage: str) -> bool:
    # Without the variables of the `make` that this runs under, whose ARGS and STAGE are not meant for the other one.
    own = {"MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS", "MAKELEVEL", "ARGS", "STAGE"}
    environment = {name: value for name, value in os.environ.items() if name not in own}
    command = ["make", "--no-print-directory", "deploy", f"STAGE={stage}"]
    return subprocess.run(command, cwd=tree, env=environment, check=False).returncode == 0  # noqa: S603 - our own
