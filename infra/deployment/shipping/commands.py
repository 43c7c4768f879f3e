"""The commands around a deployment: `live`, `watch` and `rollback`."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from infra.deployment.errors import DeploymentError
from infra.deployment.live import live
from infra.deployment.preflight import check
from infra.deployment.resources import Resources
from infra.deployment.shipping.earlier_version import go_back
from infra.deployment.shipping.rollback import rollback
from infra.deployment.shipping.watch import watch

if TYPE_CHECKING:
    from infra.deployment.dependencies import Dependencies
    from infra.deployment.progress import Progress

COMMANDS = frozenset({"live", "watch", "rollback"})

_MINUTES = 15
"""As long as an alarm needs that goes off after three periods of five minutes."""


def add_commands(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    """Add the commands to a parser."""
    commands.add_parser("live", parents=[common], help="print the site's address and the live commit, as NAME=VALUE")
    watching = commands.add_parser("watch", parents=[common], help="fail if an alarm of the stage goes off")
    watching.add_argument("--minutes", type=int, default=_MINUTES, help=f"how long ({_MINUTES})")
    watching.add_argument(
        "--since", type=_moment, help="a time in ISO 8601: alarms that went off since then count too (the start)"
    )
    back = commands.add_parser(
        "rollback", parents=[common], help="let an earlier version of the API answer, or deploy an earlier commit"
    )
    back.add_argument("commit", nargs="?", help="a commit, a tag or a branch of this repository, to deploy it")
    back.add_argument(
        "--to", metavar="VERSION", help="the version that shall answer; by default the one before the live one"
    )


def run(options: argparse.Namespace, progress: Progress, dependencies: Dependencies) -> None:
    """Run one of the commands. Raises DeploymentError, or what botocore raises."""
    if options.command == "rollback":
        _roll_back(options, progress, dependencies)
        return
    place = check(options.stage, options.project, {})
    resources = Resources(options.stage, options.project, place, dependencies)
    if options.command == "live":
        for name, value in live(resources).items():
            progress.output(f"{name}={value}")
    else:
        watch(resources, options.minutes, options.since or datetime.now(UTC), progress, dependencies)


def _roll_back(options: argparse.Namespace, progress: Progress, dependencies: Dependencies) -> None:
    if options.commit is None:
        go_back(options.stage, options.project, progress, options.to, dependencies)
    elif options.to is None:
        rollback(options.stage, options.commit, options.project, progress)
    else:
        raise DeploymentError("name a commit to deploy, or with --to a version to answer at once, not both")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 2027-01-31T12:00:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
