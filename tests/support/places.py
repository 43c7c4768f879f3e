"""The places where the API runs: in this process, `chalice local`, `make dev`, and the package as AWS would run it.

Each has the settings of a deployment, a clock that tests control, and tables that can be emptied.
"""

import hashlib
import json
import mmap
import os
import re
import struct
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import boto3

from chalicelib.adapters.dynamodb.ended import PARTITION
from chalicelib.tokens.keys import public_jwks
from infra.database_credentials import credentials_file, read_credentials
from infra.deployment.foundation import Foundation
from infra.deployment.policies import POLICIES
from infra.deployment.stage import stage_configuration
from infra.stages import policy_file
from infra.tables import create_tables
from tests.support.api_client import over_http
from tests.support.databases import empty_table
from tests.support.mailbox import Mailbox, kept_at, until_nothing_waits
from tests.support.packaged.api_gateway import ApiGateway
from tests.support.packaged.distribution import Distribution
from tests.support.packaged.function import ACCOUNT, REGION, LambdaFunction
from tests.support.packaged.mail_service import MailService
from tests.support.packaged.mailer import MAILER, PackagedMailer
from tests.support.packaged.package import build, for_this_machine
from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
CLOCK_FOLDER = Path(__file__).parent / "process_clock"
# Seconds. A bound for what normally takes a fraction of it, not an expectation.
PATIENCE = 120

EPOCH = 1_800_000_000
"""The time at which every test begins."""

SENDER = "no-reply@lychgate.example"
"""The address that all mails come from."""

SETTINGS = {
    "LYCHGATE_ISSUER": "https://site.example/api",
    "LYCHGATE_ALLOWED_ORIGINS": "https://site.example,https://other.example",
    "LYCHGATE_BCRYPT_COST": "10",
    "LYCHGATE_MAIL_FROM": SENDER,
}
CONFIGURATION_SET = "lychgate-test"
DISTRIBUTION_SECRET = "what only the distribution sends"
KMS_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
"""The operator's own key, which encrypts the signing keys."""
FOUNDATION = Foundation(
    stage="test",
    partition="aws",
    region=REGION,
    account_id=ACCOUNT,
    site_origin="https://site.example",
    users_table="lychgate-test-users",
    sessions_table="lychgate-test-sessions",
    events_table="lychgate-test-events",
    throttle_table="lychgate-test-throttle",
    mail_table="lychgate-test-mail",
    mail_stream="arn:aws:dynamodb:us-east-1:123456789012:table/lychgate-test-mail/stream/2026-01-01T00:00:00.000",
    signing_keys_parameter="/lychgate/test/signing-keys",
    distribution_secret_sha256=hashlib.sha256(DISTRIBUTION_SECRET.encode()).hexdigest(),
    kms_keys=(KMS_KEY,),
    mail_from=SENDER,
    mail_identity="lychgate.example",
    configuration_set=CONFIGURATION_SET,
    events_stream="arn:aws:dynamodb:us-east-1:123456789012:table/lychgate-test-events/stream/2026-01-01T00:00:00.000",
    webhook_url="https://receiver.example/hooks",
)


class Database(NamedTuple):
    """A database that somebody runs, and the secret access key that its requests are signed with."""

    endpoint: str
    secret_key: str

    @property
    def environment(self):
        """What sends the AWS clients of a function there."""
        return {"AWS_ENDPOINT_URL": self.endpoint, "AWS_SECRET_ACCESS_KEY": self.secret_key}


class SharedClock:
    """A clock that moves only when told, for this process and for those that read its file."""

    def __init__(self, path):
        self.path = path
        path.write_bytes(struct.pack("d", EPOCH))
        with path.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), 8)

    def __call__(self):
        return self.now

    @property
    def now(self):
        return int(struct.unpack("d", self._shared[:8])[0])

    def advance(self, seconds):
        self._set(self.now + seconds)

    def reset(self):
        self._set(EPOCH)

    def _set(self, now):
        self._shared[:8] = struct.pack("d", now)


