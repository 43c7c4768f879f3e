"""An issuer and a verifier of one key, and the use cases over fakes."""

import pytest

from chalicelib.tokens.issuer import TokenIssuer
from chalicelib.tokens.keys import generate_signing_jwk, parse_signing_keys, parse_verification_keys, public_jwks
from chalicelib.tokens.verifier import TokenVerifier
from tests.support.counting import CountingHasher
from tests.support.fakes import Memory, fake_use_cases
from tests.support.samples import ISSUER


@pytest.fixture(scope="session")
def signing_jwk():
    return generate_signing_jwk()


@pytest.fixture(scope="session")
def signing_keys(signing_jwk):
    return parse_signing_keys({"keys": [signing_jwk]})


@pytest.fixture(scope="session")
def signing_key(signing_keys):
    return signing_keys.keys[0]


@pytest.fixture(scope="session")
def verification_keys(signing_jwk):
    return parse_verification_keys(public_jwks({"keys": [signing_jwk]}))


@pytest.fixture
def issuer(signing_keys):
    return TokenIssuer(issuer=ISSUER, audience=ISSUER, signing_keys=signing_keys, access_lifetime=600)


@pytest.fixture
def verifier(verification_keys, clock):
    return TokenVerifier(issuer=ISSUER, audience=ISSUER, keys=verification_keys, clock=clock)


@pytest.fixture
def memory():
    return Memory()


@pytest.fixture
def hasher():
    return CountingHasher()


@pytest.fixture
def announced():
    """The types of the events that were announced."""
    return []


@pytest.fixture
def make_use_cases(memory, hasher, signing_jwk, clock, announced):
    """Make use cases over the memory. Names in capitals are settings, the others stores that are no fakes."""

    def make(*, hasher=hasher, hooks=None, **changes):
        return fake_use_cases(
            memory,
            {"keys": [signing_jwk], "pepper": "A" * 43},
            hasher=hasher,
            clock=clock,
            hooks=hooks,
            announce=lambda event: announced.append(event.type),
            settings={f"LYCHGATE_{name}": value for name, value in changes.items() if name.isupper()},
            **{name: store for name, store in changes.items() if name.islower()},
        )

    return make


@pytest.fixture
def use_cases(make_use_cases):
    return make_use_cases()
