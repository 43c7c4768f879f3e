"""The checks of the proofs that browsers make of their device's key, one by one."""

import json

import pytest

from chalicelib.errors import InvalidDeviceProof
from chalicelib.tokens.device_proofs import MAX_PROOF_LENGTH, first_proof, later_proof, unverified_challenge
from tests.support.device_bound import device_proof
from tests.support.proofs import ClientKey, jws, segment

URL = "https://site.example/api/auth/device-bound/start"
KEY, OTHER = ClientKey(), ClientKey()

# What Chromium 150 sent to a server of a test, with the challenge that it was sent.
OF_CHROMIUM = (
    "eyJhbGciOiJFUzI1NiIsImp3ayI6eyJjcnYiOiJQLTI1NiIsImt0eSI6IkVDIiwieCI6IlpZMncwZnBrYVA0TlRPci1fYm5zbWxBQlVzdXZpNnVK"
    "Q052ektTa3h0T0UiLCJ5IjoiUUFNNFlOY1RkNWNhYWE3ZU5FZkRHeDltYm5GZjd2UGF5TFhyN3lUeHZpRSJ9LCJ0eXAiOiJkYnNjK2p3dCJ9."
    "eyJqdGkiOiI1TlgyWm53Rjl1YTRDSnFTcldJcTVRIn0."
    "o5jcxX9_xRARs5NhhI6mGGG0bgvDTXdOZxnscHBZbe97tK40XQeFsneMr5Sm1U4xi6t71UA_nn1msQ8DKmw39w"
)


def with_key(challenge="c", **changes):
    return device_proof(KEY, challenge, names_key=True, **changes)


def without_key(challenge="c", **changes):
    return device_proof(KEY, challenge, names_key=False, **changes)


def key_text(key=KEY):
    return f"{key.jwk['x']}.{key.jwk['y']}"


def test_the_first_proof_of_a_real_browser_shows_its_key_and_the_challenge():
    key, challenge = first_proof(OF_CHROMIUM, url=URL)
    assert key == "ZY2w0fpkaP4NTOr-_bnsmlABUsuvi6uJCNvzKSkxtOE.QAM4YNcTd5caaa7eNEfDGx9mbnFf7vPayLXr7yTxviE"
    assert challenge == "5NX2ZnwF9ua4CJqSrWIq5Q"


def test_a_later_proof_is_by_the_key_of_the_first():
    key, _ = first_proof(with_key(), url=URL)
    assert key == key_text()
    assert later_proof(without_key("d"), key, url=URL) == "d"


@pytest.mark.parametrize("claims", [{"aud": URL}, {"iat": "1725579055"}, {"iat": 1, "sub": "s"}, {"key": OTHER.jwk}])
def test_what_drafts_have_beside_the_challenge_is_allowed(claims):
    assert first_proof(with_key(**claims), url=URL) == (key_text(), "c")
    assert later_proof(without_key(**claims), key_text(), url=URL) == "c"


WRONG_IN_EITHER = {
    "of another type": {"header": {"typ": "dpop+jwt"}},
    "of a type in other letters": {"header": {"typ": "DBSC+JWT"}},
    "without a signature": {"header": {"alg": "none"}},
    "by a shared secret": {"header": {"alg": "HS256"}},
    "by RSA": {"header": {"alg": "RS256"}},
    "with a critical extension": {"header": {"crit": ["b64"], "b64": False}},
    "with a key's id": {"header": {"kid": "1"}},
    "with a certificate": {"header": {"x5c": ["AAAA"]}},
    "for another URL": {"aud": "https://site.example/api/auth/refresh"},
    "for several URLs": {"aud": [URL]},
    "with an empty challenge": {"jti": ""},
    "with a challenge that is a number": {"jti": 1},
    "with a challenge that is too long": {"jti": "c" * 513},
}


@pytest.mark.parametrize("changes", WRONG_IN_EITHER.values(), ids=WRONG_IN_EITHER)
def test_a_proof_is_refused(changes):
    with pytest.raises(InvalidDeviceProof):
        first_proof(with_key(**changes), url=URL)
    with pytest.raises(InvalidDeviceProof):
        later_proof(without_key(**changes), key_text(), url=URL)


WRONG_KEYS = {
    "private": {**KEY.jwk, "d": segment(b"1" * 32)},
    "another": OTHER.jwk,
    "of another curve": {**KEY.jwk, "crv": "P-384"},
    "of a shared secret": {"kty": "oct", "k": "AAAA"},
    "no point": {**KEY.jwk, "y": KEY.jwk["x"]},
    "cut": {**KEY.jwk, "x": KEY.jwk["x"][:-2]},
    "padded": {**KEY.jwk, "x": KEY.jwk["x"] + "="},
    "for encryption": {**KEY.jwk, "use": "enc"},
    "no object": "key",
    "none": None,
}


@pytest.mark.parametrize("jwk", WRONG_KEYS.values(), ids=WRONG_KEYS)
def test_a_key_is_refused(jwk):
    with pytest.raises(InvalidDeviceProof):
        first_proof(with_key(header={"jwk": jwk}), url=URL)


def test_the_challenge_of_a_later_proof_can_be_read_before_it_is_verified():
    assert unverified_challenge(without_key("d")[:-4]) == "d"
    long = without_key(padding="p" * MAX_PROOF_LENGTH)
    for wrong in ("", "a.b.c", without_key(jti=7), without_key(""), long):
        with pytest.raises(InvalidDeviceProof):
            unverified_challenge(wrong)


def test_a_first_proof_names_its_key_and_a_later_one_does_not():
    with pytest.raises(InvalidDeviceProof) as refusal:
        first_proof(without_key(), url=URL)
    assert "jwk" in refusal.value.reason
    with pytest.raises(InvalidDeviceProof):
        later_proof(with_key(), key_text(), url=URL)


def test_a_later_proof_by_another_key_is_refused():
    with pytest.raises(InvalidDeviceProof) as refusal:
        later_proof(without_key(), key_text(OTHER), url=URL)
    assert refusal.value.reason == "bad signature"


def test_neither_a_cut_nor_a_doubled_nor_a_long_one_is_a_proof():
    proof = with_key()
    long = with_key(padding="p" * MAX_PROOF_LENGTH)
    twice = json.dumps({"jti": "c"})[:-1].encode() + b', "jti": "c"}'
    header = {"typ": "dbsc+jwt", "alg": "ES256", "jwk": KEY.jwk}
    doubled = jws(header, twice, KEY.private_key)
    for wrong in ("", "a.b.c", proof[:-1], f"{proof}=", f"{proof}.x", f"{proof}, {proof}", long, doubled):
        with pytest.raises(InvalidDeviceProof):
            first_proof(wrong, url=URL)
