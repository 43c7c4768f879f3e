"""What every command of `python -m infra.operator` has: the options of a stage, and how what fails is said.

Owns the exit codes. A command gets a ``Call``, which reaches the accounts of the stage that was named.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.clock import Clock, system_clock
from chalicelib.errors import ConfigurationError, ServiceUnavailable
from infra.local.environment import PROJECT, STAGE
from infra.local.errors import LocalError
from infra.operator.accounts import Accounts, NoAccountsError, Stage, open_accounts
from infra.operator.users import RefusedError, Users
from infra.stage_settings import UnknownStageError

if TYPE_CHECKING:
    from infra.operator.undelivered import Undelivered
    from infra.operator.webhooks import Webhooks


def _is_at_a_terminal() -> bool:
    return sys.stdin.isatty()


def _open_webhooks(stage: Stage) -> Webhooks:
    from infra.operator.webhooks import open_webhooks  # noqa: PLC0415 - one group of commands needs it

    return open_webhooks(stage)


def _open_undelivered(stage: Stage) -> Undelivered:
    from infra.operator.undelivered import open_undelivered  # noqa: PLC0415 - one command needs it

    return open_undelivered(stage)


@dataclass(frozen=True)
class Reach:
    """What the commands reach outside of themselves by."""

    accounts: Callable[[Stage], AbstractContextManager[Accounts]] = open_accounts
    clock: Clock = system_clock
    webhooks: Callable[[Stage], Webhooks] = _open_webhooks
    undelivered: Callable[[Stage], Undelivered] = _open_undelivered
    can_ask: Callable[[], bool] = _is_at_a_terminal
    """Whether somebody is there who can be asked."""


@dataclass(frozen=True)
class Call:
    """What a command was called with that every command takes."""

    reach: Reach
    stage: Stage
    as_json: bool

    @contextmanager
    def accounts(self, *, may_begin: bool = False) -> Iterator[Accounts]:
        """Reach the accounts of the stage. On a laptop that has none they may begin with this command.

        Whatever cannot be done ends the command with a message on the standard error, and the exit code 1.
        """
        with failures_said(), self.reach.accounts(replace(self.stage, may_begin=may_begin)) as accounts:
            yield accounts

    @contextmanager
    def users(self, *, dry_run: bool = False, may_begin: bool = False) -> Iterator[Users]:
        """Reach the users of the stage, in the same way."""
        with self.accounts(may_begin=may_begin) as accounts:
            yield Users(accounts, accounts.put_right(self.reach.clock), dry_run=dry_run)


@contextmanager
def failures_said() -> Iterator[None]:
    """End the command with a message, and the exit code 1, if what is done meanwhile fails as it may."""
    try:
        yield
    except (
        RefusedError,
        NoAccountsError,
        UnknownStageError,
        ConfigurationError,
        LocalError,
    ) as error:
        raise click.ClickException(str(error)) from error
    except ServiceUnavailable as error:
        raise click.ClickException(f"the database did not answer: {error.__cause__ or error.reason}") from error
    except (ClientError, BotoCoreError) as error:
        raise click.ClickException(f"AWS refuses this: {error}") from error


def of_a_stage(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say which stage a command is about, and how to answer.

    The command gets a ``Call`` as its first argument.
    """

    @functools.wraps(command)
    @click.pass_obj
    def called(
        reach: Reach,
        /,
        *,
        stage: str,
        project: Path,
        data_dir: Path,
        as_json: bool,
        **arguments: Any,  # noqa: ANN401 - the command's own
    ) -> None:
        command(Call(reach, Stage(stage, project, data_dir), as_json), **arguments)

    options = (
        click.option(
            "--stage", default=STAGE, show_default=True, help=f"A stage of .chalice/config.json; {STAGE}: this machine."
        ),
        click.option("--project", type=click.Path(path_type=Path), default=PROJECT, hidden=True),
        click.option(
            "--data-dir",
            type=click.Path(path_type=Path),
            envvar="LYCHGATE_DATA_DIR",
            default=PROJECT / ".lychgate",
            help=f"The data directory of the stage {STAGE} (LYCHGATE_DATA_DIR, .lychgate).",
        ),
        click.option("--json", "as_json", is_flag=True, help="Answer in JSON."),
    )
    wrapped: Callable[..., None] = called
    for option in reversed(options):
        wrapped = option(wrapped)
    return wrapped


may_be_dry = click.option("--dry-run", is_flag=True, help="Say what would happen, and change nothing.")
"""The option of what changes something."""

may_be_sure = click.option("--yes", is_flag=True, help="Do not ask.")
"""The option of what destroys something."""


def refuse_unasked(call: Call, *, yes: bool, dry_run: bool) -> None:
    """Raise UsageError if somebody would have to be asked who is not there."""
    if not (yes or dry_run or call.reach.can_ask()):
        raise click.UsageError("This is hard to undo, and nobody can be asked here. Give --yes if it is meant.")


def ask(what: str, *, yes: bool, dry_run: bool) -> None:
    """Ask whether to do what is hard to undo. End the command with the exit code 1 if not."""
    if not (yes or dry_run):
        click.confirm(what, abort=True, err=True)
