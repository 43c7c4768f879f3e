"""`users`: who has an account, and what may be done about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import click

from chalicelib.accounts.roles import ADMIN, USER, roles_error
from chalicelib.accounts.user import User
from chalicelib.api.responses import event_body, session_body, timestamp, user_body
from infra.operator import users
from infra.operator.calls import Call, may_be_dry, of_a_stage
from infra.operator.mails import suppressed_body
from infra.operator.output import print_dry_run, print_json


@click.group("users")
def users_group() -> None:
    """Users and their roles."""


@users_group.command("show")
@click.argument("username")
@of_a_stage
def show_user(call: Call, *, username: str) -> None:
    """Show a user, with live sessions and the newest events."""
    with call.accounts() as accounts:
        shown = users.show(accounts.stores, accounts.suppressions, username, clock=call.reach.clock)
    if call.as_json:
        print_json(
            stage=call.stage.name,
            user=user_body(shown.user),
            sessions=[session_body(session, current_session_id="") for session in shown.sessions],
            recent_events=[event_body(event) for event in shown.events],
            suppressed=None if shown.suppressed is None else suppressed_body(shown.suppressed),
        )
        return
    for line in _lines(shown):
        click.echo(line)


@users_group.command("set-roles")
@click.argument("username")
@click.argument("roles")
@may_be_dry
@of_a_stage
def set_roles(call: Call, *, username: str, roles: str, dry_run: bool) -> None:
    """Give a user exactly these ROLES, such as editor,user. Sessions go on."""
    wanted = [role.strip() for role in roles.split(",")]
    if (problem := roles_error(wanted)) is not None:
        raise click.BadParameter(problem, param_hint="ROLES")
    with call.accounts() as accounts:
        change = users.set_roles(accounts.stores, username, wanted, clock=call.reach.clock, dry_run=dry_run)
        lifetime = accounts.settings.access_token_lifetime
    _warn_of_unknown(set(wanted) - set(change.before.roles))
    if call.as_json:
        before, changed = list(change.before.roles), not (change.is_none or dry_run)
        print_json(stage=call.stage.name, user=user_body(change.after), before=before, changed=changed, dry_run=dry_run)
        return
    name = change.before.username
    if change.is_none:
        click.echo(f"{name} has the roles {_listed(change.before)} already. Nothing was changed.")
        return
    click.echo(f"{name} in the stage {call.stage.name}: {_listed(change.before)} -> {_listed(change.after)}.")
    if dry_run:
        print_dry_run()
        return
    click.echo(
        f"This API knows at once. To others, access tokens from before say the old roles for {lifetime} s at most."
    )


@users_group.command("remove-second-factor")
@click.argument("username")
@may_be_dry
@of_a_stage
def remove_second_factor(call: Call, *, username: str, dry_run: bool) -> None:
    """Remove the authenticator app and the recovery codes of a user who has lost both.

    Be sure who asks: from then on one factor is enough. Passkeys stay, and sessions go on.
    """
    with call.accounts() as accounts:
        sends_mail = accounts.settings.email != "off"
        before = users.remove_second_factor(
            accounts.stores, username, clock=call.reach.clock, sends_mail=sends_mail, dry_run=dry_run
        )
    if call.as_json:
        changed = before.second_factor and not dry_run
        after = replace(before, factors=None) if changed else before
        print_json(stage=call.stage.name, user=user_body(after), changed=changed, dry_run=dry_run)
        return
    if not before.second_factor:
        click.echo(f"{before.username} has no authenticator app. Nothing was changed.")
        return
    click.echo(
        f"{before.username} in the stage {call.stage.name}: the authenticator app and the recovery codes are removed."
    )
    if dry_run:
        print_dry_run()
        return
    told = sends_mail and before.verified_email is not None
    click.echo(f"One factor is enough now. {'The user is told by mail.' if told else 'Tell the user.'}")


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


def _listed(user: User) -> str:
    return ", ".join(user.roles)
