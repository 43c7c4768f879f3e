"""Lambda SnapStart: processes that go on from one snapshot differ in all that has to be unique, and are up to date."""

import json
import os
from contextlib import ExitStack

import jwt
import pytest

from infra.keys.ring import new_ring
from tests.deployed.conftest import Deployment
from tests.support import places
from tests.support.api_client import as_header
from tests.support.packaged.errors import PackageError
from tests.support.packaged.function import LambdaFunction
from tests.support.packaged.snapshot import BOOTSTRAP, Snapshot

ROUNDS = 5
COPIED = ("random", "ssl", "cryptography")
"""The random generators that are in the memory of a process."""
THE_KERNELS = ("secrets", "bcrypt")


@pytest.fixture
def take(package, local_database, clock, tables):
    """Make a snapshot, whose processes can be put behind a gateway. Without a way to copy processes skip, but in CI."""
    tables.empty()
    with ExitStack() as stack:

        def take(**overrides):
            environment = {**local_database.environment, "LYCHGATE_TEST_CLOCK": str(clock.path), **overrides}
            function = LambdaFunction(package, "api_handler", environment, bootstrap=BOOTSTRAP)
            try:
                snapshot = stack.enter_context(Snapshot(function))
            except PackageError as error:
                if "namespace" in str(error) and not os.environ.get("CI"):
                    pytest.skip(str(error))
                raise
            return snapshot

        yield take


@pytest.fixture
def reach(package, clock, make_function):
    """Put a restored process behind a gateway, and return the client of its API."""
    with ExitStack() as stack:

        def reach(process):
            deployment = Deployment(package, {"api_handler": process, "authorizer": make_function("authorizer")}, clock)
            stack.callback(deployment.stop)
            return deployment.api

        yield reach


def drawn(snapshot):
    """What the random generators of two restored processes give next."""
    processes = [snapshot.restore(), snapshot.restore()]
    return [process.invoke("draw").answer for process in processes]


def unique_values_of(api, name):
    """Let somebody do all that makes identifiers and tokens. Return these."""
    found = []
    for number in range(ROUNDS):
        username = f"{name}-{number}"
        registered = api.register(username, token_delivery="cookie")
        answers = [registered, api.login(username), api.login(username, token_delivery="cookie")]
        tokens = answers[1].json
        answers += [api.refresh(tokens["refresh_token"]), api.refresh(cookie=registered.cookie)]
        claims = [jwt.decode(answer.json["access_token"], options={"verify_signature": False}) for answer in answers]
        found += [claim["jti"] for claim in claims]
        found += [claims[0]["sub"], claims[0]["sid"], claims[1]["sid"], claims[2]["sid"]]
        found += [answer.json["access_token"] for answer in answers]
        found += [answer.json["refresh_token"] for answer in answers if "refresh_token" in answer.json]
        found += [as_header(cookie) for answer in answers for cookie in answer.cookies]
    return found


def test_no_two_processes_of_a_snapshot_give_the_same_identifier_token_or_salt(take, reach, tables):
    snapshot = take()
    apis = [reach(snapshot.restore()) for _ in range(2)]

    found = [value for api, name in zip(apis, ("kim", "lee"), strict=True) for value in unique_values_of(api, name)]

    assert len(found) > 2 * ROUNDS * 20
    assert len(set(found)) == len(found)
    salts = [item["password_hash"]["S"][-53:-31] for item in tables.items("users")]
    events = [item["event_id"]["S"].split("-", maxsplit=2)[2] for item in tables.items("events")]
    assert (len(salts), len(set(salts))) == (2 * ROUNDS, 2 * ROUNDS)
    assert len(events) >= 2 * ROUNDS * 3
    assert len(set(events)) == len(events)


def test_every_random_generator_of_a_restored_process_is_its_own(take):
    one, other = drawn(take())
    assert {name for name in one if one[name] == other[name]} == {"process"}


def test_without_the_hook_processes_of_a_snapshot_have_the_same_random_state(take):
    """The copies are true ones, so the tests above can fail. The kernel's generator is no part of a process."""
    one, other = drawn(take(LYCHGATE_TEST_WITHOUT_HOOKS="1"))
    assert {name for name in one if one[name] == other[name]} == {"process", *COPIED}


def test_no_request_draws_from_a_generator_that_the_snapshot_copies(take, reach):
    """Whatever makes an identifier asks the kernel, and signing needs nothing random."""
    snapshot = take(LYCHGATE_TEST_WITHOUT_HOOKS="1")
    busy, idle = snapshot.restore(), snapshot.restore()
    unique_values_of(reach(busy), "kim")

    one, other = (process.invoke("draw").answer for process in (busy, idle))

    assert [one[name] for name in COPIED] == [other[name] for name in COPIED]
    assert not any(one[name] == other[name] for name in THE_KERNELS)


def test_a_restored_process_signs_with_the_keys_of_now_and_not_of_the_snapshot(take, reach, ring, local_database):
    def put(value):
        places.client("ssm", local_database).put_parameter(
            Name=places.FOUNDATION.signing_keys_parameter, Value=json.dumps(value), Type="SecureString", Overwrite=True
        )

    put(new_ring())  # whose public key nobody knows
    try:
        snapshot = take()
    finally:
        put(ring)

    token = reach(snapshot.restore()).register().json["access_token"]

    assert jwt.get_unverified_header(token)["kid"] == ring["keys"][0]["kid"]


def test_a_snapshot_holds_no_key_and_no_pepper(take, ring):
    memory = take().memory()
    assert places.FOUNDATION.signing_keys_parameter.encode() in memory
    for secret in (ring["keys"][0]["d"], ring["pepper"]):
        assert secret.encode() not in memory


def test_credentials_that_have_expired_since_the_snapshot_are_asked_for_again(take, reach):
    snapshot = take()
    assert snapshot.credentials.given == 1

    restored = reach(snapshot.restore())

    assert restored.register().status == 201
    assert snapshot.credentials.given > 1
