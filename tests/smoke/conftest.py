"""A site over HTTPS on this machine: the development server, behind a distribution that can be made faulty.

The development server is the real one, in a process of its own, with the settings of a deployed stage: an issuer with
https. The distribution ends TLS, passes everything on, and does to requests and answers what a test tells it.
"""

import datetime
import gc
import http.client
import ipaddress
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chalicelib.adapters.dynamodb.items import user_key
from tests.live.__main__ import run
from tests.support.places import secret_key_in
from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
OTHER_ORIGIN = "https://app.example"
# Bounds for what normally takes a fraction of them, not expectations: for one step, and for a run in its own process.
PATIENCE_SECONDS = 240.0
RUN_SECONDS = 900.0

# What a deployed stage says otherwise than the stage `dev`.
START = """
import sys
from infra.local import __main__ as local, environment
dev = environment.stage_environment
environment.stage_environment = lambda *arguments: {**dev(*arguments), **%r}
sys.exit(local.main())
"""


@dataclass(frozen=True)
class Message:
    """A request on its way to the site, or an answer on its way back."""

    first: str | int
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name):
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def without(self, name):
        return replace(self, headers=tuple(pair for pair in self.headers if pair[0].lower() != name.lower()))

    def having(self, name, value):
        return replace(self.without(name), headers=(*self.without(name).headers, (name, value)))

    def json(self):
        return json.loads(self.body)

    def with_json(self, change):
        members = self.json()
        change(members)
        return replace(self, body=json.dumps(members).encode())

    def answering(self, status, body=b"{}", content_type="application/json"):
        return replace(self, first=status, body=body).having("Content-Type", content_type)


Forward = Callable[[Message], Message]
Fault = Callable[[Message, Forward], Message]


class Distribution:
    """Ends TLS on a port of its own and passes requests on to the upstream, as its fault would have it."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context
        self.upstream = 0
        self.fault: Fault = lambda request, forward: forward(request)
        distribution = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self):
                # In the connection's own thread, with the certificate of the test that runs.
                self.request.settimeout(PATIENCE_SECONDS)
                self.request = distribution.context.wrap_socket(self.request, server_side=True)
                super().setup()

            def handle_one_request(self):
                super().handle_one_request()
                self.close_connection = True

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                request = Message(self.command, self.path, tuple(self.headers.items()), body)
                answer = distribution.fault(request, distribution.forward)
                self.send_response_only(answer.first)
                for name, value in answer.without("Content-Length").headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                if answer.first != 204:
                    self.wfile.write(answer.body)

            do_GET = do_POST = do_OPTIONS = do_DELETE = do_PUT = do_PATCH = answer  # noqa: N815 - named so by the library

            def finish(self):
                with suppress(OSError):
                    super().finish()
                with suppress(OSError):
                    self.request.close()

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, request, client_address):
                """A client that refuses the certificate is what some tests are about."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        self.url = f"https://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def forward(self, request: Message) -> Message:
        with closing(http.client.HTTPConnection("127.0.0.1", self.upstream, timeout=PATIENCE_SECONDS)) as connection:
            connection.putrequest(request.first, request.path, skip_host=True, skip_accept_encoding=True)
            for name, value in request.headers:  # of which there may be two of one name
                connection.putheader(name, value)
            connection.endheaders(request.body or None)
            response = connection.getresponse()
            headers = [
                pair for pair in response.getheaders() if pair[0].lower() not in {"content-length", "connection"}
            ]
            return Message(response.status, request.path, tuple(headers), response.read())

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class Authority:
    """A private certificate authority, for this run of the tests only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority of these tests")])
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        certificate = (
            self._builder(self._name, self._key, days=(-500, 500))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self.file = folder / "authority.pem"
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def context(self, *, days=(-1, 100), names=("127.0.0.1",), self_signed=False) -> ssl.SSLContext:
        """Return the context of a server with a certificate of its own, good between two days from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        alternatives = [
            x509.IPAddress(ipaddress.ip_address(name)) if name[0].isdigit() else x509.DNSName(name) for name in names
        ]
        signer = key if self_signed else self._key
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
        certificate = (
            self._builder(subject, key, days=days, issuer=subject if self_signed else self._name)
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .add_extension(identifier, critical=False)
            .sign(signer, hashes.SHA256())
        )
        file = self._folder / f"{certificate.serial_number:x}.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _builder(self, subject, key, *, days, issuer=None):
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer or subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + datetime.timedelta(days=days[0]))
            .not_valid_after(now + datetime.timedelta(days=days[1]))
        )


