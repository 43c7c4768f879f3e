"""`python -m infra.operator`: what operators do about accounts, when nobody can log in too.

It speaks to the stage's tables, with your AWS credentials, and so works when nobody can log in. Without --stage it is
about the accounts of this machine, whether or not `make dev` is running.

Exit codes: 0, it is so; 1, it could not be done, and why is on the standard error; 2, the command is not valid.
"""

from __future__ import annotations

import click

from infra.operator.calls import Reach
from infra.operator.commands.audit import audit
from infra.operator.commands.doctor import doctor
from infra.operator.commands.mails import mails_group
from infra.operator.commands.transfer import export_users, import_users
from infra.operator.commands.users import users_group
from infra.operator.commands.webhooks import webhooks_group

PROGRAM = "python -m infra.operator"


@click.group(help=__doc__)
@click.pass_context
def operator(context: click.Context) -> None:
    """Begin a command."""
    context.ensure_object(Reach)


operator.add_command(users_group)
operator.add_command(mails_group)
operator.add_command(audit)
operator.add_command(doctor)
operator.add_command(webhooks_group)
operator.add_command(import_users)
operator.add_command(export_users)

if __name__ == "__main__":
    operator(prog_name=PROGRAM)
