"""Which key sets are taken, and which are refused with a reason."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from chalicelib.keys import (
    generate_signing_jwk,
    parse_signing_key,
    parse_verification_keys,
    public_jwks,
    thumbprint,
)
from chalicelib.tokens import TokenIssuer, TokenVerifier
from samples import NOW, SESSION, USER


def complete(jwk, alg):
    return {**jwk, "alg": alg, "use": "sig", "kid": thumbprint(jwk)}


def ed25519_jwk():
    return complete(OKPAlgorithm.to_jwk(ed25519.Ed25519PrivateKey.generate(), as_dict=True), "EdDSA")


def rsa_jwk(bits):
    jwk = RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, bits), as_dict=True)
    jwk.pop("key_ops", None)
    return complete(jwk, "RS256")


def test_the_thumbprint_is_that_of_the_rfc():
    # RFC 7638 section 3.1.
    n = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3okn"
        "jhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6q"
        "MQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awap"
        "JzKnqDKgw"
    )
    assert thumbprint({"kty": "RSA", "n": n, "e": "AQAB"}) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_a_new_key_is_good_to_sign_and_its_public_half_to_verify():
    jwk = generate_signing_jwk()
    assert parse_signing_key({"keys": [jwk]}).kid == jwk["kid"]
    assert jwk["kid"] in parse_verification_keys(public_jwks({"keys": [jwk]}))


def test_the_public_set_holds_nothing_private():
    public = public_jwks({"keys": [generate_signing_jwk(), rsa_jwk(2048)], "pepper": "secret"})
    assert set(public) == {"keys"}
    assert [sorted(jwk) for jwk in public["keys"]] == [
        ["alg", "crv", "kid", "kty", "use", "x", "y"],
        ["alg", "e", "kid", "kty", "n", "use"],
    ]


def test_the_last_private_key_signs():
    keys = [generate_signing_jwk(), generate_signing_jwk()]
    assert parse_signing_key({"keys": keys}).kid == keys[1]["kid"]


@pytest.mark.parametrize(
    "make_jwk", [generate_signing_jwk, ed25519_jwk, lambda: rsa_jwk(2048)], ids=["ES256", "EdDSA", "RS256"]
)
def test_tokens_of_each_algorithm_verify(make_jwk):
    jwk = make_jwk()
    issuer = TokenIssuer(
        issuer="https://i.example", audience="a", signing_key=parse_signing_key({"keys": [jwk]}), access_lifetime=600
    )
    keys = parse_verification_keys(public_jwks({"keys": [jwk]}))
    verifier = TokenVerifier(issuer="https://i.example", audience="a", keys=keys, clock=lambda: NOW)
    assert verifier.verify_access_token(issuer.issue_access_token(USER, SESSION, NOW)).user_id == "u1"


def test_old_keys_still_verify_after_a_new_one_signs():
    old, new = generate_signing_jwk(), generate_signing_jwk()
    issuer = TokenIssuer(
        issuer="https://i.example", audience="a", signing_key=parse_signing_key({"keys": [old]}), access_lifetime=600
    )
    keys = parse_verification_keys(public_jwks({"keys": [old, new]}))
    verifier = TokenVerifier(issuer="https://i.example", audience="a", keys=keys, clock=lambda: NOW)
    assert verifier.verify_access_token(issuer.issue_access_token(USER, SESSION, NOW)).user_id == "u1"


def _off_the_curve(jwk):
    return {**jwk, "y": jwk["x"], "kid": thumbprint({**jwk, "y": jwk["x"]})}


BAD_PUBLIC_SETS = {
    "no set": ([], "must be a JWK Set"),
    "a text": ("keys", "must be a JWK Set"),
    "keys is no list": ({"keys": {}}, "must be a JWK Set"),
    "a key is no object": ({"keys": ["key"]}, "must be a JWK Set"),
    "no key": ({"keys": []}, "holds no key"),
}


@pytest.mark.parametrize(("jwks", "problem"), BAD_PUBLIC_SETS.values(), ids=BAD_PUBLIC_SETS)
def test_refuses_what_is_no_key_set(jwks, problem):
    with pytest.raises(ValueError, match=problem):
        parse_verification_keys(jwks)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda jwk: jwk | {"d": "AAAA"}, "private member"),
        (lambda jwk: {"kty": "oct", "k": "c2VjcmV0", "alg": "HS256", "use": "sig", "kid": "k"}, "private member"),
        (lambda jwk: jwk | {"alg": "HS256"}, "alg is not one of"),
        (lambda jwk: jwk | {"alg": "none"}, "alg is not one of"),
        (lambda jwk: {k: v for k, v in jwk.items() if k != "alg"}, "alg is not one of"),
        (lambda jwk: jwk | {"alg": "RS256"}, "do not fit its alg"),
        (lambda jwk: jwk | {"crv": "P-384"}, "do not fit its alg"),
        (lambda jwk: jwk | {"use": "enc"}, 'use is not "sig"'),
        (lambda jwk: {k: v for k, v in jwk.items() if k != "use"}, 'use is not "sig"'),
        (lambda jwk: jwk | {"kid": "mine"}, "thumbprint"),
        (lambda jwk: {k: v for k, v in jwk.items() if k != "kid"}, "thumbprint"),
        (lambda jwk: jwk | {"x": jwk["x"] + "="}, "not base64url"),
        (lambda jwk: jwk | {"x": 7}, "not base64url"),
        (lambda jwk: {k: v for k, v in jwk.items() if k != "x"}, "malformed"),
        (lambda jwk: jwk | {"x": "AAAA"}, "malformed"),
        (_off_the_curve, "malformed"),
    ],
)
def test_refuses_a_public_key_that_is_not_as_it_should_be(change, problem):
    good = public_jwks({"keys": [generate_signing_jwk()]})["keys"][0]
    with pytest.raises(ValueError, match=problem):
        parse_verification_keys({"keys": [change(good)]})


def test_refuses_two_keys_with_one_kid():
    jwk = public_jwks({"keys": [generate_signing_jwk()]})["keys"][0]
    with pytest.raises(ValueError, match="two keys with one kid"):
        parse_verification_keys({"keys": [jwk, jwk]})


def test_refuses_a_weak_rsa_key():
    weak = public_jwks({"keys": [rsa_jwk(1024)]})
    with pytest.raises(ValueError, match="less than 2048 bits"):
        parse_verification_keys(weak)


def test_refuses_a_curve_that_no_algorithm_here_uses():
    jwk = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP384R1()).public_key(), as_dict=True)
    with pytest.raises(ValueError, match="do not fit its alg"):
        parse_verification_keys({"keys": [complete(jwk, "ES256")]})


def test_refuses_to_sign_with_a_public_key():
    with pytest.raises(ValueError, match="no member d"):
        parse_signing_key(public_jwks({"keys": [generate_signing_jwk()]}))


def test_no_error_quotes_key_material():
    jwk = generate_signing_jwk() | {"use": "enc"}
    with pytest.raises(ValueError, match="use") as refusal:
        parse_signing_key({"keys": [jwk]})
    assert jwk["d"] not in str(refusal.value)
    assert json.dumps(jwk) not in str(refusal.value)
