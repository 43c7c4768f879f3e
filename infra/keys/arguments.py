"""The arguments of ``python -m infra.keys``."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path

from chalicelib.tokens.keys import KEY_TYPES
from infra.keys import peppers
from infra.local.environment import PROJECT, STAGE

_DURATION = re.compile(r"([0-9]{1,7})([smhd])\Z", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600}


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return what reads the arguments."""
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
    whole = argparse.ArgumentParser(prog="python -m infra.keys", description=description)
    commands = whole.add_subparsers(dest="command", required=True)
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
    return whole


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
