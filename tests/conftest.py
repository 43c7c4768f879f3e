"""What tests of every kind share: keys, a clock that obeys, and AWS as moto plays it.

`make quick` imports nothing that emulates AWS: that would take longer than many of its tests.
"""

import base64
import gc
import json
import os
import threading

import hypothesis
import pytest

from chalicelib.adapters.aws import dynamodb_client, ssm_client
from chalicelib.tokens.keys import generate_signing_jwk, public_jwks
from infra.tables import create_tables
from tests.support import marks, moto_tables

pytest_plugins = ["tests.support.browsers"]

# `make test` runs few examples of each property and the same ones each time, `make quick` fewer, `make test-all` more;
# `nightly` looks for new ones, at length.
# None of them fails what a busy machine is slow at.
AT_ANY_SPEED = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
hypothesis.settings.register_profile("ci", **AT_ANY_SPEED, derandomize=True, max_examples=50)
hypothesis.settings.register_profile("all", **AT_ANY_SPEED, derandomize=True, max_examples=100)
hypothesis.settings.register_profile(
    "quick", **AT_ANY_SPEED, derandomize=True, database=None, max_examples=10, stateful_step_count=20
)
hypothesis.settings.register_profile("nightly", **AT_ANY_SPEED, max_examples=2000, stateful_step_count=80)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def is_quick(config):
    return config.option.markexpr == "not slow"


def pytest_configure(config):
    """Import moto before the first client is made: it gets at those only that are made afterwards."""
    if not is_quick(config):
        import moto.core  # noqa: F401


def pytest_ignore_collect(collection_path, config):
    """Import nothing of a folder that `-m "not slow"` leaves out as a whole: that alone would take seconds."""
    if is_quick(config) and collection_path.parent == marks.TESTS and collection_path.is_dir():
        return "slow" in marks.OF_FOLDERS.get(collection_path.name, marks.NOTHING) or None
    return None


@pytest.hookimpl(tryfirst=True)  # before `-m` selects
def pytest_collection_modifyitems(config, items):
    for item in items:
        for mark in marks.needs(item):
            item.add_marker(mark)
    if hasattr(config, "workerinput") and not is_quick(config):
        from tests.support.workers import by_length

        items.sort(key=lambda item: by_length(item.nodeid))


def pytest_collection_finish():
    """Let the garbage collector never look again at the thousands of tests and modules, which stay."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    if is_quick(config):
        return None
    from tests.support.workers import ByGroup

    return ByGroup(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """Hold what is not marked as slow to being fast: also the fixtures of all tests that it is the first to use."""
    with pytest.MonkeyPatch.context() as patch:
        if not item.get_closest_marker("slow"):
            marks.hold_to_fakes(patch)
        # Chalice adds its name to this with each application, and each client sends it: a header of 8 KB is refused.
        patch.setenv("AWS_EXECUTION_ENV", os.environ.get("AWS_EXECUTION_ENV", "AWS_Lambda"))
        return (yield)


class FakeClock:
    """Stands still until told."""

    def __init__(self, now=1_800_000_000):
        self.now = now

    def __call__(self):
        return self.now

    def advance(self, seconds):
        self.now += seconds


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture(scope="session")
def private_jwks():
    """The value of the SSM parameter: one ES256 key and a pepper."""
    return {
        "keys": [generate_signing_jwk()],
        "pepper": base64.urlsafe_b64encode(bytes(range(32))).rstrip(b"=").decode(),
    }


@pytest.fixture(scope="session")
def environment(private_jwks):
    """The settings of an API Lambda, the hash as cheap as settings allow."""
    return {
        "LYCHGATE_ISSUER": "https://site.example/api",
        "LYCHGATE_ALLOWED_ORIGINS": "https://site.example,https://other.example",
        "LYCHGATE_PUBLIC_KEYS": json.dumps(public_jwks(private_jwks)),
        "LYCHGATE_SIGNING_KEYS_PARAMETER": "/lychgate/test/signing-keys",
        "LYCHGATE_USERS_TABLE": "lychgate-test-users",
        "LYCHGATE_SESSIONS_TABLE": "lychgate-test-sessions",
        "LYCHGATE_EVENTS_TABLE": "lychgate-test-events",
        "LYCHGATE_THROTTLE_TABLE": "lychgate-test-throttle",
        "LYCHGATE_MAIL_TABLE": "lychgate-test-mail",
        "LYCHGATE_MAIL_FROM": "no-reply@lychgate.example",
        "LYCHGATE_BCRYPT_COST": "10",
    }


@pytest.fixture(scope="session", autouse=True)
def no_real_aws():
    """Keep every client of every test away from the developer's own account."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
            patch.delenv(variable, raising=False)
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_CONFIG_FILE", "/nonexistent")
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@pytest.fixture
def atomic_moto(monkeypatch):
    """AWS as moto plays it here, each request atomic: by itself moto lets two conditional writes both win."""
    from moto import mock_aws
    from moto.core import models
    from moto.core.botocore_stubber import BotocoreStubber

    lock = threading.RLock()
    unlocked = BotocoreStubber.__call__

    def locked(*args, **kwargs):
        with lock:
            return unlocked(*args, **kwargs)

    # Nothing here asks AWS by other means than botocore, for which moto would add a thousand patterns to another mock.
    monkeypatch.setattr(models, "RESPONSES_METHODS", [])
    with mock_aws():
        monkeypatch.setattr(BotocoreStubber, "__call__", locked)
        yield


@pytest.fixture(scope="session")
def aws_clients():
    """A DynamoDB and an SSM client for all tests: making one takes longer than most tests do."""
    return dynamodb_client(), ssm_client()


@pytest.fixture
def aws(atomic_moto, aws_clients, environment, private_jwks):
    """The tables and the parameter of the stage ``test``."""
    dynamodb, ssm = aws_clients
    moto_tables.make_tables(dynamodb, "test", create_tables)
    ssm.put_parameter(
        Name=environment["LYCHGATE_SIGNING_KEYS_PARAMETER"], Value=json.dumps(private_jwks), Type="SecureString"
    )


@pytest.fixture
def hashes_are_cheap(monkeypatch):
    """Hash with little work, where how much it would be is not what is tested."""
    import hashlib

    import bcrypt

    from tests.support.process_clock import cheap_hashes

    for name, function in cheap_hashes.replacements(bcrypt).items():
        monkeypatch.setattr(bcrypt, name, function)
    monkeypatch.setattr(hashlib, "scrypt", cheap_hashes.of_codes(hashlib.scrypt))


@pytest.fixture(scope="session")
def dynamodb_local(tmp_path_factory):
    """Amazon's own emulator: where it is not installed what needs it is skipped, but never in CI."""
    from tests.support.databases import DynamoDBLocal
    from tests.support.dynamodb_local import NotInstalled

    try:
        server = DynamoDBLocal(tmp_path_factory.mktemp("dynamodb-local"))
    except NotInstalled as missing:
        if os.environ.get("CI"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def shared_clock(tmp_path_factory):
    from tests.support import places

    return places.SharedClock(tmp_path_factory.mktemp("clock") / "now")


@pytest.fixture(scope="session")
def local_database(tmp_path_factory, shared_clock):
    """The database of `make dynamodb`."""
    from tests.support import places

    with places.local_database(tmp_path_factory.mktemp("database"), shared_clock) as database:
        yield database
