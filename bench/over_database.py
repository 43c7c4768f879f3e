"""The application in one process over DynamoDB Local, with its own keys and bcrypt's cheapest hash.

Owns how it is assembled: as on Lambda, by ``wiring``, from settings.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import boto3
from botocore.config import Config

from bench.figures import LeftOut
from chalicelib.assembly import UseCases
from chalicelib.clock import Clock
from chalicelib.config.api import ACCESS_TOKEN_LIFETIME, Tables
from chalicelib.credentials.passwords import PasswordHasher
from chalicelib.credentials.peppers import Peppers
from chalicelib.tokens.issuer import TokenIssuer
from chalicelib.tokens.keys import generate_signing_jwk, parse_signing_keys, public_jwks
from chalicelib.tokens.verifier import TokenVerifier
from chalicelib.wiring import Lychgate
from infra.tables import create_tables
from tests.support.application import application, clients_of
from tests.support.dynamodb_local import DynamoDBLocal, NotInstalled

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.api.application import Application

STAGE = "bench"
TABLES = Tables(**{name: f"lychgate-{STAGE}-{name}" for name in ("users", "sessions", "events", "throttle", "mail")})

PEPPER = bytes(range(32))
CHEAPEST_HASH = 4
"""bcrypt's minimum cost: the hash is not measured here."""

_ISSUER = "https://site.example/api"

# Any values: DynamoDB Local does not check them. They also keep botocore from using real credentials.
AWS_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass(frozen=True)
class OverDatabase:
    """The use cases, the issuer and the verifier of their tokens, and their database client."""

    use_cases: UseCases
    issuer: TokenIssuer
    verifier: TokenVerifier
    client: DynamoDBClient


def private_ring() -> dict[str, object]:
    """Return a value for the signing keys parameter: a new key and a pepper."""
    pepper = base64.urlsafe_b64encode(PEPPER).rstrip(b"=").decode()
    return {"keys": [generate_signing_jwk()], "pepper": pepper}


def settings_of(ring: Mapping[str, object], tables: Tables) -> dict[str, str]:
    """Return the settings of an API Lambda with these keys and tables. They throttle no benchmark."""
    return {
        "LYCHGATE_ISSUER": _ISSUER,
        "LYCHGATE_PUBLIC_KEYS": json.dumps(public_jwks(ring)),
        "LYCHGATE_SIGNING_KEYS_PARAMETER": f"/lychgate/{STAGE}/signing-keys",
        "LYCHGATE_USERS_TABLE": tables.users,
        "LYCHGATE_SESSIONS_TABLE": tables.sessions,
        "LYCHGATE_EVENTS_TABLE": tables.events,
        "LYCHGATE_THROTTLE_TABLE": tables.throttle,
        "LYCHGATE_MAIL_TABLE": tables.mail,
        "LYCHGATE_THROTTLE_PAIR_FAILURES": "100",
        "LYCHGATE_THROTTLE_ADDRESS_FAILURES": "100000",
        "LYCHGATE_REGISTRATIONS_PER_HOUR": "100000",
    }


def folder_in_memory(size: int) -> Path | None:
    """Return a folder in memory with room for this many bytes, because databases wait for disks.

    None means the default folder for temporary files.
    """
    folder = Path("/dev/shm")  # noqa: S108 - a folder in it is made by tempfile
    return folder if folder.is_dir() and shutil.disk_usage(folder).free > size else None


@contextmanager
def started(folder: Path, **options: object) -> Iterator[DynamoDBLocal]:
    """Run DynamoDB Local as long as the context. Raises LeftOut if it cannot run."""
    try:
        server = DynamoDBLocal(folder, **options)  # type: ignore[arg-type]
    except NotInstalled as missing:
        raise LeftOut(str(missing)) from missing
    with server:
        yield server


def client_of(server: DynamoDBLocal) -> DynamoDBClient:
    """Return a client for this server, with timeouts for a busy machine."""
    with mock.patch.dict(os.environ, AWS_ENVIRONMENT):
        patient = Config(connect_timeout=10, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 3})
        return boto3.client("dynamodb", endpoint_url=server.endpoint, config=patient)


def over_database(client: DynamoDBClient, *, clock: Clock, ring: Mapping[str, object] | None = None) -> OverDatabase:
    """Create missing tables, and return the application over them, with new keys or these."""
    create_tables(client, STAGE)
    ring = ring or private_ring()
    settings = settings_of(ring, TABLES)
    lychgate = Lychgate(
        settings, clients=clients_of(dynamodb=client, ring=ring), clock=clock, make_hasher=_cheapest_hasher
    )
    verifying = lychgate.verifying
    issuer = TokenIssuer(
        issuer=verifying.issuer,
        audience=verifying.audience,
        signing_keys=parse_signing_keys(ring),
        access_lifetime=ACCESS_TOKEN_LIFETIME,
    )
    verifier = TokenVerifier(issuer=verifying.issuer, audience=verifying.audience, keys=verifying.keys, clock=clock)
    return OverDatabase(lychgate.use_cases, issuer, verifier, client)


def lambda_over_database(hasher: PasswordHasher) -> Application:
    """Return an application with both Lambdas, over the database of the environment variables."""
    ring = private_ring()
    with mock.patch.dict(os.environ, AWS_ENVIRONMENT):
        client = boto3.client("dynamodb")
    create_tables(client, STAGE)
    return application(
        settings_of(ring, TABLES), clients=clients_of(dynamodb=client, ring=ring), make_hasher=lambda **_: hasher
    )


def _cheapest_hasher(*, peppers: Peppers, **_: object) -> PasswordHasher:
    return PasswordHasher(peppers=peppers, cost=CHEAPEST_HASH)
