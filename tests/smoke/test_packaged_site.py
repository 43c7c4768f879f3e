"""The package behind the emulation of API Gateway, whose answers differ from the development server's, passes too."""

import json
import time
from contextlib import ExitStack

import pytest

from chalicelib.tokens.keys import public_jwks
from tests.support import places
from tests.support.packaged.api_gateway import ApiGateway
from tests.support.packaged.function import LambdaFunction

# A gateway response has a fixed one, which is that of the package's settings.
OTHER_ORIGIN = "https://other.example"


@pytest.fixture
def gateway_port(distribution, local_database):
    """The port of a stage that believes to be at the distribution's URL."""
    ring = places.signing_keys(local_database)
    places.client("ssm", local_database).put_parameter(
        Name=places.FOUNDATION.signing_keys_parameter, Value=json.dumps(ring), Type="SecureString", Overwrite=True
    )
    package = places.built_package(public_jwks(ring))
    places.Tables(local_database, places.FOUNDATION.stage)
    overrides = {
        **local_database.environment,
        "LYCHGATE_ISSUER": f"{distribution.url}/api",
        "LYCHGATE_ALLOWED_ORIGINS": f"{distribution.url},{OTHER_ORIGIN}",
    }
    with ExitStack() as stack:
        functions = {name: stack.enter_context(LambdaFunction(package, name, overrides)) for name in package.functions}
        server = ApiGateway(package, functions, clock=time.time).serve()
        stack.callback(server.stop)
        yield server.port


def test_the_package_behind_its_gateway_passes(smoke, distribution, gateway_port, server):
    def by_path(request, forward):
        distribution.upstream = gateway_port if request.path.startswith("/api/") else server.port
        return forward(request)

    distribution.fault = by_path
    outcome = smoke(["live", "api"], other_origin=OTHER_ORIGIN)

    assert outcome.code == 0, outcome.text
    assert set(outcome.left_out) == {"test_http_leads_to_https_for_good"}