class Tables:
    """The tables of one stage in a database on this machine."""

    def __init__(self, database, stage):
        self.client = client("dynamodb", database)
        self.stage = stage
        self._keys = {}
        for name in create_tables(self.client, stage):
            self._keep_expired_items(name)
            schema = self.client.describe_table(TableName=name)["Table"]["KeySchema"]
            self._keys[name] = [key["AttributeName"] for key in schema]

    def empty(self):
        for name, key in self._keys.items():
            empty_table(self.client, name, key)

    def count(self, name):
        """Return the number of items in the table of this name."""
        return self.client.scan(TableName=self._table(name), Select="COUNT", ConsistentRead=True)["Count"]

    def items(self, name):
        """Return the items in the table of this name, as long as they are few."""
        return self.client.scan(TableName=self._table(name), ConsistentRead=True)["Items"]

    def sessions(self):
        """Return what is in the table of sessions, as long as that is little, without the feed of what has ended."""
        return [item for item in self.items("sessions") if item["user_id"]["S"] != PARTITION]

    def settle(self):
        """Wait until a mailer that runs by itself has nothing left to do."""
        until_nothing_waits(lambda: self.items("mail"))

    def _table(self, name):
        (table,) = [table for table in self._keys if table.endswith(f"-{name}")]
        return table

    def _keep_expired_items(self, name):
        # A database deletes items by this machine's clock, which differs from the tests' clock.
        described = self.client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        if described["TimeToLiveStatus"] == "ENABLED":
            off = {"AttributeName": described["AttributeName"], "Enabled": False}
            self.client.update_time_to_live(TableName=name, TimeToLiveSpecification=off)


class Place:
    """Where the API runs, over HTTP."""

    def __init__(self, api, tables, forget=lambda: None, sent=None, settle=lambda: None):
        """Take a client, the tables, and what forgets the last test.

        ``sent`` returns the mails that were sent, see ``Mailbox``. ``settle`` returns when no other will come.
        """
        self.api = api
        self.tables = tables
        self._forget = forget
        self._sent = sent
        self._settle = settle

    def mailbox(self):
        """Return the mails that are sent from now on."""
        return Mailbox(self._sent, self._settle)

    def empty(self):
        """Delete all data of the last test, whose mails are sent by then."""
        self._settle()
        self.tables.empty()
        self._forget()


def client(service, database):
    return boto3.client(
        service,
        endpoint_url=database.endpoint,
        region_name=REGION,
        aws_access_key_id="any",
        aws_secret_access_key=database.secret_key,
    )


