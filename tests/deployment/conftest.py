import pytest

from tests.deployment.aws_here import AwsHere
from tests.deployment.operator_here import Operator, copied_project
from tests.deployment.recorded_resources import REGION


@pytest.fixture(scope="session")
def one_server():
    server = AwsHere()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def moto_server(one_server):
    """The server, to which what this process asks of AWS goes."""
    one_server.enter()
    yield one_server
    one_server.leave()


@pytest.fixture
def aws(moto_server, monkeypatch):
    """An account with nothing in it."""
    moto_server.reset()
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_server.url)
    monkeypatch.setenv("AWS_REGION", REGION)
    return moto_server


@pytest.fixture
def operator(aws, tmp_path):
    return Operator(copied_project(tmp_path / "project"), aws)
