"""Each store twice: the fake, and DynamoDB under moto with a client for each thread."""

import threading

import pytest

from chalicelib.aws import dynamodb_client
from chalicelib.dynamodb.sessions import DynamoDBSessionStore
from chalicelib.dynamodb.users import DynamoDBUserStore
from fakes import FakeSessionStore, FakeUserStore


class ClientPerThread:
    """A DynamoDB client for each thread that uses it."""

    def __init__(self, make_client):
        self._make_client = make_client
        self._local = threading.local()

    def __getattr__(self, name):
        if not hasattr(self._local, "client"):
            self._local.client = self._make_client()
        return getattr(self._local.client, name)


@pytest.fixture(params=["fake", "moto"])
def implementation(request):
    if request.param == "moto":
        request.getfixturevalue("aws")
    return request.param


@pytest.fixture
def users(implementation, environment):
    if implementation == "fake":
        return FakeUserStore()
    return DynamoDBUserStore(ClientPerThread(dynamodb_client), environment["LYCHGATE_USERS_TABLE"])


@pytest.fixture
def sessions(implementation, environment):
    if implementation == "fake":
        return FakeSessionStore()
    return DynamoDBSessionStore(ClientPerThread(dynamodb_client), environment["LYCHGATE_SESSIONS_TABLE"])