@contextmanager
def running(arguments, *, folder, clock, until):
    """Run a program under the clock until the block ends, and yield its output once that matches."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LYCHGATE_"))}
    environment |= {
        "LYCHGATE_TEST_CLOCK": str(clock.path),
        "LYCHGATE_TEST_CHEAP_HASHES": "1",
        "PYTHONPATH": str(CLOCK_FOLDER),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    process = subprocess.Popen(
        arguments, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    said = []
    reader = threading.Thread(target=lambda: said.extend(iter(process.stdout.readline, "")))
    reader.start()
    try:
        deadline = time.monotonic() + PATIENCE
        while not (found := re.search(until, "".join(said), re.DOTALL)):
            assert process.poll() is None, "".join(said)
            assert time.monotonic() < deadline, "".join(said)
            time.sleep(0.02)
        yield found
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        finally:
            process.kill()
            reader.join()
            process.stdout.close()


@contextmanager
def local_database(folder, clock):
    """Run `make dynamodb`, whose mailer has the settings of all places."""
    project = checkout(folder, {})
    command = [sys.executable, "-m", "infra.local", "dynamodb", "--dynamodb-port", "0", "--data-dir", folder / "data"]
    pattern = r"(http://127\.0\.0\.1:\d+) \(Dyn.*Ready after"
    with running(command, folder=project, clock=clock, until=pattern) as found:
        yield Database(found[1], secret_key_in(folder / "data"))


def secret_key_in(data_directory):
    return read_credentials(data_directory / "credentials").secret_key


@contextmanager
def chalice_local(folder, clock, database, _, *, source=ROOT):
    """`chalice local`, with the database that `make dynamodb` runs."""
    tables = Tables(database, "dev")
    keys = public_jwks(signing_keys(database))
    settings = {"AWS_ENDPOINT_URL": database.endpoint, "LYCHGATE_PUBLIC_KEYS": json.dumps(keys)}
    project = checkout(folder, settings, source)
    (project / ".lychgate").mkdir()
    (project / ".lychgate" / "credentials").write_bytes(credentials_file(database.secret_key))
    chalice = Path(sys.executable).parent / "chalice"
    port = free_port()
    command = [chalice, "local", "--no-autoreload", "--port", str(port)]
    with running(command, folder=project, clock=clock, until="Serving on http://127"):
        sent = kept_at(f"{database.endpoint}/_mailbox.json")
        yield Place(over_http(port), tables, sent=sent, settle=tables.settle)


@contextmanager
def make_dev(folder, clock, *_, source=ROOT):
    """`make dev`, with the database in its own process."""
    project = checkout(folder, {}, source)
    command = [
        sys.executable,
        "-m",
        "infra.local",
        "--port",
        "0",
        "--dynamodb-port",
        "0",
        "--data-dir",
        folder / "data",
    ]
    pattern = r"API +http://127\.0\.0\.1:(\d+)/api.*(http://127\.0\.0\.1:\d+) \(Dyn.*Ready after"
    with running(command, folder=project, clock=clock, until=pattern) as found:
        tables = Tables(Database(found[2], secret_key_in(folder / "data")), "dev")
        sent = kept_at(f"http://127.0.0.1:{found[1]}/_mailbox.json")
        yield Place(over_http(int(found[1]), below="/api"), tables, sent=sent, settle=tables.settle)


@contextmanager
def packaged(folder, clock, database, dynamodb_local, *, source=ROOT):
    """The package under AWS's runtime client, behind the emulations of API Gateway and of the distribution.

    The mailer is fed from the stream of DynamoDB Local, and moto is the SES behind it.
    """
    ring = signing_keys(database)
    client("ssm", database).put_parameter(
        Name=FOUNDATION.signing_keys_parameter, Value=json.dumps(ring), Type="SecureString", Overwrite=True
    )
    package = built_package(public_jwks(ring), source)
    local = Database(dynamodb_local.endpoint, "any")
    tables = Tables(local, FOUNDATION.stage)
    with ExitStack() as stack:
        mails = MailService(FOUNDATION.mail_identity, (CONFIGURATION_SET,))
        stack.callback(mails.stop)
        overrides = {
            **database.environment,
            "AWS_ENDPOINT_URL_DYNAMODB": local.endpoint,
            "AWS_ENDPOINT_URL_SESV2": mails.endpoint,
            "LYCHGATE_TEST_CLOCK": str(clock.path),
            "LYCHGATE_TEST_CHEAP_HASHES": "1",
        }
        functions = {
            name: stack.enter_context(
                LambdaFunction(package, name, overrides, bootstrap=CLOCK_FOLDER / "lambda_under_clock.py")
            )
            for name in package.functions
        }
        gateway = ApiGateway(package, functions, clock=clock, api_keys=[DISTRIBUTION_SECRET])
        server = distribution_before(gateway).serve()
        stack.callback(server.stop)
        mailer = PackagedMailer(functions[MAILER], mails, FOUNDATION.mail_table, local)

        def forget():
            gateway.forget_authorizations()
            mailer.begin()

        api = over_http(server.port, below="/api")
        yield Place(api, tables, forget, sent=mailer.received, settle=mailer.deliver)


def distribution_before(gateway, *, viewer="127.0.0.1"):
    """The distribution of the stage, for one viewer."""
    return Distribution(gateway, secret=DISTRIBUTION_SECRET, viewer=viewer)


def built_package(public_keys, source=ROOT, **settings):
    """Build the package of a stage as `make deploy` would configure it, for this machine."""
    existing = {
        **for_this_machine(),
        "environment_variables": {**SETTINGS, **settings},
    }
    configuration = stage_configuration(FOUNDATION, json.dumps(public_keys), existing)
    files = {policy_file(FOUNDATION.stage, name): policy(FOUNDATION) for name, policy in POLICIES.items()}
    return build(FOUNDATION.stage, configuration, files, project=source)


IN_PROCESS = "in-process"
PLACES = {"chalice-local": chalice_local, "make-dev": make_dev, "packaged": packaged}


def signing_keys(database):
    """The ring that the embedded database made at its first start."""
    found = client("ssm", database).get_parameter(Name="/lychgate/dev/signing-keys", WithDecryption=True)
    return json.loads(found["Parameter"]["Value"])


def checkout(folder, settings, source=ROOT):
    """A checkout of what ``source`` holds, whose stage `dev` has the settings of all places."""
    project = folder / "project"
    (project / ".chalice").mkdir(parents=True)
    for name in ("app.py", "chalicelib", "infra", "static-site"):
        (project / name).symlink_to(source / name)
    config = json.loads((ROOT / ".chalice" / "config.json").read_text("utf-8"))
    config["stages"]["dev"]["environment_variables"].update(SETTINGS | settings)
    (project / ".chalice" / "config.json").write_text(json.dumps(config), "utf-8")
    return project
