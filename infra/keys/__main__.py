"""`python -m infra.keys`: list, create, add, retire, revoke and back up the keys of a stage, and change its pepper.

Prints no secrets.
"""

from __future__ import annotations

import argparse
import getpass
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from chalicelib.adapters.aws import dynamodb_client, ssm_client, unavailable_on_failure
from chalicelib.config.api import ApiSettings
from chalicelib.config.signing_secrets import parse_peppers
from chalicelib.errors import ConfigurationError, ServiceUnavailable
from chalicelib.tokens.keys import KEY_TYPES, parse_signing_keys, public_jwks
from infra.keys import backup as backups
from infra.keys import peppers
from infra.keys import ring as rings
from infra.keys.places import FileRing, FollowingPublicSet, ParameterRing, PlaceError, PublicSet, RingPlace
from infra.keys.users import users_in_table, users_on_disk
from infra.laptop import left_alone
from infra.local.data_directory import DataDirectory
from infra.local.environment import PROJECT, STAGE
from infra.local.errors import LocalError
from infra.stage_settings import UnknownStageError, follow_region_of_shell, stage_settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_ssm import SSMClient

Say = Callable[[str], None]
MakeSsm = Callable[[], "SSMClient"]
MakeDynamoDB = Callable[[], "DynamoDBClient"]

_DURATION = re.compile(r"([0-9]{1,7})([smhd])\Z", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600}


def main(
    arguments: list[str] | None = None,
    *,
    say: Say = print,
    now: int | None = None,
    make_ssm: MakeSsm = ssm_client,
    make_dynamodb: MakeDynamoDB = dynamodb_client,
    ask: Callable[[str], str] = getpass.getpass,
) -> int:
    """Run the command and return the exit code.

    ``make_ssm`` is called only for a stage whose ring is a parameter, ``make_dynamodb`` only to count its users.
    ``ask`` takes a question and returns a passphrase.
    """
    options = _parser().parse_args(arguments)
    at = int(time.time()) if now is None else now
    try:
        with unavailable_on_failure():
            _run(options, say=say, now=at, make_ssm=make_ssm, make_dynamodb=make_dynamodb, ask=ask)
    except (rings.RefusedError, PlaceError, LocalError, UnknownStageError, ConfigurationError) as error:
        sys.stderr.write(f"keys: {error}\n")
        return 1
    except ServiceUnavailable as error:
        sys.stderr.write(f"keys: AWS did not answer ({error.reason}). Run `list` to see whether anything changed\n")
        return 1
    except ClientError as error:
        sys.stderr.write(f"keys: AWS refuses this: {error}. Log in again if the credentials have expired\n")
        return 1
    return 0


def _run(
    options: argparse.Namespace,
    *,
    say: Say,
    now: int,
    make_ssm: MakeSsm,
    make_dynamodb: MakeDynamoDB,
    ask: Callable[[str], str],
) -> None:
    settings = stage_settings(options.project, options.stage)
    if options.stage != STAGE:
        follow_region_of_shell()
        for sentence in left_alone(options.stage, os.environ):
            say(f"{sentence}.")
    place = _ring_place(options, settings, make_ssm)
    if options.command == "restore":
        _restore(options, place, say=say, ask=ask)
        return
    ring = place.read()
    if options.command == "create":
        if ring is not None:
            raise rings.RefusedError(f"{place.name} holds a ring already")
        if options.stage != STAGE:
            _refuse_accounts_without_keys(options.stage, settings, make_dynamodb)
        change = rings.Change(
            rings.new_ring(options.alg, now=now),
            (f"A ring of one {options.alg} key, which signs at once, and a pepper.",),
        )
        _apply(change, options, place, say=say)
        return
    if ring is None:
        raise PlaceError(
            f"{place.name} does not exist. Create it: `python -m infra.keys create --stage {options.stage}`"
        )
    if options.command == "list":
        _list(ring, _public_set(options), place, say=say, now=now)
        return
    if options.command == "backup":
        _back_up(ring, options, place, say=say, now=now, ask=ask)
        return
    _change(ring, options, place, settings, say=say, now=now, make_dynamodb=make_dynamodb)


def _refuse_accounts_without_keys(stage: str, settings: ApiSettings, make_dynamodb: MakeDynamoDB) -> None:
    """Raise RefusedError if there are accounts: none of their passwords would ever be right with a new pepper."""
    try:
        users = users_in_table(make_dynamodb(), settings.tables.users, lambda _: None).users
    except PlaceError:  # no table, so no account
        return
    if users:
        raise rings.RefusedError(
            f"{settings.tables.users} has {users} accounts whose passwords need the pepper that was lost. Restore it"
            f" from your backup: `python -m infra.keys restore FILE --stage {stage}`. Without one the accounts are"
            " lost: delete the table's items first"
        )


