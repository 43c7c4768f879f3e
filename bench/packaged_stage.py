"""A stage with the deployment package, to run on this machine over DynamoDB Local.

Owns the emulation of AWS around it. Knows nothing of what is measured.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from bench.over_database import STAGE, TABLES
from chalicelib.tokens.keys import public_jwks
from infra.database_credentials import new_secret_key
from infra.deployment.foundation import Foundation
from infra.deployment.policies import POLICIES
from infra.deployment.stage import stage_configuration
from infra.local.embedded_aws import BODY_LIMIT, EmbeddedAws
from infra.local.http_server import HttpServer
from infra.stages import policy_file
from tests.support.dynamodb_local import DynamoDBLocal
from tests.support.packaged.package import Package, build, for_this_machine

BCRYPT_COST = 10
"""The minimum of the settings. With more, log-ins would measure bcrypt only."""

DISTRIBUTION_SECRET = "not much of a secret"
"""The distribution's secret, so that the API uses the addresses that clients send."""

_PARAMETER = f"/lychgate/{STAGE}/signing-keys"


def built(ring: Mapping[str, object]) -> Package:
    """Build the package, or return an earlier build of the same sources. Raises PackageError."""
    foundation = Foundation(
        stage=STAGE,
        partition="aws",
        region="us-east-1",
        account_id="123456789012",
        site_origin="https://site.example",
        users_table=TABLES.users,
        sessions_table=TABLES.sessions,
        events_table=TABLES.events,
        throttle_table=TABLES.throttle,
        mail_table=TABLES.mail,
        mail_stream="",
        signing_keys_parameter=_PARAMETER,
        distribution_secret_sha256=hashlib.sha256(DISTRIBUTION_SECRET.encode()).hexdigest(),
    )
    configuration = stage_configuration(foundation, json.dumps(public_jwks(ring)), for_this_machine())
    policies = {policy_file(STAGE, name): policy(foundation) for name, policy in POLICIES.items()}
    return build(STAGE, configuration, policies)


@contextmanager
def endpoints_for(server: DynamoDBLocal, ring: Mapping[str, object]) -> Iterator[dict[str, str]]:
    """Serve the signing keys parameter, and yield the environment variables that replace AWS for the functions."""
    secret_key = new_secret_key()
    aws = EmbeddedAws({"service": "bench"}, secret_key)
    aws.ssm().put_parameter(Name=_PARAMETER, Value=json.dumps(ring), Type="SecureString", Overwrite=True)
    parameters = HttpServer(0, body_limit=BODY_LIMIT)
    parameters.start(aws)
    try:
        yield {
            "AWS_ENDPOINT_URL_DYNAMODB": server.endpoint,
            "AWS_ENDPOINT_URL_SSM": f"http://127.0.0.1:{parameters.port}",
            "AWS_SECRET_ACCESS_KEY": secret_key,
            "LYCHGATE_BCRYPT_COST": str(BCRYPT_COST),
        }
    finally:
        parameters.stop()
