"""`python -m infra.local`: runs the page, the API and the database here; with `dynamodb`, the database only.

With `mails` it says what is wrong with the site's files of mails, and runs nothing.
"""

import argparse
import os
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from infra import laptop
from infra.known_settings import advice_on_unknown, known_settings
from infra.local import environment
from infra.local.data_directory import DataDirectory
from infra.local.errors import LocalError, PortTakenError
from infra.local.http_server import HttpServer, Served
from infra.local.interruption import Interruption
from infra.local.output import log_request, say
from infra.local.ports import port_number

if TYPE_CHECKING:
    from infra.local.database import Database

_PAGE_PORT = 8000


def main() -> int:
    """Run until interrupted and return the exit code."""
    started = time.monotonic()
    options = _options(os.environ)
    if options.command == "mails":
        return _check_mails()
    interruption = Interruption()
    environment.forget_aws()
    for advice in advice_on_unknown(os.environ):
        say(f"Unknown   {advice}")
    run = _run_database if options.command == "dynamodb" else _run_development_server
    try:
        with ExitStack() as stack:
            run(options, stack)
            say(f"Ready after {time.monotonic() - started:.1f} s. Ctrl-C ends it.")
            interruption.wait()
            say("Ending.")
    except LocalError as error:
        sys.stderr.write(f"lychgate: {error}\n")
        return 1
    return 0


def _check_mails() -> int:
    from chalicelib.accounts.languages import languages  # noqa: PLC0415 - the other commands do not need it
    from chalicelib.mails.previews import problems  # noqa: PLC0415

    found = problems()
    for sentence in found:
        say(sentence)
    if not found:
        say(f"Every mail can be sent in each language: {', '.join(languages())}.")
    return 1 if found else 0


def _run_database(options: argparse.Namespace, stack: ExitStack) -> None:
    from chalicelib.adapters import aws  # noqa: PLC0415 - takes a second to import, which --help does not need
    from infra import database_credentials  # noqa: PLC0415
    from infra.local.database import run_database  # noqa: PLC0415
    from infra.local.mail_previews import page_url  # noqa: PLC0415

    directory = DataDirectory(options.data_dir)
    configured = environment.stage_environment()
    parameter = configured["LYCHGATE_SIGNING_KEYS_PARAMETER"]
    database = stack.enter_context(
        run_database(
            directory,
            options.dynamodb_port,
            signing_keys_parameter=parameter,
            webhook_secrets_parameter=_webhook_secrets(configured),
        )
    )
    # Links in mails lead to the page of `make dev`, unless a setting names another one.
    _enter(configured, options.port or _PAGE_PORT, database, directory)
    database_credentials.follow_credentials(aws.session(), directory.credentials)
    _deliver_mails(database, stack)
    _say_what_is_wrong_with_mails()
    _deliver_webhooks(database, stack, directory)
    say(f"Mailbox   http://127.0.0.1:{database.port}/_mailbox, whose links lead to {page_url()}")
    say(f"Database  http://127.0.0.1:{database.port} (DynamoDB and SSM), kept in {directory.path}")


def _enter(configured: Mapping[str, str], port: int, database: "Database", directory: DataDirectory) -> None:
    environment.enter_stage(
        configured,
        port=port,
        aws_port=database.port,
        public_keys=database.keys.public_keys,
        credentials=directory.credentials,
    )


def _deliver_mails(database: "Database", stack: ExitStack) -> None:
    """Have the mailer send what the database is told to, if this process runs it. The environment must be set."""
    from infra.local.application import load_mailer  # noqa: PLC0415 - see above
    from infra.local.mail_delivery import delivering  # noqa: PLC0415

    if database.new_mails is not None:
        stack.enter_context(delivering(database.new_mails, load_mailer()))


def _say_what_is_wrong_with_mails() -> None:
    from infra.local.mail_previews import said_of_files  # noqa: PLC0415 - see above

    for sentence in said_of_files():
        say(f"Mails     {sentence}")


def _webhook_secrets(configured: Mapping[str, str]) -> str | None:
    """Return the name of the parameter with the secrets of webhooks, None if none are sent."""
    return configured["LYCHGATE_WEBHOOK_SECRETS_PARAMETER"] if configured.get("LYCHGATE_WEBHOOK_URL") else None


def _deliver_webhooks(database: "Database", stack: ExitStack, directory: DataDirectory) -> None:
    """Send events to the site's endpoint, if it has one and this process runs the database."""
    if database.new_events is None:
        return
    from infra.keys.webhook_secrets import FILE  # noqa: PLC0415 - see above
    from infra.local.application import load_webhooks  # noqa: PLC0415
    from infra.local.webhook_delivery import delivering  # noqa: PLC0415

    stack.enter_context(delivering(database.new_events, load_webhooks()))
    say(f"Webhooks  {os.environ['LYCHGATE_WEBHOOK_URL']}, signed by the secret in {directory.path / FILE}")


