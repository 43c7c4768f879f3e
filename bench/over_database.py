"""The application of one process over DynamoDB Local, with keys of its own and the cheapest hash that bcrypt has.

Owns how it is put together: as on Lambda, by ``wiring``, out of settings.
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
from chalicelib.clock import Clock
from chalicelib.config.api import ACCESS_TOKEN_LIFETIME, Tables
from chalicelib.credentials.passwords import PasswordHasher
from chalicelib.tokens.issuer import TokenIssuer
from chalicelib.tokens.keys import generate_signing_jwk, parse_signing_keys, public_jwks
from chalicelib.tokens.verifier import TokenVerifier
from chalicelib.wiring import Lychgate, UseCases
from infra.tables import create_tables
from tests.support.application import application, clients_of
from tests.support.dynamodb_local import DynamoDBLocal, NotInstalled

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.api.application import Application

STAGE = "bench"
TABLES = Tables(**{name: f"lychgate-{STAGE}-{name}" for name in ("users", "sessions", "events", "throttle")})

PEPPER = bytes(range(32))
CHEAPEST_HASH = 4
"""bcrypt's least cost: what is measured here is not the hash."""

_ISSUER = "https://site.example/api"

# Anything will do: DynamoDB Local checks none of it, and nobody's own account is ever looked for.
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
    """The use cases, issuer and verifier of their tokens, and the client that they reach the database by."""

    use_cases: UseCases
    issuer: TokenIssuer
    verifier: TokenVerifier
    client: DynamoDBClient


def private_ring() -> dict[str, object]:
    """Return the value of the parameter of signing keys: a new key, and a pepper."""
    pepper = base64.urlsafe_b64encode(PEPPER).rstrip(b"=").decode()
    return {"keys": [generate_signing_jwk()], "pepper": pepper}


def settings_of(ring: Mapping[str, object], tables: Tables) -> dict[str, str]:
    """Return the settings of an API Lambda with these keys and tables. Nothing is throttled in a benchmark's time."""
    return {
        "LYCHGATE_ISSUER": _ISSUER,
        "LYCHGATE_PUBLIC_KEYS": json.dumps(public_jwks(ring)),
        "LYCHGATE_SIGNING_KEYS_PARAMETER": f"/lychgate/{STAGE}/signing-keys",
        "LYCHGATE_USERS_TABLE": tables.users,
        "LYCHGATE_SESSIONS_TABLE": tables.sessions,
        "LYCHGATE_EVENTS_TABLE": tables.events,
        "LYCHGATE_THROTTLE_TABLE": tables.throttle,
        "LYCHGATE_THROTTLE_PAIR_FAILURES": "100",
        "LYCHGATE_THROTTLE_ADDRESS_FAILURES": "100000",
    }


def folder_in_memory(size: int) -> Path | None:
    """Return a folder that no disk stands behind, if it has room for so many bytes: databases wait for disks.

    None stands for the folder of temporary files.
    """
    folder = Path("/dev/shm")  # noqa: S108 - a folder in it is made by tempfile
    return folder if folder.is_dir() and shutil.disk_usage(folder).free > size else None


@contextmanager
def started(folder: Path, **options: object) -> Iterator[DynamoDBLocal]:
    """Run DynamoDB Local for a while. Raises LeftOut where it cannot run."""
    try:
        server = DynamoDBLocal(folder, **options)  # type: ignore[arg-type]
    except NotInstalled as missing:
        raise LeftOut(str(missing)) from missing
    with server:
        yield server


def client_of(server: DynamoDBLocal) -> DynamoDBClient:
    """Return a client for this server. It has the patience that a loaded machine asks for."""
    with mock.patch.dict(os.environ, AWS_ENVIRONMENT):
        patient = Config(connect_timeout=10, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 3})
        return boto3.client("dynamodb", endpoint_url=server.endpoint, config=patient)


def over_database(client: DynamoDBClient, *, clock: Clock, ring: Mapping[str, object] | None = None) -> OverDatabase:
    """Make the tables that are not there yet, and put the application together over them, with new keys or these."""
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
    """Return an application, both Lambdas of it, over the database that the environment names."""
    ring = private_ring()
    with mock.patch.dict(os.environ, AWS_ENVIRONMENT):
        client = boto3.client("dynamodb")
    create_tables(client, STAGE)
    return application(
        settings_of(ring, TABLES), clients=clients_of(dynamodb=client, ring=ring), make_hasher=lambda **_: hasher
    )


def _cheapest_hasher(*, pepper: bytes, cost: int) -> PasswordHasher:  # noqa: ARG001 - the setting's, which is higher
    return PasswordHasher(pepper=pepper, cost=CHEAPEST_HASH)