def _change(
    ring: rings.Ring,
    options: argparse.Namespace,
    place: RingPlace,
    settings: ApiSettings,
    *,
    say: Say,
    now: int,
    make_dynamodb: MakeDynamoDB,
) -> None:
    """Change keys or peppers of a ring that exists."""
    if options.command == "pepper":
        change = _pepper_change(ring, options, settings, say=say, now=now, make_dynamodb=make_dynamodb)
        _apply_to_ring(change, options, place, say=say, unchanged=change.ring == ring)
        return
    current = rings.pruned(ring, now=now)
    if options.command == "add":
        change = rings.add(current, now=now, alg=options.alg, delay=options.delay, stage=options.stage)
    elif options.command == "retire":
        change = rings.retire(
            current, now=now, kid=options.kid, longest_token=_longest_token(settings), stage=options.stage
        )
    else:
        change = rings.revoke(current, now=now, kid=options.kid, stage=options.stage)
    _apply(change, options, place, say=say, unchanged=change.ring == ring)


def _back_up(
    ring: rings.Ring, options: argparse.Namespace, place: RingPlace, *, say: Say, now: int, ask: Callable[[str], str]
) -> None:
    """Write a backup of the ring, and read it back."""
    backup = backups.Backup(options.stage, now, ring)
    passphrase = backups.passphrase(options, ask, options.file, twice=True)
    backups.write_new(options.file, backups.sealed(backup, passphrase), options.project)
    if backups.opened(backups.read(options.file), passphrase, str(options.file)) != backup:
        raise PlaceError(f"{options.file} does not hold what was written: delete it, and use another disk")
    say(f"Written and read back: {options.file}, a backup of {place.name}.")
    say(f"Keys: {', '.join(key['kid'] for key in ring['keys'])}.")
    say(f"Peppers: {', '.join(name for name, _ in peppers.states(ring, now=now))}.")
    say("Keep it apart from backups of the tables, and its passphrase apart from both: nothing else opens the file.")


def _restore(options: argparse.Namespace, place: RingPlace, *, say: Say, ask: Callable[[str], str]) -> None:
    """Restore the ring from a backup."""
    contents = backups.read(options.file)
    backup = backups.opened(contents, backups.passphrase(options, ask, options.file), str(options.file))
    try:
        ring = place.read()
    except PlaceError as damaged:
        if not options.replace:
            raise PlaceError(f"{damaged}. With --replace the backup takes its place") from damaged
        ring = None
    change = backups.restored(
        ring, backup, stage=options.stage, add_peppers=options.add_peppers, replace=options.replace
    )
    published = set(_public_set(options).kids() or ()) - {key["kid"] for key in change.ring["keys"]}
    for kid in sorted(published):
        say(f"The key {kid}, which is published, is not in the backup: its tokens are refused after the deployment.")
    _apply(change, options, place, say=say, unchanged=change.ring == ring)


def _pepper_change(
    ring: rings.Ring,
    options: argparse.Namespace,
    settings: ApiSettings,
    *,
    say: Say,
    now: int,
    make_dynamodb: MakeDynamoDB,
) -> rings.Change:
    if options.pepper_command == "add":
        return peppers.add(ring, now=now, delay=options.delay, stage=options.stage)
    table = settings.tables.users
    say(f"Counting the users of {table} by their peppers.")
    if options.stage == STAGE:
        needs = users_on_disk(DataDirectory(options.data_dir).path, table)
    else:
        needs = users_in_table(make_dynamodb(), table, say)
    say(f"{needs.users} users in all.")
    losing = peppers.Loss(users=options.losing_users, recovery_codes=options.losing_recovery_codes)
    return peppers.retire(ring, now=now, pepper_id=options.id, needs=needs, losing=losing, stage=options.stage)


def _apply_to_ring(
    change: rings.Change, options: argparse.Namespace, place: RingPlace, *, say: Say, unchanged: bool
) -> None:
    """Print what a change of the peppers does, which concern the ring alone. Unless this is a dry run, write it."""
    parse_peppers(change.ring)
    for sentence in change.account:
        say(sentence)
    if options.dry_run:
        say("This was a dry run: nothing was changed. The real run makes another pepper, if it makes one.")
        return
    say(f"Unchanged: {place.name}." if unchanged else place.write(change.ring))


def _apply(
    change: rings.Change, options: argparse.Namespace, place: RingPlace, *, say: Say, unchanged: bool = False
) -> None:
    """Print what a change does. Unless this is a dry run, write first the ring, then the configuration."""
    parse_signing_keys(change.ring)
    public_set = _public_set(options)
    public_set.prepare(public_jwks(change.ring))
    for sentence in change.account:
        say(sentence)
    if options.dry_run:
        say("This was a dry run: nothing was changed. The real run makes another key.")
        return
    # Both are written before anything is printed, because printing into a closed pipe fails.
    outcomes = [f"Unchanged: {place.name}." if unchanged else place.write(change.ring), public_set.write()]
    for sentence in outcomes:
        say(sentence)