def _run_development_server(options: argparse.Namespace, stack: ExitStack) -> None:
    if options.port == options.dynamodb_port != 0:
        both = f"page and database cannot both have port {options.port}"
        raise LocalError(f"{both}. Choose another one: PORT={_other(options.port)} make dev")
    from infra.local.api_gateway import BODY_LIMIT  # noqa: PLC0415 - see above

    # Before all else is loaded, so that a port that is taken is told at once.
    server = _listen(options.port, BODY_LIMIT)
    stack.callback(server.stop)
    from infra.local.application import load_api  # noqa: PLC0415 - see above
    from infra.local.database import open_database  # noqa: PLC0415
    from infra.local.development_site import DevelopmentSite  # noqa: PLC0415
    from infra.local.folders import with_folders  # noqa: PLC0415
    from infra.local.mailbox_site import with_mailbox  # noqa: PLC0415
    from infra.local.static_site import StaticSite, folders_of  # noqa: PLC0415

    directory = DataDirectory(options.data_dir)
    configured = environment.stage_environment()
    chosen = ", ".join(known_settings(os.environ))
    parameter = configured["LYCHGATE_SIGNING_KEYS_PARAMETER"]
    # The stack stops the server before it closes the database, so the last requests still have a database.
    database = stack.enter_context(
        open_database(
            directory,
            options.dynamodb_port,
            signing_keys_parameter=parameter,
            webhook_secrets_parameter=_webhook_secrets(configured),
        )
    )
    stack.callback(server.stop)
    _enter(configured, server.port, database, directory)
    site = DevelopmentSite(load_api(), StaticSite(*folders_of(environment.PROJECT)))
    _deliver_mails(database, stack)
    _say_what_is_wrong_with_mails()
    _deliver_webhooks(database, stack, directory)
    also = {folder.name: StaticSite(folder) for folder in options.also}
    server.start(with_mailbox(database.mailbox, with_folders(also, site)))
    say(f"Page      http://127.0.0.1:{server.port}/")
    if laptop.passkeys_are_of_localhost(os.environ):
        say(f"Passkeys  http://localhost:{server.port}/, the same page: browsers make none for an address")
    if laptop.binds_no_device(os.environ):
        say("Devices   LYCHGATE_DBSC=on binds no session over plain HTTP: see docs/http-api.md, Bind on a laptop")
    say(f"API       http://127.0.0.1:{server.port}/api")
    say(f"Mailbox   http://127.0.0.1:{server.port}/_mailbox")
    found = ", which was running already" if database.attached else ""
    say(f"Database  http://127.0.0.1:{database.port} (DynamoDB and SSM){found}, kept in {directory.path}")
    _say_own_routes()
    if chosen:
        say(f"Settings  {chosen} from the environment")


def _say_own_routes() -> None:
    """Say who may call each of the site's own routes: a credential that was forgotten is seen here."""
    from infra import site_check  # noqa: PLC0415 - see above

    for number, line in enumerate(site_check.routes()):
        say(f"{'' if number else 'Routes':10}{line}")


def _listen(port: int, body_limit: int) -> HttpServer:
    try:
        return HttpServer(port, body_limit=body_limit, log=_log)
    except PortTakenError as error:
        raise LocalError(
            f"{error}, so the page cannot use it. Choose another one: PORT={_other(port)} make dev"
        ) from error


def _log(served: Served) -> None:
    from infra.local.mailbox_site import is_poll  # noqa: PLC0415 - see above

    if not is_poll(served):
        log_request(served)


def _other(port: int) -> int:
    return 9100 if port != 9100 else 9200  # noqa: PLR2004 - any number that is not the one taken


def _options(environ: Mapping[str, str]) -> argparse.Namespace:
    """Return the options of the command line, with those of the environment where it has none."""
    parser = _parser(environ)
    options = parser.parse_args()
    for option, variable, usual in (
        ("port", "PORT", _PAGE_PORT),
        ("dynamodb_port", "DYNAMODB_PORT", laptop.DATABASE_PORT),
    ):
        if getattr(options, option) is None:
            said = environ.get(variable, str(usual))
            try:
                setattr(options, option, port_number(said))
            except argparse.ArgumentTypeError as unusable:
                # Without the usage of a command that `make` ran, and with what was typed.
                parser.exit(2, f"lychgate: {variable}={said}: {unusable}\n")
    return options


def _parser(environ: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.local", description=__doc__)
    parser.add_argument("command", nargs="?", choices=("dev", "dynamodb", "mails"), default="dev")
    parser.add_argument(
        "--port",
        type=port_number,
        help="port of page and API; 0: any free one (PORT, 8000)",
    )
    parser.add_argument(
        "--dynamodb-port",
        type=port_number,
        help="port of the database; 0: any free one (DYNAMODB_PORT, 8001)",
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=environ.get("LYCHGATE_DATA_DIR") or environment.PROJECT / ".lychgate",
        help="folder for accounts, sessions and keys (LYCHGATE_DATA_DIR, .lychgate)",
    )
    parser.add_argument(
        "--also",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="a folder that the site has under its name",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
