"""`python -m infra.restore`: a drill of the backups, accounts of an earlier time, tables that were deleted.

Every command can be run again after any failure, and goes on. No account is changed before you have confirmed it.
"""

from __future__ import annotations

import argparse
import sys
from datetime import datetime
from pathlib import Path

from infra.deployment.errors import DeploymentError, explained
from infra.deployment.progress import Progress, Say
from infra.keys import backup as backups
from infra.keys.backup import Backup
from infra.keys.places import PlaceError
from infra.local.environment import PROJECT
from infra.restore import copies
from infra.restore.drill import drill
from infra.restore.lost_tables import bring_back
from infra.restore.stage import Reach, RestoreError, Stage, open_stage
from infra.restore.users import Wish, restore_users
from infra.tables import copies_of

# The exit code of a program that SIGINT ended: 128 + 2.
_INTERRUPTED = 130


def main(arguments: list[str] | None = None, *, say: Say | None = None, reach: Reach | None = None) -> int:
    """Run the command and return the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    options = _parser().parse_args(given)
    progress = Progress(say)
    try:
        with explained():
            with progress.of("Stage"):
                stage = open_stage(options.stage, options.project, progress, reach or Reach())
            _run(stage, options, progress)
    except DeploymentError as error:
        sys.stderr.write(f"restore: {progress.step}: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write(
            f"\nrestore: stopped at: {progress.step}. AWS continues what it has begun. To go on:"
            f" python -m infra.restore {' '.join(given)}\nTo give up: python -m infra.restore clean --stage"
            f" {options.stage}\n"
        )
        return _INTERRUPTED
    return 0


def _run(stage: Stage, options: argparse.Namespace, progress: Progress) -> None:
    if options.command == "drill":
        drill(stage, options.to, progress, None if options.keys is None else _opened(options, stage))
    elif options.command == "users":
        wish = Wish(
            options.to,
            exactly=options.exactly,
            with_events=options.with_events,
            losing_passwords=options.losing_passwords,
            dry_run=options.dry_run,
            confirmed=options.yes,
        )
        restore_users(stage, wish, progress)
    elif options.command == "tables":
        bring_back(stage, progress, dry_run=options.dry_run, make_empty=options.empty, confirmed=options.yes)
    else:
        _clean(stage, progress, options.yes)


def _opened(options: argparse.Namespace, stage: Stage) -> Backup:
    """Return the backup of keys that is to be tried. Raises RestoreError if it cannot be opened."""
    try:
        contents = backups.read(options.keys)
        return backups.opened(
            contents, backups.passphrase(options, stage.reach.ask_secret, options.keys), str(options.keys)
        )
    except PlaceError as unusable:
        raise RestoreError(str(unusable)) from unusable


def _clean(stage: Stage, progress: Progress, confirmed: str | None) -> None:
    with progress.of("Copies"):
        found = copies_of(stage.dynamodb, (stage.tables.users, stage.tables.events))
        for copy in found:
            progress(f"{copy} would be deleted")
    if found:
        stage.confirm(confirmed)
        with progress.of("Removal"):
            copies.remove(stage.dynamodb, found, progress)
    progress.end("No copy is left." if found else "There is no copy.")


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--stage", required=True, help="a stage of .chalice/config.json, such as prod")
    common.add_argument("--project", type=Path, default=PROJECT, help=argparse.SUPPRESS)
    confirming = argparse.ArgumentParser(add_help=False, parents=[common])
    confirming.add_argument("--yes", metavar="STAGE", help="the stage's name again, instead of the question")
    changing = argparse.ArgumentParser(add_help=False, parents=[confirming])
    changing.add_argument("--dry-run", action="store_true", help="say what would happen, and change no account")
    parser = argparse.ArgumentParser(prog="python -m infra.restore", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    trial = commands.add_parser(
        "drill", parents=[common], help="restore beside the tables, look, and remove it again: changes nothing"
    )
    trial.add_argument("--to", type=_moment, metavar="TIME", help="such as 2026-11-28T10:00:00Z (the latest second)")
    trial.add_argument("--keys", type=Path, metavar="FILE", help="try this backup of keys and peppers, too")
    trial.add_argument("--passphrase-file", type=Path, help="a file whose first line is its passphrase")
    users = commands.add_parser("users", parents=[changing], help="restore accounts to an earlier time")
    users.add_argument("--to", type=_moment, required=True, metavar="TIME", help="such as 2026-11-28T10:00:00Z")
    users.add_argument("--with-events", action="store_true", help="put missing events of the histories back, too")
    users.add_argument("--exactly", action="store_true", help="delete accounts that are newer")
    users.add_argument(
        "--losing-passwords", action="store_true", help="restore accounts although the pepper of their hash is lost"
    )
    tables = commands.add_parser("tables", parents=[changing], help="bring back tables that were deleted")
    tables.add_argument("--empty", action="store_true", help="make users and events empty if they have no backup")
    commands.add_parser("clean", parents=[confirming], help="delete the copies that earlier runs have left")
    return parser


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time with a zone, such as 2026-11-28T10:00:00Z")
    return moment.replace(microsecond=0)


if __name__ == "__main__":
    sys.exit(main())
