"""How ``chalice local`` starts, and how it ends if it cannot.

Owns the checks before its first request. With autoreload Chalice runs the server in a thread of a worker process, where
``sys.exit`` ends nothing but the thread, and without a word.
"""

from __future__ import annotations

import errno
import functools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

from botocore.exceptions import ClientError
from chalice.local import LocalDevServer

from chalicelib.adapters import aws
from chalicelib.errors import ConfigurationError, ServiceUnavailable
from infra import database_credentials, laptop

if TYPE_CHECKING:
    from chalicelib.api.application import Application

_ENDPOINT = "AWS_ENDPOINT_URL"
_WORKER = "CHALICE_WORKER"
"""The variable by which Chalice's reloader tells its worker what it is."""


def on_a_free_port(initialize: Callable[..., None]) -> Callable[..., None]:
    """Return ``LocalDevServer.__init__``, wrapped to say what to do if the port is taken."""

    @functools.wraps(initialize)
    def listen(server: LocalDevServer, app: Any, config: Any, host: str, port: int, **others: Any) -> None:  # noqa: ANN401 - Chalice's own
        try:
            initialize(server, app, config, host, port, **others)
        except OSError as refused:
            if refused.errno != errno.EADDRINUSE:
                raise
            other = 8002 if port != 8002 else 8003  # noqa: PLR2004 - any number that is not the one taken
            _end(
                f"port {port} is taken by another program. Choose another one: chalice local --port {other}",
            )

    return listen


def after_check(serve_forever: Callable[[LocalDevServer], None]) -> Callable[[LocalDevServer], None]:
    """Return ``serve_forever``, wrapped to check the settings and the database before ``chalice local`` starts.

    Before that it adds the settings that the stage `dev` lacks, with the address that this server has.
    """

    @functools.wraps(serve_forever)
    def serve(server: LocalDevServer) -> None:
        lychgate = cast("Application", server.app_object).lychgate
        try:
            if os.environ.get(database_credentials.VARIABLE):
                laptop.find_database(os.environ)
                laptop.fill_in(os.environ, port=server.server.server_address[1])
            follow_credentials_of_the_database(os.environ)
            lychgate.use_cases  # noqa: B018 - reading the property builds it
        except ConfigurationError as unusable:
            _end(f"{unusable}{_same_directory(unusable.variable)}")
        except ServiceUnavailable:
            _end(_unanswering(os.environ))
        except ClientError as refused:
            _end(_refusing(os.environ, aws.error_code(refused)))
        serve_forever(server)

    return serve


def follow_credentials_of_the_database(environ: Mapping[str, str]) -> None:
    """Have the application's clients use the embedded database's credentials, if the stage names their file."""
    if path := environ.get(database_credentials.VARIABLE):
        database_credentials.follow_credentials(aws.session(), Path(path))


def _same_directory(variable: str) -> str:
    """Return what to add about a setting: what makes the file of keys may have made it elsewhere."""
    keys = os.environ.get(variable, "")
    is_missing = keys.startswith("file://") and not Path(keys.removeprefix("file://")).exists()
    return ". Give both commands the same LYCHGATE_DATA_DIR" if is_missing else ""


def _unanswering(environ: Mapping[str, str]) -> str:
    if not environ.get(database_credentials.VARIABLE):
        return "the stage's database does not answer"
    command = laptop.command_of_database(environ)
    return f"no database answers at {environ[_ENDPOINT]}. Start it in another terminal: {command}"


def _refusing(environ: Mapping[str, str], error: str) -> str:
    file = environ.get(database_credentials.VARIABLE)
    if not file:
        return f"the stage's database refuses the request: {error}"
    return (
        f"the database at {environ[_ENDPOINT]} refuses the credentials in {file}: {error}. It may be the database of "
        "another folder. Give `make dynamodb` and `chalice local` the same LYCHGATE_DATA_DIR"
    )


def _end(message: str) -> NoReturn:
    """End ``chalice local`` with a message and with a status that is not zero."""
    message = f"chalice local: {message}"
    if threading.current_thread() is threading.main_thread():
        sys.exit(message)
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()
    if _is_worker_of(os.getppid()):
        # The reloader ends with zero whatever its worker ended with, but not if it is ended itself. It loads no code of
        # the project, so it cannot end with a status of ours.
        os.kill(os.getppid(), signal.SIGTERM)
    os._exit(1)


def _is_worker_of(process: int) -> bool:
    """Return whether a process is the reloader of this one: it starts its own command again, as its worker.

    The variable alone does not say so: whatever the worker starts inherits it.
    """
    if _WORKER not in os.environ:
        return False
    command = _command_line(process)
    interpreter = len(command) - len(sys.argv)
    return interpreter in {0, 1} and command[interpreter:] == sys.argv


def _command_line(process: int) -> list[str]:
    """Return the words of the command that a process runs, none if the system does not tell."""
    listed = Path(f"/proc/{process}/cmdline")
    if listed.exists():
        return listed.read_bytes().decode(errors="replace").rstrip("\0").split("\0")
    try:
        shown = subprocess.run(  # noqa: S603 - a program of the system, as POSIX has it
            ["/bin/ps", "-o", "args=", "-p", str(process)], capture_output=True, text=True, check=False
        )
    except OSError:
        return []
    return shown.stdout.split()
