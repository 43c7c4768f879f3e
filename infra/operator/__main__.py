"""`python -m infra.operator`: look at users, give them roles, remove lost second factors, let addresses get mail again.

It speaks to the stage's tables, with your AWS credentials, and so works when nobody can log in. Without --stage it is
about the accounts of this machine, whether or not `make dev` is running.

Exit codes: 0, it is so; 1, it could not be done, and why is on the standard error; 2, the command is not valid.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import click
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.accounts.addresses import address_error
from chalicelib.accounts.roles import ADMIN, USER, roles_error
from chalicelib.accounts.user import User
from chalicelib.api.responses import event_body, session_body, timestamp, user_body
from chalicelib.clock import Clock, system_clock
from chalicelib.errors import ConfigurationError, ServiceUnavailable
from infra.local.environment import PROJECT, STAGE
from infra.local.errors import LocalError
from infra.operator import users
from infra.operator.accounts import Accounts, NoAccountsError, Stage, open_accounts
from infra.operator.mails import Suppressed
from infra.stage_settings import UnknownStageError

PROGRAM = "python -m infra.operator"

Command = TypeVar("Command", bound=Callable[..., None])


@dataclass(frozen=True)
class Reach:
    """What the commands reach outside of themselves by."""

    accounts: Callable[[Stage], AbstractContextManager[Accounts]] = open_accounts
    clock: Clock = system_clock


@click.group(help=__doc__)
@click.pass_context
def operator(context: click.Context) -> None:
    """Begin a command."""
    context.ensure_object(Reach)


@operator.group("users")
def users_group() -> None:
    """Users and their roles."""


@operator.group("mails")
def mails_group() -> None:
    """Addresses that get no mail, because it bounced or its reader complained."""


def _of_a_stage(command: Command) -> Command:
    """Add the options that say which stage it is about, and how to answer."""
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
    for option in reversed(options):
        command = option(command)
    return command


@users_group.command("show")
@click.argument("username")
@_of_a_stage
@click.pass_obj
def show_user(reach: Reach, username: str, stage: str, project: Path, data_dir: Path, *, as_json: bool) -> None:
    """Show a user, with live sessions and the newest events."""
    with _accounts(reach, Stage(stage, project, data_dir)) as accounts:
        shown = users.show(accounts.stores, accounts.suppressions, username, clock=reach.clock)
    if as_json:
        _print_json(
            stage=stage,
            user=user_body(shown.user),
            sessions=[session_body(session, current_session_id="") for session in shown.sessions],
            recent_events=[event_body(event) for event in shown.events],
            suppressed=None if shown.suppressed is None else _suppressed_body(shown.suppressed),
        )
        return
    for line in _lines(shown):
        click.echo(line)


@users_group.command("set-roles")
@click.argument("username")
@click.argument("roles")
@click.option("--dry-run", is_flag=True, help="Say what would happen, and change nothing.")
@_of_a_stage
@click.pass_obj
def set_roles(
    reach: Reach, username: str, roles: str, stage: str, project: Path, data_dir: Path, *, as_json: bool, dry_run: bool
) -> None:
    """Give a user exactly these ROLES, such as editor,user. Sessions go on."""
    wanted = [role.strip() for role in roles.split(",")]
    if (problem := roles_error(wanted)) is not None:
        raise click.BadParameter(problem, param_hint="ROLES")
    with _accounts(reach, Stage(stage, project, data_dir)) as accounts:
        change = users.set_roles(accounts.stores, username, wanted, clock=reach.clock, dry_run=dry_run)
        lifetime = accounts.settings.access_token_lifetime
    _warn_of_unknown(set(wanted) - set(change.before.roles))
    if as_json:
        before, changed = list(change.before.roles), not (change.is_none or dry_run)
        _print_json(stage=stage, user=user_body(change.after), before=before, changed=changed, dry_run=dry_run)
        return
    name = change.before.username
    if change.is_none:
        click.echo(f"{name} has the roles {_listed(change.before)} already. Nothing was changed.")
        return
    click.echo(f"{name} in the stage {stage}: {_listed(change.before)} -> {_listed(change.after)}.")
    if dry_run:
        click.echo("This was a dry run: nothing was changed.")
        return
    click.echo(
        f"This API knows at once. To others, access tokens from before say the old roles for {lifetime} s at most."
    )


@users_group.command("remove-second-factor")
@click.argument("username")
@click.option("--dry-run", is_flag=True, help="Say what would happen, and change nothing.")
@_of_a_stage
@click.pass_obj
def remove_second_factor(
    reach: Reach, username: str, stage: str, project: Path, data_dir: Path, *, as_json: bool, dry_run: bool
) -> None:
    """Remove the authenticator app and the recovery codes of a user who has lost both.

    Be sure who asks: from then on one factor is enough. Passkeys stay, and sessions go on.
    """
    with _accounts(reach, Stage(stage, project, data_dir)) as accounts:
        sends_mail = accounts.settings.email != "off"
        before = users.remove_second_factor(
            accounts.stores, username, clock=reach.clock, sends_mail=sends_mail, dry_run=dry_run
        )
    if as_json:
        changed = before.second_factor and not dry_run
        after = replace(before, factors=None) if changed else before
        _print_json(stage=stage, user=user_body(after), changed=changed, dry_run=dry_run)
        return
    if not before.second_factor:
        click.echo(f"{before.username} has no authenticator app. Nothing was changed.")
        return
    click.echo(f"{before.username} in the stage {stage}: the authenticator app and the recovery codes are removed.")
    if dry_run:
        click.echo("This was a dry run: nothing was changed.")
        return
    told = sends_mail and before.verified_email is not None
    click.echo(f"One factor is enough now. {'The user is told by mail.' if told else 'Tell the user.'}")


@mails_group.command("suppressed")
@_of_a_stage
@click.pass_obj
def list_suppressed(reach: Reach, stage: str, project: Path, data_dir: Path, *, as_json: bool) -> None:
    """List the addresses that get no mail, newest first.

    Only a digest of each is stored. `mails allow ADDRESS --dry-run` says whether an address that you know is one.
    """
    with _accounts(reach, Stage(stage, project, data_dir)) as accounts:
        found = accounts.suppressions.all()
    if as_json:
        _print_json(stage=stage, suppressed=[_suppressed_body(each) for each in found])
        return
    for each in found:
        click.echo(f"{timestamp(each.at)}  {each.reason:<9}  {each.digest}")
    if not found:
        click.echo(f"No address in the stage {stage} is suppressed.")


@mails_group.command("allow")
@click.argument("address")
@click.option("--dry-run", is_flag=True, help="Say what would happen, and change nothing.")
@_of_a_stage
@click.pass_obj
def allow_address(
    reach: Reach, address: str, stage: str, project: Path, data_dir: Path, *, as_json: bool, dry_run: bool
) -> None:
    """Let an ADDRESS get mail again."""
    if (problem := address_error(address)) is not None:
        raise click.BadParameter(problem, param_hint="ADDRESS")
    with _accounts(reach, Stage(stage, project, data_dir)) as accounts:
        suppressions = accounts.suppressions
        found = suppressions.find(address) if dry_run else suppressions.lift(address)
    if as_json:
        suppressed = None if found is None else _suppressed_body(found)
        _print_json(stage=stage, suppressed=suppressed, changed=found is not None and not dry_run, dry_run=dry_run)
        return
    if found is None:
        click.echo(f"The address is not suppressed in the stage {stage}. Nothing was changed.")
        return
    click.echo(f"Suppressed since {timestamp(found.at)}: {found.reason}.")
    if dry_run:
        click.echo("This was a dry run: nothing was changed.")
        return
    click.echo("It gets mail again, if it is not on the list that SES has of its own.")


@contextmanager
def _accounts(reach: Reach, stage: Stage) -> Iterator[Accounts]:
    """Reach the accounts of a stage. Whatever cannot be done ends the command with a message, and the exit code 1."""
    try:
        with reach.accounts(stage) as accounts:
            yield accounts
    except (users.RefusedError, NoAccountsError, UnknownStageError, ConfigurationError, LocalError) as error:
        raise click.ClickException(str(error)) from error
    except ServiceUnavailable as error:
        raise click.ClickException(f"the database did not answer: {error.__cause__ or error.reason}") from error
    except (ClientError, BotoCoreError) as error:
        raise click.ClickException(f"AWS refuses this: {error}") from error


def _warn_of_unknown(granted: set[str]) -> None:
    """Say on the standard error which new roles no route asks for: one of them may be misspelt."""
    granted -= {USER, ADMIN}
    if not granted:
        return
    # The routes of this checkout, which only a new role needs.
    from chalicelib.api.openapi import ALL_ROUTES  # noqa: PLC0415
    from chalicelib.site.routes import routes as own  # noqa: PLC0415

    asked_for = {operation.role for routes in (*ALL_ROUTES, own) for operation in routes.operations}
    for role in sorted(granted - asked_for):
        click.echo(f"Note: no route of this checkout asks for the role {role}.", err=True)


def _lines(shown: users.Shown) -> Iterator[str]:
    user = shown.user
    yield f"username  {user.username}"
    yield f"id        {user.id}"
    yield f"roles     {_listed(user)}"
    yield f"created   {timestamp(user.created_at)}"
    yield f"state     {'disabled' if user.disabled else 'active'}"
    if user.contact is not None:
        yield f"email     {user.contact.email} ({'verified' if user.contact.verified else 'not confirmed'})"
        if user.contact.new_email is not None:
            yield f"          {user.contact.new_email} (will replace it, once it is confirmed)"
    if shown.suppressed is not None:
        yield f"          gets no mail since {timestamp(shown.suppressed.at)}: {shown.suppressed.reason}"
    yield from _factor_lines(user)
    yield f"sessions  {len(shown.sessions)}"
    for event in shown.events:
        by = "by an administrator" if event.actor else event.caller.ip
        times = f" ({event.count} times)" if event.count > 1 else ""
        yield f"  {timestamp(event.at)}  {event.type}{times}  {by}"


def _factor_lines(user: User) -> Iterator[str]:
    if not user.has_password:
        yield "password  none"
    if user.factors is None:
        return
    if user.factors.totp is not None:
        codes = len(user.factors.recovery_codes)
        yield f"factor    authenticator app since {timestamp(user.factors.totp_added_at)}, {codes} recovery codes left"
    if user.passkeys:
        yield f"passkeys  {len(user.passkeys)}"


def _suppressed_body(suppressed: Suppressed) -> dict[str, str]:
    return {"digest": suppressed.digest, "reason": suppressed.reason, "at": timestamp(suppressed.at)}


def _listed(user: User) -> str:
    return ", ".join(user.roles)


def _print_json(**members: Any) -> None:  # noqa: ANN401 - any JSON
    click.echo(json.dumps(members, ensure_ascii=False, indent=2))


if __name__ == "__main__":
    operator(prog_name=PROGRAM)
