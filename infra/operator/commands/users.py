"""`users`: who has an account, and what may be done about it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import click

from chalicelib.accounts.roles import roles_error
from chalicelib.accounts.user import User
from chalicelib.api.responses import event_body, session_body, timestamp, user_body
from infra import directory
from infra.operator import output
from infra.operator.audit import COLUMNS, Audit, body, cells
from infra.operator.calls import Call, ask, may_be_dry, may_be_sure, of_a_stage, refuse_unasked
from infra.operator.commands.answers import (
    link_members,
    listed,
    print_change,
    print_done,
    print_link,
    warn_of_unknown,
)
from infra.operator.commands.creation import create_user
from infra.operator.mails import suppressed_body
from infra.operator.output import counted, print_dry_run, print_json, print_json_line, print_rows, progress
from infra.operator.users import Shown, Users
from infra.scans import estimate

_ROWS = 1_000
"""Users in one table on a terminal."""


@click.group("users")
def users_group() -> None:
    """Users and their roles."""


users_group.add_command(create_user)


@users_group.command("list")
@click.option("--prefix", default="", help="Only users whose names begin so.")
@click.option("--limit", type=click.IntRange(min=1), help="This many at most.")
@of_a_stage
def list_users(call: Call, *, prefix: str, limit: int | None) -> None:
    """List users in the order of their names: name, id, state, roles, since when, address.

    With --json a line of JSON for each. An account from before there was a list is in it after `users reindex`.
    """
    with call.users() as users:
        found = users.listed(prefix, limit)
        if call.as_json:
            for user in found:
                print_json_line(user_body(user))
            return
        columns = ("username", "id", "state", "roles", "created", "email")
        while print_rows(columns, (_cells(user) for user in islice(found, _ROWS))) == _ROWS:
            pass


@users_group.command("show")
@click.argument("username")
@of_a_stage
def show_user(call: Call, *, username: str) -> None:
    """Show a user, with live sessions and the newest events."""
    with call.users() as users:
        shown = users.show(username)
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
        click.echo(output.shown(line))


@users_group.command("events")
@click.argument("username")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="This many at most.")
@of_a_stage
def show_events(call: Call, *, username: str, limit: int) -> None:
    """Show the newest events of a user, newest first. With --json a line of JSON for each, as `audit` writes it."""
    with call.accounts() as accounts:
        Users(accounts, call.reach.clock).find(username)
        entries = [*Audit(accounts).of_user(username, 0)][-limit:][::-1]
        if call.as_json:
            for entry, named in entries:
                print_json_line(body(entry, named))
            return
        print_rows(COLUMNS, (cells(entry, named) for entry, named in entries))


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
        change = Users(accounts, accounts.put_right(call.reach.clock), dry_run=dry_run).set_roles(username, wanted)
        lifetime = accounts.settings.access_token_lifetime
    warn_of_unknown(set(wanted) - set(change.before.roles))
    if call.as_json:
        print_change(call, change, dry_run=dry_run, before=list(change.before.roles))
        return
    name = change.before.username
    if change.is_none:
        click.echo(f"{name} has the roles {listed(change.before)} already. Nothing was changed.")
        return
    click.echo(f"{name} in the stage {call.stage.name}: {listed(change.before)} -> {listed(change.after)}.")
    if dry_run:
        print_dry_run()
        return
    click.echo(
        f"This API knows at once. To others, access tokens from before say the old roles for {lifetime} s at most."
    )


@users_group.command("disable")
@click.argument("username")
@may_be_dry
@of_a_stage
def disable_user(call: Call, *, username: str, dry_run: bool) -> None:
    """Let a user in no longer, and end all sessions of the user. Nothing is deleted."""
    _set_disabled(call, username, disabled=True, dry_run=dry_run)


@users_group.command("enable")
@click.argument("username")
@may_be_dry
@of_a_stage
def enable_user(call: Call, *, username: str, dry_run: bool) -> None:
    """Let a user in again who was disabled. Sessions from before do not come back."""
    _set_disabled(call, username, disabled=False, dry_run=dry_run)


def _set_disabled(call: Call, username: str, *, disabled: bool, dry_run: bool) -> None:
    with call.users(dry_run=dry_run) as users:
        change = users.set_disabled(username, disabled=disabled)
    if call.as_json:
        print_change(call, change, dry_run=dry_run)
        return
    state = "disabled" if disabled else "enabled"
    if change.is_none:
        click.echo(f"{change.before.username} is {state} already. Nothing was changed.")
        return
    ended = ", and all sessions have ended" if disabled else ""
    click.echo(f"{change.before.username} in the stage {call.stage.name}: {state}{ended}.")
    if dry_run:
        print_dry_run()


@users_group.command("delete")
@click.argument("username")
@may_be_sure
@may_be_dry
@of_a_stage
def delete_user(call: Call, *, username: str, yes: bool, dry_run: bool) -> None:
    """Delete a user with sessions, factors and history. The name is free then."""
    refuse_unasked(call, yes=yes, dry_run=dry_run)
    with call.users(dry_run=dry_run) as users:
        user = users.find(username)
        whose = f"{user.username} (id {user.id}) in the stage {call.stage.name}"
        ask(f"Delete {whose} with sessions, factors and history?", yes=yes, dry_run=dry_run)
        users.delete(user)
    print_done(call, user, f"{whose}: deleted.", dry_run=dry_run)


@users_group.command("log-out")
@click.argument("username")
@may_be_dry
@of_a_stage
def log_out(call: Call, *, username: str, dry_run: bool) -> None:
    """End all sessions of a user, who may log in again."""
    with call.users(dry_run=dry_run) as users:
        user = users.log_out(username)
    print_done(call, user, f"{user.username} in the stage {call.stage.name}: all sessions have ended.", dry_run=dry_run)


@users_group.command("reset-password")
@click.argument("username")
@may_be_dry
@of_a_stage
def reset_password(call: Call, *, username: str, dry_run: bool) -> None:
    """Print a link with which a user sets a new password, once. It is mailed too, to a verified address.

    Whoever has the link can set the password. Until then the old one is good, and sessions go on.
    """
    with call.users(dry_run=dry_run) as users:
        link = users.reset_password(username)
        mailed_to = link.user.verified_email if users.sends_mail else None
    if call.as_json:
        members = {} if dry_run else link_members(link, mailed=mailed_to is not None)
        print_json(stage=call.stage.name, user=user_body(link.user), changed=not dry_run, dry_run=dry_run, **members)
        return
    click.echo(f"{link.user.username} in the stage {call.stage.name}: a link that sets a new password.")
    if dry_run:
        print_dry_run()
        return
    print_link(link, mailed_to=mailed_to)


@users_group.command("remove-factors")
@click.argument("username")
@may_be_sure
@may_be_dry
@of_a_stage
def remove_factors(call: Call, *, username: str, yes: bool, dry_run: bool) -> None:
    """Remove the authenticator app and the recovery codes of a user who has lost both.

    Be sure who asks: from then on one factor is enough. Passkeys stay, and sessions go on.
    """
    refuse_unasked(call, yes=yes, dry_run=dry_run)
    with call.users(dry_run=dry_run) as users:
        before = users.find(username)
        whose = f"{before.username} in the stage {call.stage.name}"
        if before.second_factor:
            ask(f"Remove the authenticator app and the recovery codes of {whose}?", yes=yes, dry_run=dry_run)
        users.remove_second_factor(before)
        told = users.sends_mail and before.verified_email is not None
    if call.as_json:
        changed = before.second_factor and not dry_run
        after = replace(before, factors=None) if changed else before
        print_json(stage=call.stage.name, user=user_body(after), changed=changed, dry_run=dry_run)
        return
    if not before.second_factor:
        click.echo(f"{before.username} has no authenticator app. Nothing was changed.")
        return
    click.echo(f"{whose}: the authenticator app and the recovery codes are removed.")
    if dry_run:
        print_dry_run()
        return
    click.echo(f"One factor is enough now. {'The user is told by mail.' if told else 'Tell the user.'}")


# Its name before there were others.
_earlier_name = copy.copy(remove_factors)
_earlier_name.name, _earlier_name.hidden = "remove-second-factor", True
users_group.add_command(_earlier_name)


@users_group.command("reindex")
@may_be_dry
@of_a_stage
def reindex(call: Call, *, dry_run: bool) -> None:
    """Put every user into the list, and count the active administrators anew.

    For accounts from before there was a list, after a restore, and after a change by hand. It may run while the site
    does, and also twice. Nothing else is changed.
    """
    with call.accounts() as accounts:
        database = accounts.make_database()
        with progress("Users read", estimate(database.client, database.tables.users)) as advance:
            found = directory.reindex(database, segments=accounts.segments, dry_run=dry_run, advance=advance)
    if call.as_json:
        print_json(stage=call.stage.name, **vars(found), changed=not (found.is_right or dry_run), dry_run=dry_run)
        return
    administrators = counted(found.administrators, "active administrator")
    click.echo(f"{counted(found.users, 'user')} in the stage {call.stage.name}, {administrators}.")
    if found.is_right:
        click.echo("All are in the list, and the administrators are counted right. Nothing was changed.")
        return
    click.echo(f"Put into the list: {found.listed}. Administrators counted: {found.joined}, no longer: {found.left}.")
    if dry_run:
        print_dry_run()


def _cells(user: User) -> tuple[str, ...]:
    contact = user.contact
    email = "" if contact is None else contact.email + ("" if contact.verified else " (not confirmed)")
    return (
        user.username,
        user.id,
        "disabled" if user.disabled else "active",
        ",".join(user.roles),
        timestamp(user.created_at),
        email,
    )


def _lines(shown: Shown) -> Iterator[str]:
    user = shown.user
    yield f"username  {user.username}"
    yield f"id        {user.id}"
    yield f"roles     {listed(user)}"
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
