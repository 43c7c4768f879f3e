"""A rotation and a revocation as a user of the whole application lives through them."""

import json
from collections import Counter

import jwt
import pytest

from chalicelib.adapters.dynamodb.items import user_key
from chalicelib.errors import ConfigurationError
from chalicelib.tokens.keys import public_jwks
from infra.keys import peppers
from infra.keys import ring as rings
from infra.keys.users import Needs
from tests.support.api_client import in_process
from tests.support.application import application, clients_of

DAY = 24 * 3600
LONGEST = 14 * DAY


class Processes:
    """The processes of a stage, which a deployment starts anew."""

    def __init__(self, settings, clients, clock):
        self._settings, self._clients, self._clock = settings, clients, clock
        self._start()

    def deploy(self, ring, *, configured=None):
        """Put a ring into Parameter Store and configure its public set, unless told another."""
        self._clients.ssm().put_parameter(
            Name=self._settings["LYCHGATE_SIGNING_KEYS_PARAMETER"],
            Value=json.dumps(ring),
            Type="SecureString",
            Overwrite=True,
        )
        self._settings["LYCHGATE_PUBLIC_KEYS"] = json.dumps(configured or public_jwks(ring))
        self._start()

    def _start(self):
        self.application = application(self._settings, clients=self._clients, clock=self._clock)
        self._api = in_process(self.application)

    def __getattr__(self, name):
        """The client of the processes that run now."""
        return getattr(self._api, name)


@pytest.fixture
def api(aws, aws_clients, settings, clock):
    dynamodb, ssm = aws_clients
    return Processes(settings, clients_of(dynamodb=dynamodb, ssm=ssm), clock)


@pytest.fixture
def deploy(api):
    return api.deploy


def kid(answer):
    return jwt.get_unverified_header(answer.json["access_token"])["kid"]


def test_a_rotation_logs_nobody_out(api, deploy, clock, private_jwks):
    ring = private_jwks
    old = ring["keys"][0]["kid"]
    session = api.register()
    assert kid(session) == old

    ring = rings.add(ring, now=clock.now, alg="EdDSA", delay=None, stage="test").ring
    new = ring["keys"][1]["kid"]
    deploy(ring)
    assert api.me(session.json["access_token"]).status == 200
    session = api.refresh(session.json["refresh_token"])
    assert kid(session) == old

    clock.advance(DAY)
    last_of_old = session
    session = api.refresh(session.json["refresh_token"])
    assert kid(session) == new
    assert api.me(session.json["access_token"]).status == 200

    ring = rings.retire(ring, now=clock.now, kid=None, longest_token=LONGEST, stage="test").ring
    deploy(ring)
    assert api.refresh(last_of_old.json["refresh_token"]).status == 200, "a retry with a token of the old key"
    published = api.request("GET", "/.well-known/jwks.json").json["keys"]
    assert [key["kid"] for key in published] == [old, new]
    for _ in range(2):
        clock.advance(10 * DAY)
        session = api.refresh(session.json["refresh_token"])
        assert session.status == 200
    published = api.request("GET", "/.well-known/jwks.json").json["keys"]
    assert [key["kid"] for key in published] == [new]


def test_a_revocation_ends_the_tokens_of_the_key_and_passwords_still_work(api, deploy, clock, private_jwks):
    session = api.register().json
    deploy(rings.revoke(private_jwks, now=clock.now, kid=private_jwks["keys"][0]["kid"], stage="test").ring)
    api.me(session["access_token"]).assert_problem(401, "invalid_token")
    api.refresh(session["refresh_token"]).assert_problem(401, "invalid_grant")
    again = api.login()
    assert kid(again) != private_jwks["keys"][0]["kid"]
    assert api.me(again.json["access_token"]).status == 200


def test_a_ring_without_a_key_that_verifiers_know_is_an_error_at_start(api, deploy, clock, private_jwks):
    deploy(rings.new_ring(), configured=public_jwks(private_jwks))
    with pytest.raises(ConfigurationError, match="LYCHGATE_PUBLIC_KEYS does not hold the key that signs"):
        _ = api.application.lychgate.use_cases


def test_a_rotation_of_the_pepper_logs_nobody_out_and_the_next_log_in_makes_a_new_hash(
    api, deploy, clock, private_jwks, aws_clients, environment
):
    dynamodb, _ = aws_clients

    def stored(username):
        item = dynamodb.get_item(TableName=environment["LYCHGATE_USERS_TABLE"], Key=user_key(username))["Item"]
        return item["password_hash"]["S"]

    session = api.register("alice").json
    api.register("bob")
    before = stored("bob")
    ring = peppers.add(private_jwks, now=clock.now, delay=None, stage="test").ring
    new = ring["peppers"][0]["id"]
    deploy(ring)
    assert api.login("alice").status == 200
    assert stored("alice").startswith("$2b$")
    clock.advance(DAY)
    assert api.refresh(session["refresh_token"]).status == 200
    assert api.login("alice", "wrong horse battery staple").status == 401
    assert stored("alice").startswith("$2b$")
    assert api.login("alice").status == 200
    assert stored("alice").startswith(f"{new}$2b$")
    assert api.login("alice").status == 200

    needs, losing = Needs(2, Counter({"": 1, new: 1})), peppers.Loss(users=True)
    ring = peppers.retire(ring, now=clock.now + 300, pepper_id=None, needs=needs, losing=losing, stage="test").ring
    deploy(ring)
    assert api.login("alice").status == 200
    api.login("bob").assert_problem(401, "invalid_credentials")
    assert stored("bob") == before
    assert api.register("carol").status == 201
