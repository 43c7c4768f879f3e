"""A rotation and a revocation as a user of the whole application lives through them."""

import json

import jwt
import pytest

from chalicelib import authorizer, wiring
from chalicelib.errors import ConfigurationError
from chalicelib.tokens.keys import public_jwks
from infra.keys import ring as rings

DAY = 24 * 3600
LONGEST = 14 * DAY


@pytest.fixture
def deploy(api, aws_clients, environment, monkeypatch):
    """Put a ring into Parameter Store, configure its public set unless told another, and start all processes anew."""

    def deploy(ring, *, configured=None):
        aws_clients[1].put_parameter(
            Name=environment["LYCHGATE_SIGNING_KEYS_PARAMETER"],
            Value=json.dumps(ring),
            Type="SecureString",
            Overwrite=True,
        )
        monkeypatch.setenv("LYCHGATE_PUBLIC_KEYS", json.dumps(configured or public_jwks(ring)))
        for cached in (wiring.services, wiring.verifier_settings, authorizer.verifier):
            cached.cache_clear()

    return deploy


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
        wiring.auth_service()
