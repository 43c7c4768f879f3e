"""An issuer and a verifier of one key."""

import pytest

from chalicelib.tokens.compact import TokenIssuer, TokenVerifier
from chalicelib.tokens.keys import generate_signing_jwk, parse_signing_keys, parse_verification_keys, public_jwks
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
def issuer(signing_keys, clock):
    return TokenIssuer(issuer=ISSUER, audience=ISSUER, signing_keys=signing_keys, access_lifetime=600, clock=clock)


@pytest.fixture
def verifier(verification_keys, clock):
    return TokenVerifier(issuer=ISSUER, audience=ISSUER, keys=verification_keys, clock=clock)