class Server:
    """A development server in a process of its own."""

    def __init__(self, arguments: list[str], environment: dict[str, str]) -> None:
        self.output = ""
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**os.environ, "PORT": "0", "DYNAMODB_PORT": "0", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while "Ready after" not in self.output:
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise AssertionError(self.output)
            time.sleep(0.02)
        self.port = self._port_of("Page")
        self._database = boto3.client(
            "dynamodb",
            region_name="us-east-1",
            endpoint_url=f"http://127.0.0.1:{self._port_of('Database')}",
            aws_access_key_id="any",
            aws_secret_access_key=secret_key_in(Path(environment["LYCHGATE_DATA_DIR"])),
        )

    def usernames(self) -> list[str]:
        users = self._database.scan(TableName="lychgate-dev-users", ConsistentRead=True)["Items"]
        return [user["username"]["S"] for user in users if "user_id" in user]

    def remove(self, username: str) -> None:
        self._database.delete_item(TableName="lychgate-dev-users", Key=user_key(username))

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)
        self.process.stdout.close()
        with suppress(AttributeError):
            self._database.close()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.output += line

    def _port_of(self, what: str) -> int:
        return int(re.search(rf"^{what} +http://127\.0\.0\.1:(\d+)", self.output, re.MULTILINE)[1])


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def _distribution(authority):
    distribution = Distribution(authority.context())
    yield distribution
    distribution.stop()


def start_deployed(url: str, folder: Path, **settings: str) -> Server:
    """Start a development server that believes to be at an URL with https."""
    stage = {
        "LYCHGATE_ISSUER": f"{url}/api",
        "LYCHGATE_ALLOWED_ORIGINS": f"{url},{OTHER_ORIGIN}",
        "LYCHGATE_BCRYPT_COST": "10",
        # Each run fails log-ins on purpose and registers accounts, and all come from one address.
        "LYCHGATE_THROTTLE_ADDRESS_FAILURES": "100000",
        "LYCHGATE_REGISTRATIONS_PER_HOUR": "100000",
        **settings,
    }
    return Server(["-c", START % stage], {"LYCHGATE_DATA_DIR": str(folder)})


@pytest.fixture(scope="session")
def server(_distribution, tmp_path_factory):
    server = start_deployed(_distribution.url, tmp_path_factory.mktemp("deployed"))
    _distribution.upstream = server.port
    yield server
    server.stop()


@pytest.fixture
def distribution(_distribution, server):
    """The distribution without a fault, and after the test without one again."""
    fault, context = _distribution.fault, _distribution.context
    yield _distribution
    _distribution.fault, _distribution.context = fault, context
    _distribution.upstream = server.port
    assert server.usernames() == []


class Outcome:
    """What `make smoke` found and said."""

    def __init__(self, report, code, lines):
        self.code = code
        self.text = "\n".join(lines)
        self.passed = [_name(nodeid) for nodeid in report.passed]
        self.failed = [_name(nodeid) for nodeid in report.failed]
        self.left_out = [_name(nodeid) for nodeid in report.left_out]


def _name(nodeid):
    """The name of a test, without its case."""
    return nodeid.partition("[")[0].rpartition("::")[2]


@pytest.fixture
def smoke(distribution, authority, monkeypatch):
    """Make a smoke test of the distribution in this process: of what only a live site has, unless told otherwise."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))

    def smoke(only=("live",), *, other_origin=OTHER_ORIGIN, **options):
        lines = []
        gc.freeze()  # pytest collects garbage several times as it ends, also among all that the outer one holds
        try:
            report, code = run(distribution.url, other_origin=other_origin, say=lines.append, only=only, **options)
        finally:
            gc.unfreeze()
        return Outcome(report, code, lines)

    return smoke


@pytest.fixture
def run_command(authority):
    """Start `python -m tests.live` with arguments; it is ended after the test."""
    started = []

    def run_command(*arguments):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.live", *arguments],
            cwd=ROOT,
            env={**os.environ, "SSL_CERT_FILE": str(authority.file)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield run_command
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait(PATIENCE_SECONDS)
        process.stdout.close()


@pytest.fixture
def closed_port():
    return free_port()
