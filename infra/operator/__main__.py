"""`python -m infra.operator`: what operators do about accounts, when nobody can log in too.

It speaks to the stage's tables, with your AWS credentials, and so works when nobody can log in. Without --stage it is
about the accounts of this machine, whether or not `make dev` is running.

Exit codes: 0, it is so; 1, it could not be done, and why is on the standard error; 2, the command is not valid.
"""

from __future__ import annotations

from importlib import import_module
from typing import cast

import click

PROGRAM = "python -m infra.operator"

_COMMANDS = {
    "audit": ("audit:audit", "Say who did what to whom, the oldest first."),
    "doctor": ("doctor:doctor", "Look at a stage: what is wrong, and what to do about it."),
    "export": ("transfer:export_users", "Write all users to a new FILE, with their password hashes."),
    "import": ("transfer:import_users", "Add the users in FILE who are not there yet."),
    "mails": ("mails:mails_group", "Look after mails: addresses that get none, and what could not be sent."),
    "users": ("users:users_group", "Users and their roles."),
    "webhooks": ("webhooks:webhooks_group", "Look after what tells the site's endpoint of events."),
}
"""Of each command its place in infra.operator.commands, and what it does. Only the one that runs is loaded."""


class _Lazy(click.Group):
    """Commands of which only the one is loaded that runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's interface
        """Return the names of all commands."""
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  - click's interface
        """Return a command, None if there is none of that name."""
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name][0].partition(":")
        return cast("click.Command", getattr(import_module(f"infra.operator.commands.{module}"), name))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the names of the commands with what they do."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, _COMMANDS[name][1]) for name in self.list_commands(ctx)])


@click.group(cls=_Lazy, help=__doc__)
@click.pass_context
def operator(context: click.Context) -> None:
    """Begin a command."""
    from infra.operator.calls import Reach  # noqa: PLC0415 - help needs none of what it loads

    context.ensure_object(Reach)


if __name__ == "__main__":
    operator(prog_name=PROGRAM)
