"""The package, run as AWS would run it."""

import json
from contextlib import ExitStack

import pytest

from chalicelib.credentials.webhook_secrets import written
from chalicelib.tokens.keys import public_jwks
from tests.deployed.account import WEBHOOK_SECRET, Account
from tests.support import places
from tests.support.api_client import over_http
from tests.support.packaged.api_gateway import ApiGateway
from tests.support.packaged.function import LambdaFunction


@pytest.fixture(scope="session")
def ring(local_database):
    """The signing keys, which are in the stage's parameter too."""
    ring = places.signing_keys(local_database)
    places.client("ssm", local_database).put_parameter(
        Name=places.FOUNDATION.signing_keys_parameter, Value=json.dumps(ring), Type="SecureString", Overwrite=True
    )
    places.client("ssm", local_database).put_parameter(
        Name=places.FOUNDATION.webhook_secrets_parameter,
        Value=written([WEBHOOK_SECRET]),
        Type="SecureString",
        Overwrite=True,
    )
    return ring


@pytest.fixture(scope="session")
def package(ring):
    return places.built_package(public_jwks(ring))


@pytest.fixture(scope="session")
def tables(local_database):
    return places.Tables(local_database, places.FOUNDATION.stage)


@pytest.fixture(scope="session")
def running_account(package, local_database, dynamodb_local, shared_clock, tmp_path_factory):
    account = Account(package, local_database, dynamodb_local, shared_clock, tmp_path_factory.mktemp("account"))
    yield account
    account.stop()


@pytest.fixture
def account(running_account):
    """All functions with their roles, over tables that are empty, and nothing that was mailed."""
    running_account.begin()
    return running_account


@pytest.fixture
def clock(shared_clock):
    shared_clock.reset()
    return shared_clock


@pytest.fixture(scope="session")
def make_function(package, local_database, shared_clock):
    """Return a function of the package, with the database behind it unless told otherwise. The caller ends it."""

    def make(name, overrides=None, *, under_clock=True):
        environment = {**local_database.environment, "LYCHGATE_TEST_CLOCK": str(shared_clock.path)}
        bootstrap = places.CLOCK_FOLDER / "lambda_under_clock.py" if under_clock else None
        return LambdaFunction(package, name, environment | (overrides or {}), bootstrap=bootstrap)

    return make


@pytest.fixture
def start(make_function):
    """Make a function of the test's own."""
    with ExitStack() as stack:
        yield lambda *arguments, **options: stack.enter_context(make_function(*arguments, **options))


class Deployment:
    """Both functions behind the gateway and the distribution."""

    def __init__(self, package, functions, clock):
        self.functions = functions
        self.gateway = ApiGateway(package, functions, clock=clock, api_keys=[places.DISTRIBUTION_SECRET])
        self._servers = [places.distribution_before(self.gateway).serve(), self.gateway.serve()]
        through, around = (server.port for server in self._servers)
        self.api = over_http(through, below="/api")
        self.around = over_http(around, below="/api")
        """A client that goes to the API's own address."""
        self.host = over_http(around)

    def begin(self):
        """Forget what there was, but let the processes live."""
        self.gateway.forget_authorizations()
        for function in self.functions.values():
            function.invocations = 0
            function.recent_log.clear()

    def stop(self):
        for server in self._servers:
            server.stop()
        for function in self.functions.values():
            function.end()


@pytest.fixture(scope="session")
def running_deployment(package, make_function, shared_clock):
    deployment = Deployment(package, {name: make_function(name) for name in package.functions}, shared_clock)
    yield deployment
    deployment.stop()


@pytest.fixture
def deployment(running_deployment, clock, tables):
    """The stage as it is configured: warm, once there was a test before, and with empty tables."""
    tables.empty()
    running_deployment.begin()
    return running_deployment


@pytest.fixture
def deploy(package, make_function, clock, tables):
    """Put functions with other settings behind a gateway of their own."""
    deployments = []

    def deploy(**overrides):
        functions = {name: make_function(name, overrides.get(name)) for name in package.functions}
        deployments.append(Deployment(package, functions, clock))
        return deployments[-1]

    tables.empty()
    yield deploy
    for deployment in deployments:
        deployment.stop()