def _list(
    ring: rings.Ring, public_set: PublicSet | FollowingPublicSet, place: RingPlace, *, say: Say, now: int
) -> None:
    configured = public_set.kids()
    try:
        signing_kid = parse_signing_keys(ring).current(now).kid
    except ServiceUnavailable:
        signing_kid = ""
        say("No key signs now: nobody can log in.")
    say(f"Keys in {place.name} at {rings.at(now)}:")
    for key in ring["keys"]:
        line = f"  {key['kid']}  {key['alg']}  {rings.state(key, now=now, signing_kid=signing_kid)}"
        if configured is not None and (key["kid"] in configured) == ("revoked" in key):
            line += "  (the configured public set does not agree: run the last command again)"
        say(line)
    say("Peppers:")
    for name, state in peppers.states(ring, now=now):
        say(f"  {name}  {state}")


def _longest_token(settings: ApiSettings) -> int:
    """Return the longest lifetime of a token in seconds. A refresh token lives until its session ends or is idle."""
    return max(
        settings.access_token_lifetime, min(settings.sessions.idle_lifetime, settings.sessions.absolute_lifetime)
    )


def _ring_place(options: argparse.Namespace, settings: ApiSettings, make_ssm: MakeSsm) -> RingPlace:
    if options.stage == STAGE:
        return FileRing(DataDirectory(options.data_dir))
    return ParameterRing(make_ssm(), settings.signing_keys_parameter)


def _public_set(options: argparse.Namespace) -> PublicSet | FollowingPublicSet:
    return FollowingPublicSet() if options.stage == STAGE else PublicSet(options.project, options.stage)


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--stage", default=STAGE, help=f"a stage of .chalice/config.json; {STAGE} is that of `make dev` ({STAGE})"
    )
    common.add_argument("--project", type=Path, default=PROJECT, help=argparse.SUPPRESS)
    common.add_argument(
        "--data-dir",
        type=Path,
        default=os.environ.get("LYCHGATE_DATA_DIR") or PROJECT / ".lychgate",
        help=f"the data directory of the stage {STAGE} (LYCHGATE_DATA_DIR, .lychgate)",
    )
    changing = argparse.ArgumentParser(add_help=False, parents=[common])
    changing.add_argument("--dry-run", action="store_true", help="print what would happen and change nothing")
    parser = argparse.ArgumentParser(prog="python -m infra.keys", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", parents=[common], help="print what each key and each pepper does")
    create = commands.add_parser(
        "create", parents=[changing], help="create the first key and the pepper of a new stage"
    )
    add = commands.add_parser("add", parents=[changing], help="publish a key that signs later")
    for command in (create, add):
        command.add_argument("--alg", choices=tuple(KEY_TYPES), default="ES256", help="(ES256)")
    add.add_argument("--in", dest="delay", type=_duration, help="when it begins to sign, such as 24h (a day from now)")
    retire = commands.add_parser(
        "retire", parents=[changing], help="end a key after the last token that it signed has expired"
    )
    retire.add_argument("kid", nargs="?", help="a key, or the beginning of its kid (all keys that have a newer one)")
    revoke = commands.add_parser(
        "revoke", parents=[changing], help="end a key and all its tokens at once, in an emergency"
    )
    revoke.add_argument("kid", help="the key, or the beginning of its kid")
    _add_backup_commands(commands, common, changing)
    _add_pepper_commands(commands.add_parser("pepper", help="change the pepper of the passwords"), changing)
    return parser


def _add_backup_commands(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    common: argparse.ArgumentParser,
    changing: argparse.ArgumentParser,
) -> None:
    backup = commands.add_parser("backup", parents=[common], help="write keys and peppers into an encrypted file")
    restore = commands.add_parser("restore", parents=[changing], help="put keys and peppers back from such a file")
    for command in (backup, restore):
        command.add_argument("file", type=Path, help="outside of every repository; it is never overwritten")
        command.add_argument(
            "--passphrase-file", type=Path, help="a file whose first line is the passphrase, instead of the question"
        )
    how = restore.add_mutually_exclusive_group()
    how.add_argument("--add-peppers", action="store_true", help="add the peppers that are missing, and nothing else")
    how.add_argument("--replace", action="store_true", help="replace keys that may be newer than the backup")


def _add_pepper_commands(parser: argparse.ArgumentParser, changing: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="pepper_command", required=True)
    add = commands.add_parser("add", parents=[changing], help="create a pepper that new hashes use later")
    add.add_argument("--in", dest="delay", type=_duration, help="when, such as 48h (a day from now)")
    retire = commands.add_parser("retire", parents=[changing], help="remove a pepper that no user needs any more")
    retire.add_argument(
        "id",
        nargs="?",
        help=f"a pepper, or the beginning of its id; `{peppers.NAME_OF_FIRST}` is the one without (all older ones)",
    )
    retire.add_argument(
        "--losing-users",
        action="store_true",
        help="remove it although users need it: their passwords and authenticator apps will never be right again",
    )
    retire.add_argument(
        "--losing-recovery-codes",
        action="store_true",
        help="remove it although recovery codes need it: they will never be right again, and all else goes on",
    )


def _duration(text: str) -> int:
    match = _DURATION.match(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration such as 90m, 24h or 2d")
    return int(match[1]) * _SECONDS[match[2]]


if __name__ == "__main__":
    sys.exit(main())
