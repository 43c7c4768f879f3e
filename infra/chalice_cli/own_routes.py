"""That ``chalice local``, ``package`` and ``deploy`` begin with routes of a site only that can be what is meant."""

from __future__ import annotations

import sys
import threading

import click

from chalicelib.api.own_routes import mistakes
from chalicelib.api.routing import Routes

_COMMANDS = frozenset({"deploy", "local", "package", "plan"})
"""Those that make something of the routes. ``chalice delete`` works whatever they are."""


def refuse_wrong_routes(routes: Routes) -> None:
    """End the command with a line for each mistake in the routes of a site, if there are any."""
    # With its reloader, `chalice local` loads the application in a thread, to which click says nothing of the command.
    in_thread = threading.current_thread() is not threading.main_thread()
    context = click.get_current_context(silent=True)
    if not in_thread and (context is None or context.info_name not in _COMMANDS):
        return
    problems = list(mistakes([routes]))
    if not problems:
        return
    message = "\n".join(["the site's own routes have mistakes", *problems])
    if not in_thread:
        raise click.ClickException(message)
    # The worker waits on for a change of the files, and starts again.
    sys.stderr.write(f"chalice local: {message}\n")
    sys.stderr.flush()
    sys.exit(1)
