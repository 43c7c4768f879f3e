"""The package, run as AWS would run it."""

import json

import pytest

import places
from api_client import over_http
from chalicelib.keys import public_jwks
from infra.packaged.api_gateway import ApiGateway
from infra.packaged.function import LambdaFunction


@pytest.fixture(scope="session")
def ring(local_database):
    """The signing keys, which are in the stage's parameter too."""
    ring = places.signing_keys(local_database)
    places.client("ssm", local_database).put_parameter(
        Name=places.FOUNDATION.signing_keys_parameter, Value=json.dumps(ring), Type="SecureString", Overwrite=True
    )
    return ring


@pytest.fixture(scope="session")
def package(ring):
    return places.built_package(public_jwks(ring))


@pytest.fixture(scope="session")
def tables(local_database):
    return places.Tables(local_database, places.FOUNDATION.stage)


@pytest.fixture
def clock(shared_clock):
    shared_clock.reset()
    return shared_clock


@pytest.fixture
def start(package, local_database, shared_clock):
    """Make a function of the package, with the database behind it unless told otherwise."""
    started = []

    def start(name, overrides=None, *, under_clock=True, **options):
        environment = {"AWS_ENDPOINT_URL": local_database, "LYCHGATE_TEST_CLOCK": str(shared_clock.path)}
        bootstrap = places.CLOCK_FOLDER / "lambda_under_clock.py" if under_clock else None
        function = LambdaFunction(package, name, environment | (overrides or {}), bootstrap=bootstrap, **options)
        started.append(function)
        return function

    yield start
    for function in started:
        function.end()


class Deployment:
    """Both functions behind the gateway."""

    def __init__(self, package, functions, clock):
        self.functions = functions
        self.gateway = ApiGateway(package, functions, clock=clock)
        self._server = self.gateway.serve()
        self.api = over_http(self._server.port, below="/api")
        self.host = over_http(self._server.port)

    def stop(self):
        self._server.stop()


@pytest.fixture
def deploy(package, start, clock, tables):
    """Put functions behind a gateway, with empty tables."""
    deployments = []

    def deploy(**overrides):
        functions = {name: start(name, overrides.get(name)) for name in package.functions}
        deployments.append(Deployment(package, functions, clock))
        return deployments[-1]

    tables.empty()
    yield deploy
    for deployment in deployments:
        deployment.stop()
