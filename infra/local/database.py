"""The embedded database of a data directory: started in this process, or found on its port."""

import http.client
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import NamedTuple

from infra import laptop
from infra.database_credentials import credentials_file, new_secret_key, read_credentials
from infra.local.data_directory import DataDirectory
from infra.local.development_keys import DevelopmentKeys, development_keys, keys_in_use, webhook_secrets
from infra.local.directory import list_users
from infra.local.email_service import EmailService
from infra.local.embedded_aws import BODY_LIMIT, IDENTITY_PATH, EmbeddedAws
from infra.local.environment import STAGE
from infra.local.errors import LocalError, PortTakenError
from infra.local.http_server import ADDRESS, HttpServer
from infra.local.mail_previews import listed_previews, page_url, sends_mails
from infra.local.mailbox import FOLDER, Mailbox
from infra.local.mailbox_site import MailboxSite, with_mailbox
from infra.local.new_items import NewItems
from infra.local.opened_store import open_store
from infra.local.signatures import signature_headers
from infra.tables import create_tables

# Long, because a database that has just been started is slow to answer.
_PROBE_SECONDS = 5.0
_SERVICE = "lychgate-embedded-aws"


class Database(NamedTuple):
    """A running database. If another process runs it, that sends the mails too, and ``new_mails`` is None."""

    port: int
    keys: DevelopmentKeys
    mailbox: MailboxSite
    new_mails: NewItems | None
    new_events: NewItems | None = None
    """What is to be sent to the site's endpoint for webhooks, if there is one and this process runs the database."""

    @property
    def attached(self) -> bool:
        """Whether another process runs it."""
        return self.new_mails is None


@contextmanager
def open_database(
    directory: DataDirectory, port: int, *, signing_keys_parameter: str, webhook_secrets_parameter: str | None = None
) -> Iterator[Database]:
    """Use the database of this data directory if it runs on the port, or else run one. Raises LocalError."""
    if port != 0 and _runs_on(port, directory):
        yield Database(port, keys_in_use(directory), _mailbox_site(_mailbox(directory)), None)
        return
    with run_database(
        directory,
        port,
        signing_keys_parameter=signing_keys_parameter,
        webhook_secrets_parameter=webhook_secrets_parameter,
    ) as database:
        yield database


@contextmanager
def run_database(
    directory: DataDirectory, port: int, *, signing_keys_parameter: str, webhook_secrets_parameter: str | None = None
) -> Iterator[Database]:
    """Run a database with tables and keys, which keeps each write before it answers. Raises LocalError.

    With ``webhook_secrets_parameter`` it has the secrets of webhooks too, and tells of events.

    It takes requests that are signed with this run's secret access key only, which is in the data directory meanwhile.
    """
    server = _listen(port)
    try:
        directory.lock(server.port)
        with closing(open_store(directory)) as store:
            keys = development_keys(directory, store)
            secret_key = new_secret_key()
            mailbox = _mailbox(directory)
            mailbox.tidy()
            aws = EmbeddedAws(_identity(directory), secret_key, EmailService(mailbox))
            create_tables(aws.dynamodb(), STAGE)
            aws.ssm().put_parameter(
                Name=signing_keys_parameter, Value=keys.signing_keys, Type="SecureString", Overwrite=True
            )
            from infra.local.saved_tables import SavedTables  # noqa: PLC0415 - moto's, which not every start gets to

            list_users(store, laptop.DEFAULTS["LYCHGATE_USERS_TABLE"])
            saved = SavedTables(store, aws)
            saved.restore()
            saved.start()
            new_mails = NewItems(laptop.DEFAULTS["LYCHGATE_MAIL_TABLE"], "mail_id")
            saved.follow(new_mails)
            new_events = None
            if webhook_secrets_parameter is not None:
                secrets = webhook_secrets(directory)
                aws.ssm().put_parameter(
                    Name=webhook_secrets_parameter, Value=secrets, Type="SecureString", Overwrite=True
                )
                new_events = NewItems(laptop.DEFAULTS["LYCHGATE_EVENTS_TABLE"], "user_id", "event_id")
                saved.follow(new_events, from_now_on=True)
            site = _mailbox_site(mailbox)
            try:
                directory.replace(directory.credentials, credentials_file(secret_key))
                server.start(with_mailbox(site, aws))
                yield Database(server.port, keys, site, new_mails, new_events)
            finally:
                server.stop()
                directory.credentials.unlink(missing_ok=True)
                saved.stop()
    finally:
        server.stop()
        directory.unlock()


def running_port(directory: DataDirectory) -> int | None:
    """Return the port on which the database of this data directory runs, None if none runs."""
    port = directory.last_port()
    return port if port is not None and _runs_on(port, directory) else None


def _mailbox(directory: DataDirectory) -> Mailbox:
    return Mailbox(directory.path / FOLDER)


def _mailbox_site(mailbox: Mailbox) -> MailboxSite:
    return MailboxSite(mailbox, listed_previews, page_url, sends_mails)


def _identity(directory: DataDirectory) -> dict[str, str]:
    return {"service": _SERVICE, "stage": STAGE, "data_directory": str(directory.path)}


def _listen(port: int) -> HttpServer:
    try:
        return HttpServer(port, body_limit=BODY_LIMIT)
    except PortTakenError as error:
        raise LocalError(
            f"{error}, so the database cannot use it. Choose another one: DYNAMODB_PORT={_other(port)} make dev"
        ) from error


def _other(port: int) -> int:
    return 9001 if port != 9001 else 9002  # noqa: PLR2004 - any number that is not the one taken


def _runs_on(port: int, directory: DataDirectory) -> bool:
    credentials = read_credentials(directory.credentials)
    signature = signature_headers("GET", f"http://{ADDRESS}:{port}{IDENTITY_PATH}", credentials)
    connection = http.client.HTTPConnection(ADDRESS, port, timeout=_PROBE_SECONDS)
    try:
        connection.request("GET", IDENTITY_PATH, headers=signature)
        answer = json.loads(connection.getresponse().read(10_000))
    except (TimeoutError, OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()
    return bool(answer == _identity(directory))
