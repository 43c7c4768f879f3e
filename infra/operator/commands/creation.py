"""`users create`: accounts that an operator makes, the first administrator's among them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import click

from chalicelib.accounts.roles import USER, roles_error
from chalicelib.accounts.user import User
from chalicelib.api.responses import user_body
from chalicelib.use_cases.administration import PasswordLink
from infra.operator.calls import Call, may_be_dry, of_a_stage
from infra.operator.commands.answers import link_members, listed, print_link, warn_of_unknown
from infra.operator.output import print_dry_run, print_json

_LONGEST_LINE = 4096
"""Bytes of what is read as a password."""


@click.command("create")
@click.argument("username")
@click.option("--email", metavar="ADDRESS", help="Where the user gets mail. Its owner is asked to confirm it.")
@click.option("--role", "roles", multiple=True, metavar="ROLE", help="Besides user. May be given several times.")
@click.option("--link", "how", flag_value="link", default=True, help="Print a link that sets the password (this).")
@click.option("--password-stdin", "how", flag_value="stdin", help="Read the password from the standard input.")
@click.option("--generate-password", "how", flag_value="generated", help="Make a password, and print it once.")
@may_be_dry
@of_a_stage
def create_user(call: Call, *, username: str, email: str | None, roles: Sequence[str], how: str, dry_run: bool) -> None:
    """Create an account.

    Its user chooses the password with a link, which is printed once and good for a day; it is mailed too if there is an
    address. The first administrator, before there is a site to open a link at:

    users create alice --role admin --password-stdin
    """
    given = tuple(sorted({USER, *roles}))
    if (problem := roles_error(given)) is not None:
        raise click.BadParameter(problem, param_hint="--role")
    typed = _password_of_stdin() if how == "stdin" else None
    with call.users(dry_run=dry_run, may_begin=True) as users:
        if how == "link":
            link = users.create(username, email=email, roles=given)
            made = _Made(link.user, users.sends_mail, link=link)
        else:
            generated = users.generated_password() if typed is None else None
            user = users.create_with_password(username, typed or generated or "", email=email, roles=given)
            made = _Made(user, users.sends_mail, password=generated)
    warn_of_unknown(set(given))
    if call.as_json:
        print_json(
            stage=call.stage.name,
            user=user_body(made.user),
            changed=not dry_run,
            dry_run=dry_run,
            **({} if dry_run else made.secrets()),
        )
        return
    click.echo(f"{made.user.username} in the stage {call.stage.name}: created, with the roles {listed(made.user)}.")
    if dry_run:
        print_dry_run()
        return
    made.print()


@dataclass(frozen=True)
class _Made:
    """An account that was created, and how its user comes in."""

    user: User
    sends_mail: bool
    link: PasswordLink | None = None
    password: str | None = None

    @property
    def mailed_to(self) -> str | None:
        return self.user.contact.email if self.user.contact is not None and self.sends_mail else None

    def secrets(self) -> dict[str, object]:
        if self.link is not None:
            return link_members(self.link, mailed=self.mailed_to is not None)
        return {} if self.password is None else {"password": self.password}

    def print(self) -> None:
        if self.link is not None:
            print_link(self.link, mailed_to=self.mailed_to)
            return
        if self.password is not None:
            click.echo(f"The password, which is shown this once: {self.password}")
        if self.mailed_to is not None:
            click.echo(f"A mail asks to confirm {self.mailed_to}.")


def _password_of_stdin() -> str:
    """Return the first line of the standard input. On a terminal it is asked for twice, and not shown."""
    if sys.stdin.isatty():
        typed: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return typed
    line = sys.stdin.buffer.readline(_LONGEST_LINE)
    try:
        password = line.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise click.UsageError("The standard input is not UTF-8.") from None
    if not password:
        raise click.UsageError("The first line of the standard input has to be the password, and is empty.")
    return password
