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
def ports(distribution, local_database):
    """The ports of a stage that believes to be at the distribution's URL: through its distribution, and round it."""
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
        gateway = ApiGateway(package, functions, clock=time.time, api_keys=[places.DISTRIBUTION_SECRET])
        servers = [places.distribution_before(gateway).serve(), gateway.serve()]
        for server in servers:
            stack.callback(server.stop)
        yield [server.port for server in servers]


@pytest.mark.parametrize(
    "only",
    [
        # The rest of the API's tests run over the package in tests/api, and over a site that is deployed beside this.
        pytest.param(["live", "api/test_routes.py", "api/test_headers.py"], id="some"),
        pytest.param(["live", "api"], id="all", marks=pytest.mark.exhaustive),
    ],
)
def test_the_package_behind_its_gateway_passes(smoke, distribution, ports, server, only):
    through, around = ports

    def by_path(request, forward):
        distribution.upstream = through if request.path.startswith("/api/") else server.port
        return forward(request)

    distribution.fault = by_path
    outcome = smoke(only, other_origin=OTHER_ORIGIN, api_url=f"http://127.0.0.1:{around}")

    assert outcome.code == 0, outcome.text
    assert set(outcome.left_out) == {"test_http_leads_to_https_for_good"}
    assert "test_a_request_that_does_not_come_through_the_distribution_is_forbidden" in outcome.passed


def test_an_api_that_answers_at_its_own_address_fails(smoke, server):
    outcome = smoke(["live/test_around.py"], api_url=f"http://127.0.0.1:{server.port}")

    assert outcome.code == 1
    assert "goes round the distribution" in outcome.text
    assert "test_a_request_that_does_not_come_through_the_distribution_is_forbidden" in outcome.failed
