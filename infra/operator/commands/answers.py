"""What several commands about users answer."""

from __future__ import annotations

import math

import click

from chalicelib.accounts.roles import ADMIN, USER
from chalicelib.accounts.user import User
from chalicelib.api.responses import user_body
from chalicelib.use_cases.administration import PasswordLink
from infra.operator.calls import Call
from infra.operator.output import print_dry_run, print_json
from infra.operator.users import Change


def print_change(call: Call, change: Change, *, dry_run: bool, **members: object) -> None:
    """Print in JSON what a change has made of a user."""
    changed = not (change.is_none or dry_run)
    print_json(stage=call.stage.name, user=user_body(change.after), **members, changed=changed, dry_run=dry_run)


def print_done(call: Call, user: User, sentence: str, *, dry_run: bool) -> None:
    """Print that something was done to a user, in JSON or as a sentence."""
    if call.as_json:
        print_json(stage=call.stage.name, user=user_body(user), changed=not dry_run, dry_run=dry_run)
        return
    click.echo(sentence)
    if dry_run:
        print_dry_run()


def print_link(link: PasswordLink, *, mailed_to: str | None) -> None:
    """Print a link that sets a password."""
    hours = link.expires_in / 3600
    lasts = f"{hours:g} hours" if hours >= 1 else f"{math.floor(link.expires_in / 60)} minutes"
    click.echo(f"The link, which is shown this once and good for {lasts}: {link.link}")
    if mailed_to is not None:
        click.echo(f"One is on its way to {mailed_to} too.")


def link_members(link: PasswordLink, *, mailed: bool) -> dict[str, object]:
    """Return what is said of such a link in JSON."""
    return {"link": link.link, "expires_in": link.expires_in, "mailed": mailed}


def warn_of_unknown(granted: set[str]) -> None:
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


def listed(user: User) -> str:
    """Return the roles of a user."""
    return ", ".join(user.roles)
