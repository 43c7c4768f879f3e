"""`python -m infra.smoke URL`: prove a deployed site in about a minute, with an account that is deleted again."""

from __future__ import annotations

import argparse
import sys

from infra.smoke.report import UnreachableError
from infra.smoke.smoke_test import Target, smoke_test

_UNUSABLE = 2
# What a shell reports for a program that SIGINT ended.
_INTERRUPTED = 130


def main() -> int:
    """Check the site that the arguments name. Returns 0 if nothing failed, 1 if something did, 2 if nobody answers."""
    parser = _parser()
    options = parser.parse_args()
    if (options.username is None) is options.password_stdin:
        parser.error("--username and --password-stdin belong together")
    account = None
    if options.username is not None:
        # Not an argument: every user of the machine can read those.
        account = (options.username, sys.stdin.readline().rstrip("\r\n"))
    target = Target(options.url, options.ca_file, options.origin, account, options.http_port)
    try:
        return 0 if smoke_test(target, _say) else 1
    except (UnreachableError, ValueError) as unusable:
        sys.stderr.write(f"smoke: {unusable}\n")
        return _UNUSABLE
    except KeyboardInterrupt:
        sys.stderr.write("smoke: interrupted\n")
        return _INTERRUPTED


def _say(line: str) -> None:
    # At once, also into a pipe.
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra.smoke",
        description=__doc__,
        epilog="Exits with 0 if nothing failed, 1 if a check failed, 2 if the site could not be asked.",
    )
    parser.add_argument("url", metavar="URL", help="of the site, without a path: https://example.org")
    parser.add_argument("--origin", help="another origin that LYCHGATE_ALLOWED_ORIGINS lists, to be checked as well")
    parser.add_argument("--username", help="an account to use instead of a throw-away one; it is not deleted")
    parser.add_argument("--password-stdin", action="store_true", help="its password is the first line of the input")
    parser.add_argument("--ca-file", help="PEM certificates of a private authority to trust as well")
    parser.add_argument("--http-port", type=int, default=80, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
